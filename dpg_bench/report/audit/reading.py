"""Results to audit, in the forms in which people have them: tables of papers, READMEs and spreadsheets, and logs.

A table is Markdown, LaTeX, or text parted by commas, semicolons or tabs; its first row that names a category is the
header. Numbers keep their digits: `84.20` claims more than `84.2`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, read_content, read_csv
from dpg_bench.report.audit.official_log import is_official_log, read_official_log
from dpg_bench.report.published import PublishedResult, claim
from dpg_bench.report.rows import CATEGORIES

_ALIASES = {
    **{name: name for name in (*CATEGORIES, "overall", "model")},
    **dict.fromkeys(("glob", "globals"), "global"),
    **dict.fromkeys(("ent", "entities"), "entity"),
    **dict.fromkeys(("attr", "attrib", "attributes"), "attribute"),
    **dict.fromkeys(("rel", "relations", "relational"), "relation"),
    **dict.fromkeys(("oth", "others"), "other"),
    **dict.fromkeys(("average", "avg", "mean", "total", "score", "dpg", "dpgbench", "dpgscore"), "overall"),
    **dict.fromkeys(("models", "method", "methods", "name", "approach"), "model"),
}
_UNKNOWN = ("", "-", "--", "---", "–", "—", "n/a", "na", "n.a.")
_NUMBER = re.compile(r"[0-9]{1,3}([.,][0-9]{1,20})?|\.[0-9]{1,20}")
_LATEX_GONE = re.compile(r"\\(cite\w*|ref|footnote\w*|rowcolor|cellcolor|color|label)\s*(\[[^]]*\])*\{[^{}]*\}")
_LATEX_RULES = re.compile(
    r"\\begin\{tabular[^}]*\}(\[[^]]*\])?(\{[^{}]*\})*|\\(hline|toprule|midrule|bottomrule|(cmidrule(\([^)]*\))?|cline)\{[^}]*\})"
)
_LATEX_KEPT = re.compile(r"\\[a-zA-Z]+\*?\s*(\[[^]]*\])?(\{[^{}]*\})*?\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Claims:
    """The results that were read, and what must be said of the reading."""

    results: tuple[PublishedResult, ...]
    remarks: tuple[str, ...]


def read_claims(path: Path) -> Claims:
    """The results in a table or log, told apart by content.

    Raises BadInputError, naming file and row, if the file can't be read, has no row that names a category, no result
    below it, a cell that is no score, or shares beside percentages.
    """
    return parse_claims(decoded(read_content(path), str(path)), str(path))


def parse_claims(text: str, source: str) -> Claims:
    """The same of a text; `source` is its name in messages. Raises what `read_claims` raises."""
    if not text.strip():
        raise BadInputError(f"{source} is empty. It needs a table of scores, or what the official script prints.")
    if is_official_log(text):
        return parse_log(text, source)
    header, rows = _table(text, source)
    remarks = []
    if not any(_column(name) not in (None, "model") for name in header):
        header, rows = _in_the_papers_order(header, rows, source), [(1, header), *rows]
        order = ", ".join(header)
        remarks.append(f"No row names the columns; they are read in the order of the paper's tables: {order}.")
    columns = [_column(name) for name in header]
    named = [column or _plain(name) for name, column in zip(header, columns, strict=True)]
    doubled = next((name for name, count in Counter(named).items() if count > 1), None)
    if doubled is not None:
        raise BadInputError(f"{source}: the column '{doubled}' is there {named.count(doubled)} times.")
    results = []
    shares = 0
    for number, cells in rows:
        claimed = _claim(columns, cells, number, source)
        if claimed is not None:
            results.append(claimed[0])
            shares += claimed[1]
    if not results:
        raise BadInputError(f"{source} has a header but no results below it.")
    ignored = [name.strip() for name, column in zip(header, columns, strict=True) if column is None and name.strip()]
    remarks += _share_remarks(shares, len(results))
    if ignored:
        remarks.append(f"Columns that say nothing here: {', '.join(ignored)}.")
    return Claims(tuple(results), tuple(remarks))


def _in_the_papers_order(first: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]], source: str) -> Sequence[str]:
    """The header that rows of a model and five categories, and perhaps the overall score, stand for."""
    whole = ("model", *CATEGORIES, "overall")
    lengths = {len(cells) for cells in (first, *(cells for _, cells in rows))}
    numbers = all(_NUMBER.fullmatch(_number(cell)) for cell in first[1:])
    if not numbers or lengths not in ({len(whole)}, {len(whole) - 1}):
        raise BadInputError(
            f"{source} is neither what the official script prints nor a table whose first row names categories: "
            f"{', '.join(CATEGORIES)}. Its first row is {', '.join(first)[:100]!r}."
        )
    return whole[: len(first)]


def parse_log(text: str, source: str) -> Claims:
    """What the official script printed, wherever it stands in `text`. Raises what `read_official_log` raises."""
    results = []
    shares = 0
    for result in read_official_log(text, source):
        scores = {**result.scores, **({} if result.overall is None else {"overall": result.overall})}
        if _are_shares(scores):
            scores = _percentages(scores)
            shares += 1
        results.append(replace(result, overall=scores.pop("overall", None), scores=scores))
    return Claims(tuple(results), _share_remarks(shares, len(results)))


def given_claim(scores: Mapping[str, str]) -> Claims:
    """One result whose scores were typed, by category. Raises BadInputError for one that is no score."""
    result = _claim([*scores, "model"], [*scores.values(), "as given"], 1, "The scores given")
    assert result is not None  # noqa: S101 - something was typed
    return Claims((result[0],), ("Shares from 0 to 1 are read as percentages.",) if result[1] else ())


def _claim(
    columns: Sequence[str | None], cells: Sequence[str], number: int, source: str
) -> tuple[PublishedResult, bool] | None:
    """A row, and whether its scores were shares; None for one without scores, such as a heading between rows."""
    place = f"{source}, row {number}"
    if len(cells) > len(columns):
        raise BadInputError(
            f"{place}: it has {len(cells)} cells, the header has {len(columns)} columns. A cell that holds a comma "
            "must stand in double quotes."
        )
    scores: dict[str, Decimal] = {}
    model = ""
    for column, cell in zip(columns, cells, strict=False):
        if column == "model" or (column is None and not model and "model" not in columns):
            model = _plain(cell)
        elif column is not None and (score := _score(cell, column, place)) is not None:
            scores[column] = score
    if not scores:
        return None
    if not model:
        raise BadInputError(f"{place}: the model has no name. Name it in a column 'model'.")
    are_shares = _are_shares(scores)
    small = next((name for name, score in scores.items() if 0 < score < 1), None)
    if small is not None and not are_shares:
        name, large = max(scores.items(), key=lambda one: one[1])
        raise BadInputError(
            f"{place}: {small} looks like a share, {scores[small]}, beside a score of {large} for {name}. "
            "Give all as percentages, or all as shares."
        )
    if are_shares:
        scores = _percentages(scores)
    overall = scores.pop("overall", None)
    return claim(number, model, overall=overall, scores=scores), are_shares


def _are_shares(scores: Mapping[str, Decimal]) -> bool:
    return all(score <= 1 for score in scores.values()) and any(0 < score < 1 for score in scores.values())


def _percentages(shares: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Shares as percentages; one of a single decimal is written out, 50 rather than 5E+1."""
    return {name: Decimal(f"{share.scaleb(2):f}") for name, share in shares.items()}


