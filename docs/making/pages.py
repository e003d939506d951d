"""Pages of the documentation that are made from the code: commands, public names, file formats.

mkdocs calls the functions of this file by their names. A page of docs/ that mkdocs.yml doesn't place goes under How-to,
or where `PLACES` says, so that it is never lost.
"""

from __future__ import annotations

import html
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.core import TyperArgument, TyperOption

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the checkout that is documented, whatever is installed

PLACES = {"what_the_score_can_tell.md": "Explanation"}
_VALUES = {int: "INT", float: "NUMBER", Path: "PATH"}
EXTENDING = ("plugins", "generate.base", "judge.base", "suite.base")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and place in the navigation what has no place."""
    for path, content in generated().items():
        files.append(File.generated(config, path, content=content))
    placed = set(_paths(config.nav or []))
    for file in files.documentation_pages():
        if file.src_uri not in placed:
            section = PLACES.get(file.src_uri, "How-to")
            next(entry[section] for entry in config.nav or [] if section in entry).append(file.src_uri)
    return files


def generated() -> dict[str, str]:
    """The content of every generated file by its path in the site's sources."""
    from dpg_bench.cli.app import app
    from dpg_bench.report.schemas import FORMS, file_schema
    from ella_models.training.commands import app as ella

    schemas = {name: file_schema(name) for name in FORMS}
    return {
        "reference/commands.md": commands_page(app, "dpgbench"),
        "reference/ella.md": commands_page(ella, "ella"),
        "reference/python.md": names_page("dpg_bench", "From Python"),
        "reference/ella_models.md": names_page("ella_models", "ella_models")
        + names_page("ella_models.training", "").replace("# \n", "", 1),
        "reference/extending.md": extending_page(),
        "reference/files.md": files_page(schemas),
        **{f"reference/{name}.schema.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()},
        "contributing.md": re.sub(r"\[([^]]+)\]\((?!http)[^)]+\)", r"\1", _root("CONTRIBUTING.md")),
        "changelog.md": re.sub(r"\(docs/(\w+\.md)", r"(\1", _root("CHANGELOG.md")),
        "measurements.md": _root("benchmarks/RESULTS.md"),
    }


def _root(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _paths(nav: Any) -> Iterator[str]:
    """The pages that a navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _paths(entry)


def commands_page(app: typer.Typer, program: str) -> str:
    """Every command with its arguments and options, as the typer app has them."""
    group: Any = typer.main.get_command(app)
    parts = [f"# Commands of `{program}`\n\n{_cell(group.help)}\n\n{_cell(group.epilog)}\n"]
    parts += [_command(command, f"{program} {name}", name) for name, command in group.commands.items()]
    return "\n".join(parts)


def _command(command: Any, called: str, name: str) -> str:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    options = [one for one in command.params if isinstance(one, TyperOption) and not one.hidden]
    types = get_type_hints(command.callback)
    shown = " ".join(_metavar(one, types) for one in arguments)
    lines = [f"## {name}\n", f"```text\n{called} {'[OPTIONS] ' if options else ''}{shown}".rstrip() + "\n```\n"]
    lines.append(f"{_text(command.help)}\n")
    if arguments:
        lines += ["| argument | |", "|---|---|"]
        lines += [f"| `{_metavar(one, types)}` | {_cell(one.help)} |" for one in arguments]
        lines.append("")
    if options:
        lines += ["| option | | default |", "|---|---|---|"]
        lines += [_option(one, types) for one in options]
        lines.append("")
    return "\n".join(lines)


def _option(option: Any, types: dict[str, Any]) -> str:
    names = ", ".join(f"`{name}`" for name in sorted((*option.opts, *option.secondary_opts), key=len, reverse=True))
    if not option.is_flag:
        names += f" {_cell(_metavar(option, types))}"
    default = "" if callable(option.default) else option.default
    shown = "required" if option.required else f"`{default}`" if default else ""
    usual = f"DPGBENCH_{max(option.opts, key=len).removeprefix('--').upper().replace('-', '_')}"
    own = f" Reads `{option.envvar}`." if option.envvar and option.envvar != usual else ""
    return f"| {names} | {_cell(option.help)}{own} | {shown} |"


def _metavar(parameter: Any, types: dict[str, Any]) -> str:
    """What stands for a parameter's value in its usage: `FILE`, `KEY=VALUE`, the words to choose from."""
    if parameter.metavar:
        return str(parameter.metavar)
    annotation = types[parameter.name]
    if NoneType in get_args(annotation):
        (annotation,) = (one for one in get_args(annotation) if one is not NoneType)
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    return str(parameter.name).upper() if isinstance(parameter, TyperArgument) else _VALUES.get(annotation, "TEXT")


def _cell(text: str | None) -> str:
    return html.escape(_text(text), quote=False).replace("|", "\\|").replace("\n", " ")


def _text(text: str | None) -> str:
    return re.sub(r"[ \t]+", " ", inspect.cleandoc(text or "")).strip()


def names_page(package: str, title: str) -> str:
    """Every public name of a package, where it lives."""
    module = importlib.import_module(package)
    homes = {name: _home(package, module, name) for name in module.__all__ if not name.startswith("__")}
    shown = "\n".join(f"::: {home}\n" for home in homes.values())
    about = inspect.cleandoc(module.__doc__ or "").split("\n\n", 1)[0]
    return f"# {title}\n\nWhat `{package}.__all__` names. {about}\n\n{shown}\n"


def _home(package: str, module: Any, name: str) -> str:
    """Where a lazily imported name is defined; the table of homes is the module's own."""
    lists = getattr(module, "_HOMES", {})
    homes = getattr(module, "_HOME_OF", None) or {one: home for home, names in lists.items() for one in names}
    home = homes[name]
    return f"{home if home.startswith(f'{package}.') else f'{package}.{home}'}.{name}"


def extending_page() -> str:
    """The contracts of what other packages can add."""
    head = (
        "# Extending\n\nAn entry point of the group `dpg_bench.generators` (a `ModelSpec`), `dpg_bench.judges` (a "
        "`JudgeSpec`) or `dpg_bench.suites` (a `SuiteSpec`) becomes a name for `--model`, `--judge` or `--suite`.\n"
    )
    options = "\n    options:\n      show_root_full_path: true\n      members_order: source\n"
    return head + "\n".join(f"\n::: dpg_bench.{module}{options}" for module in EXTENDING)


def files_page(schemas: dict[str, dict[str, Any]]) -> str:
    """Every file of a run folder, its fields, and its schema to download."""
    from dpg_bench.report.schemas import FORMS

    parts = [_root("docs/making/files.md")]
    for name, schema in schemas.items():
        kind = FORMS[name]
        parts.append(f"## {name}\n\n`{kind.place}`: {kind.summary}. [JSON Schema]({name}.schema.json)\n")
        parts.append(f"{schema.get('description', '')}\n")
        if "properties" in schema:
            parts += ["| field | type | |", "|---|---|---|"]
            required = schema.get("required", [])
            parts += [_field(key, value, key in required) for key, value in schema["properties"].items()]
            parts.append("")
    return "\n".join(parts)


def _field(name: str, value: dict[str, Any], required: bool) -> str:
    told = value.get("description", "")
    return f"| `{name}` | {_cell(_type(value))} | {_cell(told)}{'' if required else ' optional'} |"


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(one) for one in value["anyOf"])
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "const" in value or "enum" in value:
        return ", ".join(json.dumps(one) for one in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {_type(value['items'])}" if isinstance(value.get("items"), dict) else "list"
    return str(value.get("type", "any"))
