"""The documentation as a site: builds without a warning, places every page, and its figures are of today."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dpg_bench
import ella_models
from dpg_bench.cli.app import app
from dpg_bench.report.schemas import FORMS
from tests.browser import OpenPage

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built documentation."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-W",
        "error::SyntaxWarning",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-q",
        "-d",
        str(folder),
    ]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


class _Page(HTMLParser):
    """The ids of a page, what it loads, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.loads: set[str] = set()
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids.add(told.get("id") or "")
        if tag in ("script", "img", "link", "iframe"):
            self.loads.add(told.get("src") or told.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_command_and_option_stands_in_the_reference(site: Path) -> None:
    import typer

    page = _Page(site / "reference" / "commands" / "index.html")
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert name in page.ids
        options = [max(one.opts, key=len) for one in command.params if one.opts[0].startswith("-") and not one.hidden]
        assert [option for option in options if option not in page.text] == []


@pytest.mark.parametrize("package", [dpg_bench, ella_models], ids=lambda package: package.__name__)
def test_every_public_name_stands_in_the_reference(site: Path, package: ModuleType) -> None:
    file = {"dpg_bench": "python", "ella_models": "ella_models"}[package.__name__]
    found = {one.rpartition(".")[2] for one in _Page(site / "reference" / file / "index.html").ids}
    assert {name for name in package.__all__ if not name.startswith("__")} <= found


def test_every_schema_lies_beside_the_reference(site: Path) -> None:
    for name in FORMS:
        assert json.loads((site / "reference" / f"{name}.schema.json").read_text(encoding="utf-8"))["title"]


def test_a_reader_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = [path for path in site.rglob("*.html") if path.name != "404.html"]
    assert len(pages) > len(list(DOCS.glob("*.md")))
    assert not {name for path in pages for name in _Page(path).loads if "//" in name}


def test_figures_show_what_is() -> None:
    spec = importlib.util.spec_from_file_location("figures", DOCS / "making" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    kept = json.loads((DOCS / "images" / "inputs.json").read_text(encoding="utf-8"))["sha256"]
    assert figures.digest() == kept, "what the figures are made from has changed: `make figures`, and look at them"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site as a server shows it, on this machine."""
    handler = functools.partial(_Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.mark.parametrize(
    ("page", "scheme", "width"),
    [
        ("", "light", 390),
        ("", "dark", 1440),
        ("reference/commands/", "light", 1440),
        ("published_categories/", "dark", 390),
        ("python/", "light", 1440),
        ("python/", "dark", 390),
    ],
)
def test_pages_can_be_read_by_everyone(address: str, page: str, scheme: str, width: int, browser: Any) -> None:
    tab = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address + page, wait_until="load")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert OpenPage(tab).faults() == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    tab.context.close()
