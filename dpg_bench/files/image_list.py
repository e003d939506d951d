"""A list that says which image files are whose: CSV with `item_id`, `file` and perhaps `image`, or JSON.

JSON is `{item: [file, …]}` with the images in order, `{item: file}` with a grid each, or records with the columns of
the CSV, all in one list or one a line. Places of files are relative to the image folder, or whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.image_names import Listing
from dpg_bench.files.reading import decoded, is_file, json_value, parse_json, read_content, read_csv

_FILE = ("file", "path", "image_path", "filename", "file_name")
_FORM = "A list has the columns item_id, file and, for several images of an item, image (its number)"


def read_image_list(path: Path, folder: Path, known: Collection[str]) -> Listing:
    """The files that the list at `path` names, by item; those of items that aren't `known` are extra.

    An item with a single file and no number has a grid.

    Raises BadInputError for a list that can't be read or has another form, and for a file that isn't there.
    """
    listing = Listing()
    entries = list(_entries(path, decoded(read_content(path), str(path))))
    many = {item_id for item_id, count in Counter(item_id for _, item_id, _, _ in entries).items() if count > 1}
    places: Counter[str] = Counter()
    for place, item_id, number, name in entries:
        file = folder / name
        if not is_file(file):
            raise BadInputError(f"{place}: there is no file {file}. Places are relative to {folder}.")
        if item_id not in known:
            listing.extra.append(name)
            continue
        if number is None and item_id in many:
            number = places[item_id]  # noqa: PLW2901 - in the order of the list
            places[item_id] += 1
        listing.add(item_id, number, file)
    return listing


def _entries(path: Path, text: str) -> Iterator[tuple[str, str, int | None, str]]:
    """Where it stands, item id, the image's number if it has one, and the file."""
    if text.lstrip()[:1] in ("{", "["):
        yield from _json_entries(path, text)
        return
    table = read_csv(text, str(path))
    for row in table.rows:
        yield _entry(row.place, row.cells)


def _json_entries(path: Path, text: str) -> Iterator[tuple[str, str, int | None, str]]:
    try:
        content = json_value(text, str(path))
    except json.JSONDecodeError:
        lines = enumerate(text.split("\n"), start=1)
        content = [parse_json(line, f"{path}, line {number}") for number, line in lines if line.strip()]
    if isinstance(content, Mapping) and not any(name in content for name in _FILE):
        for item_id, files in content.items():
            place = f"{path}, '{item_id}'"
            if isinstance(files, str):
                yield place, item_id, None, files
                continue
            if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
                raise BadInputError(f"{place}: {files!r:.60} is neither a file nor a list of files.")
            for number, file in enumerate(files):
                yield place, item_id, number, file
        return
    for index, record in enumerate(content if isinstance(content, list) else [content]):
        place = f"{path}, record {index}"
        if not isinstance(record, Mapping):
            raise BadInputError(f"{place}: {record!r:.60} is no record. {_FORM}.")
        yield _entry(place, record)


def _entry(place: str, cells: Mapping[str, Any]) -> tuple[str, str, int | None, str]:
    column = next((name for name in _FILE if name in cells), None)
    if column is None or "item_id" not in cells:
        raise BadInputError(f"{place}: found {', '.join(map(str, cells))}. {_FORM}.")
    item_id, file, number = (str(cells.get(name, "")).strip() for name in ("item_id", column, "image"))
    if not item_id or not file:
        raise BadInputError(f"{place}: the item id or the file is empty.")
    if number and not (number.isascii() and number.isdigit() and len(number) < 31):
        raise BadInputError(f"{place}: the image is {number[:40]!r}, not a whole number.")
    return place, item_id, int(number) if number else None, file
