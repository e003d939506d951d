"""`judgement.json` says what the answers of a judgement were made with, so that no two judges' are ever mixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.differences import find_differences
from dpg_bench.files.durable import write_json
from dpg_bench.files.reading import read_model
from dpg_bench.files.run_folder import JudgementDir

JUDGEMENT_SCHEMA: Literal[2] = 2


class JudgementRecord(BaseModel):
    """What decides the answers besides the images.

    `tiles` says by the size of a file ("64x64") how it was cut into images, in words. For answers from elsewhere,
    `judge_fingerprint` is the SHA-256 of their file where it names no judge. Schema 1 had no `suite_digest`.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1, 2] = Field(default=JUDGEMENT_SCHEMA, alias="schema")
    judge_fingerprint: str
    judge: dict[str, Any]
    images_per_prompt: int
    suite_digest: str | None = None
    tiles: dict[str, str] = Field(default_factory=dict)


def read_judgement_record(path: Path) -> JudgementRecord:
    """`judgement.json` → record.

    Raises BadInputError if the file can't be read, is damaged or was written by a newer version.
    """
    remedy = f"Use {option('fresh', True)} to judge anew."
    return read_model(JudgementRecord, path, newest=JUDGEMENT_SCHEMA, remedy=remedy)


def begin_judgement(place: JudgementDir, record: JudgementRecord, *, fresh: bool) -> None:
    """Make sure that everything in the folder is made with `record`; `fresh` deletes what there is.

    Raises BadInputError, naming both values, if there are answers made with other settings.
    """
    if fresh:
        for file in (place.scorecard, place.answers, place.failures, place.usage, place.record_file):
            file.unlink(missing_ok=True)
    if place.record_file.exists():
        before = read_judgement_record(place.record_file)
        changes = list(_changes(before, record))
        if changes:
            raise BadInputError(
                f"{place.path} holds answers made with other settings: {'; '.join(changes)}. "
                f"Start over with {option('fresh', True)}, or choose another {option('out')}."
            )
        record = record.model_copy(update={"tiles": {**before.tiles, **record.tiles}})
        if record.tiles == before.tiles:
            return
    write_json(place.record_file, record.model_dump(mode="json", by_alias=True))


def _changes(then: JudgementRecord, now: JudgementRecord) -> Iterator[str]:
    if then.images_per_prompt != now.images_per_prompt:
        yield f"images per prompt was {then.images_per_prompt}, now {now.images_per_prompt}"
    for size, tiles in now.tiles.items():
        if then.tiles.get(size, tiles) != tiles:
            yield f"files of {size} px were {then.tiles[size]}, now {tiles}"
    if then.suite_digest is not None and now.suite_digest not in (None, then.suite_digest):
        yield f"suite digest was {then.suite_digest[:12]}, now {(now.suite_digest or '')[:12]}"
    if then.judge_fingerprint == now.judge_fingerprint:
        return
    changed = find_differences(then.judge, now.model_dump(mode="json")["judge"])
    yield from map(str, changed)
    if not changed:
        yield f"judge fingerprint was {then.judge_fingerprint}, now {now.judge_fingerprint}"
