"""The rows of every table of scores: overall, then the categories in the order of the paper's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dpg_bench.score.scorecard import CategoryCard, Scorecard, overall_card

CATEGORIES = ("global", "entity", "attribute", "relation", "other")
"""The level-1 categories of DPG-Bench, in the order of the paper's tables."""


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """What a row is about: `level` 0 for the overall score, 1 and 2 for categories.

    `name` is as the scorecard has it, `own_name` without the category above it.
    """

    level: int
    name: str
    own_name: str


@dataclass(frozen=True, slots=True)
class ScoreRow(CategoryRow):
    """A row with the score it has under each protocol, by the protocol's name."""

    cards: Mapping[str, CategoryCard]


OVERALL = CategoryRow(0, "overall", "overall")


def score_rows(card: Scorecard) -> Iterator[ScoreRow]:
    """The overall score, then every level-1 category followed by its level-2 ones."""
    protocols = {"corrected": card["corrected"], "official": card["official"]}
    yield ScoreRow(
        0,
        "overall",
        "overall",
        {name: overall_card(protocol, questions=protocol.questions) for name, protocol in protocols.items()},
    )
    for row in category_rows(protocols["corrected"].l1, protocols["corrected"].l2):
        cards = {
            name: (protocol.l1 if row.level == 1 else protocol.l2)[row.name] for name, protocol in protocols.items()
        }
        yield ScoreRow(row.level, row.name, row.own_name, cards)


def category_rows(l1: Iterable[str], l2: Iterable[str]) -> Iterator[CategoryRow]:
    """The categories of both levels, each level 1 followed by its level 2, those the paper doesn't know at the end.

    `global -` has no level 2 of its own, so it is left out: its line would repeat the one above.
    """
    below: dict[str, list[CategoryRow]] = {}
    for name in l2:
        parent, own = _split(name)
        if own:
            below.setdefault(parent, []).append(CategoryRow(2, name, own))
    known = set(l1)
    for name in sorted(known | below.keys(), key=_place):
        if name in known:
            yield CategoryRow(1, name, name)
        yield from below.get(name, ())


def _split(category: str) -> tuple[str, str]:
    """`relation - non-spatial` → its level 1 and its own name; the first dash parts them, as in the official script."""
    parent, _, own = category.partition("-")
    return parent.strip(), own.strip()


def _place(l1: str) -> tuple[int, str]:
    return (CATEGORIES.index(l1) if l1 in CATEGORIES else len(CATEGORIES), l1)
