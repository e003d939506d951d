"""What was set and with what it was made: nested records as rows of text, the runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dpg_bench.files.differences import flattened
from dpg_bench.report.page.shown_runs import ShownRun
from dpg_bench.report.page.wording import UNKNOWN


@dataclass(frozen=True, slots=True)
class ProvenanceRow:
    """A setting: its dotted name, and its value in each run."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs disagree."""
        return len(set(self.values)) > 1


@dataclass(frozen=True, slots=True)
class ProvenanceTable:
    """Settings that belong together."""

    title: str
    rows: tuple[ProvenanceRow, ...]


def provenance_tables(runs: Sequence[ShownRun]) -> tuple[ProvenanceTable, ...]:
    """Everything the runs' records and scorecards say of how they came to be; parts that no run has are left out."""
    parts = [dict(_parts(run)) for run in runs]
    tables = []
    for title in dict.fromkeys(title for part in parts for title in part):
        columns = [_texts(part.get(title, {})) for part in parts]
        names = dict.fromkeys(name for column in columns for name in column)
        rows = tuple(ProvenanceRow(name, tuple(column.get(name, UNKNOWN) for column in columns)) for name in names)
        if rows:
            tables.append(ProvenanceTable(title, rows))
    return tuple(tables)


def _parts(run: ShownRun) -> Iterator[tuple[str, Mapping[str, Any]]]:
    card, record = run.judged.card, run.record
    yield (
        "Settings",
        {
            "run": run.judged.name,
            "model": card.run.model,
            **card.run.settings,
            "images_per_prompt": card.run.images_per_prompt,
            "settings_fingerprint": card.run.settings_fingerprint,
            "untrained": card.run.untrained,
        },
    )
    yield "Suite", card.suite.model_dump(mode="json")
    yield "Judge", card.judge.model_dump(mode="json")
    yield (
        "Scoring",
        {
            "scored_by": f"dpg-bench {card.run.scored_by}",
            "scorecard_schema": card.schema_version,
            "allow_missing": card.run.allow_missing,
            "statistics": card.statistics.model_dump(mode="json") if card.statistics else {},
        },
    )
    if record is not None:
        content = record.model_dump(mode="json")
        yield "Generator", content["generator"]
        run_keys = ("command", "requested", "defaulted", "status", "started", "finished", "seconds", "failed_items")
        yield "Run", {key: content[key] for key in run_keys}
        yield (
            "Software and machine",
            {
                "dpg_bench": content["dpg_bench"],
                "git_commit": content["git_commit"],
                "packages": content["packages"],
                "device": content["device"],
            },
        )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in flattened(values).items()
        if value is not None
    }
