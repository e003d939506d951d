"""How the toolkit is extended: specs that other packages add by entry points, and the `key=value` options of a spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from dpg_bench.errors import BadInputError, DpgBenchError, unknown_name


class Named(Protocol):
    """What a plugin is: a spec with a name."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


SpecT = TypeVar("SpecT", bound=Named)


def with_plugins(built_in: Iterable[SpecT], spec_type: type[SpecT], *, kind: str, group: str) -> dict[str, SpecT]:
    """The specs by name: `built_in` ones first, then those of the entry-point group in the order of their names.

    An entry point is a `spec_type` under its own name; `kind` ("model") is for the message. Raises BadInputError if
    one can't be loaded, is something else, or takes a name that is taken.
    """
    specs = {spec.name: spec for spec in built_in}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        spec = _load(point, spec_type, kind)
        if spec.name in specs:
            raise BadInputError(f"{_origin(point, kind)} adds a {kind} named '{spec.name}', but there is one already.")
        specs[spec.name] = spec
    return specs


def _load(point: EntryPoint, spec_type: type[SpecT], kind: str) -> SpecT:
    origin = _origin(point, kind)
    try:
        spec = point.load()
    except DpgBenchError:
        raise
    except Exception as error:
        raise BadInputError(
            f"{origin} could not be loaded: {type(error).__name__}: {error}. Mend or uninstall it."
        ) from error
    if not isinstance(spec, spec_type) or spec.name != point.name:
        wanted = f"{spec_type.__module__}.{spec_type.__name__}"
        raise BadInputError(f"{origin} must be a {wanted} named '{point.name}', but is {spec!r:.80}.")
    return spec


def _origin(point: EntryPoint, kind: str) -> str:
    package = f" of the package '{point.dist.name}'" if point.dist is not None else ""
    return f"The {kind} plugin '{point.name} = {point.value}'{package}"


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One key that a model or judge understands: what it means, and its default in words ("" if there is none)."""

    key: str
    help: str
    default: str = ""


def parse_options(owner: str, pairs: Sequence[str]) -> dict[str, str]:
    """`["length=fixed"]` → `{"length": "fixed"}`.

    Raises BadInputError for a pair without `=`, an empty key or a key given twice.
    """
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BadInputError(f"'{pair}' is not an option of {owner}: write it as key=value.")
        if key in options:
            raise BadInputError(f"Option '{key}' of {owner} is given twice, as '{options[key]}' and as '{value}'.")
        options[key] = value
    return options


def check_options(owner: str, options: Mapping[str, str], known: Sequence[OptionSpec]) -> None:
    """Raises BadInputError for a key that `owner` doesn't know, with a list of those that it does."""
    for key in options:
        if key not in {spec.key for spec in known}:
            raise unknown_name(f"option of {owner}", key, [spec.key for spec in known])


def parse_bool(owner: str, options: Mapping[str, str], key: str) -> bool:
    """The option `key` as a truth value, False when it is not given.

    Raises BadInputError if it is neither `true` nor `false`.
    """
    value = options.get(key, "false")
    if value not in ("true", "false"):
        raise BadInputError(f"Option '{key}' of {owner} is '{value}'; it must be true or false.")
    return value == "true"
