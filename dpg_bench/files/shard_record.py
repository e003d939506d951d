"""`shard.json`: which judge a process that shares a judging asks, and about which items all of them are."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dpg_bench.files.durable import disk_errors, write_json
from dpg_bench.files.reading import read_model
from dpg_bench.files.run_folder import ShardDir

SHARD_SCHEMA = 1


class ShardRecord(BaseModel):
    """What the scorecard says of the judge, and the `items` to be scored (None: all of the suite's or run's)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    judge: dict[str, Any]
    items: list[str] | None = None


def read_shard_record(shard: ShardDir) -> ShardRecord | None:
    """What `shard.json` says; None if there is none. Raises BadInputError if it is damaged, or of a newer version."""
    if not shard.record_file.exists():
        return None
    remedy = f"Delete {shard.path} and have its share judged again."
    return read_model(ShardRecord, shard.record_file, newest=SHARD_SCHEMA, remedy=remedy)


def write_shard_record(shard: ShardDir, record: ShardRecord) -> None:
    """Replace `shard.json`, atomically. Raises DpgBenchError if it can't be written."""
    with disk_errors(shard.record_file):
        write_json(shard.record_file, record.model_dump(mode="json", by_alias=True))
