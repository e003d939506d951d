"""`DPGScore`: the benchmark in a training loop or a notebook, on images in memory, with the judge loaded once."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from dpg_bench import __version__
from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.judge.ask import Asker, Tile, default_batch_size
from dpg_bench.judge.in_memory import LoadedJudge, as_image, load_judge
from dpg_bench.records import Reply, Suite
from dpg_bench.score.notebook import card_html
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard, plain_json
from dpg_bench.score.scoring import answers_to_scorecard

if TYPE_CHECKING:
    from dpg_bench.judge.in_memory import ImageLike


_THUMBNAIL = 96
"""Pixels along the longer side of the pictures that a notebook shows."""

_Judged: TypeAlias = dict[str, list[tuple[Reply, ...]]]
"""By item id, for each of its images the replies to the item's questions, in their order."""


class DPGScore:
    """Collects judged images and makes a scorecard of them: `update`, `compute`, `reset`, `merge`.

    The names and their meaning are those of a metric of torchmetrics. Under `torch.distributed` every process updates
    with items of its own, and `compute` gathers those of all: each process then has the same card.

    `suite` is what the scores are about; a selection (`Suite.select`) scores as that part of the whole suite. `model`
    is the name that the card gives what was judged. A card holds both protocols and, from a judge that gives P(yes),
    the soft score.

    >>> import dpg_bench as dpg
    >>> from PIL import Image
    >>> suite = dpg.load_suite("sample").select(2, seed=0)
    >>> metric = dpg.DPGScore(suite, judge=dpg.load_judge("tiny-mplug"))
    >>> for prompt in suite:
    ...     metric.update(prompt.item_id, [Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")])
    >>> card = metric.compute()
    >>> card["corrected"].prompts_scored, card.run.images_per_prompt
    (2, 2)
    """

    higher_is_better = True

    def __init__(
        self,
        suite: Suite,
        *,
        judge: LoadedJudge | str = "mplug",
        model: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Start with nothing judged. A `judge` given by name is loaded now; `batch_size` is images per call of it.

        Raises BadInputError for a suite without questions, and what `load_judge` raises.
        """
        if not suite.question_count:
            raise BadInputError(f"The suite '{suite.name}' has prompts but no questions, so there is nothing to score.")
        self.suite = suite
        self.judge = load_judge(judge) if isinstance(judge, str) else judge
        self.model = model
        self._asker = Asker(self.judge, batch_size or default_batch_size(self.judge.device))
        self._judged: _Judged = {}
        self._thumbnails: dict[str, list[str]] = {}

    def update(self, item_id: str, images: ImageLike | Iterable[ImageLike]) -> None:
        """Judge images of one item, which add to those that it has: a list, a batch (N, …), or a single image.

        Raises BadInputError for an item that the suite doesn't have, for no image, and for something that is none.
        """
        prompt = self.suite.by_id.get(item_id)
        if prompt is None:
            raise unknown_name(f"item of suite '{self.suite.name}':", item_id, self.suite.by_id)
        pictures = [as_image(image) for image in _each(images)]
        if not pictures:
            raise BadInputError(f"There is no image of item '{item_id}': give at least one.")
        texts = tuple(question.text for question in prompt.questions)
        tiles = [Tile(self.judge.preprocess(picture), texts) for picture in pictures]
        replies = self._asker.ask(tiles)
        self._judged.setdefault(item_id, []).extend(map(tuple, replies))
        self._thumbnails.setdefault(item_id, []).extend(map(_thumbnail, pictures))

    def compute(self, *, allow_missing: bool = False) -> Scorecard:
        """The scorecard of all that was judged, by every process where there are several.

        Images per prompt are the most that an item has. An item without images, or with fewer, is missing: it is named
        in the card, which then shows an overall score only with `allow_missing`.

        Raises BadInputError if nothing was judged, or two processes judged the same item differently.
        """
        return self._card(self._gathered(), allow_missing=allow_missing)

    def _card(self, judged: _Judged, *, allow_missing: bool) -> Scorecard:
        if not judged:
            raise BadInputError("Nothing was judged yet: call update(item_id, images) first.")
        images_per_prompt = max(len(images) for images in judged.values())
        numbers = {p.item_id: [question.proposition_id for question in p.questions] for p in self.suite.prompts}
        answers = {
            item_id: {
                k: {n: r.text for n, r in zip(numbers[item_id], replies, strict=True) if r.missing is None}
                for k, replies in enumerate(images)
            }
            for item_id, images in judged.items()
        }
        p_yes = {
            item_id: {
                k: {n: r.p_yes for n, r in zip(numbers[item_id], replies, strict=True) if r.p_yes is not None}
                for k, replies in enumerate(images)
            }
            for item_id, images in judged.items()
        }
        return answers_to_scorecard(
            self.suite.whole or self.suite,
            answers,
            judge=JudgeCard(
                name=self.judge.name,
                fingerprint=self.judge.fingerprint,
                untrained=self.judge.untrained,
                provenance=plain_json(self.judge.provenance),
            ),
            run=RunCard(
                model=self.model,
                images_per_prompt=images_per_prompt,
                allow_missing=allow_missing,
                scored_by=__version__,
            ),
            item_ids=list(self.suite.by_id),
            p_yes=p_yes,
        )

    def reset(self) -> None:
        """Forget all images; the judge stays loaded."""
        self._judged.clear()
        self._thumbnails.clear()

    def merge(self, other: DPGScore) -> None:
        """Take over what `other` judged.

        Raises BadInputError if it has another suite or judge, or other replies about an item that is here too.
        """
        if other.suite.digest != self.suite.digest:
            raise BadInputError(f"The suites differ: '{self.suite.name}' and '{other.suite.name}'.")
        if other.judge.fingerprint != self.judge.fingerprint:
            raise BadInputError(f"The judges differ: {self.judge.name} and {other.judge.name} have other fingerprints.")
        self._judged = _united([self._judged, other._judged])
        self._thumbnails = {**other._thumbnails, **self._thumbnails}

    def merge_state(self, incoming_state: DPGScore) -> None:
        """`merge`, under the name that torchmetrics gives it."""
        self.merge(incoming_state)

    def to(self, *_: Any, **__: Any) -> DPGScore:
        """Return this metric as it is: the judge stays on the device that it was loaded onto."""
        return self

    def _repr_html_(self) -> str:
        """What this process judged so far, with small pictures of the lowest items."""
        if not self._judged:
            return f"<p>DPGScore on suite {escape(self.suite.name)}: nothing judged yet</p>"
        card = self._card(self._judged, allow_missing=True)
        return card_html(card, pictures=lambda item_id: self._thumbnails.get(item_id, []))

    def _gathered(self) -> _Judged:
        torch = sys.modules.get("torch")
        distributed = None if torch is None else torch.distributed
        if distributed is None or not distributed.is_available() or not distributed.is_initialized():
            return self._judged
        everyone: list[_Judged] = [{} for _ in range(distributed.get_world_size())]
        distributed.all_gather_object(everyone, self._judged)
        return _united(everyone)


def _united(parts: Iterable[_Judged]) -> _Judged:
    whole: _Judged = {}
    for part in parts:
        for item_id, images in part.items():
            if whole.setdefault(item_id, images) != images:
                raise BadInputError(
                    f"Item '{item_id}' was judged twice, with other images or replies. Give every item to one process."
                )
    return whole


def _each(images: ImageLike | Iterable[ImageLike]) -> list[ImageLike]:
    """The images of a list or of a batch; a single one is one image."""
    if isinstance(images, Image.Image):
        return [images]
    if isinstance(images, np.ndarray):
        return list(images) if images.ndim == 4 else [images]
    if "torch" in sys.modules:
        import torch

        if isinstance(images, torch.Tensor):
            return list(images) if images.ndim == 4 else [images]
    return list(images) if isinstance(images, Iterable) else [images]


def _thumbnail(picture: Image.Image) -> str:
    """A small picture as a data URL."""
    small = picture.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
