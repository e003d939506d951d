"""What `report` is asked for, and what it wrote: the runs read, rendered, and laid down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import disk_errors, write_atomic
from dpg_bench.files.item_names import file_stem
from dpg_bench.report.page.html import shown_runs_to_html
from dpg_bench.report.page.shown_runs import LoadSuite, ShownRuns, load_shown_runs


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a user asks of `report`.

    `paths` are run folders or scorecards, set side by side if there are several. `judge` chooses among several
    judgements of a run, `suite` says where the questions are if not beside the scorecard or under the name they were
    scored with, `images` are folders of images, one per run, that don't lie in the run. `out` is a file or a folder,
    None the first run's; in a folder the page is called `report.html`, or `report-vs-NAME.html` for several. `embed`
    puts thumbnails into the page, `force` replaces a file.
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


def write_report(request: ReportRequest, *, load_suite: LoadSuite) -> WrittenReport:
    """Read the runs, and write their page. A page that is there already, byte for byte, is left alone.

    Raises BadInputError for runs that can't be shown (`load_shown_runs`), and for a file that is there and would
    change, without `force`; DpgBenchError if the disk is full.
    """
    shown = load_shown_runs(
        request.paths, load_suite=load_suite, judge=request.judge, suite=request.suite, images=request.images
    )
    file = request.out if request.out is not None else _home(shown)
    if file.is_dir():
        file /= _default_name(shown)
    content = shown_runs_to_html(shown, page=file, embed=request.embed).encode()
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
        items=len(shown.prompts),
        items_with_images=len({item_id for run in shown.runs for item_id in run.images}),
    )


def _home(shown: ShownRuns) -> Path:
    """The folder of the first run; of its scorecard, where that lies in no run."""
    first = shown.runs[0].judged
    return first.run_dir.path if first.run_dir is not None else first.file.resolve().parent


def _default_name(shown: ShownRuns) -> str:
    others = [run.judged.name for run in shown.runs[1:]]
    return f"report-vs-{file_stem('-'.join(others))}.html" if others else "report.html"
