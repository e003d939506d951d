"""What a check found, in words: for the terminal, as Markdown, and as workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console

from dpg_bench.report.check.result import CheckedNumber, CheckResult, Verdict
from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.terminal import say

_SIGNS: Mapping[Verdict, str] = {"regression": "FAIL", "incomplete": "FAIL", "unclear": "can't tell", "ok": "ok"}
_STYLES: Mapping[Verdict, str] = {"regression": "red", "incomplete": "red", "unclear": "yellow", "ok": "green"}
_HEADINGS = ("", "score", "baseline", "run", "difference", "bounds", "prompts")
_COMMANDS: Mapping[Verdict, str] = {
    "regression": "error",
    "incomplete": "error",
    "unclear": "warning",
    "ok": "notice",
}


def print_check(result: CheckResult, console: Console) -> None:
    """Print the verdict on every number, what must be known beside it, and the verdict on all."""
    say(console, heading(result), "bold")
    for number in result.numbers:
        say(console, f"{_SIGNS[number.verdict]:<10}  {finding(number, result)}", _STYLES[number.verdict])
    for remark in remarks(result):
        say(console, f"Note: {remark}")
    say(console, f"Verdict: {closing(result)}", f"bold {_STYLES[result.verdict if result.passed else 'regression']}")


def heading(result: CheckResult) -> str:
    """What was held against what."""
    return (
        f"{result.run.titled(result.protocol)} against the baseline {result.baseline.titled(result.protocol)}: "
        f"{result.protocol} protocol, suite {result.run.card.suite.name}, {result.prompts} prompts; a drop of "
        f"{result.max_drop:g} is allowed"
    )


def closing(result: CheckResult) -> str:
    """The verdict on the whole, and what follows from it."""
    names = ", ".join(one.number.row.name for one in result.numbers if one.verdict == result.verdict)
    if result.verdict == "regression":
        return f"regression in {names}."
    if result.verdict == "incomplete":
        item_id, reason = next(iter(result.missing.items()))
        return (
            f"incomplete, which is no pass: {len(result.missing)} prompts have no score ('{item_id}': {reason}). "
            "Finish the run, or check what is there with --allow-missing."
        )
    over = f" over {result.prompts} of {result.prompts + len(result.missing)} prompts" if result.missing else ""
    if result.verdict == "unclear":
        end = "which --strict takes for a failure." if result.strict else "which passes; --strict would fail it."
        return f"can't tell for {names}{over}, {end}"
    return f"ok{over}: no drop beyond {result.max_drop:g}."


def finding(number: CheckedNumber, result: CheckResult) -> str:
    """One number in a sentence."""
    drop, allowed = -number.difference, f"{result.max_drop:g}"
    scores = (
        f"{number.number.row.name} {number.number.first:.2f} → {number.number.second:.2f} ({number.difference:+.2f})"
    )
    sure = f"with {_percent(number.confidence)} confidence"
    if number.verdict == "regression":
        assert number.bounds is not None  # noqa: S101 - without bounds nothing is a regression
        return f"{scores}: a drop of {drop:.2f}, {sure} at least {-number.bounds.high:.2f}; {allowed} is allowed"
    if number.verdict == "ok":
        assert number.bounds is not None  # noqa: S101 - without bounds nothing is ok
        if number.bounds.method == "no spread" and number.difference == 0:
            return f"{scores}: the same in every prompt"
        if number.bounds.low >= 0:
            return f"{scores}: {sure} no drop"
        return f"{scores}: {sure} no drop beyond {-number.bounds.low:.2f}"
    reach = "" if number.bounds is None else f"anything from {number.bounds.low:+.2f} to {number.bounds.high:+.2f}; "
    return f"{scores}: {reach}{_needed(number, result)}"


def remarks(result: CheckResult) -> Iterator[str]:
    """What must be known beside the verdict."""
    categories = result.numbers[1:]
    if categories:
        yield (
            f"The overall score is checked with {_percent(result.confidence)} confidence, each of the "
            f"{len(categories)} categories with {_percent(categories[0].confidence)}, so that "
            f"{_percent(result.confidence)} holds for these together."
        )
    if result.other is not None and result.other.first is not None and result.other.second is not None:
        yield (
            f"The {result.other.protocol} overall score, which isn't checked, went from {result.other.first:.2f} to "
            f"{result.other.second:.2f}."
        )
    yield from result.remarks
    for run in (result.run, result.baseline):
        yield from (f"{run.name}: {warning}" for warning in run.card.warnings)


def check_markdown(result: CheckResult) -> str:
    """A section for a job summary."""
    titles = {
        "regression": "Regression",
        "incomplete": "Incomplete",
        "unclear": "No regression found, but these prompts can't rule it out",
        "ok": "ok",
    }
    lines = [f"### DPG-Bench: {titles[result.verdict]}", "", escaped(heading(result)), ""]
    lines += markdown_table(_HEADINGS, map(_cells, result.numbers), left=_HEADINGS[:2])
    lines += ["", *(f"- {escaped(finding(one, result))}" for one in result.numbers if one.verdict != "ok")]
    lines += [f"- {escaped(remark)}" for remark in remarks(result)]
    lines += ["", f"Verdict: {escaped(closing(result))}"]
    return "\n".join(lines) + "\n"


def workflow_commands(result: CheckResult) -> Iterator[str]:
    """Annotations in GitHub Actions: an error or a warning per number that isn't ok and for gaps, one notice if all is.

    Escaped as https://docs.github.com/actions/reference/workflow-commands-for-github-actions has it.
    """
    title = _property(f"DPG-Bench: {result.run.name} against {result.baseline.name}")
    told: list[tuple[Verdict, str]] = [(one.verdict, finding(one, result)) for one in result.numbers]
    told = [one for one in told if one[0] != "ok"]
    if result.verdict == "incomplete":
        told.append((result.verdict, closing(result)))
    told = told or [("ok", finding(result.numbers[0], result))]
    for verdict, sentence in told:
        yield f"::{_COMMANDS[verdict]} title={title}::{_data(sentence)}"


def _cells(one: CheckedNumber) -> list[str]:
    bounds = "-" if one.bounds is None else f"{one.bounds.low:+.2f} to {one.bounds.high:+.2f}"
    numbers = (f"{one.number.first:.2f}", f"{one.number.second:.2f}", f"{one.difference:+.2f}", bounds)
    return [_SIGNS[one.verdict], one.number.row.name, *numbers, str(one.prompts)]


def _needed(number: CheckedNumber, result: CheckResult) -> str:
    allowed = f"whether it dropped by more than {result.max_drop:g}"
    if number.prompts_needed is None:
        return f"{number.prompts} prompts can't tell {allowed}, and how many could can't be said"
    whole = result.run.card.suite.prompts
    digits = max(0, len(str(number.prompts_needed)) - 2)
    about = f"{round(number.prompts_needed, -digits):,}"
    beyond = f", more than the suite's {whole}" if number.prompts_needed > whole else ""
    return f"{number.prompts} prompts can't tell {allowed}; about {about} are needed{beyond}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
