"""Where weights come from: a folder of the user's, or a repository of the Hugging Face Hub, pinned and verified."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.files.reading import read_content, read_json
from dpg_bench.hub.digests import sha256_of
from dpg_bench.hub.weights import shards_of, used_files

CHECKPOINT_SUFFIXES = (".safetensors", ".ckpt")
"""Of checkpoints that are a single file, in the layout of the model's authors, as community models are shared."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMPONENT = re.compile(r"\w{1,100}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the Hugging Face Hub, as far as it is needed.

    `files` are names, or patterns of which each must match something; `optional` ones need not. `sha256` holds the
    digests that a public source states. Without a `revision` it is the newest one, or the one in the cache when
    offline.
    """

    name: str
    revision: str | None
    files: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)
    optional: tuple[str, ...] = ()

    @property
    def patterns(self) -> list[str]:
        """All that may be downloaded."""
        return [*self.files, *self.optional]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights on this machine: the name they were asked for by, their commit (of a repository), and their files."""

    source: str
    commit: str | None
    folder: Path
    files: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps of them: source, commit, and the SHA-256 of every file."""
        return {
            "source": self.source,
            "commit": self.commit,
            "sha256": {name: sha256_of(self.folder / name) for name in self.files},
        }


def local_path(source: str) -> Path | None:
    """The folder or file here that `source` names, `~` being the home folder; None if it names a repository.

    Raises BadInputError if it is none of these.
    """
    path = Path(source).expanduser()
    if path.is_dir() or path.is_file():
        return path
    if not _REPOSITORY.fullmatch(source) or source.endswith(CHECKPOINT_SUFFIXES):
        raise BadInputError(
            f"'{source}' is neither a folder here nor the name of a Hugging Face repository (OWNER/NAME)"
            f"{', and there is no such file' if source.endswith(CHECKPOINT_SUFFIXES) else ''}."
        )
    return None


def is_folder(source: str) -> bool:
    """Whether `source` is a folder here rather than a repository's name. Raises BadInputError if it is neither."""
    path = local_path(source)
    if path is not None and not path.is_dir():
        raise BadInputError(f"'{source}' is a file; a folder is wanted, or the name of a Hugging Face repository.")
    return path is not None


