"""Single images of items that aren't whole yet, so that nothing a server drew is asked for, and paid, twice."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from dpg_bench.files.image_content import open_image, read_image_file

if TYPE_CHECKING:
    from PIL import Image

_COMPRESSION = 1


class KeptImages:
    """The images of answers by a digest of the request: in a folder once one is named, till then in memory."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._memory: dict[str, tuple[Image.Image, ...]] = {}

    def keep_in(self, folder: Path) -> None:
        """Put images into `folder` from now on; what an earlier process left there counts."""
        self._folder = folder

    def put(self, digest: str, images: Sequence[Image.Image]) -> None:
        """Keep the images of one answer. Raises OSError if they can't be written."""
        if self._folder is None:
            self._memory[digest] = tuple(images)
            return
        for file, image in zip(_files(self._folder, digest, len(images)), images, strict=True):
            content = io.BytesIO()
            image.save(content, format="PNG", compress_level=_COMPRESSION)
            write_atomic(file, content.getvalue())

    def get(self, digest: str, count: int) -> tuple[Image.Image, ...] | None:
        """The `count` images of an answer; None if they aren't all there."""
        if self._folder is None:
            return self._memory.get(digest)
        try:
            return tuple(open_image(read_image_file(file), file) for file in _files(self._folder, digest, count))
        except BadInputError:  # not there, or damaged: drawn again
            return None

    def forget(self, digest: str, count: int) -> None:
        """Delete the images of an answer, now that they are where they belong."""
        self._memory.pop(digest, None)
        if self._folder is not None:
            for file in _files(self._folder, digest, count):
                file.unlink(missing_ok=True)


def _files(folder: Path, digest: str, count: int) -> list[Path]:
    return [folder / f"{digest[:32]}-{place}.png" for place in range(count)]
