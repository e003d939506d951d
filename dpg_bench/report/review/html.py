"""A suite's question graphs → one HTML file to read through: every prompt with its facts, questions and what they need.

Nothing in it is a script, and its policy lets it load nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dpg_bench import __version__
from dpg_bench.records import Prompt, Suite
from dpg_bench.report.page.html import content_hash, page_asset, page_templates, verbatim
from dpg_bench.report.page.question_graph import depths
from dpg_bench.report.rows import category_rows

_PACKAGE = "dpg_bench.report.review"


@dataclass(frozen=True, slots=True)
class ReviewedQuestion:
    """A line of the page: `depth` is how many questions lie above it, `children` how many hang on it."""

    number: int
    depth: int
    category: str
    fact: str
    text: str
    parents: str
    children: int


@dataclass(frozen=True, slots=True)
class ReviewedPrompt:
    """A prompt and its questions."""

    item_id: str
    text: str
    questions: tuple[ReviewedQuestion, ...]


def suite_to_html(
    suite: Suite, *, facts: Mapping[tuple[str, int], str], made_by: str, failed: Mapping[str, str]
) -> str:
    """The text of the page.

    `facts` are the tuples by item and number, `made_by` says who made the graphs, and `failed` of which prompts there
    are none, and why.
    """
    style = page_asset("palette.css") + page_asset("review.css", _PACKAGE)
    page = page_templates(_PACKAGE).get_template("review.html.j2")
    return page.render(
        version=__version__,
        title=f"{suite.name} – question graphs",
        made_by=made_by,
        prompts=[_reviewed(prompt, facts) for prompt in suite.prompts],
        questions=suite.question_count,
        categories=list(_categories(suite)),
        failed=failed,
        style=verbatim(style),
        style_hash=content_hash(style),
    )


def _reviewed(prompt: Prompt, facts: Mapping[tuple[str, int], str]) -> ReviewedPrompt:
    depth = depths(prompt)
    hanging = Counter(parent for question in prompt.questions for parent in question.parents)
    return ReviewedPrompt(
        prompt.item_id,
        prompt.text,
        tuple(
            ReviewedQuestion(
                number=question.proposition_id,
                depth=depth[question.proposition_id],
                category=question.category,
                fact=facts.get((prompt.item_id, question.proposition_id), ""),
                text=question.text,
                parents=", ".join(map(str, question.parents)),
                children=hanging[question.proposition_id],
            )
            for question in prompt.questions
        ),
    )


def _categories(suite: Suite) -> Iterator[tuple[str, int]]:
    counts = Counter(question.category for prompt in suite.prompts for question in prompt.questions)
    broad = Counter(question.category_broad for prompt in suite.prompts for question in prompt.questions)
    for row in category_rows(broad.keys(), counts.keys()):
        yield row.name, broad[row.name] if row.level == 1 else counts[row.name]
