"""The folder of one judgement: `judgement.json` says which judge it is by, so that no two are ever mixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_json

JUDGEMENT_SCHEMA = 1


class JudgementRecord(BaseModel):
    """`judgement.json`: what decides the answers besides the images and the questions."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    judge_fingerprint: str
    judge: dict[str, Any]
    images_per_prompt: int


@dataclass(frozen=True, slots=True)
class JudgementFolder:
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
    def scorecard(self) -> Path:
        """The scores."""
        return self.path / "scorecard.json"

    def begin(self, record: JudgementRecord, *, fresh: bool) -> None:
        """Make sure that everything in the folder is made with `record`; `fresh` deletes what there is.

        Raises BadInputError, naming both values, if there are answers made with other settings.
        """
        if fresh:
            for file in (self.scorecard, self.answers, self.failures, self.record_file):
                file.unlink(missing_ok=True)
        if self.record_file.exists():
            changes = list(_changes(_read(self.record_file), record))
            if changes:
                raise BadInputError(
                    f"{self.path} holds answers made with other settings: {'; '.join(changes)}. "
                    "Use --fresh to judge anew, or choose another --out."
                )
        else:
            write_json(self.record_file, record.model_dump(mode="json", by_alias=True))


def _read(path: Path) -> JudgementRecord:
    try:
        return JudgementRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["loc"] == ("schema",) and isinstance(problem["input"], int) and problem["input"] > JUDGEMENT_SCHEMA:
            raise BadInputError(
                f"{path} was written by a newer dpg-bench (schema {problem['input']}, this version reads "
                f"{JUDGEMENT_SCHEMA}). Upgrade dpg-bench, or choose another --out."
            ) from None
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise BadInputError(f"{path} is damaged at {where}: {problem['msg']}. Use --fresh to judge anew.") from None


def _changes(then: JudgementRecord, now: JudgementRecord) -> Iterator[str]:
    if then.images_per_prompt != now.images_per_prompt:
        yield f"images per prompt {then.images_per_prompt} then, {now.images_per_prompt} now"
    if then.judge_fingerprint == now.judge_fingerprint:
        return
    old, new = dict(_flat(then.judge)), dict(_flat(now.model_dump(mode="json")["judge"]))
    differing = [key for key in [*old, *(key for key in new if key not in old)] if old.get(key) != new.get(key)]
    for key in differing:
        yield f"{key} {old.get(key, 'absent')} then, {new.get(key, 'absent')} now"
    if not differing:
        yield f"judge fingerprint {then.judge_fingerprint} then, {now.judge_fingerprint} now"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
