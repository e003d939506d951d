"""`ella caption`: a dense caption for every image, from a vision-language model, into a resumable log.

The paper's data has captions of about 50 words by CogVLM (arXiv 2403.05135, section 3.3); its prompt is unpublished, so
the default one is ours. Beside `captions.jsonl`, `captions.json` records model and prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from PIL import Image

from ella_models.errors import EllaError
from ella_models.training.config import DataSection
from ella_models.training.exclusive import alone_with
from ella_models.training.files import append_line, mend_log, read_json, read_lines, write_json
from ella_models.training.images import SkippedPair, opened
from ella_models.training.pairs import Pair
from ella_models.training.sources import SkippedPairs, pair_source

PROMPT = (
    "Describe this picture in one paragraph of about 50 words. Name every object with its colour, texture, shape and "
    "number, say where each is and how they relate, and name the background and the style. Say only what can be seen."
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said about an image: a caption, or why there is none."""

    caption: str | None = None
    error: str | None = None


class Captioner(Protocol):
    """A model that describes images."""

    def settings(self) -> dict[str, object]:
        """What its captions depend on, as it is recorded."""

    def describe(self, images: Sequence[Image.Image]) -> list[Said]:
        """What the model says about each image."""


@dataclass(frozen=True, slots=True)
class Captioned:
    """How many images have a caption in the file, how many were captioned now, and how many failed."""

    file: Path
    captions: int
    new: int
    failed: int


def caption(
    data: DataSection,
    captioner: Captioner,
    file: Path,
    *,
    batch_size: int = 8,
    max_side: int = 1024,
    report: Callable[[int], None] | None = None,
) -> Captioned:
    """Caption every image that `data` names and the file has no caption of; those that failed are tried again.

    Images are shrunk so that their longer side has at most `max_side` pixels. `report` is told after every batch how
    many images this call went through.

    Raises EllaError if the images aren't there, the file was begun with another model or prompt, or another process
    writes to it.
    """
    with alone_with(file):
        return _caption(data, captioner, file, batch_size=batch_size, max_side=max_side, report=report)


def _caption(
    data: DataSection,
    captioner: Captioner,
    file: Path,
    *,
    batch_size: int,
    max_side: int,
    report: Callable[[int], None] | None,
) -> Captioned:
    settings = {**captioner.settings(), "max_side": max_side}
    _check_same(file, settings)
    mend_log(file)
    records = read_lines(file, image=str)
    done = {str(record["image"]) for record in records if "caption" in record}
    broken = SkippedPairs(None)
    source = pair_source(data.model_copy(update={"captions": None, "caption_column": ""}), seed=0, skipped=broken)
    new, failed = 0, 0
    waiting = (pair for pair in source.pairs(None) if pair.key not in done)
    while batch := list(islice(waiting, batch_size)):
        for key, said in _described(batch, captioner, max_side):
            if said.caption is None:
                append_line(file, {"image": key, "error": said.error})
                failed += 1
            else:
                append_line(file, {"image": key, "caption": said.caption, "model": settings["model"]})
                new += 1
        if report is not None:
            report(new + failed)
    for key, reason in broken.items():
        append_line(file, {"image": key, "error": reason})
        failed += 1
    return Captioned(file, len(done) + new, new, failed)


def failures(file: Path) -> Iterator[tuple[str, str]]:
    """The images of the file that have no caption, with the reason."""
    records = read_lines(file, image=str)
    done = {record["image"] for record in records if "caption" in record}
    reasons = {record["image"]: str(record["error"]) for record in records if "error" in record}
    return ((image, reason) for image, reason in reasons.items() if image not in done)


def _described(batch: Sequence[Pair], captioner: Captioner, max_side: int) -> Iterable[tuple[str, Said]]:
    images: dict[str, Image.Image] = {}
    for pair in batch:
        try:
            image = opened(pair)
        except SkippedPair as reason:
            yield pair.key, Said(error=str(reason))
            continue
        image.thumbnail((max_side, max_side))
        images[pair.key] = image
    if images:
        yield from zip(images, captioner.describe(list(images.values())), strict=True)


def _check_same(file: Path, settings: dict[str, object]) -> None:
    beside = file.with_suffix(".json")
    if not beside.is_file():
        if file.is_file() and read_lines(file):
            raise EllaError(f"'{file}' holds captions, but '{beside}' that says of which model is gone; name another.")
        write_json(beside, settings)
        return
    before = read_json(beside)
    for name, value in settings.items():
        if before.get(name) != value:
            raise EllaError(
                f"'{file}' was begun with {name} {before.get(name)!r}, which now is {value!r}: give the old value to "
                "go on, or name another file."
            )
