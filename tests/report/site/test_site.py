"""The leaderboard as a site: opened from disk and from a server, with and without its script, searched and sorted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.report.audit.counts import RECORDED
from dpg_bench.report.leaderboard.entry import published_entry
from dpg_bench.report.leaderboard.result import find_runs, rank_runs
from dpg_bench.report.published import read_published, shipped_results
from dpg_bench.report.site import WrittenSite, write_site
from dpg_bench.report.site.intervals import common_scale, draw
from dpg_bench.report.site.sources import source_address
from dpg_bench.suite.registry import load_suite
from tests.report.leaderboard.test_leaderboard import make_suite, write_run
from tests.report.page.conftest import Workshop, drawn

if TYPE_CHECKING:
    from tests.browser import Opener, OpenPage

CLAIMS = """model,overall,global,other,kind,reproduces,source
"<b>claims</b> & co",84.5,84.03,80.79,original,,arXiv:2403.05135v1 Table 4
Janus,79.68,90.88,86.00,quoted,,github.com/a/b@0123abc:README.md#L9
Janus again,73.526,,,reproduction,Janus,github.com/a/b/issues/46
"""
BOARD = ".board:not([hidden])"
ROWS = f"{BOARD} tbody:not([hidden])"


def written(folder: Path, *, force: bool = False, out: str = "site") -> WrittenSite:
    """A site of two runs with pages of their own, one without questions at hand, and three results of others."""
    claims = folder / "claims.csv"
    claims.write_text(CLAIMS, encoding="utf-8")
    found = find_runs([folder / "runs"])
    board = rank_runs(found.runs, published=read_published(claims))

    def none_at_hand(name: str) -> Any:
        if name == "dpg-bench":
            raise BadInputError("it isn't here")
        return load_suite(name)

    return write_site(folder / out, board, found.runs, counts=RECORDED, load_suite=none_at_hand, force=force)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WrittenSite]:
    folder = tmp_path_factory.mktemp("made")
    write_run(folder / "runs" / "plain", 0.8, suite=make_suite(prompts=60), model="sd15")
    workshop = Workshop(folder)
    suite = workshop.suite(workshop.prompts())
    workshop.run("runs/fox", suite)
    workshop.run("runs/hare", suite, drawn(3))
    return folder, written(folder)


@pytest.fixture
def page(made: tuple[Path, WrittenSite], open_page: Opener) -> OpenPage:
    return open_page(made[1].page)


def names(page: OpenPage) -> list[str]:
    return page.texts(f"{ROWS} .name")


def test_all_that_is_needed_lies_in_the_folder_and_only_changes_need_force(made: tuple[Path, WrittenSite]) -> None:
    folder, site = made
    files = {path.relative_to(folder / "site").as_posix() for path in (folder / "site").rglob("*") if path.is_file()}
    assert files == {
        *(".nojekyll", "index.html", "leaderboard.css", "leaderboard.js", "leaderboard.csv", "leaderboard.json"),
        *("reports/fox-imported.html", "reports/hare-imported.html"),
    }
    assert site.reports == 2
    assert [reason.split(" ")[0] for reason in site.without_report] == ["plain"]
    text = site.page.read_text(encoding="utf-8")
    assert str(folder) not in text.split("Left out")[0]
    assert "style=" not in text
    assert "onclick" not in text
    assert "<script>" not in text
    rows = list(csv.DictReader(io.StringIO((folder / "site" / "leaderboard.csv").read_text(encoding="utf-8"))))
    data = json.loads((folder / "site" / "leaderboard.json").read_text(encoding="utf-8"))
    assert len(rows) == sum(len(ranking["results"]) for ranking in data["rankings"]) == 9
    written(folder)  # what wouldn't change is no conflict
    (folder / "site" / "leaderboard.css").write_text("changed")
    with pytest.raises(BadInputError, match=r"leaderboard\.css is there already"):
        written(folder)
    written(folder, force=True)
    assert site.page.read_text(encoding="utf-8") == text


def test_no_file_of_it_names_the_home_folder(
    made: tuple[Path, WrittenSite], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home, _ = made
    monkeypatch.setenv("HOME", str(home))
    written(home, out="public")
    files = [path for path in (home / "public").rglob("*") if path.is_file()]
    assert len(files) == 8
    assert [path.name for path in files if str(home).encode() in path.read_bytes()] == []
    assert b"~/suite.csv" in (home / "public" / "reports" / "fox-imported.html").read_bytes()


def test_the_site_is_searched_sorted_and_filtered(page: OpenPage) -> None:
    assert names(page) == ["sd15 (plain)"]
    page.tab.get_by_role("tab", name="official protocol").click()
    assert set(names(page)) == {"<b>claims</b> & co", "Janus", "Janus again", "sd15 (plain)"}
    assert page.text("#count") == "4 of 4 results"
    page.tab.fill("#search", "JANUS issues/46")
    assert names(page) == ["Janus again"]
    page.tab.fill("#search", "nobody")
    assert page.text(f"{BOARD} .nothing") == "Nothing here fits the search."
    page.tab.fill("#search", "")
    page.tab.get_by_role("checkbox", name="reproductions").uncheck()
    assert "Janus again" not in names(page)
    page.tab.get_by_role("checkbox", name="reproductions").check()
    head = page.tab.locator(f"{BOARD} thead th[data-key=overall]")
    for direction in ("descending", "ascending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        shown = [float(text.split()[0]) for text in page.texts(f"{ROWS} td:nth-child(3)")]
        assert shown == sorted(shown, reverse=direction == "descending")
    page.tab.locator(f"{BOARD} thead th[data-key=global] button").click()
    assert names(page)[-1] == "Janus again", "what is unknown comes last"


def test_a_row_says_how_far_it_can_be_believed_and_where_it_is_from(page: OpenPage) -> None:
    page.tab.get_by_role("tab", name="official protocol").click()
    assert page.tab.evaluate("document.querySelectorAll('b b, tbody th b').length") == 0
    row = page.tab.locator(ROWS).filter(has_text="<b>claims</b>")
    assert [text.strip() for text in row.locator(".badge").all_inner_texts()] == ["claimed", "categories impossible"]
    button = row.get_by_role("button")
    assert not row.locator("dl").is_visible()
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    told = row.locator("dl").inner_text()
    assert "global 84.03 is no share of 329 questions (nearest: 83.89 and 84.19)" in told
    assert row.locator("dl a").get_attribute("href") == "https://arxiv.org/abs/2403.05135v1"
    possible = page.tab.locator(ROWS).filter(has_text="Janus").first
    assert [text.strip() for text in possible.locator(".badge").all_inner_texts()] == ["claimed", "categories possible"]
    again = page.tab.locator(ROWS).filter(has_text="Janus again")
    assert again.locator(".badge").all_inner_texts() == ["reproduced"]
    assert "+6.15" in again.inner_text()
    mine = page.tab.locator(ROWS).filter(has_text="sd15")
    mine.get_by_role("button").click()
    assert "f1f1f1" in mine.locator("dl").inner_text()


def test_every_runs_report_is_linked(page: OpenPage) -> None:
    page.tab.get_by_role("tab", name="suite.csv, judge imported").click()
    page.tab.get_by_role("link", name="report of hare").click()
    page.tab.wait_for_selector("html[data-ready=true]", state="attached")
    assert "hare" in page.text("h1")


def test_tabs_work_by_keyboard_and_an_address_leads_to_one(page: OpenPage, open_page: Opener) -> None:
    first = page.tab.get_by_role("tab", name="corrected protocol")
    first.focus()
    first.press("ArrowRight")
    chosen = page.tab.get_by_role("tab", name="official protocol")
    assert chosen.get_attribute("aria-selected") == "true"
    assert page.tab.evaluate("document.activeElement.textContent") == "official protocol"
    assert page.tab.evaluate("location.hash") == "#dpg-bench-mplug-official"
    page.tab.reload()
    page.tab.wait_for_selector("html[data-ready=true]", state="attached")
    assert page.tab.get_by_role("tab", name="official protocol").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (390, "dark")], ids=["wide and light", "narrow and dark"]
)
def test_axe_finds_no_fault_and_nothing_is_wider_than_the_screen(
    made: tuple[Path, WrittenSite], open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(made[1].page, {"viewport": {"width": width, "height": 900}, "color_scheme": scheme})
    page.tab.get_by_role("tab", name="official protocol").click()
    page.tab.locator(f"{ROWS} .name button").first.click()
    assert page.faults() == []
    assert page.tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.fixture
def served(made: tuple[Path, WrittenSite]) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(made[0] / "site"))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_it_is_the_same_from_a_server_and_readable_without_its_script(
    served: str, open_page: Opener, browser: Any
) -> None:
    assert names(open_page(served)) == ["sd15 (plain)"]
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(served)
    assert tab.locator("tbody:visible").count() == 9
    assert tab.get_by_text("is no share of 329 questions").is_visible()
    assert not tab.locator("#search").is_visible()
    context.close()


def test_intervals_are_drawn_to_one_scale() -> None:
    entries = [entry for result in shipped_results() if (entry := published_entry(result)) is not None]
    scale = common_scale(entries)
    assert (scale.low, scale.high) == (60, 95)
    assert scale.ticks == (60, 65, 70, 75, 80, 85, 90, 95)
    ordered = sorted(entries, key=lambda entry: entry.overall)
    places = [draw(entry, scale).score for entry in ordered]
    assert places == sorted(places)
    assert scale.x(60) == 7
    assert scale.x(95) == 193
    assert common_scale([]).ticks[-1] == 100


def test_only_places_of_known_kinds_become_links() -> None:
    addresses = [source_address(result.source or "") for result in shipped_results()]
    assert all(
        address is None or address.startswith(("https://github.com/", "https://arxiv.org/")) for address in addresses
    )
    assert sum(address is None for address in addresses) < 20
    assert source_address("github.com/a/b@0123abc:docs/R.md#L9 (Table 3)") == (
        "https://github.com/a/b/blob/0123abc/docs/R.md#L9"
    )
    assert source_address("javascript:alert(1)") is None
