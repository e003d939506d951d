"""Pages opened in headless Chromium as a user would open them, and looked over for people with a screen reader."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_PATIENCE = 120  # seconds: a busy machine is no failure of what is tested
_AXE = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@dataclass
class OpenPage:
    """A page in the browser, with everything that it complained of or asked for."""

    tab: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.tab.locator(selector).first.inner_text())

    def texts(self, selector: str) -> list[str]:
        return [str(text) for text in self.tab.locator(selector).all_inner_texts()]

    def wait_until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds. Playwright's own way needs `eval`, which the page forbids."""
        end = time.monotonic() + _PATIENCE
        while not self.tab.evaluate(expression):
            assert time.monotonic() < end, f"did not happen within {_PATIENCE} s: {expression}"
            self.tab.wait_for_timeout(25)

    def go_to_items(self, sort: str = "suite") -> None:
        """Scroll to the gallery in the order `sort`, and wait until its first item is there."""
        self.tab.select_option("#sort", sort)
        self.tab.evaluate("document.getElementById('items').scrollIntoView()")
        self.tab.wait_for_selector("#gallery > .item:first-child.drawn")

    def shown_items(self) -> list[str]:
        """The ids of the items in the gallery, in order."""
        ids = self.tab.locator("#gallery > .item").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
        return [str(item_id) for item_id in ids]

    def faults(self) -> list[str]:
        """What axe-core finds wrong for people with a screen reader, a keyboard or weak eyes: rule, place, reason.

        Its own minor remarks are left out.
        """
        self.tab.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
        options = {"runOnly": list(_AXE), "preload": False, "resultTypes": ["violations"]}
        found = self.tab.evaluate("options => axe.run(options)", options)["violations"]
        return [
            f"{one['id']}: {node['html'][:200]} ({node['failureSummary']})"
            for one in found
            if one["impact"] in ("moderate", "serious", "critical")
            for node in one["nodes"]
        ]


Opener = Callable[..., OpenPage]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium of this machine, driven by Playwright; the tests skip where either is not there."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CHROMIUM")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Opener]:
    """Opens a file as a user would from disk, or an address on this machine.

    Afterwards, that it asked for nothing from anywhere else and didn't complain.
    """
    opened: list[OpenPage] = []

    def open_file(file: Path | str, options: Mapping[str, Any] | None = None) -> OpenPage:
        tab = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **(options or {})}).new_page()
        tab.set_default_timeout(1000 * _PATIENCE)
        page = OpenPage(tab)
        opened.append(page)
        tab.on("console", lambda message: page.complaints.append(message.text))
        tab.on("pageerror", lambda error: page.complaints.append(str(error)))
        tab.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: page.requests.append(request.url))
        tab.goto(file if isinstance(file, str) else file.resolve().as_uri())
        tab.wait_for_selector("html[data-ready=true]", state="attached")
        return page

    yield open_file
    for page in opened:
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:", "http://127.0.0.1:"))] == []
        page.tab.context.close()
