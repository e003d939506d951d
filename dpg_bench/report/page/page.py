"""Scored runs → one HTML file: template, style, script and data in it, nothing fetched from anywhere.

The page's own policy (`Content-Security-Policy`) forbids it to load anything but images from disk, and to run any
script but its own, which it names by digest: should a text from outside ever get past the escaping, it stays dead.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from dpg_bench import __version__
from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.run_folder import disk_errors
from dpg_bench.report.page.charts import WIDTH
from dpg_bench.report.page.image_links import embed_thumbnails, relative_urls
from dpg_bench.report.page.page_data import json_for_script, page_data
from dpg_bench.report.page.provenance import provenance_tables
from dpg_bench.report.page.score_rows import ProtocolView, protocol_view
from dpg_bench.report.page.shown_runs import ReportRun, Subject, load_subject
from dpg_bench.report.page.wording import UNKNOWN, share
from dpg_bench.score.scorecard import StatisticsCard

_SCRIPTS = ("store.js", "graph.js", "card.js", "gallery.js", "controls.js")
_PACKAGE = "dpg_bench.report.page"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a user asks of `report`.

    `paths` are run folders or scorecards, set side by side if there are several. `judge` chooses among several
    judgements of a run, `suite` says where the questions are if not under the name they were scored with, `images`
    are folders of images, one per run, that don't lie in the run. `out` is a file or a folder, None the first run's;
    in a folder the page is called `report.html`, or `report-vs-NAME.html` for several. `embed` puts thumbnails
    into the page, `force` replaces a file.
    """

    paths: tuple[Path, ...]
    judge: str | None = None
    suite: str | None = None
    images: tuple[Path, ...] = ()
    out: Path | None = None
    embed: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The page, its size in bytes, and how many of its items have images."""

    file: Path
    size: int
    items: int
    items_with_images: int


def write_report(request: ReportRequest) -> WrittenReport:
    """Read the runs, and write their page. A page that is there already, byte for byte, is left alone.

    Raises BadInputError for runs that can't be shown (`load_subject`), and for a file that is there and would
    change, without `force`; DpgBenchError if the disk is full.
    """
    subject = load_subject(request.paths, judge=request.judge, suite=request.suite, images=request.images)
    file = request.out if request.out is not None else _home(subject)
    if file.is_dir():
        file /= _default_name(subject)
    content = render_page(subject, page=file, embed=request.embed).encode()
    if not file.exists() or request.force or file.read_bytes() != content:
        if file.exists() and not request.force:
            raise BadInputError(
                f"{file} is there already and would change. Replace it with --force, or name another file with --out."
            )
        with disk_errors(file):
            write_atomic(file, content)
    return WrittenReport(
        file=file,
        size=len(content),
        items=len(subject.prompts),
        items_with_images=len({item_id for run in subject.runs for item_id in run.images}),
    )


def render_page(subject: Subject, *, page: Path, embed: bool = False) -> str:
    """The text of the page that is to be the file `page`: images are named by their place as seen from there."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(_PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    views = tuple(protocol_view(subject, protocol) for protocol in ("corrected", "official"))
    titles = _titles(subject.runs)
    script = _script()
    none: list[Mapping[str, Sequence[str]]] = [{} for _ in subject.runs]
    urls = none if embed else [relative_urls(run, page) for run in subject.runs]
    data = page_data(subject, urls)
    thumbnails = [embed_thumbnails(run) for run in subject.runs] if embed else None
    return environment.get_template("page.html.j2").render(
        version=__version__,
        title=f"{' against '.join(titles)} – DPG-Bench report",
        runs=[{"letter": run.letter, "title": title} for run, title in zip(subject.runs, titles, strict=True)],
        facts=tuple(_facts(subject)),
        warnings=tuple(_warnings(subject, views)),
        comparable=subject.one_judge,
        views=views,
        unknown=UNKNOWN,
        chart_width=WIDTH,
        category_groups=_category_groups(subject),
        provenance=provenance_tables(subject.runs),
        statistics_note=_statistics_note(subject),
        style=_verbatim(_asset("page.css")),
        script=_verbatim(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        data=_verbatim(json_for_script(data)),
        thumbnails=_verbatim(json_for_script(thumbnails)) if thumbnails else None,
    )


def _home(subject: Subject) -> Path:
    """The folder of the first run; of its scorecard, where that lies in no run."""
    first = subject.runs[0].judged
    return first.run_dir.path if first.run_dir is not None else first.file.resolve().parent


def _default_name(subject: Subject) -> str:
    others = [run.judged.name for run in subject.runs[1:]]
    return f"report-vs-{file_stem('-'.join(others))}.html" if others else "report.html"


def _titles(runs: Sequence[ReportRun]) -> list[str]:
    """The models' names, or the runs' where these tell them apart better."""
    models = [run.judged.card.run.model or run.judged.name for run in runs]
    return models if len(set(models)) == len(models) else [run.judged.name for run in runs]


def _facts(subject: Subject) -> Iterator[str]:
    """What every reader looks for first, of all runs where they agree."""
    cards = [run.judged.card for run in subject.runs]
    name = cards[0].suite.name
    yield f"suite {Path(name).name if name.endswith('.csv') else name}"
    yield f"judge {' / '.join(dict.fromkeys(card.judge.name for card in cards))}"
    for key, words in (("steps", "{} steps"), ("guidance", "guidance {}"), ("size", "{} px"), ("dtype", "{}")):
        values = dict.fromkeys(str(card.run.settings[key]) for card in cards if key in card.run.settings)
        if values:
            yield words.format(" / ".join(values))
    yield f"{' / '.join(dict.fromkeys(str(card.run.images_per_prompt) for card in cards))} images per prompt"


def _warnings(subject: Subject, views: Sequence[ProtocolView]) -> Iterator[str]:
    for run in subject.runs:
        name = f"{run.letter}: " if len(subject.runs) > 1 else ""
        card = run.judged.card
        for warning in card.warnings:
            yield name + warning
        if card.protocols.corrected.partial:
            yield f"{name}this is part of the suite alone: {card.protocols.corrected.partial}."
        if not card.complete:
            yield f"{name}the run is incomplete; what is missing is listed below the score."
    if not subject.one_judge:
        judges = ", ".join(f"{run.letter} by {run.judged.card.judge.name}" for run in subject.runs)
        yield f"the runs were judged by different judges ({judges}): their scores can't be compared."
    yield from dict.fromkeys(remark for view in views for remark in view.remarks)


def _statistics_note(subject: Subject) -> str:
    statistics = subject.runs[0].judged.card.statistics or StatisticsCard()
    return (
        f"Intervals: {share(statistics.confidence)}, bias-corrected and accelerated bootstrap over prompts, "
        f"{statistics.resamples:,} resamples, seed {statistics.seed}. They say how far the score would move with other "
        "prompts of the same kind; how far it moves with other seeds is the deviation between images."
    )


def _category_groups(subject: Subject) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, None]] = {}
    for prompt in subject.prompts:
        for question in prompt.questions:
            below = groups.setdefault(question.category_broad, {})
            if question.category.partition("-")[2].strip():
                below.setdefault(question.category)
    return [{"name": name, "below": sorted(below)} for name, below in sorted(groups.items())]


def _script() -> str:
    return '"use strict";\n(() => {\n' + "\n".join(_asset(name) for name in _SCRIPTS) + "})();\n"


def _asset(name: str) -> str:
    return (files(_PACKAGE) / "assets" / name).read_text(encoding="utf-8")


def _verbatim(text: str) -> str:
    """Our own style and script, and JSON with its `<` escaped: what must not be escaped for HTML."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - nothing from outside but through `json_for_script`
