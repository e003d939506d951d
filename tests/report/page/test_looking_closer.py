"""What a reader does on the page beyond reading it: switch, enlarge, link, filter, and take the numbers along."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from dpg_bench.records import Prompt, Question
from dpg_bench.report.runs import load_judged

if TYPE_CHECKING:
    from tests.browser import Opener, OpenPage
    from tests.report.page.conftest import Workshop

FIRST = "#gallery > .item:first-child"
# In item0 the fox isn't red in image 0, so what hangs on its redness is gated there, whatever was answered.
NO = {("item0", 0, 2), ("item0", 0, 4), ("item1", 0, 2)}


def answering(item_id: str, image: int, question: Question) -> str:
    return "no" if (item_id, image, question.proposition_id) in NO else "yes"


@pytest.fixture
def run(workshop: Workshop) -> Path:
    return workshop.run("fox", workshop.suite(workshop.prompts()), answering)


@pytest.fixture
def page(workshop: Workshop, run: Path, open_page: Opener) -> OpenPage:
    return open_page(workshop.report(run))


def focused(page: OpenPage) -> str:
    return str(page.tab.evaluate("document.activeElement.closest('.item')?.getAttribute('aria-label') ?? ''"))


def top_of(page: OpenPage, item_id: str) -> float:
    return float(page.tab.locator(f"[aria-label={item_id}]").evaluate("one => one.getBoundingClientRect().top"))


def settle(page: OpenPage) -> None:
    """Let cards that came near be filled."""
    for _ in range(6):
        page.tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_switching_the_protocol_leaves_what_is_read_where_it_is(workshop: Workshop, open_page: Opener) -> None:
    page = open_page(workshop.report(workshop.run("many", workshop.suite(workshop.prompts(30)))))
    page.go_to_items("low")
    page.tab.locator("[aria-label=item7]").scroll_into_view_if_needed()
    page.tab.evaluate("scrollBy(0, 200)")
    settle(page)
    line = "document.querySelector('.tools').getBoundingClientRect().bottom"
    read = page.tab.evaluate(
        f"[...document.querySelectorAll('.item')].find(one => one.getBoundingClientRect().bottom > {line} + 24)"
        ".getAttribute('aria-label')"
    )
    before = top_of(page, read)
    for protocol in ("official", "corrected", "official"):
        page.tab.locator(f"input[value={protocol}]").check(force=True)
        settle(page)
        assert top_of(page, read) == pytest.approx(before, abs=3)
    page.tab.locator("#charts").evaluate("one => one.scrollIntoView()")
    charts = "document.querySelector('#charts').getBoundingClientRect().top"
    before = page.tab.evaluate(charts)
    page.tab.locator("input[value=corrected]").check(force=True)
    settle(page)
    assert page.tab.evaluate(charts) == pytest.approx(before, abs=3)


def test_j_and_k_go_on_after_the_protocol_was_switched(page: OpenPage) -> None:
    page.go_to_items()
    page.tab.keyboard.press("j")
    first = focused(page)
    page.tab.keyboard.press("j")
    second = focused(page)
    page.tab.locator("input[value=official]").check(force=True)
    page.tab.keyboard.press("k")
    page.tab.keyboard.press("j")
    assert (first, second) == ("item0", "item1")
    assert focused(page) in {"item1", "item2"}, "from where the reader was, not from the top"


def test_yes_and_no_differ_in_grey_too(page: OpenPage) -> None:
    page.go_to_items()
    strip = f"{FIRST} .node[data-row='1'] .strip .cell"
    greys = []
    for place in (0, 1):
        picture = page.tab.locator(strip).nth(place).screenshot()
        image = Image.open(io.BytesIO(picture)).convert("L")
        greys.append(image.getpixel((image.width // 2, image.height // 2)))
    no, yes = greys
    assert abs(no - yes) > 80
    marks = page.texts(f"{FIRST} .mark")
    assert marks == ["✓", "3/4", "✓", "3/4", "✓"]
    page.tab.locator(f"{FIRST} .chip", has_text="1").first.click()
    assert page.texts(f"{FIRST} .mark") == ["✓", "✗", "✓", "(✗)", "✓"]


def test_what_was_answered_below_a_denied_ancestor_is_shown(workshop: Workshop, open_page: Opener) -> None:
    words = {2: "no", 4: "two tails"}
    suite = workshop.suite(workshop.prompts(2))
    answers = lambda _, image, q: words.get(q.proposition_id, "yes") if image == 0 else answering("", image, q)  # noqa: E731
    page = open_page(workshop.report(workshop.run("words", suite, answers)))
    page.go_to_items()
    page.tab.locator(f"{FIRST} summary").click()
    page.tab.wait_for_selector(f"{FIRST} tbody tr")
    assert page.texts(f"{FIRST} tbody tr")[3].split("\t")[4:] == ["(two tails)", "✓", "✓", "✓"]


def test_a_category_is_marked_where_it_was_chosen(page: OpenPage) -> None:
    page.tab.select_option("#category", "1 entity")
    page.go_to_items()
    matches = "all => all.map(one => Number(one.dataset.row))"
    assert page.tab.locator(f"{FIRST} .node.match").evaluate_all(matches) == [0, 2]
    page.tab.locator(f"{FIRST} summary").click()
    page.tab.wait_for_selector(f"{FIRST} tbody tr")
    assert page.tab.locator(f"{FIRST} tr.match").evaluate_all(matches) == [0, 2]
    page.tab.select_option("#category", "2 relation - spatial")
    settle(page)
    assert page.tab.locator(f"{FIRST} .node.match").evaluate_all(matches) == [3]
    assert page.tab.locator(f"{FIRST} tr.match").evaluate_all(matches) == [3]
    page.tab.select_option("#category", "")
    assert page.tab.locator(".match:not(.states .match)").count() == 0


def test_a_click_shows_an_image_as_large_as_the_window(page: OpenPage) -> None:
    page.go_to_items()
    box = page.tab.locator(f"{FIRST} .frame img").bounding_box()
    page.tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    assert page.text("#viewer .about") == "item0, image 2"
    page.wait_until("document.querySelector('#viewer img').naturalWidth === 32")
    frame = page.tab.locator("#viewer .frame").bounding_box()
    window = page.tab.viewport_size
    assert frame["height"] > 0.85 * window["height"]
    assert frame["width"] == pytest.approx(frame["height"], abs=2)
    shown = page.tab.locator("#viewer img").bounding_box()
    assert shown["width"] == pytest.approx(2 * frame["width"], abs=2)
    assert shown["x"] + shown["width"] == pytest.approx(frame["x"] + frame["width"], abs=2)
    assert shown["y"] == pytest.approx(frame["y"], abs=2)
    page.tab.locator("[data-action=pixels]").click()
    assert page.tab.locator("#viewer .frame").bounding_box()["width"] == pytest.approx(16), "16 pixels of the file"
    page.tab.keyboard.press("ArrowRight")
    assert page.text("#viewer .about") == "item0, image 3"
    for _ in range(2):
        page.tab.keyboard.press("ArrowRight")
    assert page.text("#viewer .about") == "item0, all images"
    assert page.tab.locator("#viewer .frame").bounding_box()["width"] == pytest.approx(32)
    assert page.tab.locator("#viewer a").get_attribute("href") == "images/item0.png"
    page.tab.keyboard.press("ArrowLeft")
    page.tab.keyboard.press("Escape")
    assert not page.tab.locator("#viewer").is_visible()
    assert page.text(f"{FIRST} .chip[aria-pressed=true]").startswith("4"), "the card shows what was looked at last"


def test_images_that_are_not_square_keep_their_shape(workshop: Workshop, run: Path, open_page: Opener) -> None:
    Image.new("RGB", (128, 64), "red").save(run / "images" / "item0.png")
    page = open_page(workshop.report(run))
    page.go_to_items()
    page.wait_until("document.querySelector('#gallery img').naturalWidth === 128")
    box = page.tab.locator(f"{FIRST} .frame").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(2, rel=0.02)
    page.tab.locator(f"{FIRST} .frame img").click()
    page.wait_until("document.querySelector('#viewer img').naturalWidth === 128")
    box = page.tab.locator("#viewer .frame").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(2, rel=0.02)


def test_a_link_brings_the_same_view_back(workshop: Workshop, run: Path, open_page: Opener) -> None:
    file = workshop.report(run)
    page = open_page(file)
    page.tab.locator("input[value=official]").check(force=True)
    page.tab.select_option("#category", "2 attribute - color")
    page.tab.select_option("#sort", "suite")
    page.tab.check("#failures")
    page.tab.fill("#search", "fox & number")
    page.tab.fill("#search", "fox number")
    page.go_to_items("suite")
    page.tab.locator("[aria-label=item1] .chip", has_text="3").first.click()
    page.tab.locator("[aria-label=item1] .permalink").click()
    page.wait_until("location.hash.includes('image=3')")
    link = page.tab.evaluate("location.href")
    again = open_page(file)
    again.tab.goto("about:blank")
    again.tab.goto(link)
    again.tab.wait_for_selector("html[data-ready=true]", state="attached")
    settle(again)
    assert again.tab.locator("input[value=official]").is_checked()
    assert again.tab.input_value("#category") == "2 attribute - color"
    assert again.tab.input_value("#search") == "fox number"
    assert again.tab.is_checked("#failures")
    assert again.shown_items() == ["item0", "item1"]
    assert focused(again) == "item1"
    assert again.text("[aria-label=item1] .chip[aria-pressed=true]").startswith("3")
    window = again.tab.viewport_size["height"]
    assert 0 <= top_of(again, "item1") < window / 2


@pytest.mark.parametrize(
    "fragment",
    [
        "sort=constructor&category=__proto__&protocol=toString&item=nobody&image=x",
        "item=item1&image=99&compact=maybe",
        "image=1&item=%3Cscript%3E",
        "%=%&=&===",
    ],
)
def test_a_wrong_link_shows_the_usual_view(workshop: Workshop, run: Path, open_page: Opener, fragment: str) -> None:
    page = open_page(workshop.report(run))
    usual = page.shown_items()
    page.tab.evaluate(f"location.hash = {fragment!r}")
    settle(page)
    assert page.shown_items() == usual
    assert page.tab.input_value("#sort") == "low"
    assert page.tab.locator("input[value=corrected]").is_checked()


def download(page: OpenPage, name: str) -> list[dict[str, str]]:
    with page.tab.expect_download() as waiting:
        page.tab.locator(f"[data-csv={name}]").click()
    assert waiting.value.suggested_filename == f"{name}.csv"
    with Path(waiting.value.path()).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_numbers_can_be_taken_along_as_csv(page: OpenPage, run: Path) -> None:
    card = load_judged(run).card
    scores = download(page, "scores")
    overall = next(row for row in scores if (row["protocol"], row["category"]) == ("corrected", "overall"))
    assert float(overall["score"]) == load_judged(run).protocol("corrected").overall
    assert overall["run"] == "fox"
    assert int(overall["prompts_in_suite"]) == card.suite.prompts
    items = download(page, "items")
    assert [row["item_id"] for row in items] == page.shown_items()
    assert {row["item_id"]: float(row["image_1"]) for row in items}["item0"] == pytest.approx(60)
    page.tab.select_option("#category", "2 relation - spatial")
    answers = download(page, "answers")
    gated = next(row for row in answers if (row["item_id"], row["image"]) == ("item0", "1"))
    assert (gated["answer"], gated["counts"], gated["parents"]) == ("no", "gated", "2 3")
    assert {row["proposition_id"] for row in answers} == {"4"}


def test_a_csv_holds_no_formulas(workshop: Workshop, open_page: Opener) -> None:
    questions = (Question(1, (), "entity", "entity - whole", "=1+1?"),)
    prompts = [Prompt('=HYPERLINK("http://x")', "+a,\nb", questions), Prompt("@b", "-c", questions)]
    page = open_page(workshop.report(workshop.run("odd", workshop.suite(prompts), lambda *_: "=yes")))
    for name in ("items", "answers"):
        cells = [cell for row in download(page, name) for cell in row.values()]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert """'=HYPERLINK("http://x")""" in cells


