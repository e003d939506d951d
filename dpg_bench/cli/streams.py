"""Standard output and error that take what a command says, whatever terminal, pipe or file is behind them.

A character that the encoding lacks is written by what stands for it (`…` as `...`) or as a question mark. A reader
that has left (`| head`) ends no command: files that are yet to be written are written, and the exit code is the
command's own. Output that can't be kept (a full disk) is an error like any other; on stderr there is nobody to tell.
"""

from __future__ import annotations

import codecs
import io
import sys
from typing import Any, TextIO

from dpg_bench.errors import DpgBenchError

_STAND_INS = str.maketrans(
    {
        **dict.fromkeys("–—−‐‑─━╌┄·", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╞╡╪", "+"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        "…": "...",
        "→": "->",
        "×": "x",
        "¼": "1/4",
        "▲": "^",
        "▼": "v",
        "≤": "<=",
        "≥": ">=",
        "\u00a0": " ",
    }
)
_ERRORS = "dpgbench.stand-in"


def protect_streams() -> None:
    """Put streams of this kind in the places of stdout and stderr; one that is closed stays closed."""
    codecs.register_error(_ERRORS, _stand_in)
    sys.stdout = _protected(sys.stdout, told=True)
    sys.stderr = _protected(sys.stderr, told=False)


class _Descriptor(io.FileIO):
    """A file descriptor that is written to until its reader leaves; `told` says whether other failures are raised."""

    def __init__(self, descriptor: int, *, told: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._told = told
        self._lost = False

    def write(self, data: Any, /) -> int:
        """Write what can be, and drop the rest once nobody takes it."""
        if self._lost:
            return len(memoryview(data))
        try:
            return super().write(data)
        except BrokenPipeError:
            self._lost = True
        except OSError as error:
            self._lost = True
            if self._told:
                raise DpgBenchError(f"The output can't be written: {error.strerror}.") from None
        return len(memoryview(data))


def _protected(stream: TextIO, *, told: bool) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # none at all, or a program's own
    buffered = stream.buffer
    if type(getattr(buffered, "raw", buffered)) is not io.FileIO:  # the console of Windows takes every character
        stream.reconfigure(errors=_ERRORS)
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(stream.fileno(), told=told)),
        encoding=stream.encoding,
        errors=_ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_STAND_INS)
    return "".join(letter if letter.isascii() else "?" for letter in text), error.end