def _share_remarks(shares: int, results: int) -> tuple[str, ...]:
    if not shares:
        return ()
    return (f"{shares} of {results} results are shares from 0 to 1; they are read as percentages.",)


def _score(cell: str, column: str, place: str) -> Decimal | None:
    text = _number(cell)
    if text.lower() in _UNKNOWN:
        return None
    if not _NUMBER.fullmatch(text) or (score := Decimal(text.replace(",", "."))) > 100:
        raise BadInputError(
            f"{place}, column '{column}': {cell.strip()[:60]!r} is not a score from 0 to 100, such as 84.20. "
            "Correct the cell, or leave it empty."
        )
    return score


def _number(cell: str) -> str:
    """What is left of a cell without unit, margin and footnote marks."""
    return re.split(r"±|\+/-|\(|\[", _plain(cell))[0].replace("%", "").strip("_*†‡§^↑↓ ")


def _plain(cell: str) -> str:
    """A cell without the markup of Markdown, HTML and LaTeX."""
    text = _LATEX_GONE.sub("", cell.replace("\\pm", "±"))
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"<[^<>]*>", "", text))
    before = None
    while before != text:  # innermost first: \textbf{\underline{84.2}}
        before, text = text, _LATEX_KEPT.sub(r"\3", text)
    text = re.sub(r"\\[a-zA-Z]+", "", text)
    text = re.sub(r"\\(?=[%&_#$])", "", text).replace("~", " ").replace("$", "").replace("\\,", "")
    return re.sub(r"(\*\*|__|`|[{}])", "", text).strip()


def _column(name: str) -> str | None:
    letters = re.sub(r"[^a-z]", "", _plain(name).lower())
    return _ALIASES.get(letters) or _ALIASES.get(letters.removesuffix("score"))


def _table(text: str, source: str) -> tuple[Sequence[str], Sequence[tuple[int, Sequence[str]]]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if sum(line.count("|") > 1 for line in lines) * 2 > len(lines) or lines[0].lstrip().startswith("|"):
        return _headed(list(_markdown_rows(text)))
    if "&" in text and "\\\\" in text:
        return _headed(list(_latex_rows(text)))
    delimiter = max("\t;,", key=lines[0].count)
    table = read_csv(text, source, delimiter=delimiter)
    if not any(_column(name) not in (None, "model") for name in table.header):
        return _headed([(number, line.split(delimiter)) for number, line in enumerate(lines, start=1)])
    return table.header, [(row.number, list(row.cells.values())) for row in table.rows]


def _headed(
    rows: Sequence[tuple[int, Sequence[str]]],
) -> tuple[Sequence[str], Sequence[tuple[int, Sequence[str]]]]:
    for place, (_, cells) in enumerate(rows):
        if any(_column(cell) not in (None, "model") for cell in cells):
            return cells, rows[place + 1 :]
    return (rows[0][1] if rows else ()), rows[1:]


def _markdown_rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        row = line.strip()
        if "|" in row and re.sub(r"[\s|:-]", "", row):
            yield number, re.split(r"(?<!\\)\|", row.removeprefix("|").removesuffix("|"))


def _latex_rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    number = 1
    for chunk in re.split(r"\\\\(?:\[[^]]*\])?", re.sub(r"(?<!\\)%.*", "", text)):
        if "&" in chunk:
            body = _LATEX_RULES.sub("", chunk).strip()
            yield number + chunk[: chunk.index("&")].count("\n"), re.split(r"(?<!\\)&", body)
        number += chunk.count("\n")
