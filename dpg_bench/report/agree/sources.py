"""What `agree` is given, judged runs and files of answers, each parted by the model whose images it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from dpg_bench.errors import BadInputError, option, unknown_name
from dpg_bench.files.run_folder import JudgementDir, RunDir, judgement_of
from dpg_bench.judge.imported.by_model import AnswersFile, answers_by_model, asked_suite, parse_answers_file
from dpg_bench.records import AnswerTable, PYesTable, Suite
from dpg_bench.report.runs import JudgedRun, load_judged
from dpg_bench.suite.registry import load_suite, pending_download

_KEPT_NAMES = ("answers", "")
"""What files of answers are called that lie in a folder named after the judge."""

Digests: TypeAlias = Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class Source:
    """What one place holds: the answers of one judge about one model's images, before it is known whose they are.

    `judge` is its name, certain if the user gave it; `fingerprint` tells judges of one name apart. `model` is empty
    where nothing names it. `unanswered` are questions to which there is a line that says neither yes nor no.
    `digests` are the SHA-256 of the images by item and image number.
    """

    place: str
    judge: str
    named: bool
    fingerprint: str | None
    model: str
    table: AnswerTable
    unanswered: frozenset[tuple[str, int, int]]
    p_yes: PYesTable
    digests: Digests
    run: JudgedRun | None


@dataclass(frozen=True)
class Sources:
    """All of them, and the questions that were asked.

    `has_graph` says that the suite's categories and parents are known; without a suite there are only the questions
    that the files answer.
    """

    suite: Suite
    has_graph: bool
    found: tuple[Source, ...]


@dataclass(slots=True)
class _Named:
    """A run or a file, under the name that the user gave its judge, if any."""

    name: str | None
    runs: list[JudgedRun] = field(default_factory=list)
    file: AnswersFile | None = None


def load_sources(paths: Sequence[Path], *, suite: str | Suite | None = None, judges: Sequence[str] = ()) -> Sources:
    """Read run folders, judgements, scorecards and files of answers; `NAME=PATH` gives its judge a name.

    `judges` are those to take of a run that several judged, all by default. The questions are those of `suite`, else
    those that the runs were scored with, else what the files say of them.

    Raises BadInputError for a path that holds no answers, a judge that nobody is, runs of different suites, and
    whatever a run or a file is refused for.
    """
    named = [_open(path, judges) for path in paths]
    runs = [run for one in named for run in one.runs]
    files = [one.file for one in named if one.file is not None]
    for judge in judges:
        known = {run.card.judge.name for run in runs} | {run.file.parent.name for run in runs}
        if judge not in known:
            raise unknown_name("judge", judge, known)
    asked = _suite(suite, runs)
    questions = asked if asked is not None else asked_suite(files)
    found = [source for one in named for source in _sources(one, questions)]
    return Sources(questions, asked is not None, tuple(found))


def _open(path: Path, judges: Sequence[str]) -> _Named:
    name, equals, rest = str(path).partition("=")
    given = None
    if equals and name and not path.exists():
        given, path = name, Path(rest).expanduser()
    if path.is_dir():
        if JudgementDir(path).scorecard.exists():
            return _Named(given, [load_judged(path)])
        scored = {name: one for name, one in RunDir(path).judged().items() if one.scorecard.exists()}
        if not scored:
            raise BadInputError(f"{path} holds no scorecard. Score it first: `dpgbench score {path}`.")
        runs = [load_judged(one.path) for one in scored.values()]
        return _Named(given, [run for run in runs if _is_chosen(run, judges)])
    if not path.is_file() and not path.is_fifo():
        raise BadInputError(f"There is no {path}. Name a run folder, a judgement, or a file of answers.")
    folder = JudgementDir(path.resolve().parent)
    if path.name == folder.scorecard.name or (path.name == folder.answers.name and folder.scorecard.exists()):
        return _Named(given, [load_judged(path if judgement_of(path) is None else folder.path)])
    return _Named(given, file=parse_answers_file(path))


def _is_chosen(run: JudgedRun, judges: Sequence[str]) -> bool:
    return not judges or run.card.judge.name in judges or run.file.parent.name in judges


def _suite(named: str | Suite | None, runs: Sequence[JudgedRun]) -> Suite | None:
    suite = load_suite(named) if named is not None else None
    if suite is None and runs:
        suite = next(filter(None, map(_scored_suite, runs)), None)
        if suite is None:
            raise BadInputError(
                f"The questions that {runs[0].name} was scored with, those of '{runs[0].card.suite.name}', are not "
                f"here. Name the suite with {option('suite')}."
            )
    for run in runs:
        if suite is not None and run.card.suite.digest != (suite.whole or suite).digest:
            raise BadInputError(
                f"{run.file} is of the suite '{run.card.suite.name}' with the digest {run.card.suite.digest[:12]}, but "
                f"'{suite.name}' has {suite.digest[:12]}. Only answers to the same questions can be held against each "
                "other."
            )
    return suite


def _scored_suite(run: JudgedRun) -> Suite | None:
    kept = run.kept_suite()
    if kept is not None or pending_download(run.card.suite.name) is not None:
        return kept
    try:
        suite = load_suite(run.card.suite.name)
    except BadInputError:  # a file that lay there when the run was scored
        return None
    return suite if suite.digest == run.card.suite.digest else None


def _sources(one: _Named, suite: Suite) -> Iterator[Source]:
    for run in one.runs:
        yield _of_run(run, one.name)
    if one.file is not None:
        stem = one.file.path.stem
        name = one.name or (one.file.path.resolve().parent.name if stem in _KEPT_NAMES else stem)
        for model, answers in answers_by_model(one.file, suite).items():
            yield Source(
                place=str(one.file.path),
                judge=name,
                named=one.name is not None,
                fingerprint=answers.judge_fingerprint,
                model=model,
                table=answers.table,
                unanswered=answers.unanswered,
                p_yes=answers.p_yes,
                digests=answers.image_digests,
                run=None,
            )


def _of_run(run: JudgedRun, name: str | None) -> Source:
    table: dict[str, dict[int, dict[int, str]]] = {}
    p_yes: dict[str, dict[int, dict[int, float]]] = {}
    digests = {}
    for line in run.answer_lines():
        table.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.answer
        if line.p_yes is not None:
            p_yes.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.p_yes
        if line.image_sha256 is not None:
            digests[line.item_id, line.image] = line.image_sha256
    if run.answers_file is None:
        for item_id, questions in run.answers.items():
            for number, images in questions.items():
                for image, yes in enumerate(images):
                    said = table.setdefault(item_id, {}).setdefault(image, {})
                    said[number] = "yes" if yes else "no"
    judge = run.card.judge
    known = judge.fingerprint is not None
    return Source(
        place=str(run.file),
        judge=name or (judge.name if known else f"{judge.name} ({run.name})"),
        named=name is not None,
        fingerprint=None if name is not None else judge.fingerprint,
        model=run.name,
        table=table,
        unanswered=frozenset(),
        p_yes=p_yes,
        digests=digests,
        run=run,
    )
