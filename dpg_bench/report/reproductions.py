"""Published minus reproduced: what was claimed of a model against what others measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from dpg_bench.report.published import Kind, PrintedScore, PublishedResult

_CLAIMS: tuple[Kind, ...] = ("original", "quoted")  # where a model has several, whose comes first


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A result that somebody else than the authors measured, and the claim about the same model."""

    result: PublishedResult
    claim: PublishedResult
    published: PrintedScore
    reproduced: PrintedScore

    @property
    def gap(self) -> Decimal:
        """Published minus reproduced overall score, in points."""
        return self.published - self.reproduced


def find_reproductions(results: Sequence[PublishedResult]) -> tuple[Reproduction, ...]:
    """Every reproduction whose claim is among `results`, the largest gap first.

    Of several claims about one model the authors' own counts, then the first that is quoted.
    """
    found = []
    for result in results:
        if result.reproduces is None or result.overall is None:
            continue
        claim = _claim(result.reproduces, results)
        if claim is not None and claim.overall is not None:
            found.append(Reproduction(result, claim, published=claim.overall, reproduced=result.overall))
    return tuple(sorted(found, key=lambda one: -one.gap))


def _claim(model: str, results: Sequence[PublishedResult]) -> PublishedResult | None:
    claims = [one for one in results if one.model == model and one.kind in _CLAIMS and one.overall is not None]
    return min(claims, key=lambda one: _CLAIMS.index(one.kind or "quoted"), default=None)
