"""A scored run as Arrow tables: `scores`, `items` and `answers`, each one Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dpg_bench.report.coverage import prompts_behind
from dpg_bench.report.rows import score_rows
from dpg_bench.report.runs import PROTOCOLS, JudgedRun

if TYPE_CHECKING:
    import pyarrow


def run_to_tables(run: JudgedRun) -> dict[str, pyarrow.Table]:
    """The tables by name; see `run_to_dataset_card` for their columns.

    Raises BadInputError if the scorecard is of schema 1, or the answers beside it are damaged.
    """
    import pyarrow

    schemas = {
        "scores": pyarrow.schema(
            [
                ("protocol", pyarrow.string()),
                ("level", pyarrow.int8()),
                ("category", pyarrow.string()),
                *[(name, pyarrow.float64()) for name in ("score", "low", "high")],
                *[(name, pyarrow.int32()) for name in ("prompts", "questions", "prompts_expected", "prompts_in_suite")],
                ("complete", pyarrow.bool_()),
            ]
        ),
        "items": pyarrow.schema(
            [
                ("protocol", pyarrow.string()),
                ("item_id", pyarrow.string()),
                ("score", pyarrow.float64()),
                ("images", pyarrow.list_(pyarrow.float64())),
            ]
        ),
        "answers": pyarrow.schema(
            [
                ("item_id", pyarrow.string()),
                ("image", pyarrow.int32()),
                ("proposition_id", pyarrow.int32()),
                ("yes", pyarrow.bool_()),
                *[(name, pyarrow.string()) for name in ("answer", "question", "image_sha256")],
                ("p_yes", pyarrow.float64()),
            ]
        ),
    }
    rows = {"scores": _score_rows(run), "items": _item_rows(run), "answers": _answer_rows(run)}
    return {name: pyarrow.Table.from_pylist(list(rows[name]), schema=schema) for name, schema in schemas.items()}


def table_to_parquet(table: pyarrow.Table) -> bytes:
    """`table` as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _score_rows(run: JudgedRun) -> Iterator[Mapping[str, Any]]:
    for protocol in PROTOCOLS:
        for row in score_rows(run.card):
            side = row.cards[protocol]
            yield {
                "protocol": protocol,
                "level": row.level,
                "category": row.name,
                "score": side.score,
                "low": side.interval.low if side.interval else None,
                "high": side.interval.high if side.interval else None,
                "prompts": side.prompts,
                "questions": side.questions,
                "prompts_expected": run.protocol(protocol).prompts_expected,
                "prompts_in_suite": run.card.suite.prompts,
                "complete": not prompts_behind(run, protocol),
            }


def _item_rows(run: JudgedRun) -> Iterator[Mapping[str, Any]]:
    for protocol in PROTOCOLS:
        items = run.items(protocol)
        for item_id, score, images in zip(items.item_ids, items.scores, items.images, strict=True):
            yield {"protocol": protocol, "item_id": item_id, "score": float(score), "images": [*map(float, images)]}


def _answer_rows(run: JudgedRun) -> Iterator[Mapping[str, Any]]:
    """The answers as they were given, or where the scorecard is all there is, whether they were yes."""
    if run.answers_file is None:
        for item_id, questions in run.answers.items():
            for proposition_id, images in questions.items():
                for image, yes in enumerate(images):
                    yield {"item_id": item_id, "image": image, "proposition_id": proposition_id, "yes": yes}
        return
    for line in run.answer_lines():
        columns = ("item_id", "image", "proposition_id", "answer", "question", "image_sha256", "p_yes")
        yield {**{name: getattr(line, name) for name in columns}, "yes": line.answer == "yes"}
