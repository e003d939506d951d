"""JSON and JSON lines: an object or an object a line for each prompt or question, `{id: text}`, or a list of texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, json_value
from dpg_bench.suite.columns import Record, named_columns

_WRAPPERS = ("prompts", "data", "items", "samples", "records", "rows", "annotations")


def json_records(content: bytes, source: str) -> list[Record]:
    """The records of a file, in order; `source` names it in messages.

    A list of texts gives records of a `prompt` alone, `{id: text}` and `{id: object}` such with the id as `item_id`.
    An object that holds nothing but a list under a usual name (`prompts`, `data`) is that list.

    Raises BadInputError, naming the line, for what is no JSON or has none of these forms.
    """
    text = decoded(content, source)
    if not text.strip():
        raise BadInputError(f"{source} is empty.")
    try:
        value = json_value(text, source)
    except json.JSONDecodeError as error:
        if text.lstrip()[0] == "[" or "\n" not in text.strip():
            raise _no_json(source, error) from None
        return [_record(one, place) for place, one in _lines(text, source)]
    return list(_records(value, source))


def _records(value: Any, source: str) -> Iterator[Record]:
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, only),) = value.items()
        if isinstance(only, list) and name.lower() in _WRAPPERS:
            value = only
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield _record(one, f"{source}, record {index}")
    elif isinstance(value, Mapping) and "text" in named_columns(value) and "item_id" in named_columns(value):
        yield Record(f"{source}, record 0", value)
    elif isinstance(value, Mapping):
        for item_id, one in value.items():
            record = _record(one, f"{source}, '{item_id}'")
            yield Record(record.place, {"item_id": item_id, **record.values})
    else:
        raise BadInputError(f"{source} holds {value!r:.60}, neither a list of records nor an object.")


def _record(value: Any, place: str) -> Record:
    if isinstance(value, str):
        return Record(place, {"prompt": value})
    if isinstance(value, Mapping):
        return Record(place, value)
    raise BadInputError(f"{place}: {value!r:.60} is neither a text nor an object.")


def _lines(text: str, source: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{source}, line {number}"
            try:
                yield place, json_value(line, place)
            except json.JSONDecodeError as error:
                raise _no_json(place, error) from None


def _no_json(place: str, error: json.JSONDecodeError) -> BadInputError:
    return BadInputError(f"{place} is no JSON: {error}.")
