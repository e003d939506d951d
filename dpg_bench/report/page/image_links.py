"""How the page finds its images: by their place relative to it, or as thumbnails inside it or beside them."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from dpg_bench.report.page.shown_runs import ShownRun

_THUMBNAIL_SIDE = 448  # pixels of an item's whole grid
_QUALITY = 72
_EFFORT = 2  # of 6; twice as fast as 4, for files a tenth larger


def relative_urls(run: ShownRun, page: Path) -> dict[str, list[str]]:
    """The addresses of the run's images as seen from `page`, by item."""
    folder = page.resolve().parent
    return {item_id: [file_address(file.resolve(), folder) for file in files] for item_id, files in run.images.items()}


def embed_thumbnails(run: ShownRun) -> dict[str, list[str]]:
    """The run's images as small WebP data addresses, by item; items with an image that can't be read are left out."""
    return {
        item_id: [f"data:image/webp;base64,{base64.b64encode(content).decode()}" for content in contents]
        for item_id, contents in thumbnails(run).items()
    }


def thumbnails(run: ShownRun) -> dict[str, list[bytes]]:
    """The run's images as small WebP files, by item; items with an image that can't be read are left out."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(_thumbnails, run.images.values())
        return {item_id: contents for item_id, contents in zip(run.images, made, strict=True) if contents}


def file_address(file: Path, folder: Path) -> str:
    """The address of a file as seen from a page in `folder`; both are absolute."""
    try:
        return quote(Path(os.path.relpath(file, folder)).as_posix())
    except ValueError:  # another drive on Windows
        return file.as_uri()


def _thumbnails(files: Sequence[Path]) -> list[bytes]:
    from dpg_bench.files.image_content import UnusableImageError, open_image, read_image_file

    side = _THUMBNAIL_SIDE if len(files) == 1 else _THUMBNAIL_SIDE // 2
    contents = []
    for file in files:
        try:
            image = open_image(read_image_file(file), file)
        except UnusableImageError:
            return []
        image.thumbnail((side, side), reducing_gap=1.0)  # halved by averaging first: a quarter of the time
        content = io.BytesIO()
        image.save(content, "WEBP", quality=_QUALITY, method=_EFFORT)
        contents.append(content.getvalue())
    return contents
