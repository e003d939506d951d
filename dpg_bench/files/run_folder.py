"""The run folder: where everything of a run lies, under which name, and that one process writes at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.durable import disk_errors
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.run_record import RunRecord, read_run_record, write_run_record

RUNS = Path("runs")
"""Where runs go, and are looked for, if nobody says."""

_RECORD = "run.json"
_JUDGEMENTS = "judgements"
_SCORECARD = "scorecard.json"
_LOCK = ".lock"
_LONGEST = 120  # of a judge's folder


@dataclass(frozen=True, slots=True)
class RunDir:
    """The places inside one run folder. Nothing is made until something is written."""

    path: Path

    @property
    def record_file(self) -> Path:
        """What was asked and done."""
        return self.path / _RECORD

    @property
    def source_file(self) -> Path:
        """Which images, made elsewhere, the judgements are about; in place of a run's record."""
        return self.path / "source.json"

    @property
    def images(self) -> Path:
        """The folder of grids."""
        return self.path / "images"

    @property
    def generation_log(self) -> Path:
        """One line per item that was generated or failed."""
        return self.path / "generation.jsonl"

    @property
    def judgements(self) -> Path:
        """The folder that has one folder for each judge."""
        return self.path / _JUDGEMENTS

    @property
    def report(self) -> Path:
        """The page that shows the run."""
        return self.path / "report.html"

    def image(self, item_id: str) -> Path:
        """The grid of an item, PNG."""
        return self.images / f"{file_stem(item_id)}.png"

    def judgement(self, judge: str) -> JudgementDir:
        """The folder of one judge's answers and scorecard."""
        return JudgementDir(self.judgements / judge_folder(judge))

    def judged(self) -> Mapping[str, JudgementDir]:
        """The judgements that are there, scored or not, by judge."""
        folders = sorted(self.judgements.iterdir()) if self.judgements.is_dir() else []
        return {folder.name: JudgementDir(folder) for folder in folders if folder.is_dir()}

    def read_record(self) -> RunRecord | None:
        """What `run.json` says; None if there is none.

        Raises BadInputError if it is damaged, or written by a newer version.
        """
        return read_run_record(self.record_file) if self.record_file.exists() else None

    def write_record(self, record: RunRecord) -> None:
        """Replace `run.json`, atomically. Raises DpgBenchError if the disk is full or can't be written."""
        write_run_record(self.record_file, record)


@dataclass(frozen=True, slots=True)
class JudgementDir:
    """The places inside the folder of one judgement."""

    path: Path

    @property
    def record_file(self) -> Path:
        """What the answers were made with."""
        return self.path / "judgement.json"

    @property
    def answers(self) -> Path:
        """One line per answer."""
        return self.path / "answers.jsonl"

    @property
    def failures(self) -> Path:
        """One line per item that the last run could not judge; not there if there was none."""
        return self.path / "failures.jsonl"

    @property
    def usage(self) -> Path:
        """What asking came to, a line for each call, of a judge that counts it."""
        return self.path / "usage.jsonl"

    @property
    def scorecard(self) -> Path:
        """The scores."""
        return self.path / _SCORECARD

    @property
    def suite(self) -> Path:
        """The prompts and questions that were scored."""
        return self.path / "suite.jsonl"

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that a judgement may consist of, the lock included; the scorecard first."""
        own = (self.scorecard, self.answers, self.failures, self.usage, self.record_file, self.suite)
        return (*own, self.path / _LOCK)

    @property
    def run(self) -> RunDir:
        """The run folder around it."""
        return RunDir(self.path.parent.parent)


def judge_folder(judge: str) -> str:
    """The folder's name of a judge: `vlm:Qwen/Qwen2.5-VL-7B-Instruct` → `vlm-Qwen-Qwen2.5-VL-7B-Instruct`.

    Two judges whose names come to the same are told apart by what `judgement.json` says.
    """
    return re.sub(r"[^\w.@-]+", "-", judge, flags=re.ASCII).strip("-.")[:_LONGEST] or "judge"


def judgement_of(scorecard: Path) -> JudgementDir | None:
    """The judgement that a scorecard file lies in; None for one that was kept elsewhere."""
    folder = scorecard.resolve().parent
    return JudgementDir(folder) if scorecard.name == _SCORECARD and folder.parent.name == _JUDGEMENTS else None


def scored_below(folder: Path) -> Iterator[JudgementDir]:
    """Every judgement with a scorecard at any depth below `folder`, sorted by path."""
    for file in sorted(folder.glob(f"**/{_JUDGEMENTS}/*/{_SCORECARD}")):
        yield JudgementDir(file.parent)


def run_around(path: Path) -> RunDir | None:
    """The run whose folder, or whose folder of images, `path` is; None if it is neither."""
    run = RunDir(path)
    if run.record_file.exists():
        return run
    outer = RunDir(path.resolve().parent)
    return outer if path.resolve() == outer.images and outer.record_file.exists() else None


def runs_in(folder: Path) -> tuple[RunDir, ...]:
    """The runs right below `folder`, the one whose `run.json` changed last at the end."""
    found = sorted(folder.glob(f"*/{_RECORD}"), key=lambda file: file.stat().st_mtime_ns)
    return tuple(RunDir(file.parent) for file in found)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; it is made if needed. Released on leaving, and by the system after a crash.

    Whoever holds it may hold it again within.

    Raises BadInputError if another process holds it, DpgBenchError if the lock can't be had for another reason.
    """
    lock = filelock.FileLock(folder / _LOCK, is_singleton=True)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise BadInputError(
                f"{folder} is in use by another process. Wait until it ends, or choose another folder with "
                f"{option('out')}."
            ) from None
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether another process holds `folder` now. Makes no file."""
    path = folder / _LOCK
    if not path.is_file():
        return False
    lock = filelock.FileLock(path, is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:  # a folder that can't be written to is held by nobody who could write there either
        return False
    lock.release()
    return False
