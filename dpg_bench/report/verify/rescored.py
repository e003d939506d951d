"""A judgement's answers held against the images, and its scorecard made again from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines
from dpg_bench.files.contents import file_digest, file_digests, items_digest
from dpg_bench.files.differences import flattened
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.images import ImageFolder
from dpg_bench.files.judgement_record import JudgementRecord, read_judgement_record
from dpg_bench.files.recorded_images import find_recorded_images
from dpg_bench.files.run_folder import JudgementDir, RunDir, run_around
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.source_record import images_of
from dpg_bench.generate.generation_log import failed_items
from dpg_bench.records import Suite
from dpg_bench.report.verify.asked import find_asked
from dpg_bench.report.verify.findings import Findings, short
from dpg_bench.score.scorecard import CORRECTED, Scorecard, plain_json, read_scorecard
from dpg_bench.score.scoring import answers_to_scorecard

_DETAIL = "detail"
"""The form of answers whose program never asks some items all their questions: see `ImportedAnswers.never_asked`."""
_OWN = ("schema", "answered.", "suite.name", "suite.source", "suite.mended")
"""What a card doesn't have from its answers: see `_check_counts` for `answered`."""
_ROUNDED = 1e-3
"""Percentage points that intervals, which are rounded, may differ between versions of NumPy and SciPy."""


_Pairs: TypeAlias = Sequence[tuple[str, Any, Any]]
"""What the scorecard says under a name, and what it should say."""


@dataclass(slots=True)
class _Answers:
    """The answers of a file as scoring takes them."""

    table: dict[str, dict[int, dict[int, str]]] = field(default_factory=dict)
    p_yes: dict[str, dict[int, dict[int, float]]] = field(default_factory=dict)

    def add(self, line: AnswerLine) -> None:
        self.table.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.answer
        if line.p_yes is not None:
            self.p_yes.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.p_yes


def check_judgement(findings: Findings, run: RunDir, place: JudgementDir, told: Suite | None) -> None:
    """Hold every answer against its question, its judge and its image, and make the scorecard again.

    Raises BadInputError if a file of the judgement is damaged.
    """
    if not place.scorecard.exists():
        findings.left(place.path, "it is not scored yet")
        return
    card = read_scorecard(place.scorecard)
    record = read_judgement_record(place.record_file)
    suite = find_asked(
        findings, place.scorecard, name=card.suite.name, digest=card.suite.digest, told=told, kept=place.suite
    )
    made, made_record = _run_of(run)
    _check_card(findings, place, card, record, made_record)
    if suite is None:
        return
    expected = _expected(card)
    imported = not card.run.images
    images = None if imported else _images(findings, run, expected, card)
    answers = _check_answers(findings, place, record, suite, images)
    failures = failed_items(made, made_record.fingerprint) if made is not None and made_record is not None else {}
    again = answers_to_scorecard(
        suite,
        answers.table,
        judge=card.judge,
        run=card.run,
        item_ids=expected,
        failures={**failures, **_failures(place)},
        missing=images.missing if images is not None else {},
        p_yes=answers.p_yes,
        never_asked=_never_asked(card),
        statistics=card.statistics,
    )
    findings.checked["scorecards"] += 1
    _compare(findings, place, _changes(card, again), "by its answers")
    _check_counts(findings, place, card, answers, made_record)


def _run_of(run: RunDir) -> tuple[RunDir | None, RunRecord | None]:
    """The run that a folder of results is about: itself, or the one whose images it names."""
    if run.record_file.exists():
        return run, run.read_record()
    images = images_of(run)
    made = run_around(images) if images is not None else None
    return made, made.read_record() if made is not None else None


def _check_card(
    findings: Findings, place: JudgementDir, card: Scorecard, record: JudgementRecord, made: RunRecord | None
) -> None:
    judge = card.judge
    named = {"name": judge.name, **judge.provenance} if judge.name == record.judge.get("name") else judge.provenance
    by_record: _Pairs = (
        ("run.images_per_prompt", card.run.images_per_prompt, record.images_per_prompt),
        ("judge.provenance", named, plain_json(record.judge)),
        ("judge.fingerprint", judge.fingerprint or record.judge_fingerprint, record.judge_fingerprint),
        ("suite.digest", card.suite.digest, record.suite_digest or card.suite.digest),
    )
    _compare(findings, place, by_record, f"in {place.record_file.name}")
    if made is None:
        return
    run = card.run
    by_run: _Pairs = (
        ("run.model", run.model, made.settings["model"]),
        ("run.settings", run.settings, plain_json(made.settings)),
        ("run.settings_fingerprint", run.settings_fingerprint, made.fingerprint),
        ("run.images_per_prompt", run.images_per_prompt, made.settings["images_per_prompt"]),
        ("run.untrained", run.untrained, made.untrained),
        ("suite.digest", card.suite.digest, made.suite.digest),
    )
    _compare(findings, place, by_run, "in run.json")


