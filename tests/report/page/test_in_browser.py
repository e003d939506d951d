"""The page, opened from disk in headless Chromium: everything on it works, and it asks the network for nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dpg_bench.records import Prompt, Question
from dpg_bench.report.runs import load_judged

if TYPE_CHECKING:
    from tests.browser import Opener, OpenPage
    from tests.report.page.conftest import Workshop

NODE = "#gallery .item:first-child .node"
# Image 0 of item0: the fox isn't red, so what hangs on its redness doesn't count.
NOT_RED = {("item0", 0, 2), ("item1", 0, 5), ("item1", 1, 5), ("item1", 2, 5), ("item1", 3, 5)}


def not_red(item_id: str, image: int, question: Question) -> str:
    return "no" if (item_id, image, question.proposition_id) in NOT_RED else "yes"


@pytest.fixture
def run(workshop: Workshop) -> Path:
    return workshop.run("fox", workshop.suite(workshop.prompts()), not_red)


@pytest.fixture
def page(workshop: Workshop, run: Path, open_page: Opener) -> OpenPage:
    return open_page(workshop.report(run))


def test_the_top_shows_the_scorecards_numbers(page: OpenPage, run: Path) -> None:
    card = load_judged(run).card
    for protocol in ("corrected", "official"):
        page.tab.locator(f"input[value={protocol}]").check(force=True)
        scores = card[protocol]
        hero = page.text(f".only-{protocol} .hero")
        assert f"{scores.overall:.2f}" in hero
        assert f"{scores.interval.low:.2f} – {scores.interval.high:.2f}" in hero
        rows = page.texts(f".only-{protocol} .categories tbody tr")
        assert any(row.startswith("color") and f"{scores.l2['attribute - color'].score:.2f}" in row for row in rows)
    assert "partial" not in page.text("header")


def test_what_was_left_out_is_said(workshop: Workshop, open_page: Opener) -> None:
    suite = workshop.suite(workshop.prompts())
    page = open_page(workshop.report(workshop.run("fox", suite, only=["item1", "item2", "item3"])))
    assert "incomplete" in page.text(".warning")
    page.tab.locator(".only-corrected .gaps summary").click()
    assert "item0" in page.text(".only-corrected .gaps ul")
    page.go_to_items()
    assert "Not scored: no answers" in page.text("#gallery .item .gap")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_axe_finds_no_fault(workshop: Workshop, open_page: Opener, width: int, scheme: str) -> None:
    suite = workshop.suite(workshop.prompts(2))
    run, other = workshop.run("fox", suite, not_red), workshop.run("hare", suite)
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = open_page(workshop.report(run, other), options)
    page.go_to_items()
    page.tab.locator("#provenance details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert page.faults() == []


def test_images_load_from_the_run_folder(page: OpenPage) -> None:
    page.go_to_items()
    page.wait_until("document.querySelector('#gallery img').naturalWidth === 32")
    assert any(url.endswith("/fox/images/item0.png") for url in page.requests)


def test_search_finds_prompts_questions_and_ids(page: OpenPage) -> None:
    everything = page.shown_items()
    page.tab.fill("#search", "NUMBER 3")
    assert page.shown_items() == ["item3"]
    page.tab.fill("#search", "item2")
    assert page.shown_items() == ["item2"]
    page.tab.fill("#search", "tail left")
    assert page.shown_items() == everything
    page.tab.fill("#search", "unicorn")
    assert page.shown_items() == []
    assert "No item fits" in page.text("#nothing")
    assert page.text("#count").startswith(f"0 of {len(everything)} items")


def test_only_failures_and_categories_go_together(page: OpenPage) -> None:
    page.tab.check("#failures")
    assert sorted(page.shown_items()) == ["item0", "item1"]
    page.tab.select_option("#category", "1 global")
    assert page.shown_items() == ["item1"]
    page.tab.select_option("#category", "2 relation - spatial")
    assert page.shown_items() == ["item0"], "a gated question does not count, so it fails"
    page.tab.uncheck("#failures")
    assert len(page.shown_items()) == 6


def test_items_are_sorted_by_their_scores(page: OpenPage) -> None:
    assert page.shown_items()[:2] == ["item1", "item0"], "item1 lost one of 5 questions in every image, item0 2 in one"
    page.tab.select_option("#sort", "high")
    assert page.shown_items()[-2:] == ["item0", "item1"]
    page.tab.select_option("#sort", "spread")
    assert page.shown_items()[0] == "item0"
    page.tab.select_option("#sort", "suite")
    assert page.shown_items() == [f"item{n}" for n in range(6)]


def test_scores_of_items_are_those_that_were_scored(workshop: Workshop, open_page: Opener) -> None:
    run = workshop.run("drawn", workshop.suite(workshop.prompts()))
    page = open_page(workshop.report(run))
    page.go_to_items()
    for protocol in ("corrected", "official"):
        page.tab.locator(f"input[value={protocol}]").check(force=True)
        for place in range(6):
            page.tab.locator("#gallery > .item").nth(place).scroll_into_view_if_needed()
            page.tab.wait_for_selector(f"#gallery > .item:nth-child({place + 1}) .score")
        scored = load_judged(run).items(protocol)  # type: ignore[arg-type]
        scores = dict(zip(scored.item_ids, scored.scores, strict=True))
        expected = [f"{scores[f'item{n}']:.1f}" if f"item{n}" in scores else "–" for n in range(6)]
        assert page.tab.locator("#gallery .item .score").all_text_contents() == expected
    assert "item0" not in scores, "the official protocol drops it: its questions need the one in the skipped row"


def test_the_graph_has_parents_above_children_in_the_colours_of_their_answers(page: OpenPage) -> None:
    page.go_to_items()
    tops = page.tab.locator(NODE).evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert tops[0] == tops[4] < tops[1] == tops[2] < tops[3]
    assert page.tab.locator("#gallery .item:first-child path").count() == 4
    assert states(page) == ["yes", "mixed", "yes", "mixed", "yes"]
    page.tab.locator(".item:first-child .chip", has_text="1").first.click()
    assert states(page) == ["yes", "no", "yes", "gated", "yes"]
    page.tab.locator(".item:first-child .chip", has_text="2").first.click()
    assert states(page) == ["yes"] * 5


def states(page: OpenPage) -> list[str]:
    classes = page.tab.locator(NODE).evaluate_all("all => all.map(one => one.classList[1])")
    return [str(name) for name in classes]


def test_pointing_at_a_question_shows_it_and_every_images_answer(page: OpenPage) -> None:
    page.go_to_items()
    page.tab.locator(NODE).nth(3).hover()
    tip = page.text("#tip")
    assert "Is the red tail on the left?" in tip
    assert [line.strip() for line in tip.splitlines() if "image" in line] == [
        "image 1: yes gated: an ancestor does not hold",
        "image 2: yes",
        "image 3: yes",
        "image 4: yes",
    ]
    kin = page.tab.locator(f"{NODE}.kin").evaluate_all("all => all.map(one => Number(one.dataset.row))")
    assert sorted(kin) == [0, 1, 2, 3]


def test_the_list_of_questions_says_the_same(page: OpenPage) -> None:
    page.go_to_items()
    page.tab.locator(".item:first-child summary").click()
    page.tab.wait_for_selector(".item:first-child .questions tbody tr")
    rows = page.texts(".item:first-child .questions tbody tr")
    assert rows[1].split("\t") == ["2", "Is the fox red?", "attribute - color", "1", "✗", "✓", "✓", "✓"]
    assert rows[3].split("\t") == [
        "4",
        "Is the red tail on the left?",
        "relation - spatial",
        "2, 3",
        "(✓)",
        "✓",
        "✓",
        "✓",
    ]


def test_the_keyboard_is_enough(page: OpenPage) -> None:
    tab = page.tab
    tab.keyboard.press("/")
    tab.keyboard.type("number 0")
    assert page.shown_items() == ["item0"]
    tab.locator("#search").blur()
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "item0"
    tab.wait_for_selector(NODE)
    names = []
    for _ in range(20):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.matches('.node')"):
            break
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        tab.keyboard.press(key)
        names.append(tab.evaluate("Number(document.activeElement.dataset.row)"))
    assert names[0] in (1, 2)
    assert names[1] == 3
    assert page.tab.locator("#tip").is_visible()
    tab.keyboard.press("Escape")
    assert not page.tab.locator("#tip").is_visible()


def test_a_telephone_scrolls_down_only(workshop: Workshop, run: Path, open_page: Opener) -> None:
    page = open_page(workshop.report(run), {"viewport": {"width": 400, "height": 800}})
    page.go_to_items()
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 400
    ends = page.tab.locator(NODE).evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(ends) <= 400


def test_dark_mode_follows_the_system_and_the_button(workshop: Workshop, run: Path, open_page: Opener) -> None:
    page = open_page(workshop.report(run), {"color_scheme": "dark"})
    background = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.tab.evaluate(background)
    page.tab.click("#theme")
    light = page.tab.evaluate(background)
    assert sum(map(int, dark[4:-1].split(","))) < 150
    assert sum(map(int, light[4:-1].split(","))) > 600


def test_it_prints_every_item_that_the_screen_has_not_drawn(page: OpenPage) -> None:
    content = page.tab.pdf(format="A4")
    assert content.startswith(b"%PDF")
    assert page.tab.evaluate("document.querySelectorAll('#gallery .prompt').length") == 6
    assert page.tab.evaluate("document.querySelectorAll('#provenance details:not([open])').length") == 0


HOSTILE = '</script><script>hacked=1</script><img src=x onerror="hacked=1">&lt;b&gt;{{7*7}}<!--'


def test_hostile_text_stays_text(workshop: Workshop, open_page: Opener) -> None:
    questions = (
        Question(1, (), f"entity{HOSTILE}", f"entity{HOSTILE} - part{HOSTILE}", f"Is it {HOSTILE}?"),
        Question(2, (1,), "global", "global -", "Is it?"),
    )
    suite = workshop.suite([Prompt(HOSTILE, f"A prompt {HOSTILE}", questions)])
    runs = [workshop.run(f"run {n} '\"<b>", suite, lambda *_: f"two {HOSTILE}") for n in range(2)]
    pages = [(workshop.report(runs[0]), 2), (workshop.report(*runs), 2), (workshop.report(runs[1], embed=True), 3)]
    for file, scripts in pages:
        page = open_page(file)
        page.go_to_items()
        assert page.text("#gallery .item h3") == HOSTILE
        assert page.text("#gallery .prompt") == f"A prompt {HOSTILE}"
        page.tab.locator(NODE).first.hover()
        assert f"Is it {HOSTILE}?" in page.text("#tip")
        assert f"two {HOSTILE}" in page.text("#tip")
        page.tab.locator("#gallery summary").first.click()
        page.wait_until("[...document.images].every(image => image.complete && image.naturalWidth)")
        assert page.tab.evaluate("typeof hacked") == "undefined"
        assert page.tab.locator("img[src=x]").count() == 0
        assert page.tab.evaluate("document.scripts.length") == scripts


def test_two_runs_stand_side_by_side_image_by_image(workshop: Workshop, open_page: Opener) -> None:
    suite = workshop.suite(workshop.prompts())
    runs = [workshop.run("good", suite, lambda *_: "yes"), workshop.run("worse", suite, not_red)]
    page = open_page(workshop.report(*runs))
    table = page.text(".only-corrected .runs")
    difference = load_judged(runs[1]).card["corrected"].overall - 100  # type: ignore[operator]
    assert f"{difference:+.2f}".replace("-", "−") in table
    assert page.shown_items()[0] == "item1", "the largest drop comes first"
    page.go_to_items("loss")
    assert page.text("#gallery .change") == "B minus A: −20.0"
    page.go_to_items()
    page.tab.locator(".item:first-child .side:first-child .chip", has_text="1").first.click()
    pressed = page.texts(".item:first-child .chip[aria-pressed=true]")
    assert pressed == ["1 100", "1 60"]
    assert page.tab.locator(".item:first-child .frame.zoomed").count() == 2
    marked = ".item:first-child .side:nth-child(2) .node:has(.loss)"
    assert page.tab.locator(marked).evaluate_all("all => all.map(one => Number(one.dataset.row))") == [1, 3]


def test_items_far_from_the_screen_cost_nothing(workshop: Workshop, open_page: Opener) -> None:
    suite = workshop.suite(workshop.prompts(60))
    page = open_page(workshop.report(workshop.run("many", suite, draw=False)))
    drawn = "document.querySelectorAll('#gallery .node').length"
    page.go_to_items()
    assert page.tab.evaluate(drawn) < 60 * 5 / 2
    page.tab.locator("#provenance").scroll_into_view_if_needed()
    page.wait_until("document.querySelector('.item:last-child').classList.contains('drawn')")
    page.wait_until("!document.querySelector('.item:first-child').classList.contains('drawn')")
    assert page.tab.evaluate("document.querySelectorAll('#gallery .item').length") == 60


def test_embedded_thumbnails_need_no_run_folder(
    workshop: Workshop, run: Path, open_page: Opener, tmp_path: Path
) -> None:
    file = workshop.report(run, embed=True, out=tmp_path / "elsewhere" / "page.html")
    page = open_page(file)
    page.go_to_items()
    page.wait_until("document.querySelector('#gallery img').naturalWidth === 32")
    assert [url for url in page.requests if url.startswith("file:")] == [file.resolve().as_uri()]


def test_the_data_is_read_where_the_page_says_it_is(page: OpenPage) -> None:
    data = json.loads(page.tab.evaluate("document.getElementById('data').textContent"))
    assert [item["id"] for item in data["items"]] == [f"item{n}" for n in range(6)]
