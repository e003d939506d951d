"""`run.json`: everything needed to know what was done, and to do it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dpg_bench.errors import option
from dpg_bench.files.durable import disk_errors, write_json
from dpg_bench.files.reading import read_model

RUN_SCHEMA = 1


class SuiteRecord(BaseModel):
    """Which prompts a run is about: all of a suite's, or the `items` that were chosen.

    `mended` says of every odd place of the suite's file what was made of it.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    source: str
    digest: str
    prompts: int
    items: list[str] | None = None
    mended: list[str] = Field(default_factory=list)


class _Settings(BaseModel):
    """What is read of a run's settings by commands that come after it."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str
    images_per_prompt: int = Field(ge=1, le=10_000)
    size: int | None = Field(default=None, ge=1, le=100_000)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    seeds: list[Annotated[int, Field(ge=0, lt=2**63)]] | None = Field(default=None, max_length=10_000)


class _Device(BaseModel):
    """What is read of a run's device when it goes on."""

    model_config = ConfigDict(extra="allow", strict=True)

    batch_size: int = Field(default=1, ge=1, le=100_000)
    compiled_batch: int | None = Field(default=None, ge=1, le=100_000)


def _fits(form: type[BaseModel]) -> AfterValidator:
    """A check that a mapping has what `form` wants, which leaves the mapping as it is."""

    def check(content: dict[str, Any]) -> dict[str, Any]:
        try:
            form.model_validate(content)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise ValueError(f"{place}: {problem['msg']} (found: {problem['input']!r:.40})") from None
        return content

    return AfterValidator(check)


class TruncatedPrompts(BaseModel):
    """How many of a run's prompts have more tokens than a text encoder reads; the rest of these was cut off."""

    model_config = ConfigDict(extra="forbid")

    encoder: str
    tokens_read: int
    prompts: int
    prompts_in_all: int
    longest: int


Status = Literal["running", "complete", "incomplete", "interrupted"]
"""Of a run: made whole, with items that failed, stopped on the way, or at work."""


class RunRecord(BaseModel):
    """The content of `run.json`.

    `command` is the command line, empty for a run that Python code made. `requested` is what the user gave,
    `defaulted` what was filled in; `settings` is the whole, resolved, that decides the pixels, and `fingerprint` the
    SHA-256 of these and of `generator`, which names the weights by digest. `remarks` is what the libraries said
    meanwhile. `untrained` says that the weights are random. A `status` of `running` that no process works on is a run
    that was killed. The rest is provenance.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    dpg_bench: str
    command: list[str]
    requested: dict[str, Any]
    defaulted: dict[str, Any]
    settings: Annotated[dict[str, Any], _fits(_Settings)]
    fingerprint: str
    suite: SuiteRecord
    generator: dict[str, Any]
    packages: dict[str, str]
    device: Annotated[dict[str, Any], _fits(_Device)]
    git_commit: str | None
    started: str
    finished: str | None = None
    seconds: float = 0.0
    status: Status = "running"
    failed_items: list[str] = Field(default_factory=list)
    remarks: list[str] = Field(default_factory=list)
    truncated_prompts: list[TruncatedPrompts] = Field(default_factory=list)
    untrained: bool = False

    def ended(
        self, status: Status, *, finished: str, seconds: float, failed_items: Iterable[str], remarks: Iterable[str]
    ) -> RunRecord:
        """The record when a process ends that worked on it until `finished`, for `seconds`, and heard `remarks`."""
        changes: dict[str, Any] = {
            "status": status,
            "finished": finished,
            "seconds": round(self.seconds + seconds, 3),
            "failed_items": [*failed_items],
            "remarks": list(dict.fromkeys([*self.remarks, *remarks])),
        }
        return self.model_copy(update=changes)


def settings_fingerprint(settings: Mapping[str, Any], generator: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of all that decides the pixels besides the prompts."""
    content = json.dumps([settings, generator], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def read_run_record(path: Path) -> RunRecord:
    """`run.json` → record.

    Raises BadInputError if the file can't be read or was written by a newer version, DamagedError if it is damaged.
    """
    remedy = (
        "Restore it, or let the command that began the run write it again: finished images are kept. "
        f"{option('fresh', True)} starts over."
    )
    return read_model(RunRecord, path, newest=RUN_SCHEMA, remedy=remedy)


def write_run_record(path: Path, record: RunRecord) -> None:
    """Replace `run.json`, atomically. Raises DpgBenchError if the disk is full or can't be written."""
    with disk_errors(path):
        write_json(path, record.model_dump(mode="json", by_alias=True))
