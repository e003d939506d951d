"""The run folder: where everything of a run lies, under which name, and that one process writes to a file at a time."""

from __future__ import annotations

import errno
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import filelock

from dpg_bench.errors import BadInputError, DpgBenchError, option
from dpg_bench.files.durable import disk_errors, held
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.run_record import RunRecord, read_run_record, write_run_record

logger = logging.getLogger(__name__)

RUNS = Path("runs")
"""Where runs go, and are looked for, if nobody says."""

PATIENCE = 60.0
"""Seconds that a process waits for what others that share a run or a judgement hold for moments."""

_RECORD = "run.json"
_JUDGEMENTS = "judgements"
_SCORECARD = "scorecard.json"
_SHARDS = "shards"
_LOCK = ".lock"
_GENERATION_LOG = "generation.jsonl"
_ANSWERS = "answers.jsonl"
_FAILURES = "failures.jsonl"
_USAGE = "usage.jsonl"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_LONGEST = 120  # of a judge's folder


@dataclass(frozen=True, slots=True)
class JudgingLogs:
    """The logs of a judge's work in a folder: of a whole judgement, or of one process's part in it."""

    path: Path

    @property
    def answers(self) -> Path:
        """One line per answer."""
        return self.path / _ANSWERS

    @property
    def failures(self) -> Path:
        """One line per item that the last run could not judge; not there if there was none."""
        return self.path / _FAILURES

    @property
    def usage(self) -> Path:
        """What asking came to, a line for each call, of a judge that counts it."""
        return self.path / _USAGE


@dataclass(frozen=True, slots=True)
class ShardDir(JudgingLogs):
    """The places inside the folder of one of several processes that share a run or a judgement.

    Nobody else writes there, so that no two processes ever write to one file, on one machine or on many. What it holds
    counts as if it stood in the run's own logs; once all is done it is moved there, and the folder is gone.
    """

    @property
    def generation_log(self) -> Path:
        """One line per item that it generated, or failed to."""
        return self.path / _GENERATION_LOG

    @property
    def record_file(self) -> Path:
        """Which judge it was, for who makes the scorecard without loading it."""
        return self.path / "shard.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that it may consist of, the lock included."""
        logs = (self.generation_log, self.answers, self.failures, self.usage)
        return (*logs, self.record_file, self.path / _LOCK)

    def remove(self) -> None:
        """Delete it; what isn't of this program stays. Raises OSError if it can't be."""
        for file in self.files:
            file.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def shards_in(folder: Path) -> tuple[ShardDir, ...]:
    """The folders of processes in the folder `shards`, by name; none if it isn't there."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return tuple(ShardDir(one) for one in found if one.is_dir() and not one.is_symlink())


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
    def single_images(self) -> Path:
        """Images of items that aren't whole yet, of models whose images are dear; gone when all items are."""
        return self.path / "unfinished"

    @property
    def generation_log(self) -> Path:
        """One line per item that was generated or failed."""
        return self.path / _GENERATION_LOG

    @property
    def shards(self) -> Path:
        """The folder that has one folder for each of several processes that share the run."""
        return self.path / _SHARDS

    def shard(self, name: str) -> ShardDir:
        """The folder of one of these processes."""
        return ShardDir(self.shards / name)

    @property
    def generation_logs(self) -> tuple[Path, ...]:
        """The run's own log, there or not, and those of the processes that share it."""
        return (self.generation_log, *(shard.generation_log for shard in shards_in(self.shards)))

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
class JudgementDir(JudgingLogs):
    """The places inside the folder of one judgement."""

    @property
    def begun(self) -> bool:
        """Whether there is more than locks: a judge that couldn't be loaded, or fetched, leaves no judgement."""
        return any(file.is_file() and file.name != _LOCK for file in self.path.rglob("*"))

    @property
    def record_file(self) -> Path:
        """What the answers were made with."""
        return self.path / "judgement.json"

    @property
    def scorecard(self) -> Path:
        """The scores."""
        return self.path / _SCORECARD

    @property
    def suite(self) -> Path:
        """The prompts and questions that were scored."""
        return self.path / "suite.jsonl"

    @property
    def shards(self) -> Path:
        """The folder that has one folder for each of several processes that share the judging."""
        return self.path / _SHARDS

    def shard(self, name: str) -> ShardDir:
        """The folder of one of these processes."""
        return ShardDir(self.shards / name)

    @property
    def answer_logs(self) -> tuple[Path, ...]:
        """The judgement's own answers, there or not, and those of the processes that share it."""
        return (self.answers, *(shard.answers for shard in shards_in(self.shards)))

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
    found = sorted(folder.glob(f"*/{_RECORD}"), key=lambda file: file.lstat().st_mtime_ns)
    return tuple(RunDir(file.parent) for file in found)


@contextmanager
def lock_folder(folder: Path, *, wait: float = 0) -> Iterator[None]:
    """Hold `folder` for this process; it is made if needed. Released on leaving, and by the system after a crash.

    Whoever holds it may hold it again within. `wait` are the seconds that another process is waited for.

    Raises BadInputError if another process holds it, DpgBenchError if the lock can't be had for another reason.
    """
    lock = filelock.FileLock(folder / _LOCK, is_singleton=True)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _acquire(lock, wait)
        except filelock.Timeout:
            raise BadInputError(
                f"{folder} is in use by another process. Wait until it ends, or choose another folder with "
                f"{option('out')}."
            ) from None
    try:
        with held(folder / _LOCK):
            yield
    finally:
        lock.release()


def _acquire(lock: filelock.BaseFileLock, wait: float) -> None:
    """Acquire it; where the file system knows no flock, by a file that is there as long as it is held."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="flock not supported", category=UserWarning)
            lock.acquire(timeout=wait)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise DpgBenchError(
            f"{Path(lock.lock_file).parent} lies on a file system that gives no locks ({error}), so that nobody could "
            "tell who is at work there. Have it mounted with them (NFS: with lockd; Lustre: -o flock), or choose "
            f"another {option('out')}: a folder elsewhere, or an s3:// URL."
        ) from None
    if isinstance(lock, filelock.SoftFileLock):
        _tell_of_marks()


@cache
def _tell_of_marks() -> None:
    logger.warning(
        "The file system knows no flock: a file .lock marks instead who is at work in a folder. If a process was "
        "killed on another machine, delete the one that it left."
    )


@contextmanager
def lock_alone(folder: Path) -> Iterator[None]:
    """`lock_folder` for who shares the run or judgement in `folder` with nobody.

    Raises BadInputError if one of several processes that share it is at work too, and what `lock_folder` raises.
    """
    with lock_folder(folder):
        for shard in shards_in(folder / _SHARDS):
            if is_held(shard.path):
                raise BadInputError(
                    f"{folder} is in use by another process, which does a share of it ({shard.path}). Wait until it "
                    f"ends, or choose another folder with {option('out')}."
                )
        yield


def is_held(folder: Path) -> bool:
    """Whether another process holds `folder` now. Makes no file."""
    path = folder / _LOCK
    if not path.is_file():
        return False
    lock = filelock.FileLock(path, is_singleton=True)
    try:
        _acquire(lock, 0)
    except filelock.Timeout:
        return True
    except (OSError, DpgBenchError):  # a folder that can't be written to is held by nobody who could write there either
        return False
    lock.release()
    return False
