"""Files into checked content: records that say where they are damaged or that they are newer, and rows of CSV."""

from __future__ import annotations

import codecs
import csv
import json
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dpg_bench.errors import BadInputError, DamagedError, option
from dpg_bench.files.formulas import unguarded

Model = TypeVar("Model", bound=BaseModel)

_SHOWN = 80
LARGE = 1 << 28
"""Bytes of what may hold the answers of ten full runs."""
_LARGEST = 1 << 26
"""Bytes of any other file that is read at once: its records may take twenty times as much."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_MOST_BRACKETS = 2000
_MOST_ALIASES = 1000
"""Of a YAML file: each may stand for all that others stand for."""
_LARGEST_YAML = 1 << 19  # bytes; PyYAML reads some hundred thousand a second
_LONG_NUMBER = re.compile(r"[-+0-9a-fA-F_xob.:]{1000,}")


def is_file(path: Path) -> bool:
    """Whether there is a file at `path`; not where the name is too long, at which `Path.is_file` raises."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_dir(path: Path) -> bool:
    """Whether there is a folder at `path`; not where the name is too long."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_content(path: Path, *, pipe: bool = False, most: int = _LARGEST) -> bytes:
    """All bytes of a file; `pipe` lets it be a pipe that the user named, which nothing in a folder should be.

    Raises BadInputError if it can't be read, is a folder or a device, or has more than `most` bytes, 64 MiB.
    """
    try:
        status = path.stat()
        mode = status.st_mode
        if not stat.S_ISREG(mode) and not (pipe and stat.S_ISFIFO(mode)):
            raise BadInputError(f"{path} is no file but {'a folder' if stat.S_ISDIR(mode) else 'a device or a pipe'}.")
        if status.st_size > most:
            raise _too_large(f"{path} has {status.st_size} bytes,", most)
        with path.open("rb") as file:
            return read_stream(file, str(path), most=most)
    except OSError as error:
        raise BadInputError(f"{path} can't be read: {error.strerror or error}.") from None


def read_stream(stream: IO[bytes], place: str, *, most: int = _LARGEST) -> bytes:
    """All bytes of a stream, such as standard input; raises BadInputError if it has more than `most`."""
    content = stream.read(most + 1)
    if len(content) > most:
        raise _too_large(f"{place} has", most)
    return content


def _too_large(found: str, most: int) -> BadInputError:
    return BadInputError(f"{found} more than the {most >> 20} MiB that are read of such a file.")


def decoded(content: bytes, place: str) -> str:
    """UTF-8 bytes as text, or UTF-16 with its byte order mark, as spreadsheets save it; `place` is for the message.

    Raises BadInputError, with the line, for anything else.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise BadInputError(f"{place} begins as UTF-16 but is none. Save the file as UTF-8.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInputError(
            f"{place}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        ) from None


def text_lines(text: str) -> Iterator[str]:
    """The lines with their ends, one at a time: a list of all would take twenty times the text's memory.

    `splitlines` also ends lines at characters that stand within texts.
    """
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def read_yaml(content: bytes, place: str) -> Any:
    """What YAML text says, read safely: no objects, no more than 1,000 aliases, no merging (`<<`), 512 KiB at most.

    Raises BadInputError for anything else.
    """
    if len(content) > _LARGEST_YAML:
        raise BadInputError(f"{place} has {len(content)} bytes, more than the {_LARGEST_YAML >> 10} KiB read of YAML.")
    text = decoded(content, place)
    try:
        if text.count("[") + text.count("{") > _MOST_BRACKETS:  # the parser's time grows with their square
            raise BadInputError(f"{place} has more than {_MOST_BRACKETS} brackets.")
        aliases = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            aliases += isinstance(event, yaml.AliasEvent)
            plain = event.value if isinstance(event, yaml.ScalarEvent) and event.style is None else ""
            if plain == "<<":  # what is merged again and again doubles each time
                raise BadInputError(f"{place} merges mappings (<<), which is not read. Write their entries out.")
            if _LONG_NUMBER.fullmatch(plain):
                raise BadInputError(f"{place} can't be read as YAML: {plain[:20]}… has {len(plain)} characters.")
        if aliases > _MOST_ALIASES:
            raise BadInputError(f"{place} has more than {_MOST_ALIASES} aliases.")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInputError(f"{place} can't be read as YAML: {' '.join(str(error).split())[:300]}") from None


def read_json(content: bytes, place: str) -> Any:
    """What JSON says; raises BadInputError as `decoded` and `parse_json` do."""
    return parse_json(decoded(content, place), place)


def parse_json(text: str, place: str) -> Any:
    """What JSON text says.

    Raises BadInputError if it is none, is nested too deeply, holds numbers of thousands of digits or half a character,
    or names a key twice in one object.
    """
    try:
        return json_value(text, place)
    except json.JSONDecodeError as error:
        raise BadInputError(f"{place} can't be read as JSON: {error}.") from None


def json_value(text: str, place: str) -> Any:
    """As `parse_json`, but raises json.JSONDecodeError for what is no JSON, and may be several lines of it."""
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError:
        raise
    except _DoubledKeyError as error:
        raise BadInputError(f"{place}: {error}. Rename or delete one of them.") from None
    except RecursionError:
        raise BadInputError(f"{place} can't be read as JSON: it is nested too deeply.") from None
    except ValueError as error:
        raise BadInputError(f"{place} can't be read as JSON: {str(error).partition(';')[0]}.") from None
    if found := _HALF_CHARACTER.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadInputError(f"{place} holds half a character, such as {found[0]}, which is no text.") from None
    return value


class _DoubledKeyError(Exception):
    """An object of JSON names a key twice, so that programs differ in what they read."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        doubled, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _DoubledKeyError(f"'{doubled}' is there {count} times")
    return value


def read_model(form: type[Model], path: Path, *, newest: int | None = None, remedy: str = "") -> Model:
    """The record that a JSON file holds; for `newest` and `remedy` see `validated`.

    Raises BadInputError if it can't be read, and what `validated` raises.
    """
    return validated(form, read_content(path), str(path), newest=newest, remedy=remedy)


def validated(
    form: type[Model],
    content: bytes | str | Mapping[str, Any],
    place: str,
    *,
    newest: int | None = None,
    remedy: str = "",
) -> Model:
    """`content`, JSON text or what was parsed already, as a record.

    `place` (a file, or a line of one) is where it was read, `newest` the highest number that the record's field
    `schema` may have, and `remedy` a sentence that says what to do about damage.

    Raises BadInputError if it was written by a newer version, DamagedError if it is no JSON, or is damaged, naming the
    field.
    """
    try:
        if not isinstance(content, bytes | str):
            return form.model_validate(content)
        record = form.model_validate_json(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        schema = next((one["input"] for one in problems if one["loc"] == ("schema",)), None)
        if newest is not None and isinstance(schema, int) and schema > newest:
            raise BadInputError(newer(place, schema, newest)) from None
        first = problems[0]
        where = ".".join(str(part) for part in first["loc"])
        found = f" (found: {first['input']!r:.{_SHOWN}})" if isinstance(first["input"], str | int | float) else ""
        raise DamagedError(
            f"{place} is damaged{f' at {where!r}' if where else ''}: {first['msg']}{found if where else ''}."
            f"{f' {remedy}' if remedy else ''}"
        ) from None
    try:
        json.loads(content, object_pairs_hook=_object)
    except _DoubledKeyError as error:
        raise DamagedError(f"{place} is damaged: {error}.{f' {remedy}' if remedy else ''}") from None
    except (ValueError, RecursionError):  # in what this version doesn't know and didn't look at
        pass
    return record


def newer(place: str, found: int, newest: int) -> str:
    """The message about a file whose schema this version doesn't know."""
    return (
        f"{place} was written by a newer dpg-bench: its schema is {found}, this version reads up to {newest}. "
        f"Upgrade dpg-bench, or choose another {option('out')}."
    )


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row below the header, which is row 1. `place` says where it was read (`my.csv, row 7`)."""

    number: int
    place: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file's header, and its rows as they are asked for."""

    header: tuple[str, ...]
    rows: Iterator[CsvRow]


def read_csv(text: str, source: str, *, strict: bool = True, delimiter: str = ",") -> CsvTable:
    """CSV text; `source` names the file in messages.

    Rows are counted as spreadsheets count them: the header is row 1, and blank lines don't count. `strict` refuses
    stray quotes. The apostrophe before what would be a formula (`dpg_bench.files.formulas`) is taken away.

    Raises BadInputError, naming file and row, for text without a header, a column that is there twice, quotes that
    don't fit and, when its turn comes, a row with another number of cells than the header.
    """
    reader = csv.reader(_lines(text), strict=strict, delimiter=delimiter)
    lines = _numbered(reader, source)
    first = next(lines, None)
    if first is None:
        raise BadInputError(f"{source} is empty. Its first row must name the columns.")
    header = tuple(name.strip() for name in first[1])
    names = Counter(name.casefold() for name in header)
    if doubled := next((name for name, count in names.items() if name and count > 1), None):
        raise BadInputError(
            f"{source}, row 1: the column '{doubled}' is there {names[doubled]} times. Rename or delete "
            "the one that doesn't hold."
        )
    return CsvTable(header, _rows(lines, header, source))


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends, one at a time: a `StringIO` would take four bytes for every character at once."""
    start = 0
    for end in _LINE_END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    if start < len(text):
        yield text[start:]


def _numbered(reader: Any, source: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                number += 1
                yield number, cells
    except csv.Error as error:
        raise BadInputError(f"{source}, row {number + 1} (near line {reader.line_num}): bad CSV, {error}.") from None


def _rows(lines: Iterator[tuple[int, list[str]]], header: tuple[str, ...], source: str) -> Iterator[CsvRow]:
    for number, cells in lines:
        place = f"{source}, row {number}"
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            raise BadInputError(
                f"{place}: it has {len(cells)} cells, the header has {len(header)} columns. "
                "A cell that holds a comma must stand in double quotes."
            )
        yield CsvRow(number, place, dict(zip(header, map(unguarded, cells[: len(header)]), strict=True)))
