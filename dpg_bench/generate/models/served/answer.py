"""The answer of `/images/generations`: images as base64 or as addresses, checked, and refusals told from them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import DpgBenchError
from dpg_bench.files.image_content import UnusableImageError, open_image
from dpg_bench.remote.errors import RequestError

if TYPE_CHECKING:
    from PIL import Image


class ContentRefusedError(DpgBenchError):
    """The server doesn't draw this prompt, or shows nothing of what it drew. It is no image, not even a black one."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The images of an answer. `revised` is the text that the server says it drew from, where that is another."""

    images: tuple[Image.Image, ...]
    revised: str | None


def drawn_images(
    answer: Mapping[str, Any], *, prompt: str, count: int, size: int | None, download: Callable[[str], bytes]
) -> Drawn:
    """The `count` images of `answer`, RGB, of `size` px where one was asked for; `download` follows an address.

    Raises RequestError if there are more or fewer, or one is none or of another size; ContentRefusedError if one is
    missing for its content, or black all over, as diffusers' safety checker leaves it.
    """
    listed = answer.get("data")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if len(entries) != count:
        raise RequestError(f"The server was asked for {count} images and answered with {len(entries)}.")
    images = tuple(_image(entry, size=size, download=download) for entry in entries)
    told = entries[0].get("revised_prompt")
    return Drawn(images, told if isinstance(told, str) and told.strip() not in ("", prompt.strip()) else None)


def _image(entry: Mapping[str, Any], *, size: int | None, download: Callable[[str], bytes]) -> Image.Image:
    try:
        image = open_image(_content(entry, download), Path("The server's answer"))
    except UnusableImageError as error:
        raise RequestError(str(error)) from None
    if size is not None and image.size != (size, size):
        raise RequestError(f"The server was asked for {size} × {size} px and drew {image.width} × {image.height}.")
    if image.getextrema() == ((0, 0),) * 3:
        raise ContentRefusedError("the server answered with a black image, as safety filters do")
    return image


def _content(entry: Mapping[str, Any], download: Callable[[str], bytes]) -> bytes:
    encoded, url = entry.get("b64_json"), entry.get("url")
    if isinstance(encoded, str) and encoded:
        try:
            return base64.b64decode(encoded.partition("base64,")[2] or encoded, validate=True)
        except (binascii.Error, ValueError):
            raise RequestError("The server's image is no base64.") from None
    if isinstance(url, str) and url:
        if url.startswith("data:"):
            return _content({"b64_json": url}, download)
        return download(url)
    if any(entry.get(name) for name in ("content_filter_results", "finish_reason", "error")):
        raise ContentRefusedError("the server left the image out for its content")
    raise RequestError("The server's answer holds no image (data[0].b64_json or url).")
