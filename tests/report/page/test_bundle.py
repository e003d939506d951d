"""A bundle is a folder that any web server can show; charts are files that papers can hold."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt
from dpg_bench.report.page import ReportRequest, write_report
from dpg_bench.report.page.chart_export import theme_palette
from dpg_bench.suite.registry import load_suite

if TYPE_CHECKING:
    from tests.report.page.conftest import Workshop

PDF_TEXT_END = rb"%%EOF\s*$"


@pytest.fixture
def run(workshop: Workshop) -> Path:
    return workshop.run("fox", workshop.suite(workshop.prompts()))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def serve() -> Iterator[Any]:
    """Serves a folder on this machine as any static host would, and says where."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_bundle_shows_everything_from_a_web_server(workshop: Workshop, serve: Any, browser: Any) -> None:
    odd = [Prompt(name, "A prompt", workshop.prompts(1)[0].questions) for name in ("a/b", "50%", "déjà:vu?#")]
    odd_run = workshop.run("odd", workshop.suite(odd, "suite of odd names.csv"))
    folder = workshop.folder / "site"
    assert workshop.report(odd_run, bundle=folder) == folder / "index.html"
    tab = browser.new_context().new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    address = serve(folder)
    tab.goto(address)
    tab.wait_for_selector("html[data-ready=true]", state="attached")
    tab.evaluate("document.getElementById('items').scrollIntoView()")
    tab.wait_for_selector("#gallery img")
    for _ in range(400):
        if tab.evaluate(
            "[...document.images].length === 3 && [...document.images].every(one => one.naturalWidth === 32)"
        ):
            break
        tab.wait_for_timeout(25)
    assert {url.rpartition(".")[2] for url in asked if "thumbnails" in url} == {"webp"}
    assert not [url for url in asked if "/images/" in url], "full size only when looked at"
    tab.locator("#gallery img").first.click()
    tab.wait_for_selector("#viewer img")
    assert [url for url in asked if "/images/A/" in url]
    assert complaints == []
    assert all(url.startswith(address) for url in asked)
    tab.context.close()


def test_a_bundle_holds_images_and_scorecards_as_they_are(workshop: Workshop, run: Path) -> None:
    folder = workshop.folder / "site"
    other = workshop.run("other", workshop.suite(workshop.prompts()))
    workshop.report(run, other, bundle=folder)
    for letter, path in (("A", run), ("B", other)):
        for n in range(6):
            assert (folder / f"images/{letter}/item{n}.png").read_bytes() == (path / f"images/item{n}.png").read_bytes()
        scorecard = path / "judgements/imported/scorecard.json"
        assert (folder / f"scorecards/{letter}.json").read_bytes() == scorecard.read_bytes()
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    workshop.report(run, other, bundle=folder)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()} == before


def test_nothing_in_a_bundle_is_replaced_without_force(workshop: Workshop, run: Path) -> None:
    folder = workshop.folder / "site"
    (folder / "images" / "A").mkdir(parents=True)
    (folder / "images" / "A" / "item3.png").write_text("mine")
    with pytest.raises(BadInputError, match=r"item3\.png is there already with other content.*force=True"):
        workshop.report(run, bundle=folder)
    assert [file.name for file in folder.rglob("*") if file.is_file()] == ["item3.png"]
    workshop.report(run, bundle=folder, force=True)
    assert (folder / "images/A/item3.png").read_bytes() == (run / "images/item3.png").read_bytes()
    with pytest.raises(BadInputError, match="bundle names the place"):
        workshop.report(run, bundle=folder, out=workshop.folder / "page.html")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_image_is_not_published(workshop: Workshop, run: Path) -> None:
    secret = workshop.folder / "secret"
    secret.write_text("key")
    for n in range(3):
        (run / "images" / f"item{n}.png").unlink()
    (run / "images" / "item0.png").symlink_to(secret)
    os.mkfifo(run / "images" / "item1.png")
    (run / "images" / "item2.png").symlink_to("/dev/zero")
    folder = workshop.folder / "site"
    workshop.report(run, bundle=folder)
    assert sorted(file.name for file in (folder / "images/A").iterdir()) == ["item3.png", "item4.png", "item5.png"]


def test_every_chart_is_written_as_svg_and_pdf_in_light_and_dark(workshop: Workshop, run: Path) -> None:
    suite = workshop.suite(workshop.prompts())
    other = workshop.run("<b>$x$ & co", suite, lambda *_: "yes")
    charts = workshop.folder / "charts"
    written = write_report(ReportRequest(paths=(run, other), charts=charts), load_suite=load_suite)
    names = {"categories", "differences", "scatter", "prompts", "length", "depth"}
    expected = {
        f"{name}-{protocol}-{theme}.{form}"
        for name in names
        for protocol in ("corrected", "official")
        for theme in ("light", "dark")
        for form in ("svg", "pdf")
    }
    assert {file.name for file in written.charts} == expected == {file.name for file in charts.iterdir()}
    for file in charts.glob("*.svg"):
        drawing = ET.fromstring(file.read_text())  # noqa: S314 - our own
        texts = [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}text")]
        assert texts[:2] == ["A  fox", "B  <b>$x$ & co"]
    for file in charts.glob("*.pdf"):
        content = file.read_bytes()
        assert content.startswith(b"%PDF")
        assert re.search(PDF_TEXT_END, content)
    before = {file: file.stat().st_mtime_ns for file in charts.iterdir()}
    write_report(ReportRequest(paths=(run, other), charts=charts), load_suite=load_suite)
    assert {file: file.stat().st_mtime_ns for file in charts.iterdir()} == before, "the same charts are left alone"


def test_a_chart_looks_the_same_as_a_file_in_svg_and_on_the_page(workshop: Workshop, run: Path, browser: Any) -> None:
    charts = workshop.folder / "charts"
    workshop.report(run, charts=charts)
    tab = browser.new_context(viewport={"width": 600, "height": 400}).new_page()
    for theme in ("light", "dark"):
        tab.goto((charts / f"categories-corrected-{theme}.svg").resolve().as_uri())
        picture = workshop.folder / f"{theme}.png"
        tab.screenshot(path=str(picture))
        colours = {colour for _, colour in Image.open(picture).convert("RGB").getcolors(1 << 20) or []}
        palette = theme_palette(theme)  # type: ignore[arg-type]
        for name in ("card", "run-0", "text"):
            value = palette[name].removeprefix("#")
            assert tuple(int(value[place : place + 2], 16) for place in (0, 2, 4)) in colours, name
    tab.context.close()


def test_a_chart_of_an_incomplete_run_says_how_much_it_is_of(workshop: Workshop) -> None:
    suite = workshop.suite(workshop.prompts())
    charts = workshop.folder / "charts"
    workshop.report(workshop.run("half", suite, only=["item1", "item2"]), charts=charts)
    assert "2 of 6 prompts" in (charts / "categories-corrected-light.svg").read_text()
    whole = workshop.folder / "whole"
    workshop.report(workshop.run("all", suite), charts=whole)
    assert "of 6 prompts" not in (whole / "depth-corrected-light.svg").read_text()


def test_the_bundles_page_names_small_and_full_images(workshop: Workshop, run: Path) -> None:
    page = workshop.report(run, bundle=workshop.folder / "site").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    item = json.loads(found[1])["runs"][0]["items"][0]
    assert (item["urls"], item["thumbs"]) == (["images/A/item0.png"], ["thumbnails/A/item0.webp"])
