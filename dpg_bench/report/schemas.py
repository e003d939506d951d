"""The files of a run folder as JSON Schemas, made from the records that read them, for programs in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from dpg_bench.errors import unknown_name
from dpg_bench.files.answer_lines import AnswerLine
from dpg_bench.files.judgement_record import JudgementRecord
from dpg_bench.files.kept_suite import SUITE_LINE
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.source_record import SourceRecord
from dpg_bench.score.scorecard import CHECKSUM, Scorecard

_RUN = RunDir(Path())
_JUDGEMENT = _RUN.judgement("JUDGE")


@dataclass(frozen=True, slots=True)
class FileForm:
    """A kind of file: its place in a run folder, what it holds in a sentence, and whether each line is a document."""

    form: type[BaseModel] | TypeAdapter[Any]
    place: Path
    summary: str
    lines: bool = False
    beside: Mapping[str, Any] | None = None


class _Untitled(GenerateJsonSchema):
    """Without a title for each field, which would only be its name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - what pydantic calls
        """Never."""
        return False


FORMS: Mapping[str, FileForm] = {
    "answers": FileForm(AnswerLine, _JUDGEMENT.answers, "one line per answer of the judge", lines=True),
    "judgement": FileForm(JudgementRecord, _JUDGEMENT.record_file, "what the answers were made with"),
    "run": FileForm(RunRecord, _RUN.record_file, "what was asked, defaulted and resolved, and with what it was made"),
    "scorecard": FileForm(
        Scorecard, _JUDGEMENT.scorecard, "the scores under both protocols", beside={"checksum": CHECKSUM}
    ),
    "source": FileForm(SourceRecord, _RUN.source_file, "where images made elsewhere lie, and how they were read"),
    "suite": FileForm(SUITE_LINE, _JUDGEMENT.suite, "one line per prompt, with its questions", lines=True),
}


def file_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file of a run folder, or of each of its lines.

    `name` is a key of `FORMS`. The schema says what this version reads; what it writes fits too. Raises BadInputError
    for another name.
    """
    if name not in FORMS:
        raise unknown_name("file format", name, FORMS)
    kind = FORMS[name]
    form = kind.form if isinstance(kind.form, TypeAdapter) else TypeAdapter(kind.form)
    schema = form.json_schema(schema_generator=_Untitled)
    schema.setdefault("properties", {}).update(kind.beside or {})
    if not schema["properties"]:
        del schema["properties"]
    each = "each line of " if kind.lines else ""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"dpg-bench: {each}{kind.place}"}
    return head | {key: value for key, value in schema.items() if key != "title"}
