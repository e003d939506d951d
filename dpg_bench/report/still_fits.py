"""Whether a scorecard is still about the answers, images and items that lie around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import read_answer_lines
from dpg_bench.files.contents import file_digest, file_digests, items_digest
from dpg_bench.files.recorded_images import find_recorded_images
from dpg_bench.files.run_folder import JudgementDir, run_around
from dpg_bench.files.source_record import images_of
from dpg_bench.score.items import answered_yes
from dpg_bench.score.scorecard import CORRECTED, Scorecard


def misfit(card: Scorecard, judgement: JudgementDir, *, images: bool = True) -> str | None:
    """What has changed in the run since `card` was made, in words; None if nothing has.

    Compared are the answers, the run's settings, suite and list of items, and every image that was judged by its
    content, which reads them all; not so with `images` False. What isn't there any more (images deleted to save space)
    contradicts nothing.

    Raises BadInputError if the run's record or an answer is damaged.
    """
    changed = _changed_run(card, judgement) or _changed_answers(card, judgement)
    return changed or (_changed_images(card, judgement) if images else None)


def _changed_run(card: Scorecard, judgement: JudgementDir) -> str | None:
    images = images_of(judgement.run)
    run = judgement.run if judgement.run.record_file.exists() else run_around(images) if images is not None else None
    record = run.read_record() if run is not None else None
    if record is None:
        return None
    if card.run.settings_fingerprint != record.fingerprint:
        return "the run was made anew with other settings"
    if record.suite.digest != card.suite.digest:
        return f"the run is of another suite now, '{record.suite.name}'"
    answered = card.answered
    if answered is not None and answered.items_sha256 not in (None, items_digest(record.suite.items)):
        return f"the run has other items now, {len(record.suite.items or range(record.suite.prompts))}"
    return None


def _changed_answers(card: Scorecard, judgement: JudgementDir) -> str | None:
    if not judgement.answers.is_file():
        return None
    if card.answered is not None and card.answered.sha256 is not None:
        return None if file_digest(judgement.answers) == card.answered.sha256 else "its answers have changed"
    return _other_answers(card, judgement)


def _other_answers(card: Scorecard, judgement: JudgementDir) -> str | None:
    """As far as a card of an earlier version tells: whether a scored item has another yes or no now."""
    columns = card[CORRECTED].items
    if columns is None or card.answers is None:
        return None
    scored = dict(answered_yes(card.answers, columns))
    now = {
        (line.item_id, line.proposition_id, line.image): line.answer == "yes"
        for _, line in read_answer_lines(judgement.answers)
    }
    for item_id, questions in scored.items():
        for number, images in questions.items():
            if any(now.get((item_id, number, image), yes) != yes for image, yes in enumerate(images)):
                return f"its answers about item '{item_id}' have changed"
    return None


def _changed_images(card: Scorecard, judgement: JudgementDir) -> str | None:
    if not judgement.answers.is_file():
        return None
    judged: dict[tuple[str, int], str] = {}
    for _, line in read_answer_lines(judgement.answers):
        if line.image_sha256 is not None:
            judged[line.item_id, line.image] = line.image_sha256
    expected = {item.item_id: item for item in card[CORRECTED].excluded}
    columns = card[CORRECTED].items
    item_ids = [*(columns.item_id if columns is not None else ()), *expected]
    files = _files(judgement, item_ids, card.run.images_per_prompt)
    appeared = [item for item in files if item in expected and expected[item].cause == "missing"]
    if judged and appeared:
        return f"images are there that were missing, of item '{appeared[0]}' first"
    digests = file_digests(file for found in files.values() for file in found)
    for (item_id, image), sha256 in judged.items():
        found = files.get(item_id, ())
        file = found[0] if len(found) == 1 else found[image] if image < len(found) else None
        if file is not None and digests.get(file, sha256) != sha256:
            return f"the image {file.name} is another one than was judged"
    return None


def _files(judgement: JudgementDir, item_ids: list[str], images: int) -> Mapping[str, tuple[Path, ...]]:
    try:
        found = find_recorded_images(judgement.run, item_ids, images_per_prompt=images)
        return {item_id: item.files for item_id, item in found.items.items()} if found is not None else {}
    except BadInputError:  # nothing of this run's is there, or there are two of something: nothing to compare with
        return {}
