"""The errors a user can meet. Each message says what happened, with which value and file, and what to do next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

_END = 300
_LONG = re.compile("([^\n]{3000})[^\n]{1000,}")
_OPTION = re.compile("\x02(?P<name>[^\x02\x03]*?)(?:=(?P<value>[^\x02\x03]*))?\x03")


def option(name: str, value: object = None) -> str:
    """An option within a message: `out='runs/x'` to who calls from Python, `--out runs/x` on the command line.

    `name` is the parameter's, `value` what is advised for it; True is for a switch.
    """
    return f"\x02{name}\x03" if value is None else f"\x02{name}={value}\x03"


def shortened(text: str) -> str:
    """`text` with what is over 4,000 characters of a line counted, as no message of ours has it."""
    return _LONG.sub(lambda line: f"{line[1]} … ({len(line[0])} characters) … {line[0][-_END:]}", text)


class Message(str):
    """A text for the user. It reads as Python says options; `on_command_line` is the same in the flags' words."""

    on_command_line: str

    __slots__ = ("on_command_line",)

    def __new__(cls, text: str) -> Self:
        """`text` holds options as `option` writes them."""
        if isinstance(text, cls):
            return text
        text = shortened(text)
        self = super().__new__(cls, _OPTION.sub(_in_python, text))
        self.on_command_line = _OPTION.sub(_as_flag, text)
        return self


def on_command_line(text: str) -> str:
    """`text` in the flags' words, if it is a `Message`."""
    return text.on_command_line if isinstance(text, Message) else text


def _in_python(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if value is None:
        return name
    return f"{name}={value}" if re.fullmatch(r"True|[0-9.]+", value) else f"{name}={value!r}"


def _as_flag(found: re.Match[str]) -> str:
    flag = f"--{found['name'].replace('_', '-')}"
    return flag if found["value"] in (None, "True") else f"{flag} {found['value']}"


class DpgBenchError(Exception):
    """Something failed; the command line prints the message alone and leaves with `exit_code`.

    >>> import dpg_bench as dpg
    >>> issubclass(dpg.BadInputError, dpg.DpgBenchError)
    True
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        """`message` may name options as `option` writes them."""
        self.message = Message(message)
        super().__init__(self.message)


class BadInputError(DpgBenchError):
    """Wrong use or bad input: an unknown name, a malformed file, settings that don't fit together.

    >>> import dpg_bench as dpg
    >>> try:
    ...     dpg.load_judge("mplugg")
    ... except dpg.BadInputError as error:
    ...     print(str(error)[:50])
    Unknown judge 'mplugg'. Did you mean 'mplug'? Know
    """

    exit_code = 2


class DamagedError(BadInputError):
    """A file of ours that can't be read as what it was written as."""


class UnavailableError(DpgBenchError):
    """Something that must be downloaded could not be, or did not have the content it is pinned to.

    >>> import dpg_bench as dpg
    >>> dpg.UnavailableError("No connection.").exit_code
    1
    """


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> BadInputError:
    """The error for a name that nobody knows, with the nearest known one and the whole list.

    `kind` is what the name should have been ("model", "judge", "option of ella-sd15");
    `hint` is a sentence added at the end.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    listed = f" Known: {', '.join(names)}." if names else " There are none."
    return BadInputError(f"Unknown {kind} '{name}'.{guess}{listed}{' ' + hint if hint else ''}")


def out_of_range(name: str, value: object, must: str) -> BadInputError:
    """The error for a number that can't be: `name` is a setting in words ("batch size"), `must` what it must be."""
    return BadInputError(f"{name} is {value}; it must be {must}.")


def check_positive(numbers: Mapping[str, int | None]) -> None:
    """Raises BadInputError for the first of the named numbers that is below 1; None is left to others."""
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise out_of_range(name, value, "at least 1")


def missing_package(error: ModuleNotFoundError) -> DpgBenchError:
    """The error for a package that the light installation lacks; raises `error` itself if it is about our own code."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "dpg_bench", "ella_models"):
        raise error
    return DpgBenchError(
        f"This needs the package {package}, which is not installed here. What draws, judges and exports comes with: "
        "pip install 'dpg-bench[full]'."
    )


@contextmanager
def panics_told() -> Iterator[None]:
    """A panic of a library in Rust, which is no `Exception`, as a DpgBenchError.

    Tokenizers raise one where a regular expression of a `tokenizer.json` comes to no end.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DpgBenchError(
            f"A library gave up: {' '.join(str(error).split()):.300}. The model's tokenizer.json may be damaged."
        ) from error
