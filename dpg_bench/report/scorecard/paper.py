"""A scorecard for a paper or a README: both protocols as rows of one table, how they were made, whom to cite."""

from __future__ import annotations

from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.paper import bibliography, latex_document, latex_table, methods, paper_headings, paper_row
from dpg_bench.report.runs import JudgedRun, Protocol

_PROTOCOLS: tuple[Protocol, ...] = ("official", "corrected")


def scorecard_to_latex(run: JudgedRun) -> str:
    """LaTeX: a table with a row for each protocol, sentences on the method, and BibTeX as comments."""
    table = latex_table(paper_headings(), _rows(run), left=("model",))
    return latex_document(table, methods(run, _PROTOCOLS), bibliography([run]))


def scorecard_to_markdown(run: JudgedRun) -> str:
    """The same as Markdown, the BibTeX in a block of code."""
    lines = [*markdown_table(paper_headings(), _rows(run), left=("model",)), ""]
    lines += [escaped(sentence) for sentence in methods(run, _PROTOCOLS)]
    return "\n".join([*lines, "", "```bibtex", *bibliography([run]), "```"])


def _rows(run: JudgedRun) -> list[list[str]]:
    model = run.card.run.model or run.name
    return [paper_row(run, protocol, name=f"{model} ({protocol})") for protocol in _PROTOCOLS]
