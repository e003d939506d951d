"""A training configuration as a YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ella_models.errors import EllaError
from ella_models.reading import read_text
from ella_models.training.config import TrainingConfig

_MOST_BRACKETS = 2000
_MOST_ALIASES = 1000  # each may stand for all that others stand for
_LARGEST = 1 << 19  # bytes; PyYAML reads some hundred thousand a second
_LONG_NUMBER = re.compile(r"[-+0-9a-fA-F_xob.:]{1000,}")


def read_config(file: str | Path) -> TrainingConfig:
    """Read a configuration; what it doesn't say has the paper's value.

    Raises EllaError for a file that isn't there or isn't YAML, and for every wrong name or value, naming it.
    """
    path = Path(file)
    try:
        text = read_text(path, most=_LARGEST)
        if text.count("[") + text.count("{") > _MOST_BRACKETS:  # the parser's time grows with their square
            raise EllaError(f"The configuration '{path}' has more than {_MOST_BRACKETS} brackets.")
        events = list(yaml.parse(text, Loader=yaml.SafeLoader))
        if sum(isinstance(event, yaml.AliasEvent) for event in events) > _MOST_ALIASES:
            raise EllaError(f"The configuration '{path}' has more than {_MOST_ALIASES} aliases.")
        plain = [event.value for event in events if isinstance(event, yaml.ScalarEvent) and event.style is None]
        if "<<" in plain:  # what is merged again and again doubles each time
            raise EllaError(f"The configuration '{path}' merges mappings (<<), which is not read. Write them out.")
        if long := next((one for one in plain if _LONG_NUMBER.fullmatch(one)), None):
            raise EllaError(f"The configuration '{path}' can't be used: {long[:20]}… has {len(long)} characters.")
        told = yaml.safe_load(text)
    except OSError as error:
        raise EllaError(f"The configuration '{path}' can't be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise EllaError(f"The configuration '{path}' is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(told, dict):
        raise EllaError(f"The configuration '{path}' must hold names with values, such as `output: runs/mine`.")
    try:
        return TrainingConfig.model_validate(told)
    except ValidationError as error:
        raise EllaError(f"The configuration '{path}' can't be used: {'; '.join(_faults(error))}.") from error


def preset_text() -> str:
    """The paper's preset as commented YAML, with examples where there is no default."""
    return "\n".join(_written(TrainingConfig, {"output": "runs/ella", "folder": "pairs"}, "")) + "\n"


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        place = [str(part) for part in fault["loc"]]
        name = ".".join(place)
        if fault["type"] == "extra_forbidden":
            known = _names(TrainingConfig, place[:-1])
            close = get_close_matches(place[-1], known, 1)
            yield f"unknown name '{name}'" + (f" (did you mean '{close[0]}'?)" if close else "")
        elif fault["type"] == "missing":
            yield f"'{name}' is missing"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            given = "" if isinstance(fault["input"], dict) else f", not {fault['input']!r}"
            yield f"{name}: {message[:1].lower()}{message[1:]}{given}" if name else message


def _names(section: type[BaseModel], place: list[str]) -> list[str]:
    for part in place:
        inner = section.model_fields[part].annotation if part in section.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        section = inner
    return list(section.model_fields)


def _written(section: type[BaseModel], examples: Mapping[str, str], indent: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        comment = f"  # {field.description}" if field.description else ""
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield f"{indent}{name}:"
            yield from _written(inner, examples, indent + "  ")
        else:
            value: Any = examples.get(name, field.default)
            yield f"{indent}{name}: {_value(value)}{comment}"


def _value(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=1000).strip().removesuffix("...").strip()
