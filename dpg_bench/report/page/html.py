"""Scored runs → one HTML file: template, style, script and data in it, nothing fetched from anywhere.

The page's own policy (`Content-Security-Policy`) forbids it to load anything but images that lie beside it, and to
use any script or style but its own, which it names by digest: should a text from outside ever get past the escaping,
it stays dead.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench import __version__
from dpg_bench.report.coverage import prompts_behind
from dpg_bench.report.page.charts import WIDTH
from dpg_bench.report.page.data import json_for_script
from dpg_bench.report.page.score_tables import ProtocolView
from dpg_bench.report.page.settings import provenance_tables
from dpg_bench.report.page.shown_runs import ShownRun, ShownRuns
from dpg_bench.report.page.wording import UNKNOWN, share
from dpg_bench.score.scorecard import StatisticsCard

if TYPE_CHECKING:
    from jinja2 import Environment

_SCRIPTS = (
    *("store.js", "graph.js", "card.js", "gallery.js", "viewer.js"),
    *("csv.js", "links.js", "printing.js", "controls.js"),  # the last one starts the page
)
_PACKAGE = "dpg_bench.report.page"


def shown_runs_to_html(
    shown: ShownRuns, views: Sequence[ProtocolView], data: Mapping[str, Any], *, thumbnails: Any = None
) -> str:
    """The text of the page: `data` is of `page_data`, `thumbnails` are image addresses by run and item."""
    titles = _titles(shown.runs)
    script, style = _script(), page_asset("palette.css") + page_asset("page.css")
    return (
        page_templates()
        .get_template("page.html.j2")
        .render(
            version=__version__,
            title=f"{' against '.join(titles)}{_aside(shown)} – DPG-Bench report",
            runs=[{"letter": run.letter, "title": title} for run, title in zip(shown.runs, titles, strict=True)],
            facts=tuple(_facts(shown)),
            warnings=tuple(_warnings(shown, views)),
            comparable=shown.one_judge,
            coverage_note=_coverage_note(shown),
            views=views,
            unknown=UNKNOWN,
            chart_width=WIDTH,
            category_groups=_category_groups(shown),
            provenance=provenance_tables(shown.runs),
            statistics_note=_statistics_note(shown),
            style=verbatim(style),
            style_hash=content_hash(style),
            script=verbatim(script),
            script_hash=content_hash(script),
            data=verbatim(json_for_script(data)),
            thumbnails=verbatim(json_for_script(thumbnails)) if thumbnails else None,
        )
    )


def page_templates(package: str = _PACKAGE) -> Environment:
    """The templates of the page and its charts, or those of another room; whatever is put into them is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _titles(runs: Sequence[ShownRun]) -> list[str]:
    """The models' names, or the runs' where these tell them apart better."""
    models = [run.judged.card.run.model or run.judged.name for run in runs]
    return models if len(set(models)) == len(models) else [run.judged.name for run in runs]


def _facts(shown: ShownRuns) -> Iterator[str]:
    """What every reader looks for first, of all runs where they agree."""
    cards = [run.judged.card for run in shown.runs]
    name = cards[0].suite.name
    yield f"suite {Path(name).name if name.endswith('.csv') else name}"
    yield f"judge {' / '.join(dict.fromkeys(card.judge.name for card in cards))}"
    for key, words in (("steps", "{} steps"), ("guidance", "guidance {}"), ("size", "{} px"), ("dtype", "{}")):
        values = dict.fromkeys(str(card.run.settings[key]) for card in cards if key in card.run.settings)
        if values:
            yield words.format(" / ".join(values))
    counts = list(dict.fromkeys(card.run.images_per_prompt for card in cards))
    yield f"{' / '.join(map(str, counts))} {'image' if counts == [1] else 'images'} per prompt"


def _warnings(shown: ShownRuns, views: Sequence[ProtocolView]) -> Iterator[str]:
    for run in shown.runs:
        name = f"{run.letter}: " if len(shown.runs) > 1 else ""
        card = run.judged.card
        for warning in card.warnings:
            yield name + warning
        coverage = prompts_behind(run.judged, "corrected") or prompts_behind(run.judged, "official")
        if not card.complete:
            yield f"{name}the run is incomplete, {coverage} are scored; what is missing is listed below the score."
        elif coverage:
            yield f"{name}this is part of the suite alone: {coverage}."
    if not shown.one_judge:
        judges = ", ".join(f"{run.letter} by {run.judged.card.judge.name}" for run in shown.runs)
        yield f"the runs were judged by different judges ({judges}): their scores can't be compared."
    yield from dict.fromkeys(remark for view in views for remark in view.remarks)


def _coverage_note(shown: ShownRuns) -> str:
    """Of how much of the suite the runs' scores are, for those that are not of all."""
    parts = [
        f"{f'{run.letter}: ' if len(shown.runs) > 1 else ''}{coverage}"
        for run in shown.runs
        if (coverage := prompts_behind(run.judged, "corrected"))
    ]
    return f"{'; '.join(parts)}." if parts else ""


def _aside(shown: ShownRuns) -> str:
    note = _coverage_note(shown).removesuffix(".")
    return f" ({note})" if note else ""


def _statistics_note(shown: ShownRuns) -> str:
    statistics = shown.runs[0].judged.card.statistics or StatisticsCard()
    return (
        f"Intervals: {share(statistics.confidence)}, bias-corrected and accelerated bootstrap over prompts, "
        f"{statistics.resamples:,} resamples, seed {statistics.seed}. They say how far the score would move with other "
        "prompts of the same kind; how far it moves with other seeds is the deviation between images."
    )


def _category_groups(shown: ShownRuns) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, None]] = {}
    for prompt in shown.prompts:
        for question in prompt.questions:
            below = groups.setdefault(question.category_broad, {})
            if question.category.partition("-")[2].strip():
                below.setdefault(question.category)
    return [{"name": name, "below": sorted(below)} for name, below in sorted(groups.items())]


def _script() -> str:
    return '"use strict";\n(() => {\n' + "\n".join(page_asset(name) for name in _SCRIPTS) + "})();\n"


def content_hash(text: str) -> str:
    """How a content security policy names a style or script that stands in the page itself."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def page_asset(name: str, package: str = _PACKAGE) -> str:
    """The text of a style or script that ships with the page, or with that of another room."""
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def verbatim(text: str) -> str:
    """Our own style and script, and JSON with its `<` escaped: what must not be escaped for HTML."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - nothing from outside but through `json_for_script`
