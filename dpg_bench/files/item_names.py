"""Item ids as file names: safe on every file system, and reversible.

Letters, digits, `-` and `_` stand for themselves, so DPG-Bench's own ids are their own file names. Everything
else (dots too: the official script cuts a name at its first dot) is percent-encoded as UTF-8, and so is the
first letter of a name that Windows reserves.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from dpg_bench.errors import BadInputError, option

_PLAIN = frozenset((string.ascii_letters + string.digits + "-_").encode())
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_LONGEST = 200  # bytes; file systems allow 255, and a temporary file's name is longer than the final one


def file_stem(item_id: str) -> str:
    """The file name, without suffix, of an item's image.

    Raises BadInputError for an empty id or one whose name would be longer than 200 bytes.
    """
    if not item_id:
        raise BadInputError("An item id is empty; every item needs an id of at least one character.")
    stem = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in item_id.encode())
    if _RESERVED.fullmatch(stem):
        stem = f"%{ord(stem[0]):02X}{stem[1:]}"
    if len(stem) > _LONGEST:
        raise BadInputError(
            f"The item id '{item_id[:60]}…' makes a file name of {len(stem)} bytes, more than {_LONGEST}; shorten it."
        )
    return stem


def check_names(item_ids: Iterable[str]) -> None:
    """Raises BadInputError if these items can't all have a file in one folder, whatever the file system.

    That is, as in `file_stem`, and for two ids that differ in nothing but case: Windows and macOS see one name there.
    """
    folded: dict[str, str] = {}
    for item_id in item_ids:
        other = folded.setdefault(file_stem(item_id).casefold(), item_id)
        if other != item_id:
            raise BadInputError(
                f"The items '{other}' and '{item_id}' differ in nothing but case, so that their images would be one "
                f"file on Windows and macOS. Rename one of them, or choose items with {option('items')}."
            )


def item_id_of(stem: str) -> str | None:
    """The item id that `file_stem` made `stem` from; None if it made no such name."""
    try:
        item_id = unquote_to_bytes(stem).decode()
        return item_id if item_id and file_stem(item_id) == stem else None
    except (UnicodeError, BadInputError):  # no text at all, or a name longer than any that is made
        return None
