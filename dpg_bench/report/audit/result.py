"""Which published category scores are arithmetically possible.

A category score of a complete run is a share of yes answers: k/n with the category's n questions where one image is
looked at, as the official script does, or k/4n as a mean over four. A number that is neither can't be the category's.
An overall score is a mean of means over prompts and has no such denominator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Literal

from dpg_bench.errors import BadInputError
from dpg_bench.report.audit.arithmetic import (
    MAX_DECIMALS,
    chance,
    decimals,
    matching_share,
    nearest_shares,
    simplest_share,
)
from dpg_bench.report.audit.counts import QuestionCounts
from dpg_bench.report.published import PublishedResult
from dpg_bench.report.reproductions import Reproduction, find_reproductions
from dpg_bench.report.rows import CATEGORIES

Verdict = Literal["possible", "four-image mean", "impossible"]
"""`four-image mean`: possible as that alone."""

Cause = Literal["mixed", "mixed or lost", "lost", "padded", "all images"]
"""The likely reason for a verdict other than possible; see `CAUSES`."""

CAUSES: Mapping[Cause, str] = {
    "mixed": "categories mixed with one another by a run on several processes: the number has a denominator that no "
    "nearly complete run of the category gives",
    "mixed or lost": "categories mixed with one another by a run on several processes, as in any official run on more "
    "than one GPU; or a run that lost prompts, or asked other questions",
    "lost": "an incomplete run: the number is a share of somewhat fewer questions",
    "padded": "numbers with fewer digits that were filled up with zeros; without these they would be possible",
    "all images": "a script that counts all four images; or chance",
}

IMAGES = 4
PAIR = ("global", "other")
"""The categories with so few questions that chance seldom hits one of their shares."""

_LOST_AT_MOST = Fraction(1, 20)  # of a category's questions, for a run that still is nearly complete
_ALL_PADDED = 4  # categories ending in 0, at least: with two decimals 1 table in 10,000 does by chance


@dataclass(frozen=True, slots=True)
class CategoryAudit:
    """One published category score.

    `share` is the k of k/n, or of k/4n for a four-image mean; None if impossible. `nearest` are the k of the
    shares k/n around the number. `chance` is how often a random number with as many digits would be a k/n,
    `chance_four` a k/4n.
    """

    category: str
    printed: Decimal
    questions: int
    verdict: Verdict
    share: int | None
    nearest: tuple[int, ...]
    chance: Fraction
    chance_four: Fraction


@dataclass(frozen=True, slots=True)
class ResultAudit:
    """One published result: the verdict over all its `categories`, the most likely cause, and what speaks for it."""

    result: PublishedResult
    categories: tuple[CategoryAudit, ...]
    verdict: Verdict
    cause: Cause | None
    detail: str


@dataclass(frozen=True, slots=True)
class PairCount:
    """The distinct pairs of a global and an other score among the results.

    `expected` is how many of as many random pairs with the same digits would be possible, and `expected_four`
    possible at least as a four-image mean.
    """

    verdicts: Mapping[Verdict, int]
    expected: Fraction
    expected_four: Fraction

    @property
    def pairs(self) -> int:
        """All of them."""
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found: `results` are those with a score that can be checked, `unchecked` counts the rest.

    `reproductions` hold what others measured against what was published, over the overall scores.
    """

    counts: QuestionCounts
    results: tuple[ResultAudit, ...]
    unchecked: int
    pairs: PairCount
    reproductions: tuple[Reproduction, ...]


def audit_results(results: Sequence[PublishedResult], counts: QuestionCounts) -> Audit:
    """Check every published category score whose number of questions is known.

    Raises BadInputError if `counts` knows no category of DPG-Bench.
    """
    known = list(counts.questions)
    if not known:
        raise BadInputError(
            f"Nothing to audit with ({counts.source}): it has none of the categories {', '.join(CATEGORIES)}."
        )
    audits = [
        _audit_result(result, counts, [name for name in known if name in result.scores])
        for result in results
        if not result.scores.keys().isdisjoint(known)
    ]
    pairs = {tuple(str(result.scores[name]) for name in PAIR): result for result in results if _has_pair(result, known)}
    return Audit(
        counts=counts,
        results=tuple(audits),
        unchecked=len(results) - len(audits),
        pairs=_count_pairs([[_audit_category(r, name, counts) for name in PAIR] for r in pairs.values()]),
        reproductions=find_reproductions(results),
    )


