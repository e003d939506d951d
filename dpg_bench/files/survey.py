"""A look at the sizes of a folder's images, to know before the judging where each image lies in its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.borders import filled_tiles, find_border, is_generated, needs_telling
from dpg_bench.files.grid import Cut, choose_cut, grid_columns, grid_rows
from dpg_bench.files.image_content import UnusableImageError, image_size, open_image, read_image_file
from dpg_bench.files.image_names import shown_name
from dpg_bench.files.images import ImageFolder

_SAMPLES = 12  # files of one size whose borders are looked at
_MOST_SAMPLES = 60  # of all sizes together
_LOSSLESS = (".png",)
_OTHER_COUNTS = (9, 16, 8, 6, 12, 2, 3)  # of images, looked for in grids whose border compression has blurred

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TileSize:
    """How many `files` are cut into tiles in this way, and one of them."""

    cut: Cut
    files: int
    example: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The folder with the cuts of all its sizes, and these by the way they cut, the most frequent first."""

    images: ImageFolder
    tiles: tuple[TileSize, ...]


def survey_images(
    images: ImageFolder, *, grid: tuple[int, int] | None = None, border: int | None = None, counted: bool = False
) -> Survey:
    """Read the size of every file in `images`, and find the borders of grids.

    `grid` are columns and rows that the caller named, `border` the width in pixels of the border around and between
    the tiles (None: looked for). `counted` says that an assumed number of images is that of an earlier survey, and
    stands. A size that fits no grid gets no cut, so that its files are refused one by one.

    Raises BadInputError for a grid with too few places.
    """
    sizes: dict[Size, list[Path]] = {}
    for file in (file for item in images.items.values() for file in item.files):
        size = image_size(file)
        if size is not None:  # judging says what is wrong with others
            sizes.setdefault(size, []).append(file)
    ordered = sorted(sizes.items(), key=lambda pair: -len(pair[1]))
    guesses = list(images.guesses)
    if images.assumed:
        count = images.images_per_prompt if counted and grid is None else _count(images, grid, ordered, border)
        images = replace(images, images_per_prompt=count, assumed=grid is None)
    count = images.images_per_file
    if grid is not None and grid[0] * grid[1] < count:
        raise BadInputError(
            f"A grid of {grid[0]} × {grid[1]} has no place for {count} images. Give another {option('grid')}."
        )
    left = _MOST_SAMPLES
    cuts: dict[Size, Cut] = {}
    for size, of_size in ordered:
        sample = _spread(of_size, min(_SAMPLES, left))
        cut, looked = _cut(size, sample, count, grid=grid, border=border, resolution=images.resolution)
        left -= len(sample) if looked else 0
        if cut is not None:
            cuts[size] = cut
    tiles = tuple(
        TileSize(cut, len(sizes[size]), shown_name(sizes[size][0], images.path))
        for size, cut in sorted(cuts.items(), key=lambda pair: -len(sizes[pair[0]]))
    )
    if images.assumed:
        guesses.append(survey_assumption(images))
    if grid is None and border is None and count > 1:
        guesses += [f"files such as {one.example} are {one.cut}" for one in tiles if _is_guess(one.cut, count)]
    return Survey(replace(images, cuts=cuts, guesses=tuple(guesses)), tiles)


def survey_assumption(images: ImageFolder) -> str:
    """The guess that is made where nothing tells how many images a file holds."""
    return f"every file holds {images.images_per_prompt} images"


def _count(
    images: ImageFolder, grid: tuple[int, int] | None, ordered: Sequence[tuple[Size, list[Path]]], border: int | None
) -> int:
    """How many images a file holds where nobody said: as grid, resolution or border tell, else as usual."""
    if grid is not None:
        return grid[0] * grid[1]
    if not ordered:
        return images.images_per_prompt
    (width, height), files = ordered[0]
    side = images.resolution
    if side is not None and width % side == 0 and height % side == 0:
        return (width // side) * (height // side)
    pictures = _opened(_spread(files, _SAMPLES)) if border is None else []
    cut = find_border(pictures, 2, lossless=True) if _lossless(files) else None
    if cut is not None:
        return filled_tiles(pictures, cut)
    usual = images.images_per_prompt
    for count in (usual, *_OTHER_COUNTS) if not _lossless(files) else ():
        cut = find_border(pictures, count, lossless=False)
        if cut is not None and is_generated(cut):
            return count
    return usual


def _cut(
    size: Size,
    sample: Sequence[Path],
    count: int,
    *,
    grid: tuple[int, int] | None,
    border: int | None,
    resolution: int | None,
) -> tuple[Cut | None, bool]:
    """The cut of files of `size`, and whether the `sample` was opened to find it."""
    width = border or 0
    plain = choose_cut(size, count, grid=grid, resolution=resolution, margin=width, gap=width)
    if count == 1 or border is not None or (resolution is not None and plain is not None):
        return plain, False
    found = find_border(_opened(sample), count, lossless=_lossless(sample))
    wrong = found is not None and (
        grid not in (None, (found.columns, found.rows)) or resolution not in (None, found.width)
    )
    if found is not None and not wrong:
        return found, True
    if not _lossless(sample) and needs_telling(size, count):
        return None, True
    return plain, True


def _is_guess(cut: Cut, count: int) -> bool:
    """Whether a cut is another than the official script's: its columns and rows, square tiles, no border."""
    official = (grid_columns(count), grid_rows(count))
    return (cut.columns, cut.rows) != official or not cut.square or bool(cut.margin or cut.gap)


def _opened(files: Iterable[Path]) -> list[Image.Image]:
    pictures = []
    for file in files:
        try:
            pictures.append(open_image(read_image_file(file), file))
        except UnusableImageError:  # said when it is judged
            continue
    return pictures


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    """At most so many of the files, evenly spread."""
    if most < 1:
        return []
    return [files[place * len(files) // most] for place in range(most)] if len(files) > most else list(files)


def _lossless(files: Sequence[Path]) -> bool:
    return all(file.suffix.lower() in _LOSSLESS for file in files)
