"""Every figure and screenshot of the documentation, made anew: python docs/making/figures.py

A test compares the digest of `INPUTS` with the one kept beside the figures, so that none shows what no longer is.
The screenshot of the report needs Chromium (its path in CHROMIUM, if it is not found) and Playwright.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dpg_bench.miniature.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "images"
INPUTS = (
    "docs/making/figures.py",
    "reports/published_results.csv",
    "dpg_bench/report/audit/arithmetic.py",
    "dpg_bench/miniature/drawing/*.py",
    "dpg_bench/report/page/assets/*",
    "dpg_bench/report/page/templates/*",
)
ITEMS = 12
IMAGES = 4
_VERDICTS = {
    "impossible": ("x", "#b3432b", "#ff8a70"),
    "four-image mean": ("D", "#8a6d00", "#e5c453"),
    "possible": ("o", "#1d6fb8", "#7cc0ff"),
}


def digest() -> str:
    """SHA-256 over the content of all files that the figures are made from."""
    total = hashlib.sha256()
    for pattern in INPUTS:
        for path in sorted(ROOT.glob(pattern)):
            total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def main() -> None:
    """Write all figures, and the digest of what they are made from."""
    sys.path.insert(0, str(ROOT))
    OUT.mkdir(exist_ok=True)
    published_pairs(OUT / "published_pairs.svg", dark=False)
    published_pairs(OUT / "published_pairs_dark.svg", dark=True)
    with tempfile.TemporaryDirectory() as folder:
        report_screenshots(Path(folder))
    (OUT / "inputs.json").write_text(json.dumps({"sha256": digest()}) + "\n", encoding="utf-8")


def published_pairs(path: Path, *, dark: bool) -> None:
    """Published (global, other) pairs in the plane, by what `audit` says of them."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from dpg_bench.report.audit.counts import RECORDED
    from dpg_bench.report.audit.result import audit_results
    from dpg_bench.report.published import shipped_results

    order = list(_VERDICTS)
    pairs: dict[tuple[float, float], str] = {}
    for one in audit_results(shipped_results(), RECORDED).results:
        sides = {side.category: side for side in one.categories}
        if {"global", "other"} <= sides.keys():
            worst = min((sides["global"].verdict, sides["other"].verdict), key=order.index)
            pairs[float(sides["global"].printed), float(sides["other"].printed)] = worst
    ink = "#e4e6eb" if dark else "#24292f"
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dpg-bench", "font.family": "sans-serif"}):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for verdict, (marker, light, bright) in _VERDICTS.items():
            points = [pair for pair, said in pairs.items() if said == verdict]
            axes.scatter(
                [x for x, _ in points],
                [y for _, y in points],
                marker=marker,
                s=34,
                linewidths=1.4,
                color=bright if dark else light,
                label=f"{verdict}: {len(points)}",
            )
        axes.set_xlabel("published global score (k of 329)", color=ink)
        axes.set_ylabel("published other score (k of 250)", color=ink)
        axes.tick_params(colors=ink)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(ink)
        axes.legend(frameon=False, labelcolor=ink, loc="lower right")
        FigureCanvasSVG(figure)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def report_screenshots(folder: Path) -> None:
    """The top of a report and its gallery, light and dark, over drawings of the miniature with planted mistakes."""
    from playwright.sync_api import sync_playwright

    page = _report(folder)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        schemes: dict[str, Literal["light", "dark"]] = {"": "light", "_dark": "dark"}
        for suffix, scheme in schemes.items():
            tab = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme=scheme)
            tab.goto(page.as_uri())
            tab.screenshot(path=OUT / f"report{suffix}.png")
            tab.evaluate("document.getElementById('items').scrollIntoView()")
            tab.wait_for_selector("#gallery > .item:first-child.drawn")
            tab.wait_for_timeout(500)
            tab.screenshot(path=OUT / f"gallery{suffix}.png")
        browser.close()


def _report(folder: Path) -> Path:
    """The report of two made-up models: `careful` seldom errs, `hasty` often does."""
    suite = ROOT / "prompts" / "miniature.csv"
    kept = set(_items(suite))
    with suite.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    with (folder / "drawings.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *(row for row in rows if row[0] in kept)])
    for name, errors in (("careful", 0.2), ("hasty", 0.8)):
        _draw(folder / name, rows, kept, errors)
        _dpgbench(folder, "score", name, "--suite", "drawings.csv", "--answers", f"{name}.csv", "--out", f"runs/{name}")
    shown = ("--images", "careful", "--images", "hasty")
    _dpgbench(folder, "report", "runs/careful", "runs/hasty", *shown, "--out", "page.html")
    return folder / "page.html"


def _items(suite: Path) -> Iterator[str]:
    with suite.open(newline="", encoding="utf-8") as file:
        names = dict.fromkeys(row["item_id"] for row in csv.DictReader(file))
    yield from list(names)[:ITEMS]


def _draw(folder: Path, rows: list[list[str]], kept: set[str], errors: float) -> None:
    """Grids of four drawings for each item, and what is true of them, beside the folder as CSV."""
    from PIL import Image

    from dpg_bench.files.grid import make_grid
    from dpg_bench.miniature.drawing.picture import draw
    from dpg_bench.miniature.oracle import answer
    from dpg_bench.miniature.suite import suite_items

    folder.mkdir()
    lines = [["item_id", "image", "proposition_id", "answer"]]
    for item in suite_items():
        if item.item_id not in kept:
            continue
        scenes = [_mistaken(item.scene, f"{folder.name} {item.item_id} {k}", errors) for k in range(IMAGES)]
        pictures = [draw(scene, f"{folder.name} {k}") for k, scene in enumerate(scenes)]
        large = [picture.resize((256, 256), Image.Resampling.LANCZOS) for picture in pictures]
        make_grid(large).save(folder / f"{item.item_id}.png")
        for row in rows:
            if row[0] == item.item_id:
                lines += [[row[0], str(k), row[3], answer(row[8], scene)] for k, scene in enumerate(scenes)]
    with folder.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def _mistaken(scene: Scene, seed: str, errors: float) -> Scene:
    """`scene`, or with the probability `errors` one in which one thing has another colour, or is gone."""
    from dpg_bench.miniature.dice import Dice
    from dpg_bench.miniature.scene import COLORS

    dice = Dice(seed)
    if not dice.chance(errors):
        return scene
    linked = {kind for link in scene.links for kind in (link.subject, link.object)}
    free = [thing for thing in scene.things if thing.kind not in linked]
    if len(free) > 1 and dice.chance(0.5):
        return replace(scene, things=tuple(thing for thing in scene.things if thing is not free[0]))
    first = scene.things[0]
    other = next(color for color in COLORS if color != first.color)
    return replace(scene, things=(replace(first, color=other), *scene.things[1:]))


def _dpgbench(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dpg_bench", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")


if __name__ == "__main__":
    main()
