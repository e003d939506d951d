"""How long `dpgbench report` takes on a full-size run, how large its page is, and how soon it can be used.

    python -m benchmarks.results.report_page FOLDER [--prompts PROMPTS] [--embed]

Makes two runs in FOLDER (`full_size_run.py`), draws a grid of 1024 × 1024 pixels for each of their items, and prints
medians of five. The browser is this machine's Chromium, headless, driven by Playwright. "Ready" is when the list
stands and the filter reacts, in milliseconds since navigation began, as is DOMContentLoaded, which comes after it
because the script is part of the page; "filter" is what a search among all items takes, layout included.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from benchmarks.measuring import describe_machine
from benchmarks.results.material import make_runs
from dpg_bench.files.item_names import file_stem
from dpg_bench.report.runs import load_judged

TIMES = 5
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
READY = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  return [page.domContentLoadedEventEnd, performance.getEntriesByName("ready")[0].startTime];
}"""
FILTER = """() => {
  const search = document.getElementById("search");
  const start = performance.now();
  search.value = "the tower";
  search.dispatchEvent(new Event("input"));
  document.body.offsetHeight;
  return performance.now() - start;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=Path, help="a folder of <item_id>.txt; made-up texts by default")
    parser.add_argument("--embed", action="store_true", help="measure a page with thumbnails too")
    arguments = parser.parse_args()
    runs = list(make_runs(arguments.folder, runs=2, prompts=arguments.prompts))
    for run in runs:
        draw_images(run)
    print(describe_machine())
    pages = [("report A", runs[:1], []), ("report A B", runs, [])]
    if arguments.embed:
        pages.append(("report A --embed", runs[:1], ["--embed"]))
    with_browser(
        lambda browser: [measure(name, paths, flags, arguments.folder, browser) for name, paths, flags in pages]
    )


def draw_images(run: Path) -> None:
    """A soft gradient for each item: fast to write, and about as slow to read as a real image."""
    folder = run / "images"
    folder.mkdir(exist_ok=True)
    ramp = Image.linear_gradient("L").resize((1024, 1024))
    for place, item_id in enumerate(load_judged(run).items("corrected").item_ids):
        hue = Image.new("L", ramp.size, place * 37 % 256)
        grid = Image.merge("RGB", (ramp, hue, ramp.transpose(Image.Transpose.ROTATE_90)))
        grid.save(folder / f"{file_stem(item_id)}.png", compress_level=1)


def measure(name: str, runs: list[Path], flags: list[str], folder: Path, browser: Any) -> None:
    page = folder / f"{name.replace(' ', '-')}.html"
    suite = str(folder / "suite.csv")
    command = [sys.executable, "-m", "dpg_bench", "report", *map(str, runs), "--suite", suite, "-o", str(page), *flags]
    seconds = []
    for _ in range(1 if flags else TIMES):
        page.unlink(missing_ok=True)
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    loaded, ready, filtering = [], [], []
    for _ in range(TIMES):
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("html[data-ready=true]", state="attached")
        times = tab.evaluate(READY)
        loaded.append(times[0])
        ready.append(times[1])
        filtering.append(tab.evaluate(FILTER))
        tab.close()
    print(
        f"{name}: {median(seconds):.1f} s, {page.stat().st_size / 1e6:.2f} MB, ready {median(ready):.0f} ms, "
        f"DOMContentLoaded {median(loaded):.0f} ms, filter {median(filtering):.0f} ms"
    )


def with_browser(work: Callable[[Any], object]) -> None:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        work(browser)
        browser.close()


if __name__ == "__main__":
    main()
