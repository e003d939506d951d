"""`answers.jsonl`: one line per answer, and which of the lines still count.

An answer counts for one image digest and one text of its question; where the image or the text has changed
since, it is asked again and the later line stands. Once a judgement ends, the file is in order: items, images
and questions as in the suite, one line per answer. So it is the same, byte for byte, whatever happened on the way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines, write_answer_lines
from dpg_bench.files.durable import JsonlLog
from dpg_bench.records import Prompt, Question, Reply


@dataclass(frozen=True, slots=True)
class ImageAnswers:
    """The answers about one image, by proposition id, and the SHA-256 (hex) of the file that the image is in.

    `p_yes` is the judge's probability of yes, 0 to 1, for those answers that it gave one with.
    """

    sha256: str
    answers: dict[int, str]
    p_yes: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, sha256: str, replies: Mapping[int, Reply]) -> ImageAnswers:
        """What a judge replied to the questions, as far as it's an answer."""
        told = {number: reply for number, reply in replies.items() if reply.missing is None}
        p_yes = {number: reply.p_yes for number, reply in told.items() if reply.p_yes is not None}
        return cls(sha256, {number: reply.text for number, reply in told.items()}, p_yes)


_Place = tuple[int, int, int]  # item, image, question: where an answer's line belongs
_BEHIND_ALL: _Place = (sys.maxsize, 0, 0)  # lines about items that this judgement is not about


class AnswerLog:
    """What `path` holds of the answers of one judge about `prompts`, and `others`, the logs of processes that share the
    judging: of an answer in several, the one read last stands. Reading them changes nothing on disk.

    Raises BadInputError if a line is damaged, or has another fingerprint than `fingerprint` (None: any).
    """

    def __init__(
        self, path: Path, prompts: Sequence[Prompt], *, fingerprint: str | None, others: Sequence[Path] = ()
    ) -> None:
        self._path = path
        self._logs = (path, *others)
        self._prompts = prompts
        self._fingerprint = fingerprint
        self._items = {prompt.item_id: (at, _by_proposition(prompt)) for at, prompt in enumerate(prompts)}
        self._held: dict[str, dict[int, ImageAnswers]] = {}
        self._last: _Place = (-1, -1, -1)
        self._in_order = True
        for log in self._logs:
            for number, line in read_answer_lines(log):
                self._take(line, f"{log}, line {number}")
                self._in_order = self._in_order and log == path

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
        of_item = self._held.get(prompt.item_id, {})
        if len(of_item) < images:  # so that no count, however large, is walked through
            return None
        held = [of_item.get(image) for image in range(images)]
        whole = [one.sha256 for one in held if one is not None and len(one.answers) == len(prompt.questions)]
        return tuple(whole) if len(whole) == images else None

    def append(self, log: JsonlLog, answers: Iterable[tuple[Prompt, int, ImageAnswers]]) -> None:
        """Hold answers about images and write them to `log`, all with one flush.

        Raises OSError if they can't be written.
        """
        lines = []
        for prompt, image, new in answers:
            questions = [question for question in prompt.questions if question.proposition_id in new.answers]
            made = [self._line(prompt.item_id, image, question, new) for question in questions]
            lines += [line.record() for line in made]
            for line in made:
                self._hold(line, new.sha256)
        log.append(*lines)

    def put_in_order(self) -> None:
        """Rewrite the file in the order of the suite, without answers that no longer count, unless it is so already."""
        if self._in_order:
            return
        others = [line for log in self._logs for _, line in read_answer_lines(log) if line.item_id not in self._items]
        write_answer_lines(self._path, [*self._lines(), *others])
        self._in_order = True

    def _take(self, line: AnswerLine, place: str) -> None:
        if line.question is None or line.image_sha256 is None or line.judge_fingerprint is None:
            raise BadInputError(
                f"{place} is damaged: it says not what was asked about which image by which judge. "
                "Delete that line to have it made again."
            )
        if self._fingerprint is not None and line.judge_fingerprint != self._fingerprint:
            raise BadInputError(
                f"{place} is by another judge: its fingerprint is {line.judge_fingerprint}, "
                f"this judge's {self._fingerprint}. Use {option('fresh', True)} to judge anew, or choose another "
                f"{option('out')}."
            )
        item = self._items.get(line.item_id)
        if item is None:
            self._advance(_BEHIND_ALL)
            return
        question = item[1].get(line.proposition_id)
        if question is None or question[1].text != line.question:
            self._in_order = False
            return
        self._hold(line, line.image_sha256)

    def _hold(self, line: AnswerLine, sha256: str) -> None:
        at, questions = self._items[line.item_id]
        images = self._held.setdefault(line.item_id, {})
        held = images.get(line.image)
        if held is None or held.sha256 != sha256:
            self._in_order = self._in_order and held is None
            held = images[line.image] = ImageAnswers(sha256, {})
        held.answers[line.proposition_id] = sys.intern(line.answer)
        held.p_yes.pop(line.proposition_id, None)
        if line.p_yes is not None:
            held.p_yes[line.proposition_id] = line.p_yes
        self._advance((at, line.image, questions[line.proposition_id][0]))

    def _advance(self, place: _Place) -> None:
        if place < self._last or place == self._last != _BEHIND_ALL:
            self._in_order = False
        self._last = place

    def _lines(self) -> Iterator[AnswerLine]:
        for prompt in self._prompts:
            for image, held in sorted(self._held.get(prompt.item_id, {}).items()):
                for question in prompt.questions:
                    if question.proposition_id in held.answers:
                        yield self._line(prompt.item_id, image, question, held)

    def _line(self, item_id: str, image: int, question: Question, held: ImageAnswers) -> AnswerLine:
        return AnswerLine(
            item_id=item_id,
            image=image,
            proposition_id=question.proposition_id,
            question=question.text,
            answer=held.answers[question.proposition_id],
            p_yes=held.p_yes.get(question.proposition_id),
            image_sha256=held.sha256,
            judge_fingerprint=self._fingerprint,
        )


def _by_proposition(prompt: Prompt) -> dict[int, tuple[int, Question]]:
    return {question.proposition_id: (at, question) for at, question in enumerate(prompt.questions)}
