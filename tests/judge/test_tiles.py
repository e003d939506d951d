from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpg_bench.files.grid import Cut, choose_cut, make_grid
from dpg_bench.files.image_content import UnusableImageError, image_size, open_image
from dpg_bench.files.images import ItemFiles
from dpg_bench.judge.tiles import TileJob, read_tiles

RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)


def job(*files: Path, images: int = 4, resolution: int | None = None, known: tuple[str, ...] | None = None) -> TileJob:
    return TileJob(ItemFiles("a", files), images, resolution, np.asarray, known)


def encoded(image: Image.Image, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, **{"format": "PNG", **options})
    return content.getvalue()


def big_png(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    row = b"\0" * (1 + width * 3 * depth // 8)
    rows = zlib.compress(row * height) if width < 100 else zlib.compress(b"\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("images", range(1, 10))
def test_tiles_come_back_as_they_went_into_the_grid(tmp_path: Path, images: int) -> None:
    tiles = [Image.fromarray(RNG.integers(0, 256, (5, 5, 3), dtype=np.uint8)) for _ in range(images)]
    make_grid(tiles).save(tmp_path / "a.png")
    for resolution in (None, 5):
        read = read_tiles(job(tmp_path / "a.png", images=images, resolution=resolution))
        for tile, pixels in zip(tiles, read.pixels, strict=True):
            np.testing.assert_array_equal(pixels, np.asarray(tile))
    assert read.digests == (hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest(),) * images


def test_a_file_per_image_has_its_own_digest(tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.png" for k in range(3)]
    for k, file in enumerate(files):
        Image.fromarray(PIXELS + np.uint8(k)).save(file)
    read = read_tiles(job(*files, images=3))
    assert read.digests == tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    for k, pixels in enumerate(read.pixels):
        np.testing.assert_array_equal(pixels, PIXELS + np.uint8(k))


def test_an_image_whose_digest_is_known_is_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"not even an image")
    known = (hashlib.sha256(b"not even an image").hexdigest(),) * 4
    assert read_tiles(job(tmp_path / "a.png", known=known)).pixels == ()


@pytest.mark.parametrize(
    ("size", "resolution", "message"),
    [
        ((8, 8), 5, r"8 × 8 px, but should hold 4 images of 5 × 5 px in 2 columns and 2 rows, which is 10 × 10 px"),
        ((8, 8), 3, r"which is 6 × 6 px"),
        ((9, 9), None, r"9 × 9 px, but should hold 4 images in 2 columns and 2 rows\. "),
        ((13, 9), None, r"13 × 9 px"),
        ((1, 1), None, r"1 × 1 px"),
    ],
)
def test_a_grid_of_the_wrong_size_is_refused(
    tmp_path: Path, size: tuple[int, int], resolution: int | None, message: str
) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(UnusableImageError, match=message) as error:
        read_tiles(job(tmp_path / "a.png", resolution=resolution))
    assert "a.png" in str(error.value)
    assert "images per prompt, grid, border, resolution" in str(error.value)


def test_images_need_not_be_square(tmp_path: Path) -> None:
    tiles = [Image.fromarray(RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)) for _ in range(4)]
    make_grid(tiles).save(tmp_path / "a.png")
    tiles[0].save(tmp_path / "0.png")
    for tile, pixels in zip(tiles, read_tiles(job(tmp_path / "a.png")).pixels, strict=True):
        np.testing.assert_array_equal(pixels, np.asarray(tile))
    np.testing.assert_array_equal(read_tiles(job(tmp_path / "0.png", images=1)).pixels[0], np.asarray(tiles[0]))


def test_tiles_are_cut_out_of_their_border_and_a_file_without_it_is_refused(tmp_path: Path) -> None:
    cut = Cut(4, 1, 6, 4, 2, 2)
    canvas = Image.new("RGB", cut.size, (9, 9, 9))
    tiles = [Image.fromarray(RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)) for _ in range(4)]
    for tile, box in zip(tiles, cut.boxes(4), strict=True):
        canvas.paste(tile, box[:2])
    canvas.save(tmp_path / "a.png")
    surveyed = replace(job(tmp_path / "a.png"), cuts={cut.size: cut})
    for tile, pixels in zip(tiles, read_tiles(surveyed).pixels, strict=True):
        np.testing.assert_array_equal(pixels, np.asarray(tile))
    Image.fromarray(RNG.integers(0, 256, (*cut.size[::-1], 3), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UnusableImageError, match=r"a\.png should be 4 × 1 of 6 × 4 px, a border of 2 px around"):
        read_tiles(surveyed)


def test_a_size_that_fits_no_grid_is_refused_once_the_sizes_are_known(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UnusableImageError, match="8 × 8 px, but should hold 4 images"):
        read_tiles(replace(job(tmp_path / "a.png"), cuts={}))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA"])
def test_every_8_bit_mode_becomes_rgb_as_pillow_converts_it(mode: str) -> None:
    image = Image.fromarray(RNG.integers(0, 256, (8, 8, 4), dtype=np.uint8), "RGBA").convert(mode)
    np.testing.assert_array_equal(
        np.asarray(open_image(encoded(image), Path("a.png"))), np.asarray(image.convert("RGB"))
    )


def test_a_palette_with_transparency_keeps_its_colours() -> None:
    image = Image.fromarray(PIXELS).quantize(16)
    content = encoded(image, transparency=bytes(range(0, 256, 16)))
    np.testing.assert_array_equal(np.asarray(open_image(content, Path("a.png"))), np.asarray(image.convert("RGB")))


def test_an_image_with_a_transparent_colour_keeps_it() -> None:
    content = encoded(Image.fromarray(PIXELS), transparency=tuple(int(v) for v in PIXELS[0, 0]))
    np.testing.assert_array_equal(np.asarray(open_image(content, Path("a.png"))), PIXELS)


@pytest.mark.parametrize("name", ["JPEG", "WEBP"])
def test_jpeg_and_webp_decode_as_pillow_decodes_them(name: str) -> None:
    content = encoded(Image.fromarray(PIXELS), format=name)
    expected = Image.open(io.BytesIO(content)).convert("RGB")
    np.testing.assert_array_equal(np.asarray(open_image(content, Path("a"))), np.asarray(expected))


def animation(name: str) -> bytes:
    frames = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1])]
    return encoded(frames[0], format=name, save_all=True, append_images=frames[1:])