def _has_pair(result: PublishedResult, known: Sequence[str]) -> bool:
    return all(name in known and name in result.scores for name in PAIR)


def _count_pairs(pairs: Iterable[Sequence[CategoryAudit]]) -> PairCount:
    pairs = list(pairs)
    verdicts = Counter(_worst(pair) for pair in pairs)
    return PairCount(
        verdicts={verdict: verdicts[verdict] for verdict in ("possible", "four-image mean", "impossible")},
        expected=sum((prod((side.chance for side in pair), start=Fraction(1)) for pair in pairs), Fraction(0)),
        expected_four=sum(
            (prod((side.chance_four for side in pair), start=Fraction(1)) for pair in pairs), Fraction(0)
        ),
    )


def _audit_result(result: PublishedResult, counts: QuestionCounts, names: Sequence[str]) -> ResultAudit:
    categories = tuple(_audit_category(result, name, counts) for name in names)
    verdict = _worst(categories)
    if verdict == "possible":
        return ResultAudit(result, categories, verdict, None, "")
    if verdict == "four-image mean":
        return ResultAudit(result, categories, verdict, "all images", "")
    cause, detail = _why_impossible(result, categories)
    return ResultAudit(result, categories, verdict, cause, detail)


def _audit_category(result: PublishedResult, name: str, counts: QuestionCounts) -> CategoryAudit:
    printed, n = result.scores[name], counts.questions[name]
    verdict, share = _verdict(printed, n)
    return CategoryAudit(
        category=name,
        printed=printed,
        questions=n,
        verdict=verdict,
        share=share,
        nearest=nearest_shares(printed, n),
        chance=chance(n, decimals(printed)),
        chance_four=chance(IMAGES * n, decimals(printed)),
    )


def _verdict(printed: Decimal, n: int) -> tuple[Verdict, int | None]:
    if (share := matching_share(printed, n)) is not None:
        return "possible", share
    if (share := matching_share(printed, IMAGES * n)) is not None:
        return "four-image mean", share
    return "impossible", None


def _worst(categories: Sequence[CategoryAudit]) -> Verdict:
    """All must be of one run: a share of all images beside one of the last makes a four-image mean of both."""
    verdicts = {category.verdict for category in categories}
    if "impossible" in verdicts:
        return "impossible"
    return "four-image mean" if "four-image mean" in verdicts else "possible"


def _why_impossible(result: PublishedResult, categories: Sequence[CategoryAudit]) -> tuple[Cause, str]:
    exact = [c for c in categories if decimals(c.printed) == MAX_DECIMALS and c.verdict == "impossible"]
    if exact:
        lost = [(c, _questions_left(c)) for c in exact]
        foreign = [c for c, left in lost if left is None]
        if foreign:
            return "mixed", "; ".join(
                f"{c.category} is {_share(c)}, where it has {c.questions} questions" for c in foreign
            )
        return "lost", "; ".join(f"{c.category} is a share of {left}, not {c.questions}" for c, left in lost)
    if _padded(result) and all(_verdict(_stripped(c.printed), c.questions)[0] != "impossible" for c in categories):
        one_image = all(_verdict(_stripped(c.printed), c.questions)[0] == "possible" for c in categories)
        return "padded", "every category ends in 0" + ("" if one_image else "; without it, a four-image mean")
    return "mixed or lost", ""


def _questions_left(category: CategoryAudit) -> int | None:
    """The most questions, at most the category's own, of which an exact number is a share, over one image or four."""
    denominator = simplest_share(category.printed).denominator
    fewest = int(category.questions * (1 - _LOST_AT_MOST))
    candidates = range(category.questions, fewest - 1, -1)
    return next((left for left in candidates if IMAGES * left % denominator == 0), None)


def _share(category: CategoryAudit) -> str:
    share = simplest_share(category.printed)
    return f"{share.numerator}/{share.denominator} in lowest terms"


def _padded(result: PublishedResult) -> bool:
    digits = {decimals(printed) for printed in result.scores.values()}
    return (
        len(result.scores) >= _ALL_PADDED
        and 0 not in digits
        and all(str(printed).endswith("0") for printed in result.scores.values())
    )


def _stripped(printed: Decimal) -> Decimal:
    return Decimal(str(printed)[:-1])
