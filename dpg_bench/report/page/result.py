"""What `report` is asked for, and what it wrote: the runs read, rendered, and laid down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.outputs import write_outputs
from dpg_bench.report.page.bundle import bundle_files
from dpg_bench.report.page.chart_export import chart_files
from dpg_bench.report.page.data import page_data
from dpg_bench.report.page.html import shown_runs_to_html
from dpg_bench.report.page.image_links import embed_thumbnails, relative_urls
from dpg_bench.report.page.score_tables import ProtocolView, protocol_views
from dpg_bench.report.page.shown_runs import LoadSuite, ShownRuns, load_shown_runs


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a user asks of `report`.

    `paths` are run folders or scorecards, set side by side if there are several. `judge` chooses among several
    judgements of a run, `suite` says where the questions are if not beside the scorecard or under the name they were
    scored with, `images` are folders of images, one per run, that don't lie in the run. `out` is a file or a folder,
    None the first run's; in a folder the page is called `report.html`, or `report-vs-NAME.html` for several. `embed`
    puts thumbnails into the page. `bundle` is a folder that gets the page and its images instead, for a web server;
    `charts` one that gets every chart as SVG and PDF besides. `force` replaces files.
    """

    paths: tuple[Path, ...]
    judge: str | None = None
    suite: str | None = None
    images: tuple[Path, ...] = ()
    out: Path | None = None
    embed: bool = False
    bundle: Path | None = None
    charts: Path | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The page, its size in bytes, how many of its items have images, and the files of its charts."""

    file: Path
    size: int
    items: int
    items_with_images: int
    charts: tuple[Path, ...]


def write_report(request: ReportRequest, *, load_suite: LoadSuite) -> WrittenReport:
    """Read the runs, and write their page. Files that are there already, byte for byte, are left alone.

    Raises BadInputError for runs that can't be shown (`load_shown_runs`), for a file that is there and would change,
    without `force`, and for a `bundle` beside `out` or `embed`; DpgBenchError if the disk is full.
    """
    if request.bundle is not None and (request.out is not None or request.embed):
        raise BadInputError(
            f"{option('bundle')} names the place of page and images itself; leave out {option('out')} and "
            f"{option('embed')}."
        )
    shown = load_shown_runs(
        request.paths, load_suite=load_suite, judge=request.judge, suite=request.suite, images=request.images
    )
    views = protocol_views(shown)
    charts = chart_files(shown, views, request.charts) if request.charts is not None else {}
    if request.bundle is not None:
        file = request.bundle / "index.html"
        contents = bundle_files(shown, views, request.bundle)
    else:
        file = _page_file(shown, request.out)
        contents = {file: _page(shown, views, file, embed=request.embed)}
    write_outputs({**contents, **charts}, force=request.force)
    return WrittenReport(
        file=file,
        size=file.stat().st_size,
        items=len(shown.prompts),
        items_with_images=len({item_id for run in shown.runs for item_id in run.images}),
        charts=tuple(charts),
    )


def standalone_page(run: Path, *, load_suite: LoadSuite) -> bytes:
    """The page of one run with thumbnails in it, which needs no other file.

    Raises BadInputError for a run that can't be shown (`load_shown_runs`).
    """
    shown = load_shown_runs((run,), load_suite=load_suite)
    return _page(shown, protocol_views(shown), run, embed=True)


def _page(shown: ShownRuns, views: tuple[ProtocolView, ...], file: Path, *, embed: bool) -> bytes:
    urls: list[Mapping[str, list[str]]] = [{} if embed else relative_urls(run, file) for run in shown.runs]
    thumbnails = [embed_thumbnails(run) for run in shown.runs] if embed else None
    return shown_runs_to_html(shown, views, page_data(shown, image_urls=urls), thumbnails=thumbnails).encode()


def _page_file(shown: ShownRuns, out: Path | None) -> Path:
    first = shown.runs[0].judged
    home = first.run_dir.path if first.run_dir is not None else first.file.resolve().parent
    file = out if out is not None else home
    if not file.is_dir():
        return file
    others = [run.judged.name for run in shown.runs[1:]]
    return file / (f"report-vs-{file_stem('-'.join(others))}.html" if others else "report.html")
