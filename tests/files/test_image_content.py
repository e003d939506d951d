"""What is read of an image's file, and what it may not do to the machine."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.files.image_content import UnusableImageError, image_size, open_image
from dpg_bench.files.images import find_images


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(*segments: bytes) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.arange(16 * 24 * 3, dtype=np.uint8).reshape(16, 24, 3)).save(content, "JPEG")
    return b"".join([content.getvalue()[:2], *segments, content.getvalue()[2:]])


def test_a_jpegs_texts_and_profiles_change_no_pixel_and_are_not_read(tmp_path: Path) -> None:
    odd = segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"), segment(0xE2, b"ICC_PROFILE\0"), segment(0xED, b"8BIM")
    for content in (jpeg(), jpeg(*odd), jpeg(*[segment(0xE1, b"Exif\0\0" + bytes(65_000))] * 200)):
        (tmp_path / "a.jpg").write_bytes(content)
        assert image_size(tmp_path / "a.jpg") == (24, 16)
        assert np.array_equal(open_image(content, Path("a.jpg")), open_image(jpeg(), Path("a.jpg")))


def test_a_jpeg_with_a_list_of_pictures_is_refused_however_odd_it_is() -> None:
    with pytest.raises(UnusableImageError, match="holds several pictures"):
        open_image(jpeg(segment(0xE2, b"MPF\0II*\0" + b"\xff" * 26)), Path("a.jpg"))


@pytest.mark.parametrize("size", [(1, 80_000_000), (80_000_000, 1)])
def test_an_endless_side_is_refused_before_anything_is_decoded(size: tuple[int, int]) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    content += struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))
    with pytest.raises(UnusableImageError, match="a side of more than 65535 pixels"):
        open_image(content, Path("a.png"))


def test_an_item_with_thousands_of_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fox").mkdir()
    for number in range(1001):
        (tmp_path / "fox" / f"{number}.png").touch()
    with pytest.raises(BadInputError, match="1001 images of every prompt, more than the 1000"):
        find_images(tmp_path, ["fox"])
