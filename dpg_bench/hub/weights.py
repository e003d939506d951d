"""The files of a component's folder that hold its weights: whole or in shards, safetensors or pickled, in a variant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import read_content, read_json

_WEIGHTS = re.compile(
    r"(?P<stem>model|diffusion_pytorch_model|pytorch_model)"
    r"(\.(?P<variant>[A-Za-z0-9_]+))?(?P<shard>-\d{5}-of-\d{5})?"
    r"\.(?P<form>safetensors|bin)(\.index(\.(?P<of>[A-Za-z0-9_]+))?\.json)?"
)
"""File names as diffusers and transformers write them: `model.fp16-00001-of-00002.safetensors`,
`model.safetensors.index.fp16.json`.
"""


_SHARD = re.compile(r"[\w.-]{1,200}")


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The weights of one component: their files, and the variant (`fp16`) that is asked of the library to find them."""

    names: tuple[str, ...]
    variant: str | None


def weight_files(component: Path, *, variant: str | None = None) -> WeightFiles | None:
    """The weights in the folder of a component that will be loaded; None if there are none.

    Those without a variant come first, unless one is asked for; safetensors before pickled files.
    """
    sets: dict[tuple[str | None, str], list[str]] = {}
    for path in sorted(component.iterdir()) if component.is_dir() else []:
        found = _WEIGHTS.fullmatch(path.name)
        if found and path.is_file():
            sets.setdefault((found["variant"] or found["of"], found["form"]), []).append(path.name)
    order = sorted(sets, key=lambda key: (key[0] != variant, key[0] is not None, key[1] == "bin", str(key[0])))
    for chosen in order:
        names = _complete(sets[chosen])
        if names:
            return WeightFiles(tuple(names), chosen[0])
    return None


def used_files(component: Path, *, variant: str | None = None) -> tuple[str, ...]:
    """The files of a component's folder, without weights that are there in another form or variant too."""
    chosen = weight_files(component, variant=variant)
    names = [path for path in sorted(component.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return tuple(
        path.relative_to(component).as_posix()
        for path in names
        if chosen is None or path.parent != component or path.name in chosen.names or not _WEIGHTS.fullmatch(path.name)
    )


def shards_of(index: Path) -> list[str]:
    """The shards that an index names. Raises BadInputError if it is damaged."""
    try:
        named = read_json(read_content(index), str(index))["weight_map"].values()
        shards = sorted({str(Path(shard).name) for shard in named})
        if odd := next((shard for shard in shards if not _SHARD.fullmatch(shard)), None):
            raise ValueError(f"{odd!r:.60} is no file of weights")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInputError(f"{index} can't be read as an index of weights: {error!r:.200}. Fetch it again.") from error
    return shards


def _complete(names: Sequence[str]) -> list[str]:
    """`names`, or nothing where they are but shards without an index."""
    whole = [name for name in names if "-of-" not in name and not name.endswith(".json")]
    return list(names) if whole or any(name.endswith(".json") for name in names) else []
