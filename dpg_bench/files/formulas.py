"""Cells that a spreadsheet would take for formulas: written with an apostrophe in front, and read without it.

Names and texts in CSV come from files that others wrote (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """`text` as a cell; one that begins as a formula does gets an apostrophe, and so does one with apostrophes before.

    >>> guarded("=1+1"), guarded("1+1"), unguarded(guarded("'=1+1"))
    ("'=1+1", '1+1', "'=1+1")
    """
    return f"'{text}" if _is_formula(text) else text


def unguarded(cell: str) -> str:
    """The text that `guarded` made `cell` of."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(_BEGINNINGS)