def folder_weights(folder: Path, files: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> Weights:
    """The weights in a folder of the user's. Raises BadInputError if one of `files` (names or patterns) isn't there."""
    found, missing = _match(folder, files, optional)
    if missing:
        raise BadInputError(f"The folder {folder} has no {', no '.join(missing)}.")
    return Weights(str(folder), None, folder, found)


def cached_weights(repository: Repository) -> Weights | None:
    """The repository's weights if all of them are in the Hugging Face cache; never touches the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            repository.name,
            revision=repository.revision,
            allow_patterns=repository.patterns,
            local_files_only=True,
        )
    except (LocalEntryNotFoundError, IncompleteSnapshotError):
        return None
    found, missing = _match(Path(folder), repository.files, repository.optional)
    return None if missing else Weights(repository.name, Path(folder).name, Path(folder), found)


def fetch_weights(repository: Repository) -> Weights:
    """Download what the cache lacks of the repository, and verify every file whose digest is known.

    Raises UnavailableError if that is impossible (offline, no such revision, access refused), or if a file isn't
    the pinned one.
    """
    from huggingface_hub import constants, snapshot_download

    at = f" at revision {repository.revision}" if repository.revision else ""
    with hub_errors(f"{repository.name}{at}"):
        folder = Path(
            snapshot_download(
                repository.name,
                revision=repository.revision,
                allow_patterns=repository.patterns,
                # Offline, huggingface_hub 1 lists a pinned commit's files over the network unless it is told.
                local_files_only=constants.HF_HUB_OFFLINE,
            )
        )
    found, missing = _match(folder, repository.files, repository.optional)
    if missing:
        raise UnavailableError(
            f"{repository.name}{at} lacks {', '.join(missing)}; what there is was put into {folder}. "
            "If HF_HUB_OFFLINE is set, unset it and run `dpgbench fetch` to download the rest."
        )
    for name, expected in repository.sha256.items():
        actual = sha256_of(folder / name)
        if actual != expected:
            raise UnavailableError(
                f"{folder / name} has SHA-256 {actual}, but {expected} is expected{at}: "
                "the download is damaged or the repository was changed. Delete that file and fetch it again."
            )
    _check_blobs(folder, found, at)
    return Weights(repository.name, folder.name, folder, found)


def repository_gigabytes(repository: Repository) -> float:
    """How large the files are that `fetch_weights` would download, as the Hub states it, to a tenth.

    Raises UnavailableError if the Hub can't be asked or has no such repository.
    """
    from huggingface_hub import HfApi

    at = f" at revision {repository.revision}" if repository.revision else ""
    with hub_errors(f"{repository.name}{at}"):
        stated = HfApi().model_info(repository.name, revision=repository.revision, files_metadata=True)
    patterns = repository.patterns
    sizes = [one.size or 0 for one in stated.siblings or () if any(fnmatch(one.rfilename, p) for p in patterns)]
    return max(round(sum(sizes) / 1e9, 1), 0.1)


def _check_blobs(folder: Path, files: Sequence[str], at: str) -> None:
    """Raises UnavailableError for a file that isn't what the Hub stated: its cache calls large ones by SHA-256."""
    for name in files:
        stated = (folder / name).resolve().name
        if _SHA256.fullmatch(stated) and sha256_of(folder / name) != stated:
            raise UnavailableError(
                f"{folder / name} hasn't the SHA-256 {stated} that the Hub states{at}: the download is damaged. Delete "
                "that file and fetch it again."
            )


def repository_weights(repository: Repository) -> Weights:
    """The repository's weights: from the cache if they are complete there, else downloaded and verified."""
    return cached_weights(repository) or fetch_weights(repository)


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn what the Hub's client raises into an UnavailableError that says what to do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    # A connection that breaks off is told by the library it asks by: httpx2, httpx or requests, as its version has it.
    broken_off = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    try:
        yield
    except GatedRepoError as error:
        raise UnavailableError(
            f"{what} is gated: accept its terms on huggingface.co, then log in with `hf auth login` or set HF_TOKEN."
        ) from error
    except RepositoryNotFoundError as error:
        raise UnavailableError(
            f"There is no repository {what} on the Hugging Face Hub, or it is private (then set HF_TOKEN)."
        ) from error
    except HFValidationError as error:
        raise BadInputError(f"'{what}' can't be a Hugging Face repository: {error}") from error
    except (OSError, broken_off) as error:
        if constants.HF_HUB_OFFLINE:
            reason = "HF_HUB_OFFLINE is set and the cache does not hold it"
            remedy = "Unset HF_HUB_OFFLINE and run `dpgbench fetch`"
        else:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            remedy = "Check the connection and try again"
        raise UnavailableError(
            f"{what} could not be downloaded from the Hugging Face Hub: {reason}. {remedy}, "
            "or name a folder that holds it."
        ) from error


def pipeline_files(folder: Path, *, variant: str | None = None) -> tuple[str, ...]:
    """The files of a diffusers folder that belong to components its `model_index.json` names, as far as they are used.

    Raises BadInputError if `folder` is no diffusers folder.
    """
    index = read_model_index(folder)
    components = [name for name, value in index.items() if isinstance(value, list) and value[:1] not in ([], [None])]
    return (
        "model_index.json",
        *(f"{name}/{file}" for name in components for file in used_files(folder / name, variant=variant)),
    )


def read_model_index(folder: Path) -> dict[str, Any]:
    """The `model_index.json` of a diffusers folder. Raises BadInputError if it is missing or names no pipeline."""
    path = folder / "model_index.json"
    if not path.is_file():
        raise BadInputError(
            f"{folder} is no diffusers pipeline: it has no model_index.json. Name the folder that "
            "`pipeline.save_pretrained` wrote, or convert a single checkpoint file with diffusers first."
        )
    index = read_json(read_content(path), str(path))
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise BadInputError(f"{path} names no pipeline class (`_class_name`).")
    if odd := next((name for name in index if not _COMPONENT.fullmatch(name)), None):
        raise BadInputError(f"{path} names a component {odd!r:.60}, which can't be a folder of a pipeline.")
    return index


def _match(folder: Path, files: tuple[str, ...], optional: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """The names of the files that match, each once, and what is missing, shards that an index names included."""
    found: dict[str, None] = {}
    missing = []
    for pattern in (*files, *optional):
        matches = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.is_file())
        if not matches and pattern in files:
            missing.append(pattern)
        found.update(dict.fromkeys(matches))
    for name in [name for name in found if name.endswith(".safetensors.index.json")]:
        beside = (folder / name).parent
        missing += [shard for shard in shards_of(folder / name) if not (beside / shard).is_file()]
    return tuple(found), missing
