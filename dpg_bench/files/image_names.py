"""Which file belongs to which item, and as which of its images, by name alone.

The usual layouts are understood: a grid `<item>.png`; a file per image, `<item>/<k>.png`, `<item>/samples/<k>.png`,
`<item>_<k>.png`, `<item>_seed<k>.png`, `<k>_<item>.png` or `<k>/<item>.png`, with any padding and any word beside the
number that all files share; and whatever a pattern says. A name belongs to the item it encodes
(`dpg_bench.files.item_names`), else to the item of exactly that name, else to the item and number it is made of, else
to the item named by what stands before its first dot, which is the official script's rule (ELLA,
`dpg_bench/compute_dpg_bench.py` at commit 3c228f1).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import item_id_of

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_FORMS = tuple(
    re.compile(form, re.DOTALL)
    for form in (
        r"(?P<item>.+?)[ _.\-]+\(?(?P<number>[0-9]{1,30})\)?",
        r"(?P<item>.+?)[ _.\-]+(?P<word>[A-Za-z]+)[ _.\-]*\(?(?P<number>[0-9]{1,30})\)?",
        r"(?P<number>[0-9]{1,30})[ _.\-]+(?P<item>.+)",
        r"(?P<word>[A-Za-z]+)[ _.\-]*(?P<number>[0-9]{1,30})[ _.\-]+(?P<item>.+)",
    )
)
_PLAIN_NUMBER = re.compile(r"[0-9]{1,30}")
_LAST_NUMBER = re.compile(r"(?P<before>.*?)(?P<number>[0-9]{1,30})(?P<after>[^0-9]*)", re.DOTALL)
_FIELD = re.compile(r"\{(item|k)(?::0?([0-9]*)d?)?\}")


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything in a folder that could be an item's, doubles included, and the names of what could not."""

    grids: dict[str, list[Path]] = field(default_factory=dict)
    numbered: dict[str, dict[int, list[Path]]] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)

    def add(self, item_id: str, number: int | None, file: Path) -> None:
        """Note that `file` is an item's grid, or its image of that number."""
        if number is None:
            self.grids.setdefault(item_id, []).append(file)
        else:
            self.numbered.setdefault(item_id, {}).setdefault(number, []).append(file)


def list_images(folder: Path, known: Collection[str], *, pattern: str | None = None) -> Listing:
    """The files of `folder` by the items of `known`; `pattern` as `--pattern` has it (`{item}/{k:04d}.png`).

    Raises BadInputError for a pattern that names no item.
    """
    if pattern is not None:
        return _by_pattern(folder, known, pattern)
    listing = Listing()
    flat: list[Path] = []
    for entry in _visible(folder):
        if not entry.is_dir():
            flat.append(entry)
        elif (item_id := known_item(entry.name, known)) is not None:
            _add_folder(listing, entry, item_id)
        else:
            _add_numbered_folder(listing, entry, known)
    _add_flat(listing, flat, known)
    return listing


def holds_image(folder: Path) -> bool:
    """Whether there is any file with the name of an image in `folder` or below it."""
    return any(file.suffix.lower() in IMAGE_SUFFIXES for file in _walk(folder))


def known_item(name: str, known: Collection[str]) -> str | None:
    """The item that a file name without suffix stands for, as encoded or as it is; None for none of `known`."""
    decoded = item_id_of(name)
    if decoded is not None and decoded in known:
        return decoded
    return name if name in known else None


def shown_name(file: Path, folder: Path) -> str:
    """The file as seen from `folder`, or whole where it lies elsewhere."""
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _add_flat(listing: Listing, files: Sequence[Path], known: Collection[str]) -> None:
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    exact = {file: item_id for file in images if (item_id := known_item(file.stem, known)) is not None}
    numbered = _numbered(images, known)
    with_numbers = {item_id for item_id, _ in numbered.values()}
    for file in files:
        if file in exact and not (file in numbered and exact[file] in with_numbers):
            listing.add(exact[file], None, file)
        elif file in numbered:
            listing.add(*numbered[file], file)
        elif file.suffix.lower() in IMAGE_SUFFIXES and (item_id := known_item(file.name.split(".")[0], known)):
            listing.add(item_id, None, file)
        else:
            listing.extra.append(file.name)


