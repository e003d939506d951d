"""Text from files and other machines, made harmless for a terminal, a table, a log and other people."""

from __future__ import annotations

import re
from pathlib import Path

# C0 and C1 control characters, the marks that turn the direction of writing around, and halves of surrogate pairs (a
# file name that is no UTF-8).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""`text` with what acts on a terminal instead of showing written out: ESC as `\x1b`; tab and newline stay."""
    return _INVISIBLE.sub(_written_out, text)


def without_home(text: str) -> str:
    """`text` with the user's home folder written as `~`: for what is made to be shown to others."""
    try:
        home = str(Path.home())
    except RuntimeError:  # an account without one
        return text
    if len(home) <= len(Path(home).anchor):
        return text
    return re.sub(f"{re.escape(home)}(?![\\w.-])", "~", text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that couldn't be decoded
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
