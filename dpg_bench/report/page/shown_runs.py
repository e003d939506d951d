"""What a report is about: scored runs of one suite, with their answers' wording, images and records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import answer_table
from dpg_bench.files.grid import Cut
from dpg_bench.files.recorded_images import find_recorded_images, recorded_cuts
from dpg_bench.files.run_record import RunRecord
from dpg_bench.records import AnswerTable, Prompt, Suite
from dpg_bench.report.runs import JudgedRun, load_judged

LoadSuite: TypeAlias = Callable[[str], Suite]
"""A name → that suite, as `dpgbench suites` lists names."""


@dataclass(frozen=True)
class ShownRun:
    """One scored run with all that a page shows of it.

    `letter` (A, B, …) names it on a page of several. `words` are what the judge said, None where the answers' file
    is not there, and the scorecard knows yes and no alone. `images` are the files of the items that have any: a grid,
    or one file per image; `cuts` say where the images lie in a grid, as far as its file can be read.
    """

    letter: str
    judged: JudgedRun
    record: RunRecord | None
    words: AnswerTable | None
    images: Mapping[str, tuple[Path, ...]]
    cuts: Mapping[str, Cut]

    @property
    def images_per_prompt(self) -> int:
        """How many images every item has."""
        return self.judged.card.run.images_per_prompt

    def answers_about(self, item_id: str) -> list[Mapping[int, str]]:
        """What was answered about each image of an item, by proposition id."""
        images = range(self.images_per_prompt)
        if self.words is not None:
            return [self.words.get(item_id, {}).get(image, {}) for image in images]
        questions = self.judged.answers.get(item_id, {})
        return [{one: "yes" if yes[image] else "no" for one, yes in questions.items()} for image in images]


@dataclass(frozen=True)
class ShownRuns:
    """The runs of a page, and the prompts that any of them set out to make, in suite order."""

    suite: Suite
    prompts: tuple[Prompt, ...]
    runs: tuple[ShownRun, ...]

    @property
    def one_judge(self) -> bool:
        """Whether no two runs are known to be judged by different judges, so that their scores may be compared."""
        return len({run.judged.card.judge.fingerprint for run in self.runs} - {None}) <= 1


def load_shown_runs(
    paths: Sequence[Path],
    *,
    load_suite: LoadSuite,
    judge: str | None = None,
    suite: str | None = None,
    images: Sequence[Path] = (),
) -> ShownRuns:
    """Read the runs at `paths`; `images` are folders of images, one per run, where they aren't those that were judged.

    The questions are those that lie beside the first scorecard; `load_suite` is asked where there are none, as
    beside a scorecard of its own, and for `suite`, which goes before them.

    Raises BadInputError if a run isn't scored or its scorecard can't be used, if the runs are of different suites
    or have no item in common, if the suite isn't the one they were scored with, or if `images` don't fit the runs.
    """
    if images and len(images) != len(paths):
        raise BadInputError(
            f"{option('images')} is given {len(images)} times for {len(paths)} runs; give it once for each."
        )
    judged = [load_judged(path, judge=judge) for path in paths]
    first = judged[0]
    for other in judged[1:]:
        if other.card.suite.digest != first.card.suite.digest:
            raise BadInputError(
                f"{first.name} was scored with the suite '{first.card.suite.name}' "
                f"({first.card.suite.digest[:12]}), {other.name} with '{other.card.suite.name}' "
                f"({other.card.suite.digest[:12]}). Only runs of one suite have items to set side by side."
            )
    loaded = _suite(first, suite, load_suite)
    expected = [_expected(run) for run in judged]
    for run, items in zip(judged, expected, strict=True):
        strange = sorted(items - loaded.by_id.keys())
        if strange:
            raise BadInputError(
                f"{run.file} speaks of the item '{strange[0]}', which its suite doesn't have. Score the run again: "
                "`dpgbench score`."
            )
    shared = frozenset.intersection(*expected)
    if not shared:
        raise BadInputError(f"{' and '.join(run.name for run in judged)} have no item in common.")
    everything = frozenset.union(*expected)
    folders: Sequence[Path | None] = images or [None] * len(judged)
    return ShownRuns(
        suite=loaded,
        prompts=tuple(prompt for prompt in loaded.prompts if prompt.item_id in everything),
        runs=tuple(
            _load_run(_letter(place), run, loaded, items, folder)
            for place, (run, items, folder) in enumerate(zip(judged, expected, folders, strict=True))
        ),
    )


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"{_letter(place // 26 - 1)}{_letter(place % 26)}"


def _suite(run: JudgedRun, named: str | None, load_suite: LoadSuite) -> Suite:
    card = run.card.suite
    kept = run.kept_suite() if named is None else None
    if kept is not None:
        return kept
    try:
        suite = load_suite(named or card.name)
    except BadInputError as error:
        raise BadInputError(
            f"{run.file} was scored with the suite '{card.name}' ({card.source}), which is not here: {error} "
            f"Say where it is with {option('suite')}."
        ) from None
    if suite.digest != card.digest:
        raise BadInputError(
            f"{run.file} was scored with the suite '{card.name}' with the digest {card.digest[:12]}, but "
            f"'{suite.name}' has {suite.digest[:12]}. Name the suite it was scored with: {option('suite')}."
        )
    return suite


def _expected(run: JudgedRun) -> frozenset[str]:
    """The items that a run set out to make: those scored and those left out."""
    scored = run.items("corrected").item_ids
    return frozenset(scored) | {item.item_id for item in run.protocol("corrected").excluded}


def _load_run(letter: str, run: JudgedRun, suite: Suite, items: frozenset[str], folder: Path | None) -> ShownRun:
    item_ids = [prompt.item_id for prompt in suite.prompts if prompt.item_id in items]
    found = find_recorded_images(run.run_dir, item_ids, images_per_prompt=run.card.run.images_per_prompt, folder=folder)
    return ShownRun(
        letter=letter,
        judged=run,
        record=run.run_dir.read_record() if run.run_dir is not None else None,
        words=answer_table(run.answer_lines()) if run.answers_file is not None else None,
        images={item_id: item.files for item_id, item in found.items.items()} if found is not None else {},
        cuts=recorded_cuts(run.run_dir, found) if found is not None else {},
    )
