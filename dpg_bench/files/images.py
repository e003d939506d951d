"""Which file of a folder belongs to which item: grids `<item>.png`, or one file per image, `<item>/<k>.png`.

The folder may be a run's own or any other tool's. A name belongs to the item it encodes
(`dpg_bench.files.item_names`), else to the item of exactly that name, else to the item named by what stands before
its first dot, which is the official script's rule (ELLA, `dpg_bench/compute_dpg_bench.py` at commit 3c228f1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import file_stem, item_id_of

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
GRID_IMAGES = 4  # as the official launcher passes to the script
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ItemFiles:
    """The files of one item: a single grid of all its images, or one file per image in order."""

    item_id: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a folder, by item and in the order of the suite.

    `missing` says of every other expected item what is not there. `extra` are the names, relative to `path`, of
    what belongs to no item. `resolution` is a tile's side in pixels; None: each grid's own. `assumed` is true
    if neither the caller nor the files said how many images a grid holds.
    """

    path: Path
    images_per_prompt: int
    resolution: int | None
    assumed: bool
    items: Mapping[str, ItemFiles]
    missing: Mapping[str, str]
    extra: tuple[str, ...]


def find_images(
    folder: Path, item_ids: Sequence[str], *, images_per_prompt: int | None = None, resolution: int | None = None
) -> ImageFolder:
    """The images that `folder` holds for the items `item_ids`. Looks at names alone and opens no file.

    `images_per_prompt` None: where items have a file per image, the largest number of files that any of them
    has; for grids 4, as in the official launcher. Images of an item are numbered from 0.

    Raises BadInputError if `folder` is no folder, if an item is there twice (`a.png` beside `a.jpg`, or a grid
    beside a folder), if a number is not positive, or if no item's images are there.
    """
    for name, value in (("images per prompt", images_per_prompt), ("resolution", resolution)):
        if value is not None and value < 1:
            raise BadInputError(f"{value} {name} can't be: give a number of at least 1.")
    if not folder.is_dir():
        raise BadInputError(f"There is no folder '{folder}'. Give a run folder or a folder of images.")
    listing = _list(folder, frozenset(item_ids))
    _refuse_doubles(folder, listing)
    count = images_per_prompt
    if count is None:
        count = max((max(numbered) + 1 for numbered in listing.numbered.values()), default=GRID_IMAGES)
    items: dict[str, ItemFiles] = {}
    missing: dict[str, str] = {}
    extra = list(listing.extra)
    for item_id in item_ids:
        numbered = {number: files[0] for number, files in listing.numbered.get(item_id, {}).items()}
        absent = [number for number in range(count) if number not in numbered]
        if item_id in listing.grids:
            items[item_id] = ItemFiles(item_id, (listing.grids[item_id][0],))
        elif not absent:
            items[item_id] = ItemFiles(item_id, tuple(numbered[number] for number in range(count)))
            extra += [str(file.relative_to(folder)) for number, file in numbered.items() if number >= count]
        elif numbered:
            have = ", ".join(numbered[number].name for number in sorted(numbered)[:_SHOWN])
            missing[item_id] = f"image {absent[0]} of {count} is missing, counted from 0 (there is {have})"
        else:
            missing[item_id] = "there is no image"
    if item_ids and not items:
        raise BadInputError(_nothing_found(folder, item_ids, missing, extra))
    return ImageFolder(
        path=folder,
        images_per_prompt=count,
        resolution=resolution,
        assumed=images_per_prompt is None and not listing.numbered,
        items=items,
        missing=missing,
        extra=tuple(sorted(extra)),
    )


@dataclass(frozen=True, slots=True)
class _Listing:
    """Everything in a folder that could be an item's, doubles included."""

    grids: dict[str, list[Path]]
    numbered: dict[str, dict[int, list[Path]]]
    extra: list[str]


def _list(folder: Path, expected: Collection[str]) -> _Listing:
    listing = _Listing({}, {}, [])
    for entry in _visible(folder):
        if entry.is_dir():
            item_id = _known_item(entry.name, expected)
            numbered = _numbered_images(entry) if item_id is not None else {}
            if item_id is None or not numbered:
                listing.extra.append(entry.name)
                continue
            used = {file for files in numbered.values() for file in files}
            listing.extra.extend(f"{entry.name}/{file.name}" for file in _visible(entry) if file not in used)
            merged = listing.numbered.setdefault(item_id, {})
            for number, files in numbered.items():
                merged.setdefault(number, []).extend(files)
        else:
            item_id = None
            if entry.suffix.lower() in IMAGE_SUFFIXES:
                item_id = _known_item(entry.stem, expected) or _known_item(entry.name.split(".")[0], expected)
            if item_id is None:
                listing.extra.append(entry.name)
            else:
                listing.grids.setdefault(item_id, []).append(entry)
    return listing


def _visible(folder: Path) -> Iterable[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _known_item(name: str, expected: Collection[str]) -> str | None:
    decoded = item_id_of(name)
    if decoded is not None and decoded in expected:
        return decoded
    return name if name in expected else None


def _numbered_images(folder: Path) -> dict[int, list[Path]]:
    numbered: dict[int, list[Path]] = {}
    for file in _visible(folder):
        if file.suffix.lower() in IMAGE_SUFFIXES and file.stem.isascii() and file.stem.isdigit():
            numbered.setdefault(int(file.stem), []).append(file)
    return numbered


def _refuse_doubles(folder: Path, listing: _Listing) -> None:
    clashes = [files for files in listing.grids.values() if len(files) > 1]
    for item_id, numbered in listing.numbered.items():
        clashes += [files for files in numbered.values() if len(files) > 1]
        if item_id in listing.grids:
            clashes.append([listing.grids[item_id][0], next(iter(numbered.values()))[0].parent])
    if clashes:
        first, second = (str(file.relative_to(folder)) for file in clashes[0][:2])
        others = f" {len(clashes) - 1} more are there twice." if len(clashes) > 1 else ""
        raise BadInputError(
            f"In {folder}, '{first}' and '{second}' are both the same image of one item.{others} "
            "Remove or rename one of them."
        )


def _nothing_found(folder: Path, item_ids: Sequence[str], missing: Mapping[str, str], extra: Sequence[str]) -> str:
    partial = next((f"item '{item}': {why}" for item, why in missing.items() if "counted" in why), None)
    if partial is not None:
        return f"{folder} holds no item's images completely; {partial}. Name them <item>/0.png, <item>/1.png, …"
    there = f"it holds {', '.join(extra[:_SHOWN])}{' …' if len(extra) > _SHOWN else ''}" if extra else "it is empty"
    return (
        f"{folder} holds no image of the suite's {len(item_ids)} items: {there}, while an image would be named "
        f"{file_stem(item_ids[0])}.png or {file_stem(item_ids[0])}/0.png. Check the folder and --suite."
    )
