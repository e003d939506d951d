"""The run folder: where everything of a run lies, what its `run.json` says, and that one process writes at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import filelock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.files.durable import write_json
from dpg_bench.files.item_names import file_stem

RUN_SCHEMA = 1


class SuiteRecord(BaseModel):
    """Which prompts a run is about: all of a suite's, or the `items` that `--limit` or `--items` chose.

    `mended` says of every odd place of the suite's file what was made of it.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    source: str
    digest: str
    prompts: int
    items: list[str] | None = None
    mended: list[str] = Field(default_factory=list)


class RunRecord(BaseModel):
    """`run.json`: everything needed to know what was done, and to do it again.

    `requested` is what the user gave, `defaulted` what was filled in; `settings` is the whole, resolved, that
    decides the pixels, and `fingerprint` the SHA-256 of these and of `generator`, which names the weights by digest.
    `untrained` says that the weights are random. A `status` of `running` that no process works on is a run that was
    killed. The rest is provenance.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    dpg_bench: str
    command: list[str]
    requested: dict[str, Any]
    defaulted: dict[str, Any]
    settings: dict[str, Any]
    fingerprint: str
    suite: SuiteRecord
    generator: dict[str, Any]
    packages: dict[str, str]
    device: dict[str, Any]
    git_commit: str | None
    started: str
    finished: str | None = None
    seconds: float = 0.0
    status: Literal["running", "complete", "incomplete", "interrupted"] = "running"
    failed_items: list[str] = Field(default_factory=list)
    untrained: bool = False


@dataclass(frozen=True, slots=True)
class RunDir:
    """The places inside one run folder. Nothing is made until something is written."""

    path: Path

    @property
    def record_file(self) -> Path:
        """`run.json`."""
        return self.path / "run.json"

    @property
    def images(self) -> Path:
        """The folder of grids."""
        return self.path / "images"

    @property
    def generation_log(self) -> Path:
        """One line per item that was generated or failed."""
        return self.path / "generation.jsonl"

    def image(self, item_id: str) -> Path:
        """The grid of an item, PNG."""
        return self.images / f"{file_stem(item_id)}.png"

    def judgement(self, judge: str) -> Path:
        """The folder of one judge's answers and scorecard."""
        return self.path / "judgements" / judge

    def read_record(self) -> RunRecord | None:
        """What `run.json` says; None if there is none.

        Raises BadInputError if it is damaged, or written by a newer version.
        """
        return read_run_record(self.record_file) if self.record_file.exists() else None

    def write_record(self, record: RunRecord) -> None:
        """Replace `run.json`, atomically. Raises DpgBenchError if the disk is full or can't be written."""
        with disk_errors(self.record_file):
            write_json(self.record_file, record.model_dump(mode="json", by_alias=True))


def read_run_record(path: Path) -> RunRecord:
    """`run.json` → record.

    Raises BadInputError if the file is damaged or was written by a newer version.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return RunRecord.model_validate_json(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} can't be read: {error}.") from None
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["loc"] == ("schema",) and isinstance(problem["input"], int) and problem["input"] > RUN_SCHEMA:
            raise BadInputError(
                f"{path} was written by a newer dpg-bench: its schema is {problem['input']}, this version reads "
                f"{RUN_SCHEMA}. Upgrade dpg-bench, or choose another --out."
            ) from None
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise BadInputError(
            f"{path} is damaged at {where}: {problem['msg']}. Restore it, or start over with --fresh."
        ) from None


def newest_run(runs: Path) -> RunDir | None:
    """The run under `runs` whose `run.json` changed last; None if there is none."""
    found = sorted(runs.glob("*/run.json"), key=lambda file: file.stat().st_mtime_ns)
    return RunDir(found[-1].parent) if found else None


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; it is made if needed. Released on leaving, and by the system after a crash.

    Raises BadInputError if another process holds it.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise BadInputError(
            f"{folder} is in use by another process. Wait until it ends, or choose another folder with --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a failed write below `path` (disk full, no permission) into one clear DpgBenchError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DpgBenchError(
                f"The disk is full: {path} can't be written. What was finished is kept; "
                "free some space and run the same command again to continue."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
            raise BadInputError(
                f"{path} can't be written: {error.strerror}. Choose another folder with --out."
            ) from error
        raise
