"""Lists on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dpg_bench.errors import BadInputError


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """`1001,1002` → (1001, 1002); None stays None.

    Raises BadInputError for anything that is no whole number.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadInputError(f"--seeds is '{text}'; it must be whole numbers, such as 1001,1002,1003,1004.") from None


def parse_items(text: str | None) -> tuple[str, ...] | None:
    """`a,b` → ("a", "b"); None stays None.

    Raises BadInputError if nothing is named.
    """
    if text is None:
        return None
    items = tuple(part.strip() for part in text.split(",") if part.strip())
    if not items:
        raise BadInputError(f"--items is '{text}'; name at least one item id.")
    return items


def parse_where(pairs: Sequence[str] | None) -> dict[str, str]:
    """`["a=b"]` → {"a": "b"}; nothing for None.

    Raises BadInputError for a pair without `=` or a column named twice.
    """
    found: dict[str, str] = {}
    for pair in pairs or ():
        column, equals, value = pair.partition("=")
        if not equals or not column or column in found:
            raise BadInputError(f"--where is '{pair}'; it must be COLUMN=VALUE, and each column once.")
        found[column] = value
    return found


def parse_grid(text: str | None) -> tuple[int, int] | None:
    """`4x1` → (4, 1), columns and rows; None stays None.

    Raises BadInputError for anything else, and for a number below 1.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*([0-9]{1,4})\s*[x×*,]\s*([0-9]{1,4})\s*", text.lower())
    if match is None or "0" in (match[1].strip("0") or "0", match[2].strip("0") or "0"):
        raise BadInputError(f"--grid is '{text}'; it must be COLUMNSxROWS, such as 4x1.")
    return int(match[1]), int(match[2])


def parse_names(text: str | None) -> tuple[str, ...]:
    """`a,b` → ("a", "b"); nothing for None."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
