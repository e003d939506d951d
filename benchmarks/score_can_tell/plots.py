"""The page's plots as SVG, light and dark, from the results alone: the same results give the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dpg_bench.files.durable import write_atomic

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one scheme: of text and lines, of the ground, and of the series (after Okabe and Ito, 2008)."""

    ink: str
    faint: str
    ground: str
    series: tuple[str, ...]


LIGHT = Palette("#222222", "#bbbbbb", "#ffffff", ("#0072b2", "#b84a00", "#007a5a", "#a34c86"))
DARK = Palette("#dddddd", "#555555", "#1e2129", ("#56b4e9", "#e69f00", "#2fc79b", "#e08fc0"))
MARKERS = ("o", "s", "^", "D")


def draw_plots(results: Results, folder: Path) -> None:
    """Write every plot into `folder`: `NAME.svg` and `NAME_dark.svg`."""
    for name, plot in PLOTS.items():
        for suffix, palette in (("", LIGHT), ("_dark", DARK)):
            with _style(palette, name):
                file = BytesIO()
                plot(results, palette).savefig(
                    file, format="svg", metadata={"Date": None, "Creator": None, "Description": results_digest(results)}
                )
            write_atomic(folder / f"{name}{suffix}.svg", file.getvalue())


def results_digest(results: Results) -> str:
    """SHA-256 of the results, which every plot carries as its description."""
    return hashlib.sha256(json.dumps(results, sort_keys=True).encode()).hexdigest()


@contextmanager
def _style(palette: Palette, name: str) -> Iterator[None]:
    colors = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), palette.ink
    )
    with mpl.rc_context(
        {
            **colors,
            "figure.facecolor": palette.ground,
            "savefig.facecolor": palette.ground,
            "axes.facecolor": palette.ground,
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "font.family": "sans-serif",
            "font.size": 9,
            "grid.color": palette.faint,
            "grid.linewidth": 0.5,
            "legend.frameon": False,
            "svg.fonttype": "none",
            "svg.hashsalt": name,
        }
    ):
        yield


def _rising(results: Results, palette: Palette) -> Figure:
    """Scores by true share: the judge by every way to score, and judges that err by two."""
    rows = results["rising"]["rows"]
    x = [row["true"] for row in rows]
    figure = Figure(figsize=(8.6, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, title in ((left, "mini-mplug"), (right, "judges that err")):
        axes.plot([0, 100], [0, 100], color=palette.faint, linewidth=4, zorder=0)
        axes.set(title=title, xlabel="share of the graph that is true, %", xlim=(-2, 102), ylim=(-2, 102))
    left.set_ylabel("score")
    for key, color, marker, size in zip(
        ("yes", "corrected", "official", "soft"), palette.series, MARKERS, (9, 6.5, 4.5, 2.5), strict=True
    ):
        label = {"yes": "share of yes, not gated"}.get(key, key)
        left.plot(x, [row[key] for row in rows], marker, color=color, label=label, markersize=size)
    for number, rates in enumerate(results["rising"]["erring"]):
        color, marker = palette.series[number], MARKERS[number]
        for key, line in (("corrected", "-"), ("yes", ":")):
            y = [row["erring"][number][key] for row in rows]
            name = f"{rates['name']}: {'corrected' if key == 'corrected' else 'share of yes'}"
            right.plot(x, y, line, color=color, marker=marker, markersize=3.5, label=name)
    for axes in (left, right):
        axes.legend(loc="upper left" if axes is left else "lower right", fontsize=7.5)
    return figure


def _accuracy(results: Results, palette: Palette) -> Figure:
    """Right answers by category, pictures as drawn and spoiled, where yes and where no is right."""
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, sharex=True)
    names = list(reversed(next(iter(results["accuracy"].values()))))
    for axes, truth, title in ((left, "true", "where yes is right"), (right, "false", "where no is right")):
        _dots(axes, results, palette, names=names, truth=truth)
        axes.set(title=title, xlabel="right answers, %")
    left.set_yticks(range(len(names)), names)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _dots(axes: Axes, results: Results, palette: Palette, *, names: list[str], truth: str) -> None:
    for number, (way, table) in enumerate(results["accuracy"].items()):
        found = [(row, table[name][truth]["right"]) for row, name in enumerate(names) if truth in table[name]]
        axes.plot(
            [right for _, right in found],
            [row + 0.18 * (1.5 - number) for row, _ in found],
            MARKERS[number],
            color=palette.series[number],
            label=way,
            markersize=4.5,
        )


def _coverage(results: Results, palette: Palette) -> Figure:
    """How often intervals hold the score of the whole pool, and the true one."""
    rows = results["coverage"]["rows"]
    figure = Figure(figsize=(6.2, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(95, color=palette.faint, linewidth=4, zorder=0)
    for number, judge in enumerate(dict.fromkeys(row["judge"] for row in rows)):
        own = [row for row in rows if row["judge"] == judge]
        x = [row["prompts"] for row in own]
        color, marker = palette.series[number], MARKERS[number]
        axes.plot(x, [row["overall"] for row in own], "-", marker=marker, color=color, label=f"{judge}: its own score")
        axes.plot(x, [row["truth"] for row in own], ":", marker=marker, color=color, label=f"{judge}: the true score")
    axes.set(xlabel="prompts", ylabel="intervals that hold it, %", xscale="log", ylim=(-3, 103))
    sizes = sorted({row["prompts"] for row in rows})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend(fontsize=7.5, loc="center left")
    return figure


def _differences(results: Results, palette: Palette) -> Figure:
    """The same difference between two models as every judge sees it, and differences that aren't there."""
    figure = Figure(figsize=(8.6, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    seen = list(reversed(results["two models"]))
    left.barh(
        [row["judge"] for row in seen],
        [row["difference"] for row in seen],
        xerr=[1.96 * row["standard error"] for row in seen],
        color=palette.series[0],
        ecolor=palette.ink,
    )
    left.axvline(seen[-1]["difference"], color=palette.ink, linewidth=0.8, linestyle=":")
    left.set(title="two models", xlabel="difference as each judge sees it, corrected")
    spoiled = list(reversed(results["reworked"][1:]))
    middle = [row["difference"] for row in spoiled]
    right.errorbar(
        middle,
        range(len(spoiled)),
        xerr=[
            [value - row["low"] for value, row in zip(middle, spoiled, strict=True)],
            [row["high"] - value for value, row in zip(middle, spoiled, strict=True)],
        ],
        fmt="o",
        color=palette.series[1],
    )
    right.axvline(0, color=palette.ink, linewidth=0.8, linestyle=":")
    right.set_yticks(range(len(spoiled)), [row["pictures"] for row in spoiled])
    right.set(
        title="one model, equally true", xlabel="difference from pictures as drawn", ylim=(-0.5, len(spoiled) - 0.5)
    )
    return figure


PLOTS: Mapping[str, Callable[[Results, Palette], Figure]] = {
    "rising": _rising,
    "accuracy": _accuracy,
    "differences": _differences,
    "coverage": _coverage,
}
