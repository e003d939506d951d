"""The charts of a page as files of their own, SVG and PDF, on light and on dark ground: for papers and slides."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeAlias

from dpg_bench.report.coverage import prompts_behind
from dpg_bench.report.page.charts import WIDTH, Chart, Label
from dpg_bench.report.page.html import page_templates
from dpg_bench.report.page.score_tables import ProtocolView
from dpg_bench.report.page.shown_runs import ShownRuns
from dpg_bench.report.plain_text import visible

Theme: TypeAlias = Literal["light", "dark"]
Palette: TypeAlias = Mapping[str, str]
"""Colours as `#rrggbb`, under the names that `assets/palette.css` gives them."""

_COLOUR = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
_LINE = 16.0  # of the legend
_RUN_COLOURS = 6


@dataclass(frozen=True, slots=True)
class ChartFile:
    """A chart with what the page around it says: which run has which colour, and of how much of the suite it is.

    The legend's lines stand above it, at negative heights, one for each of `runs`; `note` below it.
    """

    chart: Chart
    runs: tuple[str, ...]
    note: str

    @property
    def top(self) -> float:
        """Where the drawing begins."""
        return -8.0 - _LINE * len(self.runs)

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.chart.height + (_LINE + 4 if self.note else 4)


def chart_files(shown: ShownRuns, views: Sequence[ProtocolView], folder: Path) -> dict[Path, bytes]:
    """Every chart under both protocols: `categories-corrected-light.svg`, its `.pdf`, their dark twins, and so on."""
    found = {}
    for view in views:
        for figure in view.figures:
            drawing = ChartFile(figure.chart, _legend(shown), _note(shown, view))
            for theme in ("light", "dark"):
                palette = theme_palette(theme)
                stem = folder / f"{figure.name}-{view.protocol}-{theme}"
                found[stem.with_suffix(".svg")] = chart_to_svg(drawing, palette).encode()
                found[stem.with_suffix(".pdf")] = chart_to_pdf(drawing, palette)
    return found


def theme_palette(theme: Theme) -> Palette:
    """The page's colours on light or on dark ground."""
    style = (files("dpg_bench.report.page") / "assets" / "palette.css").read_text(encoding="utf-8")
    return {name: light if theme == "light" else dark for name, light, dark in _COLOUR.findall(style)}


def chart_to_svg(drawing: ChartFile, palette: Palette) -> str:
    """The chart as a file of its own, its colours written out."""
    template = page_templates().get_template("chart_file.svg.j2")
    # XML has no way to write control characters, which a category's name may hold.
    return visible(template.render(drawing=drawing, palette=palette, width=WIDTH, line=_LINE))


def chart_to_pdf(drawing: ChartFile, palette: Palette) -> bytes:
    """The same as a PDF of one page, its text as text, its fonts embedded; the same chart gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, Rectangle

    chart = drawing.chart
    with mpl.rc_context({"pdf.fonttype": 42, "font.family": "DejaVu Sans", "svg.fonttype": "none"}):
        canvas = Canvas(figsize=(WIDTH / 72, (drawing.bottom - drawing.top) / 72), facecolor=palette["card"])
        axes = canvas.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(drawing.bottom, drawing.top))
        axes.set_axis_off()
        for order, line in enumerate(chart.lines):
            interval = line.role == "interval"
            colour = _run_colour(palette, line.run) if interval and chart.dots else palette[_INK[line.role]]
            dashes = "--" if line.role == "diagonal" else "-"
            axes.add_line(
                Line2D([line.x1, line.x2], [line.y1, line.y2], color=colour, linewidth=1.4 if interval else 0.8)
            ).set(linestyle=dashes, zorder=3 + order / 1e6 if interval else 1)
        for bar in chart.bars:
            colour = _run_colour(palette, bar.run)
            axes.add_patch(Rectangle((bar.x, bar.y), bar.width, bar.height, color=colour, linewidth=0, zorder=2))
        for dot in chart.dots:
            colour = _run_colour(palette, dot.run)
            face = palette["card"] if dot.hollow else colour
            circle = Circle((dot.x, dot.y), dot.radius, facecolor=face, edgecolor=colour, linewidth=1.5 * dot.hollow)
            axes.add_patch(circle).set(zorder=4, alpha=0.45 if dot.faint else 1)
        for label in _labels(drawing):
            axes.text(
                label.x,
                label.y,
                label.text,
                ha={"start": "left", "middle": "center", "end": "right"}[label.anchor],
                va="center_baseline",
                color=palette["soft" if label.role == "tick" else "text"],
                fontsize=11,
                fontweight="bold" if label.role == "value" else "normal",
                parse_math=False,
            )
        for place in range(len(drawing.runs)):
            corner = (2, _legend_height(drawing, place) - 5)
            axes.add_patch(Rectangle(corner, 10, 10, color=_run_colour(palette, place), linewidth=0))
        content = io.BytesIO()
        FigureCanvasPdf(canvas).print_pdf(content, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
        return content.getvalue()


_INK = {"grid": "line", "axis": "gated", "diagonal": "gated", "interval": "text"}


def _labels(drawing: ChartFile) -> Iterator[Label]:
    yield from drawing.chart.labels
    for place, text in enumerate(drawing.runs):
        yield Label(18, _legend_height(drawing, place), text, "start", "name")
    if drawing.note:
        yield Label(4, drawing.chart.height + _LINE / 2, drawing.note, "start")


def _legend_height(drawing: ChartFile, place: int) -> float:
    return drawing.top + 4 + _LINE * (place + 0.5)


def _run_colour(palette: Palette, run: int) -> str:
    return palette[f"run-{run % _RUN_COLOURS}"]


def _legend(shown: ShownRuns) -> tuple[str, ...]:
    if len(shown.runs) == 1:
        return ()
    return tuple(f"{run.letter}  {run.judged.card.run.model or run.judged.name}" for run in shown.runs)


def _note(shown: ShownRuns, view: ProtocolView) -> str:
    parts = [
        f"{f'{run.letter}: ' if len(shown.runs) > 1 else ''}{coverage}"
        for run in shown.runs
        if (coverage := prompts_behind(run.judged, view.protocol))
    ]
    return "; ".join(parts)
