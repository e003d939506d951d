"""Grids to disk in the background, so that the generator doesn't wait for PNG compression."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from PIL.PngImagePlugin import PngInfo

from dpg_bench.files.durable import write_atomic
from dpg_bench.files.grid import make_grid
from dpg_bench.files.run_folder import RunDir
from dpg_bench.generate.batching import MadeItem
from dpg_bench.generate.generation_log import FinishedItem

_THREADS = min(8, os.cpu_count() or 1)
_COMPRESSION = (
    1  # on photo-like grids a third of the default's seconds for a tenth more bytes: benchmarks/generation/png_level.py
)
_MOST_PENDING = 2 * _THREADS  # bounds memory when the disk is slower than the generator


class GridWriter:
    """Writes the grid of each item as `images/<item>.png`. A context manager; leaving it waits for what is under way.

    The text chunks hold `item_id`, `seeds`, `model` and `fingerprint`, so that an image can be told without its run.
    """

    def __init__(self, run: RunDir, *, model: str, fingerprint: str) -> None:
        self._run = run
        self._model = model
        self._fingerprint = fingerprint
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="grid-writer")
        self._pending: deque[Future[FinishedItem]] = deque()

    def write(self, made: MadeItem) -> Iterator[FinishedItem]:
        """Begin writing `made`; yields the items whose files are on disk by now, in the order they were given.

        Blocks while too many wait. Raises OSError if an earlier file could not be written.
        """
        self._pending.append(self._pool.submit(self._write, made))
        while self._pending and (len(self._pending) > _MOST_PENDING or self._pending[0].done()):
            yield self._pending.popleft().result()

    def drain(self) -> Iterator[FinishedItem]:
        """Wait for everything given so far; yields the rest. Raises OSError if a file could not be written."""
        while self._pending:
            yield self._pending.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _write(self, made: MadeItem) -> FinishedItem:
        chunks = PngInfo()
        chunks.add_text("item_id", made.item.prompt.item_id)
        chunks.add_text("seeds", ",".join(str(seed) for seed in made.item.seeds))
        chunks.add_text("model", self._model)
        chunks.add_text("fingerprint", self._fingerprint)
        content = io.BytesIO()
        make_grid(made.images).save(content, format="PNG", pnginfo=chunks, compress_level=_COMPRESSION)
        write_atomic(self._run.image(made.item.prompt.item_id), content.getvalue())
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        return FinishedItem(item=made.item, seconds=made.seconds, image_sha256=digest)
