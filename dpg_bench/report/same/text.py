"""Whether two runs drew the same, in words: for the terminal and as Markdown, the same lines in both."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from dpg_bench.report.compare.text import range_text, settings_that_differ
from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.same.pixels import Distances, ImageDistance
from dpg_bench.report.same.result import EquivalenceTest, Sameness, Scores
from dpg_bench.report.terminal import Column, Row, say, show_table

_COLUMNS = ("score, %", "A", "B", "B - A", "interval", "answers", "flipped", "to no", "to yes")
_WORDS = ("score, %",)
_TITLES = {
    "identical": "The same, pixel for pixel",
    "equivalent": "Equivalent",
    "close": "Within the limits for images",
    "different": "Not the same",
    "unclear": "Can't tell",
    "incomplete": "Incomplete",
}


def print_sameness(result: Sameness, console: Console, *, top: int) -> None:
    """Print how far images and answers are apart, the `top` images that differ most, and the verdict."""
    say(console, _heading(result), "bold")
    for line in _images(result, top):
        say(console, line)
    if result.scores is not None:
        columns = [Column(name, number=name not in _WORDS) for name in _COLUMNS]
        rows = [Row(cells, "" if place else "bold") for place, cells in enumerate(_rows(result.scores))]
        show_table(console, columns, rows)
    for line in _notes(result):
        say(console, line)
    say(console, f"Verdict: {closing(result)}", f"bold {'green' if result.passed else 'red'}")


def sameness_to_markdown(result: Sameness, *, top: int) -> str:
    """The same as Markdown, for a pull request or a job summary."""
    lines = [f"### DPG-Bench: {_TITLES[result.verdict]}", "", escaped(_heading(result)), ""]
    lines += [f"- {escaped(line)}" for line in _images(result, top)]
    if result.scores is not None:
        lines += ["", *markdown_table(_COLUMNS, list(_rows(result.scores)), left=_WORDS), ""]
    lines += [f"- {escaped(line)}" for line in _notes(result)]
    return "\n".join([*lines, "", f"Verdict: {escaped(closing(result))}"]) + "\n"


def closing(result: Sameness) -> str:
    """The verdict on the whole, and what follows from it."""
    over = f", over all but {len(result.missing)} items" if result.missing and result.allow_missing else ""
    test = result.scores.test if result.scores is not None else None
    match result.verdict:
        case "incomplete":
            item_id, reason = next(iter(result.missing.items()))
            said = (
                f", which is no pass: {len(result.missing)} items can't be compared ('{item_id}': {reason}). Finish "
                "both runs, or compare what is there with --allow-missing"
            )
        case "identical":
            said = ": every pixel is the same"
        case "close":
            said = ": the images are within the limits; whether answers change is not known"
        case "equivalent" | "different":
            said = f": {'; '.join(_reasons(result))}"
        case "unclear":
            asked = "neither scores nor limits for images say what the same would be"
            said = f", which is no pass: {asked if test is None else _needed(test)}"
    name = "can't tell" if result.verdict == "unclear" else result.verdict
    return f"{name}{over}{said}."


def _reasons(result: Sameness) -> Iterator[str]:
    for limit in result.limits:
        if not limit.held:
            found = "not known" if limit.found is None else f"{limit.found:.4g}"
            yield f"the median {limit.name} is {found}, {limit.least:g} is the limit"
    test = result.scores.test if result.scores is not None else None
    if test is not None and test.verdict == result.verdict:
        extent = "less" if test.verdict == "equivalent" else "more"
        yield f"the scores differ by {extent} than the margin of {test.margin:g}"


def _heading(result: Sameness) -> str:
    both = f"A: {result.first.name}, B: {result.second.name}; suite {result.first.suite_name}"
    scores = result.scores
    return f"{both}, judge {scores.judge}, {scores.protocol} protocol" if scores is not None else both


def _images(result: Sameness, top: int) -> Iterator[str]:
    distances = result.distances
    if distances is None:
        return
    total = len(distances.images)
    if not total:
        yield "There is no image that both have."
        return
    yield f"{total} images: {distances.identical} are the same pixel for pixel{_apart(distances)}."
    farthest = distances.farthest[:top]
    if farthest:
        yield f"Farthest apart: {'; '.join(map(_distance, farthest))}."


def _apart(distances: Distances) -> str:
    farthest = distances.farthest
    if not farthest:
        return ""
    median = "the same" if distances.median_psnr is None else f"{distances.median_psnr:.2f} dB"
    told = f"; PSNR: median {median}, lowest {farthest[0].psnr:.2f} dB"
    known = [one.ssim for one in distances.images if one.ssim is not None]
    if distances.median_ssim is not None:
        told += f"; SSIM: median {distances.median_ssim:.4f}, lowest {min(known):.4f}"
    return told


def _distance(one: ImageDistance) -> str:
    ssim = "" if one.ssim is None else f", SSIM {one.ssim:.4f}"
    return f"{one.item_id}, image {one.image}: PSNR {one.psnr:.2f} dB{ssim}, at most {one.largest} of 255"


def _rows(scores: Scores) -> Iterator[list[str]]:
    flips = {one.category: one for one in scores.flips}
    for score in scores.numbers:
        number, flipped = score.number, flips.get(score.number.row.name)
        changed = (
            ["-"] * 4
            if flipped is None
            else [str(flipped.answers), f"{flipped.share:.2%}", str(flipped.to_no), str(flipped.to_yes)]
        )
        yield [
            number.row.own_name,
            f"{number.first:.2f}",
            f"{number.second:.2f}",
            f"{score.paired.value:+.2f}",
            range_text(score.paired.interval),
            *changed,
        ]


def _notes(result: Sameness) -> Iterator[str]:
    if result.scores is not None:
        yield _tested(result.scores)
    yield settings_that_differ(result.settings)
    yield from (f"Note: {remark}" for remark in result.remarks)
    for side in (result.first, result.second):
        if side.judged is not None:
            yield from (f"Warning: {side.name}: {warning}" for warning in side.judged.card.warnings)


def _tested(scores: Scores) -> str:
    test = scores.test
    if test.bounds is None:
        return "Equivalence: a single prompt says nothing about others."
    p_value = f"{test.p_value:.3f}" if test.p_value >= 0.001 else "<0.001"
    return (
        f"Equivalence, two one-sided tests over {test.prompts} prompts: with {100 * test.confidence:.4g}% confidence "
        f"each, the difference lies above {test.bounds.low:+.2f} and below {test.bounds.high:+.2f}; the margin is "
        f"±{test.margin:g} (p {p_value})."
    )


def _needed(test: EquivalenceTest) -> str:
    asked = f"whether the scores differ by less than the margin of {test.margin:g}"
    if test.prompts_needed is None:
        return f"{test.prompts} prompts can't tell {asked}, and how many could can't be said"
    digits = max(0, len(str(test.prompts_needed)) - 2)
    return f"{test.prompts} prompts can't tell {asked}; about {round(test.prompts_needed, -digits):,} are needed"