def _compare(findings: Findings, place: JudgementDir, pairs: _Pairs, where: str) -> None:
    for name, then, now in pairs:
        if then != now:
            findings.differs(place.scorecard, f"{name} is {short(then)}, and {short(now)} {where}")


def _images(findings: Findings, run: RunDir, item_ids: list[str], card: Scorecard) -> ImageFolder | None:
    try:
        found = find_recorded_images(run, item_ids, images_per_prompt=card.run.images_per_prompt)
    except BadInputError as error:
        findings.differs(run.path, error.message)
        return None
    if found is None:
        findings.differs(run.path, "the images that were judged are not there, so nothing shows what was judged")
    return found


def _check_answers(
    findings: Findings, place: JudgementDir, record: JudgementRecord, suite: Suite, images: ImageFolder | None
) -> _Answers:
    answers = _Answers()
    digests = file_digests(file for item in images.items.values() for file in item.files) if images is not None else {}
    texts = {p.item_id: {q.proposition_id: q.text for q in p.questions} for p in suite.prompts}
    other: dict[tuple[str, int], str] = {}
    for number, line in read_answer_lines(place.answers):
        findings.checked["answers"] += 1
        answers.add(line)
        where = f"line {number}, item '{line.item_id}'"
        question = texts.get(line.item_id, {}).get(line.proposition_id)
        if question is None or line.question not in (None, question):
            findings.differs(
                place.answers,
                f"{where}: question {line.proposition_id} is {short(line.question)}, not {short(question)}",
            )
        if line.judge_fingerprint not in (None, record.judge_fingerprint):
            findings.differs(
                place.answers,
                f"{where}: it is by the judge {line.judge_fingerprint[:12]}, not {record.judge_fingerprint[:12]}",
            )
        if images is not None and line.item_id in images.items:
            files = images.items[line.item_id].files
            file = files[0] if len(files) == 1 else files[line.image] if line.image < len(files) else None
            now = digests.get(file) if file is not None else None
            if line.image_sha256 != now:
                other[line.item_id, line.image] = (
                    f"its image has the SHA-256 {short(now)[:12]}, and {short(line.image_sha256)[:12]} was judged"
                )
    for (item_id, image), problem in other.items():
        findings.differs(place.answers, f"item '{item_id}', image {image}: {problem}")
    return answers


def _expected(card: Scorecard) -> list[str]:
    """The items that were to be scored, as the card has them."""
    corrected = card[CORRECTED]
    scored = corrected.items.item_id if corrected.items is not None else ()
    return [*scored, *(item.item_id for item in corrected.excluded)]


def _failures(place: JudgementDir) -> Mapping[str, str]:
    return {str(line.get("item_id")): str(line.get("error")) for line in read_jsonl(place.failures)}


def _never_asked(card: Scorecard) -> Mapping[str, str] | None:
    """As the card has it, for answers of the one program that leaves questions out: its file isn't here any more."""
    if card.judge.provenance.get("format") != _DETAIL:
        return None
    return {item.item_id: item.reason for item in card[CORRECTED].excluded if item.cause == "protocol"}


def _check_counts(
    findings: Findings, place: JudgementDir, card: Scorecard, answers: _Answers, made: RunRecord | None
) -> None:
    answered = card.answered
    if answered is None:
        return
    expected = _expected(card)
    said = [text for item in expected for image in answers.table.get(item, {}).values() for text in image.values()]
    neither = sum(text not in ("yes", "no") for text in said)
    sha256 = file_digest(place.answers) if place.answers.exists() else None
    items = items_digest(made.suite.items) if made is not None else answered.items_sha256
    known: _Pairs = (
        ("answered.neither", answered.neither, neither),
        ("answered.sha256", answered.sha256, sha256),
        ("answered.items_sha256", answered.items_sha256, items),
    )
    _compare(findings, place, [pair for pair in known if pair[1] is not None], "by what is there")


def _changes(card: Scorecard, again: Scorecard) -> list[tuple[str, Any, Any]]:
    """What the card says otherwise than the one made again; what an older schema didn't have is not looked at."""
    older = card.schema_version < again.schema_version
    then = flattened(card.model_dump(mode="json", by_alias=True, exclude_unset=older))
    now = flattened(again.model_dump(mode="json", by_alias=True))
    names = [*then] if older else dict.fromkeys([*then, *now])
    pairs = [(name, then.get(name), now.get(name)) for name in names if not name.startswith(_OWN)]
    return [pair for pair in pairs if not _same(*pair)]


def _same(name: str, then: Any, now: Any) -> bool:
    if isinstance(then, float) and isinstance(now, float):
        rounded = name.endswith((".low", ".high", ".image_sd"))
        return math.isclose(then, now, rel_tol=1e-9, abs_tol=_ROUNDED if rounded else 1e-9)
    return bool(then == now)
