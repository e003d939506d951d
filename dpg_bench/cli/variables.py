"""Every option of a command reads an environment variable: `--max-drop` reads `DPGBENCH_MAX_DROP`, flags too.

A variable means one thing in all commands, so what a command writes to besides a run folder has its own:
`report --out` reads `DPGBENCH_REPORT_OUT`, while `DPGBENCH_OUT` is the run folder of `run` and `score`.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperOption

_OUTPUTS = ("--out", "--csv", "--jsonl")
_OTHERWISE = {"check": ("--strict",)}  # not the suite's rows
_WITHOUT_COMMAND = {"run": ("--out",), "score": ("--out", "--csv")}


class Command(TyperCommand):
    """A command whose options read their variables; `--help` shows flags as flags."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        for option in self.params:
            if isinstance(option, TyperOption):
                option.envvar = variable(name or "", max(option.opts, key=len))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write `--help`: of the variables, those that the rule below the list of commands doesn't give."""
        for option in self.params:
            if isinstance(option, TyperOption):
                option.show_envvar = _is_own(self.name or "", max(option.opts, key=len))
        super().format_help(ctx, formatter)

    def get_params(self, ctx: Any) -> Any:
        """Its arguments and options."""
        return shown_as_flags(super().get_params(ctx))


def variable(command: str, flag: str) -> str:
    """The environment variable of a command's option, such as `--max-drop`."""
    own = f"{command}_" if _is_own(command, flag) else ""
    return f"DPGBENCH_{own}{flag.removeprefix('--')}".upper().replace("-", "_")


def shown_as_flags(params: list[Any]) -> list[Any]:
    """`params`, of which the flags take no value and show none in `--help`."""
    for option in params:
        if getattr(option, "is_flag", False):
            option.metavar = ""
    return params


def _is_own(command: str, flag: str) -> bool:
    return flag in (*_OUTPUTS, *_OTHERWISE.get(command, ())) and flag not in _WITHOUT_COMMAND.get(command, ())
