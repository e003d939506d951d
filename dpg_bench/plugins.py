"""How the toolkit is extended: specs that other packages add by entry points, and the typed options of a spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import UnionType
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from dpg_bench.errors import BadInputError, DpgBenchError, unknown_name


class Named(Protocol):
    """What a plugin is: a spec with a name."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


SpecT = TypeVar("SpecT", bound=Named)


def with_plugins(built_in: Iterable[SpecT], spec_type: type[Any], *, kind: str, group: str) -> dict[str, SpecT]:
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


def _load(point: EntryPoint, spec_type: type[Any], kind: str) -> Any:
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


def nothing(_: object) -> None:
    """What a spec checks or fetches where there is nothing to. Picklable, as a lambda isn't: specs go to workers."""


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """One key that a model or judge understands, in words: `choices` and `default` are empty where there are none."""

    key: str
    help: str
    choices: tuple[str, ...]
    default: str


class Options(BaseModel):
    """The `key=value` options of a model or judge. A spec's own subclass has a field for each key.

    A field's type is what its value is read as, its default stands nowhere else, and its description is what
    `dpgbench models` and `judges` show. A field that is a tuple may be given several times.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    refused: ClassVar[Mapping[str, str]] = {}
    """Keys that somebody may expect to be there, and why they aren't."""

    @classmethod
    def read(cls, owner: str, given: Mapping[str, Any]) -> Self:
        """The options that were `given`, as text or as what the fields hold; `owner` is for messages.

        Raises BadInputError for a key that there isn't, with the nearest one, and for a value that can't be.
        """
        more = cls.model_config.get("extra") == "allow"
        values: dict[str, Any] = {}
        for key, value in given.items():
            field = cls.model_fields.get(key)
            if key in cls.refused:
                raise BadInputError(f"Option '{key}' of {owner} is refused: {cls.refused[key]}.")
            if field is None and not more:
                raise unknown_name(f"option of {owner}", key, cls.model_fields)
            values[key] = value if field is None else _read(owner, key, field, value)
        try:
            return cls(**values)
        except ValidationError as error:
            problem = error.errors()[0]
            key = str(problem["loc"][0]) if problem["loc"] else ""
            said = f"Option '{key}' of {owner} is '{given[key]}': " if key in given else f"Options of {owner}: "
            raise BadInputError(f"{said}{problem['msg'].removeprefix('Value error, ')}.") from None

    @classmethod
    def described(cls) -> tuple[OptionHelp, ...]:
        """Every key with its help, its choices and its default in words."""
        return tuple(
            OptionHelp(key, field.description or "", _choices(field.annotation), _default_words(field))
            for key, field in cls.model_fields.items()
        )

    def recorded(self) -> dict[str, Any]:
        """What was given, by key, as a run's record keeps it."""
        return dict(sorted(self.model_dump(mode="json", exclude_unset=True).items()))


class NoOptions(Options):
    """Of a model or judge that has none."""


OptionsT = TypeVar("OptionsT", bound=Options)
OptionsT_co = TypeVar("OptionsT_co", bound=Options, covariant=True)


def split_pairs(owner: str, pairs: Sequence[str]) -> dict[str, str | list[str]]:
    """`["length=fixed"]` → `{"length": "fixed"}`; a key that stands several times has the list of its values.

    Raises BadInputError for a pair without `=` and for an empty key.
    """
    values: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BadInputError(f"'{pair}' is not an option of {owner}: write it as key=value.")
        values.setdefault(key, []).append(value)
    return {key: given[0] if len(given) == 1 else given for key, given in values.items()}


def from_text(kind: Any, text: str) -> Any:
    """`text` as a value of the type `kind`: itself where that will do, else as JSON, a list without brackets too.

    Raises ValidationError if it is none.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    with suppress(ValidationError):
        return adapter.validate_python(text, strict=True)
    with suppress(ValidationError):
        return adapter.validate_json(text, strict=True)
    return adapter.validate_json(f"[{text}]", strict=True)


def expected(kind: Any) -> str:
    """What a value of the type `kind` must be, in words for a message."""
    if _choices(kind):
        *most, last = _choices(kind)
        return f"{', '.join(most)} or {last}" if most else last
    words = {int: "a whole number", float: "a number", str: "text"}
    if kind in words:
        return words[kind]
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(dict.fromkeys(expected(part) for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) in (list, tuple):
        inner = [part for part in get_args(kind) if part is not Ellipsis]
        return f"a list of {inner[0].__name__ if inner and hasattr(inner[0], '__name__') else 'values'}s"
    return str(getattr(kind, "__name__", kind))


def _read(owner: str, key: str, field: FieldInfo, value: Any) -> Any:
    if get_origin(field.annotation) is tuple:
        items = [value] if isinstance(value, str) else value
        return tuple(_convert(owner, key, get_args(field.annotation)[0], item) for item in items)
    if isinstance(value, list):
        raise BadInputError(f"Option '{key}' of {owner} is given twice, as '{value[0]}' and as '{value[1]}'.")
    return _convert(owner, key, field.annotation, value)


def _convert(owner: str, key: str, kind: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return from_text(kind, value)
    except ValidationError as error:
        problem = error.errors()[0]
        said = problem["msg"].removeprefix("Value error, ") if problem["type"] == "value_error" else ""
        must = said or f"it must be {expected(kind)}"
        raise BadInputError(f"Option '{key}' of {owner} is '{value}'; {must}.") from None


def _choices(kind: Any) -> tuple[str, ...]:
    if kind is bool:
        return ("true", "false")
    if get_origin(kind) in (Union, UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        return _choices(parts[0]) if len(parts) == 1 else ()
    return tuple(str(choice) for choice in get_args(kind)) if get_origin(kind) is Literal else ()


def _default_words(field: FieldInfo) -> str:
    default = field.get_default()
    if default is None or default == ():
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