@pytest.mark.parametrize("embed", [False, True])
def test_items_may_be_called_like_a_thing_of_javascript(workshop: Workshop, open_page: Opener, embed: bool) -> None:
    names = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"]
    prompts = [Prompt(name, f"A {name}.", workshop.prompts(1)[0].questions) for name in names]
    run = workshop.run("names", workshop.suite(prompts), draw=not embed)
    if embed:
        (run / "images").mkdir()
        Image.new("RGB", (32, 32)).save(run / "images" / "valueOf.png")
    page = open_page(workshop.report(run, embed=embed))
    page.go_to_items()
    page.tab.locator(".item:last-child").scroll_into_view_if_needed()
    page.wait_until("document.querySelectorAll('.item .frame').length === 5")
    assert page.shown_items() == names
    assert page.tab.locator(".item .frame.absent").count() == (4 if embed else 0)


def test_without_scripts_scores_charts_and_both_protocols_are_there(
    workshop: Workshop, run: Path, browser: Any
) -> None:
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto(workshop.report(run).resolve().as_uri())
    assert tab.locator(".only-corrected .hero").is_visible()
    assert not tab.locator(".only-official .hero").is_visible()
    tab.locator("input[value=official]").check(force=True)
    assert not tab.locator(".only-corrected .hero").is_visible()
    assert tab.locator(".only-official .hero").is_visible()
    assert "scripts are off" in tab.locator("noscript").first.inner_text()
    tab.context.close()


