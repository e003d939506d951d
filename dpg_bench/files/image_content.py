"""The content of an image file: read from regular files alone, checked, and decoded to exact 8-bit RGB."""

from __future__ import annotations

import io
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from dpg_bench.errors import BadInputError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE = slice(16, 24)
_PNG_DEPTH_BYTE = 24  # in the header that every PNG begins with (PNG specification, 11.2.1 IHDR)
_PNG_METADATA = frozenset((b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"))
_LONGEST_TEXT = 1 << 16  # bytes of a text chunk; ours are some hundred
_JPEG_START = b"\xff\xd8"
_JPEG_METADATA = frozenset((0xE1, 0xE2, 0xED))  # EXIF and XMP; colour profile and other pictures (MPF); Photoshop's
_LONGEST_SIDE = 65_535  # pixels, JPEG's; the judges' resizing takes memory for the longer side
_MOST_SEGMENTS = 4096
_JPEG_PICTURES = b"MPF\0"
_JPEG_HEAD = 1 << 17  # bytes; the list of pictures follows EXIF, which has 64 KiB at most
_LARGEST = 1 << 30  # bytes; the largest image that is decoded takes a third of that uncompressed


class UnusableImageError(BadInputError):
    """An image file that can't be judged; the message names the file and says why."""


def read_image_file(path: Path) -> bytes:
    """All bytes of an image file.

    Raises UnusableImageError if it can't be read, is no regular file (a pipe or a device would never end), or is larger
    than any image.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnusableImageError(f"{path} is no regular file, but a pipe, a device or a folder.")
        if status.st_size > _LARGEST:
            raise UnusableImageError(f"{path} has {status.st_size} bytes, more than any image that can be judged.")
        return path.read_bytes()
    except OSError as error:
        raise UnusableImageError(f"{path} can't be read: {error.strerror}.") from error


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as the file's header says; None for a file that is no image that could be judged."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            start = file.read(_PNG_SIZE.stop)
            if start.startswith(_PNG_SIGNATURE):  # Pillow would read texts and profiles before it tells
                width, height = struct.unpack(">II", start[_PNG_SIZE])
                return (width, height) if width and height else None
            if start.startswith(_JPEG_START):  # and join many pieces of EXIF in time that grows with their square
                return _jpeg_size(file)
            file.seek(0)
            with Image.open(file, formats=("WEBP",)) as image:
                return image.size
    except Exception:  # noqa: BLE001 - Pillow's parsers raise whatever they run into; decoding says what is wrong
        return None


def _jpeg_size(file: IO[bytes]) -> tuple[int, int] | None:
    """By the frame header that comes before the first scan (ITU-T T.81, B.2.2)."""
    place = len(_JPEG_START)
    for _ in range(_MOST_SEGMENTS):
        file.seek(place)
        marker, length, height, width = struct.unpack(">HHxHH", file.read(9))
        if 0xFFC0 <= marker <= 0xFFCF and marker not in {0xFFC4, 0xFFC8, 0xFFCC}:
            return (width, height) if width and height else None
        if marker < 0xFFC0 or marker == 0xFFDA:
            return None
        place += 2 + length
    return None


def png_texts(content: bytes) -> dict[str, str]:
    """The uncompressed texts of a PNG by keyword (PNG specification, 11.3.3 tEXt and iTXt); of other files none.

    Texts of more than 64 KiB, compressed ones and malformed ones are not looked at.
    """
    if not content.startswith(_PNG_SIGNATURE):
        return {}
    texts = {}
    for kind, data in _chunks(content):
        keyword, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            texts[keyword.decode("latin-1")] = rest.decode("latin-1")
        elif kind == b"iTXt" and rest[:2] == b"\0\0":  # not compressed
            texts[keyword.decode("latin-1")] = rest[2:].split(b"\0", 2)[-1].decode("utf-8", errors="replace")
    return texts


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The text chunks of a PNG, by type and data."""
    place = len(_PNG_SIGNATURE)
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind in (b"tEXt", b"iTXt") and length <= _LONGEST_TEXT:
            yield kind, content[place + 8 : place + 8 + length]
        place += 12 + length


def open_image(content: bytes, path: Path) -> Image.Image:
    """The content of a PNG, JPEG or WebP file → 8-bit RGB image.

    Palette and grey are expanded and an alpha channel is dropped, as `Image.convert("RGB")` does and with it the
    official judge. Its conversions of 16-bit and CMYK images are wrong (clipped, and without a colour profile),
    so these are refused instead.

    Raises UnusableImageError for those, for an animation, for an image so large that it may be a decompression
    bomb (Pillow's limit, 89 megapixels), and for anything that doesn't decode. A PNG's texts and colour profile,
    however large, are not looked at. `path` is for the message.
    """
    try:
        image = Image.open(io.BytesIO(_without_metadata(content)), formats=("PNG", "JPEG", "WEBP"))
        _refuse_unsuitable(image, content, path)
        image.load()
        # Converting a palette that has transparency straight to RGB gives the same pixels and a warning.
        return (image.convert("RGBA") if "transparency" in image.info else image).convert("RGB")
    except UnusableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnusableImageError(_too_large(path)) from None
    except UnidentifiedImageError:
        raise UnusableImageError(f"{path} is no PNG, JPEG or WebP image, or its header is damaged.") from None
    except Exception as error:
        # Pillow's decoders raise whatever their parsing runs into: OSError, SyntaxError, struct.error, zlib.error, …
        raise UnusableImageError(f"{path} is a damaged image: {error}.") from error


def _refuse_unsuitable(image: Image.Image, content: bytes, path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise UnusableImageError(_too_large(path))
    if max(image.size) > _LONGEST_SIDE:
        raise UnusableImageError(f"{path} has a side of more than {_LONGEST_SIDE} pixels; scale it down.")
    if getattr(image, "n_frames", 1) > 1 or (image.format == "JPEG" and _JPEG_PICTURES in content[:_JPEG_HEAD]):
        raise UnusableImageError(f"{path} is animated or holds several pictures; save a single one.")
    if (image.format == "PNG" and content[_PNG_DEPTH_BYTE] == 16) or image.mode.startswith(("I", "F")):
        raise UnusableImageError(f"{path} has 16 bits a channel; convert it to 8 bits, the judge reads no more.")
    if image.mode == "CMYK":
        raise UnusableImageError(f"{path} is CMYK; convert it to RGB with its colour profile.")


def _too_large(path: Path) -> str:
    return f"{path} is larger than {Image.MAX_IMAGE_PIXELS} pixels, which may be a decompression bomb; scale it down."


def _without_metadata(content: bytes) -> bytes:
    """A PNG or a JPEG without texts, profile and EXIF, which no pixel depends on; others as they are.

    Pillow bounds those of a PNG, and reads all of a JPEG's, with warnings about what is odd in them.
    """
    if content.startswith(_JPEG_START):
        return _jpeg_without_metadata(content)
    if not content.startswith(_PNG_SIGNATURE):
        return content
    kept = [_PNG_SIGNATURE]
    place = len(_PNG_SIGNATURE)
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if kind not in _PNG_METADATA:
            kept.append(content[place:end])
        place = end
    return b"".join([*kept, content[place:]])


def _jpeg_without_metadata(content: bytes) -> bytes:
    """The segments before the first scan (ITU-T T.81, B.1.1) without those that hold no picture."""
    kept = [_JPEG_START]
    place = len(_JPEG_START)
    while place + 4 <= len(content) and content[place] == 0xFF and 0xC0 <= content[place + 1] < 0xFF:
        marker, length = struct.unpack_from(">xBH", content, place)
        if marker == 0xDA:  # the scan begins
            break
        end = place + 2 + length
        if marker not in _JPEG_METADATA:
            kept.append(content[place:end])
        place = end
    return b"".join([*kept, content[place:]])
