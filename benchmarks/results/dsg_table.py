"""The table of docs/agreement.md: mPLUG, PaLI and people on the prompts of DSG-1k that people rated.

    python -m benchmarks.results.dsg_table FOLDER [--write]

FOLDER holds DSG-1k's released files (https://github.com/j-min/DSG at 7330119, `dsg/data`): dsg-1k-anns.csv,
mplug_dsg.csv, pali17b_dsg.csv and tifa160-likert-anns.csv. `--write` puts the table into the page; without, it is printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from dpg_bench.report.agree.item_scores import Scoring, image_scores
from dpg_bench.report.agree.ratings import Rating, read_ratings
from dpg_bench.report.agree.result import Agreement, find_agreement
from dpg_bench.report.markdown import markdown_table
from dpg_bench.score.rank_correlation import Correlation
from dpg_bench.score.stats import Interval, ratio_intervals

PAGE = Path(__file__).resolve().parents[2] / "docs" / "agreement.md"
BEGIN, END = "<!-- made by benchmarks/results/dsg_table.py -->\n", "<!-- end -->\n"
_JUDGES = {"mplug_dsg": "mPLUG-large", "pali17b_dsg": "PaLI-17B"}
_SCORINGS: tuple[Scoring, ...] = ("corrected", "official")
_SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    table = dsg_table(arguments.folder)
    if arguments.write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    else:
        print(table, end="")


def with_table(page: str, table: str) -> str:
    """The page with `table` in the place of the one that is there."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table}{END}{after}"


def dsg_table(folder: Path) -> str:
    """The table as Markdown."""
    files = [folder / f"{judge}.csv" for judge in _JUDGES]
    human = folder / "tifa160-likert-anns.csv"
    agreement = find_agreement(files, suite=str(folder / "dsg-1k-anns.csv"), human=human, seed=_SEED)
    ratings = read_ratings(human)
    columns = ("", *(f"{name}, {scoring}" for name in _JUDGES.values() for scoring in _SCORINGS), "people, 1 to 5")
    rows = [*_models(agreement, ratings), *_with_people(agreement)]
    return "\n".join(["", *markdown_table(columns, rows, left=("",)), "", ""])


def _models(agreement: Agreement, ratings: Sequence[Rating]) -> Iterator[list[str]]:
    """Every model's mean over the rated prompts, with its interval over prompts."""
    rated: dict[str, dict[str, list[float]]] = {}
    for rating in ratings:
        rated.setdefault(rating.model, {}).setdefault(rating.item_id, []).append(rating.value)
    material = agreement.material
    for model in sorted(rated, key=lambda one: -np.mean([np.mean(given) for given in rated[one].values()])):
        cells = [model]
        for judge in _JUDGES:
            for scoring in _SCORINGS:
                found = image_scores(scoring, material.suite, material.sources[judge, model])
                cells.append(
                    _mean({item: score for (item, _), score in found.items() if item in rated[model]}, digits=1)
                )
        cells.append(_mean({item: float(np.mean(given)) for item, given in rated[model].items()}, digits=2))
        yield cells


def _with_people(agreement: Agreement) -> Iterator[list[str]]:
    """How the scores of single images follow people's mean ratings, and how far one of them does."""
    people = agreement.people
    assert people is not None
    found = {(one.judge, one.scoring): one for one in people.judges}
    images = {found[judge, scoring].images for judge in _JUDGES for scoring in _SCORINGS}
    over = "–".join(map(str, sorted({min(images), max(images)})))
    for name in ("spearman", "kendall"):
        cells = [f"{name.capitalize()} with people, {over} images"]
        cells += [_number(getattr(found[judge, scoring], name)) for judge in _JUDGES for scoring in _SCORINGS]
        yield [*cells, _number(getattr(people.ceiling, f"one_rater_{name}"))]


def _mean(scores: Mapping[str, float], *, digits: int) -> str:
    values = np.array(list(scores.values()))[:, None]
    (interval,) = ratio_intervals(values, np.ones_like(values), seed=_SEED)
    return f"{values.mean():.{digits}f} {_between(interval, digits)}"


def _number(one: Correlation) -> str:
    return f"{one.value:.3f} {_between(one.interval, 2)}"


def _between(interval: Interval | None, digits: int) -> str:
    assert interval is not None
    return f"({interval.low:.{digits}f} to {interval.high:.{digits}f})"


if __name__ == "__main__":
    main()
