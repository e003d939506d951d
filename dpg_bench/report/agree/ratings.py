"""People's ratings of images: a table of item, image, rater and rating, in the usual columns or in those of DSG's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, parse_json, read_content, read_csv
from dpg_bench.judge.imported.dsg import whole_number

_NAMES = {
    "item": ("item_id", "item", "prompt_id", "id"),
    "model": ("model", "t2i_model", "run"),
    "image": ("image", "image_index", "image_id"),
    "rater": ("rater", "rater_id", "worker_id", "worker", "annotator"),
    "rating": ("rating", "answer", "score", "likert"),
}
_NEEDED = ("item", "rater", "rating")
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class Rating:
    """What one person gave one image, or, where `image` is None, the images of an item together.

    `model` is empty where the file names none; `place` is where it stands.
    """

    model: str
    item_id: str
    image: int | None
    rater: str
    value: float
    place: str


def read_ratings(path: Path) -> tuple[Rating, ...]:
    """CSV, or JSON lines, with a row per rating: item, rater, rating and, where there are several, model and image.

    Raises BadInputError, with file and row, for a missing column, a rating that is no number, an image that is no whole
    number from 0, and a rater's second, other rating of the same image.
    """
    text = decoded(read_content(path, pipe=True), str(path))
    if not text.strip():
        raise BadInputError(f"{path} is empty. It needs a row for each rating: {', '.join(_NAMES)}.")
    rows = _json_rows(path, text) if text.lstrip().startswith("{") else _table_rows(path, text)
    found: dict[tuple[str, str, int | None, str], Rating] = {}
    for place, cells in rows:
        rating = _rating(place, cells)
        key = (rating.model, rating.item_id, rating.image, rating.rater)
        before = found.setdefault(key, rating)
        if before.value != rating.value:
            raise BadInputError(
                f"{place}: rater '{rating.rater}' gives item '{rating.item_id}' {rating.value:g}, but gave it "
                f"{before.value:g} at {before.place}. Keep the one that holds, or name the model and the image if "
                "these differ."
            )
    if not found:
        raise BadInputError(f"{path} has a header but no ratings below it.")
    return tuple(found.values())


def _table_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    first = next(line for line in text.splitlines() if line.strip())
    table = read_csv(text, str(path), delimiter=max(_DELIMITERS, key=first.count))
    columns = _columns(str(path), table.header)
    for row in table.rows:
        yield row.place, {name: row.cells[column].strip() for name, column in columns.items()}


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        content = parse_json(line, place)
        if not isinstance(content, dict):
            raise BadInputError(f"{place} is no object with {', '.join(_NEEDED)}.")
        columns = _columns(place, tuple(content))
        cells = {name: content[column] for name, column in columns.items()}
        yield place, {name: "" if value is None else str(value).strip() for name, value in cells.items()}


def _columns(place: str, header: tuple[str, ...]) -> dict[str, str]:
    """For each thing that is told the name of its column."""
    known = {name.strip().lower(): name for name in reversed(header)}
    found = {
        thing: known[alias]
        for thing, aliases in _NAMES.items()
        if (alias := next((one for one in aliases if one in known), None)) is not None
    }
    absent = [thing for thing in _NEEDED if thing not in found]
    if absent:
        raise BadInputError(
            f"{place} lacks the column '{absent[0]}' (or {', '.join(_NAMES[absent[0]])}); it has {', '.join(header)}. "
            f"Ratings need {', '.join(_NEEDED)} and, where there are several, model and image."
        )
    return found


def _rating(place: str, cells: Mapping[str, str]) -> Rating:
    for name in _NEEDED:
        if not cells[name]:
            raise BadInputError(f"{place}: the {name} is empty. Fill it in, or delete the row.")
    try:
        value = float(cells["rating"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInputError(f"{place}: the rating is {cells['rating'][:40]!r}, not a number.")
    image = whole_number(place, "image", cells) if cells.get("image") else None
    return Rating(cells.get("model", ""), cells["item"], image, cells["rater"], value, place)
