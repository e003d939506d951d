"""Scored runs as the results commands take them: a run folder, one of its judgements, or a scorecard file alone.

A scorecard holds every item's scores and all answers, so it is all that a comparison needs, and a baseline is
nothing but a scorecard kept elsewhere. What lies beside it (images, questions, wording of answers) is named where
it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines
from dpg_bench.files.kept_suite import read_kept_suite
from dpg_bench.files.reading import is_dir, is_file
from dpg_bench.files.run_folder import JudgementDir, RunDir, judge_folder, judgement_of, scored_below
from dpg_bench.records import Suite
from dpg_bench.report.still_fits import misfit
from dpg_bench.score.items import ItemColumns, ItemScores, answered_yes, item_scores
from dpg_bench.score.scorecard import ProtocolCard, Scorecard, read_scorecard

Protocol: TypeAlias = Literal["corrected", "official"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

_AGAIN = f"Score it again with `dpgbench score`; the answers are kept ({option('answers')} needs no judge)."


class StaleScorecardError(BadInputError):
    """A scorecard that no longer is one of the answers, images or items that it lies among."""


@dataclass(frozen=True)
class JudgedRun:
    """A scorecard and where it came from.

    `name` is the run folder's, or the file's stem where the scorecard lies in none. `file` is the scorecard;
    `answers_file` the `answers.jsonl` beside it and `run_dir` the run folder around it, None where there is none.
    """

    name: str
    card: Scorecard
    file: Path
    answers_file: Path | None
    run_dir: RunDir | None

    def protocol(self, protocol: Protocol) -> ProtocolCard:
        """The scores under one protocol."""
        return self.card[protocol]

    def extent(self, protocol: Protocol) -> str:
        """How much the scores are over where that is not the whole suite, to stand beside every number; else empty.

        `8 of 1065 prompts` for a run that was meant to be no more, `2 of 6 prompts, incomplete` for one with gaps.
        """
        scores = self.protocol(protocol)
        if scores.complete:
            return scores.partial or ""
        gaps = f"{scores.prompts_scored} of {scores.prompts_expected} prompts, incomplete"
        return f"{gaps}; meant for {scores.partial}" if scores.partial else gaps

    def titled(self, protocol: Protocol) -> str:
        """The name, with `extent` behind it where there is something to say."""
        extent = self.extent(protocol)
        return f"{self.name} ({extent})" if extent else self.name

    @property
    def rewriting(self) -> str:
        """By whom and how the drawn prompts were rewritten, in words; empty for a suite's own, or where nobody knows.

        The start of the digest of all texts ends it, so equal words are equal texts.
        """
        record = self.card.run.settings.get("prompts")
        if not isinstance(record, dict):
            return ""
        named = [str(record.get(name)) for name in ("rewritten_by", "recipe")]
        return f"rewritten by {named[0]}, {named[1]} ({str(record.get('digest'))[:12]})"

    def kept_suite(self) -> Suite | None:
        """The prompts and questions that lie beside the scorecard; None where there are none, as beside a baseline.

        Raises BadInputError if they are damaged, or not those that were scored.
        """
        kept = JudgementDir(self.file.parent).suite
        if self.run_dir is None or not kept.exists():
            return None
        card = self.card.suite
        return read_kept_suite(kept, name=card.name, source=card.source, digest=card.digest)

    def items(self, protocol: Protocol) -> ItemScores:
        """The scored items under one protocol, in suite order.

        Raises BadInputError if the scorecard is of schema 1, which held none.
        """
        return self._corrected if protocol == "corrected" else self._official

    def _repr_html_(self) -> str:
        from dpg_bench.report.notebook import run_html

        return run_html(self)

    def answer_lines(self) -> Iterator[AnswerLine]:
        """The answers word for word, where they are kept; without those about images that aren't there any more.

        Raises BadInputError for a damaged line.
        """
        if self.answers_file is not None:
            missing = {item.item_id for item in self.protocol("corrected").excluded if item.cause == "missing"}
            yield from (line for _, line in read_answer_lines(self.answers_file) if line.item_id not in missing)

    @cached_property
    def answers(self) -> Mapping[str, Mapping[int, tuple[bool, ...]]]:
        """Whether each image's answer was yes, by item and proposition id, for items the corrected protocol scores.

        Raises BadInputError if the scorecard is of schema 1, which held none.
        """
        columns = self._columns("corrected")
        assert self.card.answers is not None  # noqa: S101 - a scorecard with items has their answers
        return dict(answered_yes(self.card.answers, columns))

    @cached_property
    def _corrected(self) -> ItemScores:
        return item_scores(self._columns("corrected"))

    @cached_property
    def _official(self) -> ItemScores:
        return item_scores(self._columns("official"))

    def _columns(self, protocol: Protocol) -> ItemColumns:
        columns = self.protocol(protocol).items
        if columns is None:
            raise BadInputError(
                f"The scorecard {self.file} is of schema {self.card.schema_version}, without the scores of single "
                f"items. {_AGAIN}"
            )
        return columns


def as_judged(run: JudgedRun | Scorecard | Path | str, *, name: str = "run", judge: str | None = None) -> JudgedRun:
    """Whatever a caller has of a scored run: one that is loaded, a scorecard in memory (called `name`), or its path.

    Raises what `load_judged` raises.
    """
    if isinstance(run, JudgedRun):
        return run
    if isinstance(run, Scorecard):
        return JudgedRun(name=name, card=run, file=Path(f"{name} (in memory)"), answers_file=None, run_dir=None)
    return load_judged(Path(run).expanduser(), judge=judge)


def load_judged(path: Path, *, judge: str | None = None) -> JudgedRun:
    """The scored run at `path`: a run folder, a judgement folder, or a scorecard (or baseline) file.

    `judge` chooses where a run was scored by several.

    Raises BadInputError if there is nothing there, nothing scored, several judges and none chosen, no such judge,
    or a scorecard that is damaged or of a newer schema; StaleScorecardError if the run has changed since.
    """
    if is_file(path):
        return _load_file(path)
    if not is_dir(path):
        raise BadInputError(f"There is no {path}. Name a run folder, or a scorecard.json.")
    if JudgementDir(path).scorecard.exists():
        return _load_file(JudgementDir(path).scorecard)
    scored = {name: one.scorecard for name, one in RunDir(path).judged().items() if one.scorecard.exists()}
    judge = judge if judge is None or judge in scored else judge_folder(judge)
    if not scored:
        raise BadInputError(f"{path} holds no scorecard. Score it first: `dpgbench score {path}`.")
    if judge is None and len(scored) > 1:
        raise BadInputError(f"{path} was scored by {', '.join(scored)}. Choose one with {option('judge')}.")
    if judge is not None and judge not in scored:
        raise BadInputError(
            f"{path} was not scored by '{judge}', but by {', '.join(scored)}. Choose one with {option('judge')}."
        )
    return _load_file(scored[judge if judge is not None else next(iter(scored))])


def find_scorecards(folder: Path) -> Iterator[Path]:
    """Every judgement's scorecard at any depth below `folder`, sorted by path."""
    yield from (judgement.scorecard for judgement in scored_below(folder))


def _load_file(file: Path) -> JudgedRun:
    card = read_scorecard(file)
    judgement = judgement_of(file)
    changed = misfit(card, judgement) if judgement is not None else None
    if judgement is not None and changed is not None:
        raise StaleScorecardError(
            f"{file} no longer fits its run: {changed}. Score it again: "
            f"`dpgbench score {_from_here(judgement.run.path)}` (what is answered is kept)."
        )
    return JudgedRun(
        name=judgement.run.path.name if judgement is not None else file.stem,
        card=card,
        file=file,
        answers_file=judgement.answers if judgement is not None and judgement.answers.exists() else None,
        run_dir=judgement.run if judgement is not None else None,
    )


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