def test_the_page_runs_no_script_and_takes_no_style_but_its_own(page: OpenPage) -> None:
    page.tab.evaluate(
        """() => {
          const add = (name, text) => {
            const one = document.createElement(name);
            one.textContent = text;
            document.head.append(one);
          };
          add("script", "window.hacked = 1");
          add("style", "body { display: none }");
          document.body.setAttribute("onclick", "window.hacked = 2");
          document.body.setAttribute("style", "display: none");
        }"""
    )
    page.tab.locator("h1").click()
    assert page.tab.evaluate("typeof hacked") == "undefined"
    assert page.tab.evaluate("getComputedStyle(document.body).display") == "block"
    assert len(page.complaints) == 4
    assert all("Content Security Policy" in complaint for complaint in page.complaints)
    page.complaints.clear()


def test_every_category_of_two_runs_has_difference_interval_and_p(workshop: Workshop, open_page: Opener) -> None:
    suite = workshop.suite(workshop.prompts(30))
    runs = [workshop.run("one", suite), workshop.run("two", suite, lambda *_: "yes")]
    page = open_page(workshop.report(*runs))
    head = page.texts(".only-corrected .categories thead th")
    assert head[5:8] == ["Minus A", "Interval of the difference", "p"]
    for row in page.texts(".only-corrected .categories tbody tr"):
        cells = row.split("\t")
        assert cells[5].startswith("+")
        assert "–" in cells[6]
        assert cells[7] == "< 0.0001" or 0 <= float(cells[7]) <= 1
    figures = page.texts(".only-corrected figure figcaption b")
    assert figures[1:3] == ["Differences from A", "Every prompt, A against B"]
    scatter = page.tab.locator(".only-corrected [data-place='chart scatter'] circle title").all_text_contents()
    assert any(text.startswith("A ") and "item" in text for text in scatter)
    assert page.tab.locator(".only-corrected [data-place='chart differences'] circle").count() == len(
        page.texts(".only-corrected .categories tbody tr")
    )


