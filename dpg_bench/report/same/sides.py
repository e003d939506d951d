"""The two sides of a comparison of what was drawn: a run's images, and its scores where it has any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.run_record import RunRecord
from dpg_bench.report.runs import JudgedRun, load_judged

_ALIKE = ("images_per_prompt", "seed", "seeds", "prompts")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two runs. `judged` is None for a run that nobody has scored, `run_dir` for a scorecard file alone.

    `settings` are those that decide the pixels, None where they aren't recorded. `item_ids` are those of the items
    that have images or scores, in suite order or that of the log, and `expected` how many the run set out to make.
    """

    name: str
    run_dir: RunDir | None
    judged: JudgedRun | None
    suite_name: str
    suite_digest: str
    images_per_prompt: int
    settings: Mapping[str, Any] | None
    item_ids: tuple[str, ...]
    expected: int


def load_side(path: Path, *, judge: str | None = None) -> Side:
    """The run at `path`: a run folder, scored or not, results about images made elsewhere, or a scorecard file.

    Raises BadInputError if there is none of these, and what `load_judged` raises.
    """
    run = RunDir(path)
    if path.is_dir() and judge is None and not any(one.scorecard.exists() for one in run.judged().values()):
        record = run.read_record()
        if record is not None:
            return _unscored(run, record)
    return _scored(load_judged(path, judge=judge))


def check_same_drawing(first: Side, second: Side) -> tuple[str, ...]:
    """What must be said beside a comparison image by image.

    Raises BadInputError if the two drew other prompts, other numbers of images or from other seeds: then nobody expects
    the same images.
    """
    if first.suite_digest != second.suite_digest:
        raise BadInputError(
            f"{first.name} and {second.name} were drawn for different suites: '{first.suite_name}' "
            f"({first.suite_digest[:12]}) and '{second.suite_name}' ({second.suite_digest[:12]})."
        )
    one, other = ({**(side.settings or {}), "images_per_prompt": side.images_per_prompt} for side in (first, second))
    texts = {"prompts": None}  # of runs that say nothing: the suite's own
    one, other = {**texts, **one}, {**texts, **other}
    for name in _ALIKE:
        if name in one and name in other and one[name] != other[name]:
            raise BadInputError(
                f"{first.name} and {second.name} were not drawn alike: {name} is {_shown(one[name])} and "
                f"{_shown(other[name])}. Only images of the same prompts from the same seeds can be held against each "
                "other; for other runs there is `dpgbench compare`."
            )
    unseeded = [side.name for side in (first, second) if _without_seeds(side)]
    if unseeded:
        raise BadInputError(
            f"{' and '.join(unseeded)} was drawn without seeds (the option seeds=false), so its images follow from no "
            "seed and differ from any others; for such runs there is `dpgbench compare`."
        )
    unknown = [side.name for side in (first, second) if side.settings is None or "seed" not in side.settings]
    if not unknown:
        return ()
    said = f"Which seeds {' and '.join(unknown)} was drawn from is not recorded; the comparison holds only if they are"
    return (f"{said} the same.",)


def _without_seeds(side: Side) -> bool:
    options = (side.settings or {}).get("options")
    return isinstance(options, Mapping) and options.get("seeds") is False


def _shown(value: object) -> str:
    return str(value.get("digest", value)) if isinstance(value, Mapping) else str(value)


def _scored(judged: JudgedRun) -> Side:
    card = judged.card
    return Side(
        name=judged.name,
        run_dir=judged.run_dir,
        judged=judged,
        suite_name=card.suite.name,
        suite_digest=card.suite.digest,
        images_per_prompt=card.run.images_per_prompt,
        settings=None if card.run.settings_fingerprint is None else {"model": card.run.model, **card.run.settings},
        item_ids=judged.items("corrected").item_ids,
        expected=card["corrected"].prompts_expected,
    )


def _unscored(run: RunDir, record: RunRecord) -> Side:
    item_ids = tuple(_finished(run, record.fingerprint))
    if not item_ids:
        raise BadInputError(f"{run.path} holds no finished item. Continue it with the command that began it.")
    return Side(
        name=run.path.resolve().name,
        run_dir=run,
        judged=None,
        suite_name=record.suite.name,
        suite_digest=record.suite.digest,
        images_per_prompt=int(record.settings["images_per_prompt"]),
        settings=record.settings,
        item_ids=item_ids,
        expected=record.suite.prompts if record.suite.items is None else len(record.suite.items),
    )


def _finished(run: RunDir, fingerprint: str) -> Iterator[str]:
    lines = {str(line.get("item_id")): line for line in read_jsonl(run.generation_log)}
    yield from (name for name, line in lines.items() if line.get("fingerprint") == fingerprint and "error" not in line)


def told_apart(first: Side, second: Side, paths: tuple[Path, Path]) -> tuple[str, str]:
    """What the two are called: their names, or their paths where the names are the same."""
    return (str(paths[0]), str(paths[1])) if first.name == second.name else (first.name, second.name)


def no_scores(first: Side, second: Side) -> str:
    """Why scores can't be compared, in words, of two that aren't both scored."""
    without = [side.name for side in (first, second) if side.judged is None]
    return (
        f"{' and '.join(without)} {'is' if len(without) == 1 else 'are'} not scored, so nothing is known of answers; "
        "score both by one judge, or set a limit for the images (--min-ssim, --min-psnr)."
    )
