"""The stage that asks the questions: images to tiles, tiles to the judge, answers to `answers.jsonl`.

Items are asked in the order of the suite and in groups that depend on nothing but the list of items, so that a
continued run puts the same images into a call as an undisturbed one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dpg_bench.errors import DpgBenchError, UnavailableError
from dpg_bench.files.clearing import clear_shards
from dpg_bench.files.durable import JsonlLog, clear_parts, disk_errors, read_jsonl
from dpg_bench.files.image_content import UnusableImageError
from dpg_bench.files.images import ImageFolder
from dpg_bench.files.judgement_record import JudgementRecord, begin_judgement
from dpg_bench.files.run_folder import JudgementDir, ShardDir, lock_alone
from dpg_bench.judge.answer_log import AnswerLog, ImageAnswers
from dpg_bench.judge.ask import Asker, JudgeTooLargeError, Tile
from dpg_bench.judge.base import Judge, usage_of
from dpg_bench.judge.prefetch import read_ahead
from dpg_bench.judge.tiles import ItemTiles, TileJob
from dpg_bench.judge.told import open_line, open_text, summed_usage, take_over_usage, usage_line
from dpg_bench.records import AnswerTable, Prompt, PYesTable, Reply


@dataclass(frozen=True, slots=True)
class JudgingProgress:
    """How far a judgement is: `items_done` of `items`, of which `failed`; `asked` and `kept` of `questions`."""

    items: int
    items_done: int
    failed: int
    questions: int
    asked: int
    kept: int


@dataclass(frozen=True, slots=True)
class JudgingOutcome:
    """All answers that hold for the images as they are, with the judge's P(yes), and what the other items lack.

    `failed` maps items that could not be judged to the reason, `missing` those whose images aren't there or that the
    judge left a question of open. `asked` answers were made now, `kept` ones were there before. `usage` is what asking
    came to (`usage_of`), in earlier calls too.
    """

    answers: AnswerTable
    p_yes: PYesTable
    failed: Mapping[str, str]
    missing: Mapping[str, str]
    asked: int
    kept: int
    usage: Mapping[str, float]


def judge_images(
    prompts: Sequence[Prompt],
    images: ImageFolder,
    judge: Judge,
    *,
    folder: Path,
    batch_size: int,
    suite_digest: str | None = None,
    made: Mapping[str, str] | None = None,
    workers: int = 0,
    fresh: bool = False,
    begun: Callable[[], None] | None = None,
    progress: Callable[[JudgingProgress], None] | None = None,
) -> JudgingOutcome:
    """Ask `judge` all questions of `prompts` about their `images`, and write the answers into `folder`.

    Answers that are there and still hold are kept; `fresh` deletes them first. `batch_size` (≥ 1) is the number
    of images per call of the judge, halved whenever one doesn't fit into memory. `suite_digest` names the suite of the
    questions, so that no other's are put among them. `workers`: see `read_ahead`. `begun` is called once it is known
    that the answers go with those that are there.
    `made` are the SHA-256 of items' files as they were made, where that is known: an item whose file has another is no
    longer what the run made, and isn't judged.
    An item that can't be judged is logged in `failures.jsonl` and tried again next time, and so is a question that the
    judge left open; the others go on.

    Raises BadInputError if another process is at work in `folder` or it holds answers made with other settings,
    DpgBenchError if the disk is full, the judge doesn't fit into memory or a worker process dies, UnavailableError if
    the judge can't be reached any more. Whatever ends the work, the answers written by then are kept.
    """
    place = JudgementDir(folder)
    with lock_alone(folder), disk_errors(folder):
        clear_parts(folder)
        begin_judging(place, images, judge, suite_digest=suite_digest, fresh=fresh)
        if begun is not None:
            begun()
        place.failures.unlink(missing_ok=True)
        if fresh:
            clear_shards(place.shards)
        own, *others = place.answer_logs
        answers = AnswerLog(own, prompts, fingerprint=judge.fingerprint, others=others)
        work = _Judging(
            prompts, images, judge, answers, place=place, batch_size=batch_size, made=made or {}, progress=progress
        )
        with JsonlLog(own) as log:
            work.run(log, workers=workers)
        answers.put_in_order()
        take_over_usage(place)
        clear_shards(place.shards)
    return work.outcome()


def begin_judging(
    place: JudgementDir, images: ImageFolder, judge: Judge, *, suite_digest: str | None, fresh: bool = False
) -> None:
    """Say in `place` what the answers about `images` are made with. For whoever holds its lock.

    Raises BadInputError if it holds answers made with other settings, OSError if it can't be written.
    """
    record = JudgementRecord(
        judge_fingerprint=judge.fingerprint,
        judge=dict(judge.provenance),
        images_per_prompt=images.images_per_prompt,
        suite_digest=suite_digest,
        tiles={f"{width}x{height}": str(cut) for (width, height), cut in (images.cuts or {}).items()},
    )
    begin_judgement(place, record, fresh=fresh)


def judge_share(
    prompts: Sequence[Prompt],
    images: ImageFolder,
    judge: Judge,
    *,
    shard: ShardDir,
    answers: AnswerLog,
    batch_size: int,
    made: Mapping[str, str],
    workers: int = 0,
    progress: Callable[[JudgingProgress], None] | None = None,
) -> JudgingOutcome:
    """`judge_images` of one of several processes, in its own folder `shard`, which it holds; `answers` are those known.

    Raises what `judge_images` raises of the work itself.
    """
    with disk_errors(shard.path):
        work = _Judging(
            prompts, images, judge, answers, place=shard, batch_size=batch_size, made=made, progress=progress
        )
        with JsonlLog(shard.answers) as log:
            work.run(log, workers=workers)
    return work.outcome()


class _Judging:
    """One call of `judge_images`: its counts, and the items' way from tiles to answers."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        images: ImageFolder,
        judge: Judge,
        answers: AnswerLog,
        *,
        place: JudgementDir | ShardDir,
        batch_size: int,
        made: Mapping[str, str],
        progress: Callable[[JudgingProgress], None] | None,
    ) -> None:
        self._made = made
        self._prompts = [prompt for prompt in prompts if prompt.item_id in images.items and prompt.questions]
        self._images = images
        self._judge = judge
        self._answers = answers
        self._place = place
        self._asker = Asker(judge, batch_size)
        self._group_size = max(1, batch_size // images.images_per_prompt)
        self._progress = progress
        self._table: dict[str, Mapping[int, Mapping[int, str]]] = {}
        self._p_yes: dict[str, Mapping[int, Mapping[int, float]]] = {}
        self._failed: dict[str, str] = {}
        self._open: dict[str, str] = {}
        self._usage = dict(usage_of(judge))
        self._questions = images.images_per_prompt * sum(len(prompt.questions) for prompt in self._prompts)
        self._asked = 0
        self._kept = 0

    def run(self, log: JsonlLog, *, workers: int) -> None:
        self._report()
        jobs = (self._job(prompt) for prompt in self._prompts)
        # Enough to fill the next group while this one is with the judge, and to keep every worker busy.
        ahead = self._group_size + 2 * workers
        with closing(read_ahead(jobs, workers=workers, ahead=ahead)) as read:
            prompts = iter(self._prompts)
            while group := list(islice(prompts, self._group_size)):
                items = [self._tiles(prompt, next(read)) for prompt in group]
                self._ask(log, [item for item in items if item is not None])
                self._report()

    def outcome(self) -> JudgingOutcome:
        return JudgingOutcome(
            answers=self._table,
            p_yes=self._p_yes,
            failed=self._failed,
            missing={**self._images.missing, **self._open},
            usage=summed_usage(read_jsonl(self._place.usage)),
            asked=self._asked,
            kept=self._kept,
        )

    def _job(self, prompt: Prompt) -> TileJob:
        return TileJob(
            item=self._images.items[prompt.item_id],
            images=self._images.images_per_prompt,
            resolution=self._images.resolution,
            cuts=self._images.cuts,
            preprocess=self._judge.preprocess,
            known=self._answers.complete_digests(prompt, self._images.images_per_prompt),
        )

    def _tiles(self, prompt: Prompt, future: Future[ItemTiles]) -> _Item | None:
        """The item, if anything has to be asked about it."""
        try:
            tiles = future.result()
        except BrokenProcessPool as error:
            raise DpgBenchError(
                "A worker process that prepares images was killed, probably for want of memory. What was finished is "
                "kept; free some memory and run the same command again to continue."
            ) from error
        except Exception as error:  # noqa: BLE001 - one broken item never ends a run; it is logged and counted
            self._fail(prompt, error)
            return None
        if self._made.get(prompt.item_id, tiles.digests[0]) != tiles.digests[0]:
            self._fail(prompt, _changed(self._images.items[prompt.item_id].files[0]))
            return None
        item = _Item(
            prompt, tiles, [self._missing(prompt, image, digest) for image, digest in enumerate(tiles.digests)]
        )
        self._kept += len(prompt.questions) * len(tiles.digests) - item.question_count
        if item.question_count == 0:
            self._finish(item)
            return None
        return item

    def _missing(self, prompt: Prompt, image: int, digest: str) -> dict[int, str]:
        """All questions about an image that isn't answered whole, so that a reply never depends on an interruption."""
        answered = self._answers.valid(prompt.item_id, image, digest)
        if all(question.proposition_id in answered for question in prompt.questions):
            return {}
        return {question.proposition_id: question.text for question in prompt.questions}

    def _ask(self, log: JsonlLog, items: Sequence[_Item]) -> None:
        if not items:
            return
        try:
            texts = self._asked_about([tile for item in items for tile in item.to_ask()])
        except (JudgeTooLargeError, UnavailableError):
            raise
        except Exception as error:  # noqa: BLE001 - pinned to its item by asking one at a time, then logged
            if len(items) == 1:
                self._fail(items[0].prompt, error)
            for item in items if len(items) > 1 else ():
                self._ask(log, [item])
            return
        told = iter(texts)
        replied = [(item, list(item.replied(told))) for item in items]
        new = [(item.prompt, image.number, image.answers()) for item, images in replied for image in images]
        self._answers.append(log, new)
        for item, images in replied:
            self._asked += item.question_count
            self._leave_open(item.prompt, images)
            self._finish(item)

    def _asked_about(self, tiles: Sequence[Tile]) -> list[list[Reply]]:
        """The replies; what they came to is written down, even if they didn't come."""
        try:
            return self._asker.ask(tiles)
        finally:
            now = dict(usage_of(self._judge))
            spent = {name: value - self._usage.get(name, 0) for name, value in now.items()}
            self._usage = now
            if any(spent.values()):
                with JsonlLog(self._place.usage) as log:
                    log.append(usage_line(spent))

    def _leave_open(self, prompt: Prompt, images: Sequence[_Replied]) -> None:
        """Log the questions that the judge gave no answer to."""
        left = [open_line(prompt, image.number, n, why) for image in images for n, why in image.missing().items()]
        if not left:
            return
        with JsonlLog(self._place.failures) as log:
            log.append(*left)
        self._open[prompt.item_id] = open_text(prompt, left)

    def _finish(self, item: _Item) -> None:
        item_id = item.prompt.item_id
        self._table[item_id] = {
            image: self._answers.valid(item_id, image, digest) for image, digest in enumerate(item.tiles.digests)
        }
        self._p_yes[item_id] = {
            image: self._answers.p_yes(item_id, image, digest) for image, digest in enumerate(item.tiles.digests)
        }

    def _fail(self, prompt: Prompt, error: Exception) -> None:
        message = str(error) if isinstance(error, DpgBenchError) else f"{type(error).__name__}: {error}"
        self._failed[prompt.item_id] = message
        lines = traceback.format_exception(error)
        with JsonlLog(self._place.failures) as log:
            log.append({"item_id": prompt.item_id, "error": message, "traceback": "".join(lines)})

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(
                JudgingProgress(
                    items=len(self._prompts),
                    items_done=len(self._table) + len(self._failed),
                    failed=len(self._failed),
                    questions=self._questions,
                    asked=self._asked,
                    kept=self._kept,
                )
            )


def _changed(file: Path) -> UnusableImageError:
    return UnusableImageError(
        f"{file} is not the image that the run made: its SHA-256 is another than the run's log has. Make it again with "
        "the command that made the run; to judge the images as they are, copy them to a folder of their own."
    )


@dataclass(frozen=True, slots=True)
class _Item:
    """An item under way: `missing` are, for each image, the texts of the questions to ask, by proposition id."""

    prompt: Prompt
    tiles: ItemTiles
    missing: list[dict[int, str]]

    @property
    def question_count(self) -> int:
        return sum(len(questions) for questions in self.missing)

    def to_ask(self) -> Iterator[Tile]:
        for pixels, questions in zip(self.tiles.pixels, self.missing, strict=True):
            if questions:
                yield Tile(pixels, tuple(questions.values()))

    def replied(self, told: Iterator[list[Reply]]) -> Iterator[_Replied]:
        """The replies by image, taken from `told` in the order of `to_ask`."""
        for image, (digest, questions) in enumerate(zip(self.tiles.digests, self.missing, strict=True)):
            if questions:
                yield _Replied(image, digest, dict(zip(questions, next(told), strict=True)))


@dataclass(frozen=True, slots=True)
class _Replied:
    """The replies about one image, by proposition id, and the digest of its file."""

    number: int
    sha256: str
    replies: dict[int, Reply]

    def answers(self) -> ImageAnswers:
        return ImageAnswers.of(self.sha256, self.replies)

    def missing(self) -> dict[int, str]:
        return {number: reply.missing for number, reply in self.replies.items() if reply.missing is not None}