def test_an_incomplete_result_says_how_much_it_is_of_wherever_it_stands(workshop: Workshop, open_page: Opener) -> None:
    suite = workshop.suite(workshop.prompts(6))
    run = workshop.run("half", suite, only=["item1", "item2"])
    other = workshop.run("whole", suite)
    page = open_page(workshop.report(run))
    assert "2 of 6 prompts" in page.tab.title()
    for place in (".only-corrected .number", ".warning", "#charts .coverage", "#categories .coverage"):
        assert "2 of 6 prompts" in page.text(place), place
    both = open_page(workshop.report(run, other))
    assert both.texts(".only-corrected .runs .big .coverage") == ["2 of 6 prompts"]
    assert both.text("#charts .coverage") == "A: 2 of 6 prompts."


def test_a_grid_with_borders_is_cut_as_it_was_for_the_judge(workshop: Workshop, run: Path, open_page: Opener) -> None:
    for n in range(6):  # as torchvision's make_grid lays four images of 64 × 32 out, 2 px around and between
        grid = Image.new("RGB", (134, 70))
        for image, colour in enumerate(("red", "lime", "blue", "white")):
            grid.paste(Image.new("RGB", (64, 32), colour), (2 + image % 2 * 66, 2 + image // 2 * 34))
        grid.save(run / "images" / f"item{n}.png")
    page = open_page(workshop.report(run))
    page.go_to_items()
    page.tab.locator(f"{FIRST} .chip", has_text="4").first.click()
    page.wait_until("document.querySelector('#gallery img').naturalWidth === 134")
    frame = page.tab.locator(f"{FIRST} .frame")
    box = frame.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(2, rel=0.01)
    shown = Image.open(io.BytesIO(frame.screenshot())).convert("RGB")
    edges = [(place, shown.height // 2) for place in (8, shown.width - 9)]
    edges += [(shown.width // 2, place) for place in (8, shown.height - 9)]
    assert [shown.getpixel(edge) for edge in edges] == [(255, 255, 255)] * 4, (
        "white to all edges: no border, no neighbour"
    )
    frame.click()
    page.tab.locator("[data-action=pixels]").click()
    assert page.tab.locator("#viewer .frame").bounding_box()["width"] == pytest.approx(64)


def test_a_strip_of_images_is_shown_image_by_image(workshop: Workshop, run: Path, open_page: Opener) -> None:
    for n in range(6):
        Image.new("RGB", (128, 32), "red").save(run / "images" / f"item{n}.png")
    page = open_page(workshop.report(run))
    page.go_to_items()
    page.wait_until("document.querySelector('#gallery img').naturalWidth === 128")
    box = page.tab.locator(f"{FIRST} .frame").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(4, rel=0.02)
    page.tab.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    assert page.text("#viewer .about") == "item0, image 4"
    box = page.tab.locator("#viewer .frame").bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