def _numbered(files: Sequence[Path], known: Collection[str]) -> dict[Path, tuple[str, int]]:
    """The item and the number that names are made of, in the first of the forms that any of them has.

    Where a word belongs to the number, the most frequent one counts: `fox_depth_0.png` is no second `fox_image_0.png`.
    """
    for form in _FORMS:
        found: dict[str, dict[Path, tuple[str, int]]] = {}
        for file in files:
            match = form.fullmatch(file.stem)
            item_id = known_item(match["item"], known) if match is not None else None
            if match is not None and item_id is not None:
                found.setdefault(match.groupdict().get("word", ""), {})[file] = item_id, int(match["number"])
        if found:
            return max(found.values(), key=len)
    return {}


def _add_folder(listing: Listing, folder: Path, item_id: str) -> None:
    inside = list(_visible(folder))
    numbers = _numbers([file for file in inside if _is_image(file)])
    if not numbers:
        below = [entry for entry in inside if entry.is_dir()]
        if len(below) == 1:
            numbers = _numbers([file for file in _visible(below[0]) if _is_image(file)])
    if not numbers:
        listing.extra.append(folder.name)
        return
    for file, number in numbers.items():
        listing.add(item_id, number, file)
    listing.extra.extend(f"{folder.name}/{entry.name}" for entry in inside if entry.is_file() and entry not in numbers)


def _add_numbered_folder(listing: Listing, folder: Path, known: Collection[str]) -> None:
    """`<k>/<item>.png`: one folder for the first image of every item, one for the second, …"""
    found = _LAST_NUMBER.fullmatch(folder.name)
    files = {file: known_item(file.stem, known) for file in _visible(folder) if _is_image(file)}
    if found is None or not any(files.values()):
        listing.extra.append(folder.name)
        return
    for file, item_id in files.items():
        if item_id is None:
            listing.extra.append(f"{folder.name}/{file.name}")
        else:
            listing.add(item_id, int(found["number"]), file)


def _numbers(files: Sequence[Path]) -> dict[Path, int]:
    """The numbers of the files of a folder, where their names differ in nothing else."""
    found = {file: _LAST_NUMBER.fullmatch(file.stem) for file in files}
    plain = {file: int(file.stem) for file in files if _PLAIN_NUMBER.fullmatch(file.stem)}
    if plain:
        return plain
    around = {(match["before"], match["after"]) for match in found.values() if match is not None}
    if len(around) != 1:
        return {}
    return {file: int(match["number"]) for file, match in found.items() if match is not None}


def _by_pattern(folder: Path, known: Collection[str], pattern: str) -> Listing:
    fields = [match[1] for match in _FIELD.finditer(pattern)]
    if fields.count("item") != 1 or fields.count("k") > 1 or re.sub(_FIELD, "", pattern).count("{"):
        raise BadInputError(
            f"The pattern '{pattern}' must hold {{item}} once, and may hold {{k}} or {{k:04d}} for the image's "
            "number and * for anything else, such as {item}/{k:04d}_*.png."
        )
    expression = re.compile("".join(_expressions(pattern)), re.DOTALL)
    listing = Listing()
    for file in _walk(folder):
        name = file.relative_to(folder).as_posix()
        found = expression.fullmatch(name)
        item_id = known_item(found["item"], known) if found is not None else None
        if found is None or item_id is None:
            listing.extra.append(name)
        else:
            listing.add(item_id, int(found["k"]) if "k" in fields else None, file)
    return listing


def _expressions(pattern: str) -> Iterator[str]:
    end = 0
    for match in _FIELD.finditer(pattern):
        yield _literal(pattern[end : match.start()])
        width = match[2] or "1"
        yield "(?P<item>[^/]+)" if match[1] == "item" else f"(?P<k>[0-9]{{{width},30}})"
        end = match.end()
    yield _literal(pattern[end:])


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^/]*")


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
