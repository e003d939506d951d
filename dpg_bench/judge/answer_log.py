"""`answers.jsonl`: one line per answer, and which of the lines still count.

An answer counts for one image digest and one text of its question; where the image or the text has changed
since, it is asked again and the later line stands. Once a judgement ends, the file is in order: items, images
and questions as in the suite, one line per answer. So it is the same, byte for byte, whatever happened on the way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import JsonlLog, read_jsonl, write_atomic
from dpg_bench.records import Prompt, Question, Reply


class AnswerLine(BaseModel):
    """One line: what was asked about which image of an item, counted from 0, and what `judge` said."""

    model_config = ConfigDict(strict=True, frozen=True)

    item_id: str
    image: int = Field(ge=0)
    proposition_id: int
    question: str
    answer: str
    p_yes: float | None = Field(default=None, ge=0, le=1)
    image_sha256: str
    judge_fingerprint: str


@dataclass(frozen=True, slots=True)
class ImageAnswers:
    """The answers about one image, by proposition id, and the SHA-256 (hex) of the file that the image is in.

    `p_yes` holds the judge's P(yes), where it gave one.
    """

    sha256: str
    answers: dict[int, str]
    p_yes: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, sha256: str, replies: Mapping[int, Reply]) -> ImageAnswers:
        """What a judge replied to the questions."""
        p_yes = {number: reply.p_yes for number, reply in replies.items() if reply.p_yes is not None}
        return cls(sha256, {number: reply.text for number, reply in replies.items()}, p_yes)


_Place = tuple[int, int, int]  # item, image, question: where an answer's line belongs
_BEHIND_ALL: _Place = (sys.maxsize, 0, 0)  # lines about items that this judgement is not about


class AnswerLog:
    """What `path` holds of the answers of one judge about `prompts`. Reading it changes nothing on disk.

    Raises BadInputError if a line is damaged, or has another fingerprint than `fingerprint` (None: any).
    """

    def __init__(self, path: Path, prompts: Sequence[Prompt], *, fingerprint: str | None) -> None:
        self._path = path
        self._prompts = prompts
        self._fingerprint = fingerprint
        self._items = {prompt.item_id: (at, _by_proposition(prompt)) for at, prompt in enumerate(prompts)}
        self._held: dict[str, dict[int, ImageAnswers]] = {}
        self._last: _Place = (-1, -1, -1)
        self._in_order = True
        for number, record in enumerate(read_jsonl(path), start=1):
            self._take(_parsed(path, number, record), number)

    def valid(self, item_id: str, image: int, sha256: str) -> Mapping[int, str]:
        """The answers, by proposition id, about an image of that digest."""
        held = self._held.get(item_id, {}).get(image)
        return held.answers if held is not None and held.sha256 == sha256 else {}

    def p_yes(self, item_id: str, image: int, sha256: str) -> Mapping[int, float]:
        """P(yes), by proposition id, of the answers about an image of that digest, where the judge gave it."""
        held = self._held.get(item_id, {}).get(image)
        return held.p_yes if held is not None and held.sha256 == sha256 else {}

    def complete_digests(self, prompt: Prompt, images: int) -> tuple[str, ...] | None:
        """The digests of the images that all of the prompt's questions are answered for; None if any is not."""
        held = [self._held.get(prompt.item_id, {}).get(image) for image in range(images)]
        whole = [one.sha256 for one in held if one is not None and len(one.answers) == len(prompt.questions)]
        return tuple(whole) if len(whole) == images else None

    def count(self, item_id: str, images: int) -> int:
        """The number of answers about the first `images` images of an item, whatever their digests."""
        held = self._held.get(item_id, {})
        return sum(len(held[image].answers) for image in range(images) if image in held)

    def append(self, log: JsonlLog, answers: Iterable[tuple[Prompt, int, ImageAnswers]]) -> None:
        """Hold answers about images and write them to `log`, all with one flush.

        Raises OSError if they can't be written.
        """
        lines = []
        for prompt, image, new in answers:
            questions = [question for question in prompt.questions if question.proposition_id in new.answers]
            lines += [self._line(prompt.item_id, image, question, new) for question in questions]
            for question in questions:
                self._hold(prompt.item_id, image, question.proposition_id, new)
        log.append(*lines)

    def put_in_order(self) -> None:
        """Rewrite the file in the order of the suite, without answers that no longer count, unless it is so already."""
        if self._in_order:
            return
        records = [*self._records(), *(line for line in read_jsonl(self._path) if line["item_id"] not in self._items)]
        content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        write_atomic(self._path, content.encode())
        self._in_order = True

    def _take(self, line: AnswerLine, number: int) -> None:
        if self._fingerprint is not None and line.judge_fingerprint != self._fingerprint:
            raise BadInputError(
                f"{self._path}, line {number} is by another judge: its fingerprint is {line.judge_fingerprint}, "
                f"this judge's {self._fingerprint}. Use --fresh to judge anew, or choose another --out."
            )
        item = self._items.get(line.item_id)
        if item is None:
            self._advance(_BEHIND_ALL)
            return
        question = item[1].get(line.proposition_id)
        if question is None or question[1].text != line.question:
            self._in_order = False
            return
        reply = Reply(sys.intern(line.answer), line.p_yes)
        new = ImageAnswers.of(line.image_sha256, {line.proposition_id: reply})
        self._hold(line.item_id, line.image, line.proposition_id, new)

    def _hold(self, item_id: str, image: int, proposition_id: int, new: ImageAnswers) -> None:
        at, questions = self._items[item_id]
        images = self._held.setdefault(item_id, {})
        if image not in images or images[image].sha256 != new.sha256:
            self._in_order = self._in_order and image not in images
            images[image] = ImageAnswers(new.sha256, {})
        images[image].answers[proposition_id] = new.answers[proposition_id]
        images[image].p_yes.pop(proposition_id, None)
        if proposition_id in new.p_yes:
            images[image].p_yes[proposition_id] = new.p_yes[proposition_id]
        self._advance((at, image, questions[proposition_id][0]))

    def _advance(self, place: _Place) -> None:
        if place < self._last or place == self._last != _BEHIND_ALL:
            self._in_order = False
        self._last = place

    def _records(self) -> Iterator[dict[str, Any]]:
        for prompt in self._prompts:
            for image, held in sorted(self._held.get(prompt.item_id, {}).items()):
                for question in prompt.questions:
                    if question.proposition_id in held.answers:
                        yield self._line(prompt.item_id, image, question, held)

    def _line(self, item_id: str, image: int, question: Question, held: ImageAnswers) -> dict[str, Any]:
        return {
            "item_id": item_id,
            "image": image,
            "proposition_id": question.proposition_id,
            "question": question.text,
            "answer": held.answers[question.proposition_id],
            **({"p_yes": held.p_yes[question.proposition_id]} if question.proposition_id in held.p_yes else {}),
            "image_sha256": held.sha256,
            "judge_fingerprint": self._fingerprint,
        }


def _by_proposition(prompt: Prompt) -> dict[int, tuple[int, Question]]:
    return {question.proposition_id: (at, question) for at, question in enumerate(prompt.questions)}


def _parsed(path: Path, number: int, record: Mapping[str, Any]) -> AnswerLine:
    try:
        return AnswerLine.model_validate(record)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise BadInputError(
            f"{path}, line {number} is damaged at {where}: {problem['msg']}. Delete that line to have it made again."
        ) from None
