"""Borders, strips, sizes: where the images of a file lie is found by its pixels, or told, and never shifted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpg_bench.files.grid import Cut, choose_cut, make_grid
from dpg_bench.files.images import find_images
from dpg_bench.files.survey import Survey, survey_images

RNG = np.random.default_rng(11)


def tile(width: int, height: int, frame: int = 0, colour: int = 0) -> Image.Image:
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[:, :frame] = pixels[:, width - frame :] = pixels[:frame] = pixels[height - frame :] = colour
    return Image.fromarray(pixels)


def bordered(tiles: Sequence[Image.Image], columns: int, margin: int, gap: int, colour: object = 0) -> Image.Image:
    """Tiles on a canvas, as torchvision's make_grid lays them for margin = gap = padding."""
    width, height = tiles[0].size
    rows = -(-len(tiles) // columns)
    cut = Cut(columns, rows, width, height, margin, gap)
    canvas = Image.new("RGB", cut.size, colour)
    for one, box in zip(tiles, cut.boxes(len(tiles)), strict=True):
        canvas.paste(one, box[:2])
    return canvas


def survey(folder: Path, *, images: int | None = None, resolution: int | None = None, **told: object) -> Survey:
    found = find_images(
        folder, sorted({file.stem for file in folder.iterdir()}), images_per_prompt=images, resolution=resolution
    )
    return survey_images(found, **told)


@pytest.mark.parametrize("colour", [0, (255, 255, 255), (127, 3, 9)])
@pytest.mark.parametrize(("margin", "gap"), [(2, 2), (1, 1), (10, 10), (0, 4), (8, 3)])
@pytest.mark.parametrize(("images", "columns"), [(4, 2), (4, 4), (9, 3), (6, 3), (4, 1)])
def test_a_border_is_found_by_its_pixels_whatever_its_width_and_colour(
    *, tmp_path: Path, images: int, columns: int, margin: int, gap: int, colour: object
) -> None:
    for name in "ab":
        bordered([tile(33, 21) for _ in range(images)], columns, margin, gap, colour).save(tmp_path / f"{name}.png")
    expected = Cut(columns, images // columns, 33, 21, margin, gap)
    if columns == 1:
        expected = Cut(1, images, 33, 21, margin, gap)
    for told in (images, None):
        found = survey(tmp_path, images=told)
        assert [one.cut for one in found.tiles] == [expected]
        assert found.images.images_per_prompt == images
        assert any("border" in guess or "between" in guess for guess in found.images.guesses)


def test_empty_places_of_a_bordered_grid_are_no_images(tmp_path: Path) -> None:
    for name in "ab":
        bordered([tile(8, 8) for _ in range(5)], 3, 2, 2).save(tmp_path / f"{name}.png")
    assert survey(tmp_path).images.images_per_prompt == 5


@pytest.mark.parametrize("frame", [1, 2, 4])
def test_frames_that_belong_to_the_pictures_are_no_border(tmp_path: Path, frame: int) -> None:
    for name in "abc":
        make_grid([tile(32, 32, frame) for _ in range(4)]).save(tmp_path / f"{name}.png")
    assert [one.cut for one in survey(tmp_path, images=4).tiles] == [Cut(2, 2, 32, 32)]


@pytest.mark.parametrize("fill", [0, 255])
def test_plain_grids_and_grids_of_one_colour_have_no_border(tmp_path: Path, fill: int) -> None:
    make_grid([tile(32, 32) for _ in range(4)]).save(tmp_path / "a.png")
    Image.new("RGB", (64, 64), (fill,) * 3).save(tmp_path / "b.png")
    assert [one.cut for one in survey(tmp_path).tiles] == [Cut(2, 2, 32, 32)]


@pytest.mark.parametrize("quality", [75, 95])
def test_a_border_that_compression_has_blurred_is_found_or_the_files_are_refused(tmp_path: Path, quality: int) -> None:
    for name in "ab":
        ramp = np.add.outer(np.arange(64), np.arange(64))[..., None] * np.array([1, 1.5, 0.5]) + 20
        tiles = [Image.fromarray(np.roll(ramp, 7 * k, 0).clip(0, 255).astype(np.uint8)) for k in range(4)]
        bordered(tiles, 2, 2, 2).save(tmp_path / f"{name}.jpg", quality=quality, subsampling=0)
        bordered([tile(64, 64) for _ in range(4)], 2, 2, 2).save(tmp_path / f"{name}x.jpg", quality=quality)
    cuts = survey(tmp_path, images=4).images.cuts
    assert cuts is not None
    assert cuts.get((134, 134)) in (None, Cut(2, 2, 64, 64, 2, 2))
    assert survey(tmp_path, images=4, border=2).images.cuts == {(134, 134): Cut(2, 2, 64, 64, 2, 2)}
    assert survey(tmp_path, images=4, border=0).images.cuts == {(134, 134): Cut(2, 2, 67, 67)}


@pytest.mark.parametrize(
    ("size", "images", "expected"),
    [
        ((64, 64), 4, (2, 2, 32, 32)),
        ((128, 32), 4, (4, 1, 32, 32)),
        ((32, 128), 4, (1, 4, 32, 32)),
        ((96, 32), 3, (3, 1, 32, 32)),
        ((64, 64), 3, (2, 2, 32, 32)),
        ((128, 64), 8, (4, 2, 32, 32)),
        ((256, 32), 8, (8, 1, 32, 32)),
        ((96, 64), 5, (3, 2, 32, 32)),
        ((96, 64), 4, (2, 2, 48, 32)),
        ((64, 128), 4, (2, 2, 32, 64)),
        ((192, 32), 4, (4, 1, 48, 32)),
        ((48, 32), 1, (1, 1, 48, 32)),
    ],
)
def test_the_shape_is_that_with_the_squarest_tiles_the_official_one_first(
    size: tuple[int, int], images: int, expected: tuple[int, int, int, int]
) -> None:
    assert choose_cut(size, images) == Cut(*expected)


def test_a_size_that_holds_no_grid_has_no_cut(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    assert choose_cut((9, 9), 4) is None
    assert survey(tmp_path).images.cuts == {}


def test_a_grid_that_was_told_is_taken(tmp_path: Path) -> None:
    make_grid([tile(32, 32) for _ in range(4)]).save(tmp_path / "a.png")
    found = survey(tmp_path, grid=(4, 1))
    assert found.images.images_per_prompt == 4
    assert [one.cut for one in found.tiles] == [Cut(4, 1, 16, 64)]
    assert survey(tmp_path, images=3, grid=(2, 2)).images.images_per_prompt == 3


def test_the_resolution_tells_how_many_images_a_file_holds(tmp_path: Path) -> None:
    make_grid([tile(8, 8) for _ in range(9)]).save(tmp_path / "a.png")
    found = survey(tmp_path, resolution=8)
    assert (found.images.images_per_prompt, [one.cut for one in found.tiles]) == (9, [Cut(3, 3, 8, 8)])


def test_sizes_are_told_with_an_example_the_most_frequent_first(tmp_path: Path) -> None:
    for name, side in (("a", 8), ("b", 16), ("c", 16)):
        make_grid([tile(side, side) for _ in range(4)]).save(tmp_path / f"{name}.png")
    (tmp_path / "d.png").write_bytes(b"no image")
    found = survey(tmp_path)
    assert [(one.cut.width, one.files, one.example) for one in found.tiles] == [(16, 2, "b.png"), (8, 1, "a.png")]


@pytest.mark.parametrize(("images", "columns"), [(4, 2), (9, 3), (8, 8), (4, 4)])
@pytest.mark.parametrize("form", ["jpg", "png"])
def test_grids_that_were_compressed_once_are_cut_at_their_blurred_border(
    tmp_path: Path, images: int, columns: int, form: str
) -> None:
    for name in "ab":
        ramp = np.add.outer(np.arange(64), np.arange(64))[..., None] * np.array([1, 1.5, 0.5]) + 20
        parts = [Image.fromarray(np.roll(ramp, 7 * k, 0).clip(0, 255).astype(np.uint8)) for k in range(images)]
        bordered(parts, columns, 2, 2, (255, 255, 255)).save(tmp_path / f"{name}.jpg", quality=90)
        if form == "png":
            Image.open(tmp_path / f"{name}.jpg").save(tmp_path / f"{name}.png")
            (tmp_path / f"{name}.jpg").unlink()
    found = survey(tmp_path, images=images if form == "png" else None)
    assert [one.cut for one in found.tiles] == [Cut(columns, images // columns, 64, 64, 2, 2)]
    assert found.images.images_per_prompt == images


@pytest.mark.parametrize("frame", [2, 8, 16])
def test_frames_of_compressed_pictures_are_no_border(tmp_path: Path, frame: int) -> None:
    for name in "ab":
        make_grid([tile(64, 64, frame) for _ in range(4)]).save(tmp_path / f"{name}.jpg", quality=90)
    assert [one.cut for one in survey(tmp_path, images=4).tiles] == [Cut(2, 2, 64, 64)]


def test_a_wide_border_is_found_in_compressed_files_too(tmp_path: Path) -> None:
    for name in "ab":
        bordered([tile(64, 64) for _ in range(4)], 2, 16, 16, (255, 255, 255)).save(
            tmp_path / f"{name}.jpg", quality=90
        )
    assert [one.cut for one in survey(tmp_path).tiles] == [Cut(2, 2, 64, 64, 16, 16)]


def test_compressed_grids_without_border_are_cut_as_they_are(tmp_path: Path) -> None:
    for name in "ab":
        make_grid([tile(64, 64) for _ in range(4)]).save(tmp_path / f"{name}.jpg", quality=60)
    Image.new("RGB", (128, 128), (3, 3, 3)).save(tmp_path / "c.jpg")
    assert [one.cut for one in survey(tmp_path).tiles] == [Cut(2, 2, 64, 64)]


def test_a_border_around_pictures_with_bars_of_its_colour_is_found(tmp_path: Path) -> None:
    for name in "abc":
        pictures = []
        for _ in range(4):
            pixels = np.zeros((64, 64, 3), dtype=np.uint8)
            pixels[14:50] = RNG.integers(0, 256, (36, 64, 3))
            pictures.append(Image.fromarray(pixels))
        bordered(pictures, 2, 2, 2).save(tmp_path / f"{name}.png")
    assert [one.cut for one in survey(tmp_path).tiles] == [Cut(2, 2, 64, 64, 2, 2)]
