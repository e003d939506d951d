"""A scorecard as a notebook shows it: the score table and the worst items, with small pictures where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from dpg_bench.score.items import item_scores

if TYPE_CHECKING:
    from dpg_bench.score.scorecard import CategoryCard, IntervalCard, Scorecard

WORST = 5
"""How many items are shown."""

Pictures = Callable[[str], Sequence[str]]
"""Item id → the sources of its small pictures (data URLs), in order; none if there are none."""


def card_html(card: Scorecard, *, pictures: Pictures | None = None) -> str:
    """`card` as an HTML fragment without scripts; everything that comes from files is escaped."""
    run = f"{card.run.model}, " if card.run.model else ""
    images = f"{card.run.images_per_prompt} image{'s' if card.run.images_per_prompt > 1 else ''} per prompt"
    lines = [f"<p><b>{escape(f'{run}suite {card.suite.name}, judge {card.judge.name}')}</b>, {images}</p>"]
    partial = card["corrected"].partial
    if partial:
        lines.append(f"<p>partial: {escape(partial)}</p>")
    lines += [f"<p><b>Warning: {escape(warning)}</b></p>" for warning in card.warnings]
    return "\n".join([*lines, _score_table(card), *_worst_items(card, pictures)])


def _score_table(card: Scorecard) -> str:
    corrected, official = card["corrected"], card["official"]
    rows = [("overall", (corrected.overall, corrected.interval), (official.overall, official.interval))]
    for one, other in ((corrected.l1, official.l1), (corrected.l2, official.l2)):
        rows += [(name, _score(one.get(name)), _score(other.get(name))) for name in one]
    body = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>{_cell(*one)}{_cell(*other)}</tr>"
        for name, one, other in rows
    )
    soft = card.soft
    if soft is not None and soft.overall is not None:
        body += (
            f"<tr><th style='text-align:left'>soft, unofficial</th>{_cell(soft.overall, soft.interval)}<td></td></tr>"
        )
    counts = f"{corrected.prompts_scored} of {corrected.prompts_expected} prompts"
    return (
        f"<table><thead><tr><th>score, %</th><th>corrected ({counts})</th><th>official "
        f"({official.prompts_scored} of {official.prompts_expected})</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _score(category: CategoryCard | None) -> tuple[float | None, IntervalCard | None]:
    return (None, None) if category is None else (category.score, category.interval)


def _cell(score: float | None, interval: IntervalCard | None) -> str:
    text = "–" if score is None else f"{score:.2f}"
    if score is not None and interval is not None and interval.method != "no spread":
        text += f" ({interval.low:.1f}–{interval.high:.1f})"
    return f"<td style='text-align:right'>{text}</td>"


def _worst_items(card: Scorecard, pictures: Pictures | None) -> list[str]:
    columns = card["corrected"].items
    if columns is None or not columns.item_id:
        return []
    items = item_scores(columns)
    worst = sorted(zip(items.scores.tolist(), items.item_ids, strict=True))[:WORST]
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(item_id)}</td><td style='text-align:right'>{score:.1f}</td>"
        f"<td>{_pictures(pictures(item_id) if pictures else ())}</td></tr>"
        for score, item_id in worst
    )
    return [f"<p>Lowest items, corrected:</p><table><tbody>{rows}</tbody></table>"]


def _pictures(sources: Sequence[str]) -> str:
    return "".join(f'<img src="{escape(source)}" alt="" height="96" style="display:inline"> ' for source in sources)