PNG = encoded(Image.fromarray(PIXELS))
GREY_16 = encoded(Image.fromarray(RNG.integers(0, 65536, (8, 8), dtype=np.uint16)))
CMYK = encoded(Image.fromarray(PIXELS).convert("CMYK"), format="JPEG")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no PNG, JPEG or WebP image"),
        (b"plain text", "is no PNG, JPEG or WebP image"),
        (PNG[:60], "is a damaged image"),
        (PNG[:-30] + b"\0" * 30, "is a damaged image"),
        (PNG[:20], "damaged"),
        (encoded(Image.fromarray(PIXELS), format="GIF"), "is no PNG, JPEG or WebP image"),
        (encoded(Image.fromarray(PIXELS), format="TIFF"), "is no PNG, JPEG or WebP image"),
        (animation("PNG"), "is animated"),
        (animation("WEBP"), "is animated"),
        (GREY_16, "has 16 bits a channel"),
        (big_png(8, 8, depth=16), "has 16 bits a channel"),
        (CMYK, "is CMYK"),
        (big_png(12_000, 12_000), "decompression bomb"),
        (big_png(30_000, 30_000), "decompression bomb"),
    ],
    ids=str,
)
def test_what_has_no_exact_8_bit_pixels_is_refused_naming_the_file(content: bytes, message: str) -> None:
    with pytest.raises(UnusableImageError, match=message) as error:
        open_image(content, Path("some/a.png"))
    assert "some/a.png" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"zTXt", b"key\0\0" + zlib.compress(b"\0" * 100_000_000)),
        (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"{}" * 2_000_000)),
        (b"tEXt", b"parameters\0" + b"x" * 70_000_000),
        (b"iCCP", b"icc\0\0" + zlib.compress(bytes(3_000_000))),
        (b"eXIf", b"MM\0*" + bytes(1_000_000)),
    ],
    ids=["text bomb", "workflow", "plain text", "profile", "exif"],
)
def test_metadata_of_any_size_is_not_looked_at(kind: bytes, data: bytes) -> None:
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    np.testing.assert_array_equal(np.asarray(open_image(PNG[:33] + chunk + PNG[33:], Path("a.png"))), PIXELS)


def test_a_pipe_or_a_device_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    for name in ("a.png", "b.png"):
        with pytest.raises(UnusableImageError, match=f"{name} is no regular file"):
            read_tiles(job(tmp_path / name))
        assert image_size(tmp_path / name) is None


def test_a_file_that_is_gone_is_an_unusable_image(tmp_path: Path) -> None:
    with pytest.raises(UnusableImageError, match="No such file"):
        read_tiles(job(tmp_path / "a.png"))


@pytest.mark.parametrize("images", [10**6, 10**18])
def test_a_count_that_no_file_can_hold_is_refused_at_once(tmp_path: Path, images: int) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UnusableImageError, match=f"a.png can't hold {images} images"):
        read_tiles(job(tmp_path / "a.png", images=images))
    assert choose_cut((8, 8), images) is None
