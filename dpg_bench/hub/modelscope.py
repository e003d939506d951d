"""Files from the ModelScope hub, through its own client: pinned by revision, verified by digest, and recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.errors import UnavailableError
from dpg_bench.files.durable import write_json

if TYPE_CHECKING:
    from modelscope_hub import HubApi

_RECORD = ".dpg-bench.json"
"""Written beside the files when all are there and verified: their digests, as the hub stated them."""


@dataclass(frozen=True, slots=True)
class DownloadedFiles:
    """A folder that holds all files of a repository that were asked for, and their SHA-256 (hex) by name."""

    folder: Path
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelScopeRepository:
    """Some `files` of a repository at a revision.

    `what` begins the message of a failed download ("The judge's weights"), `by_hand` ends it: how to get the same files
    without this download.
    """

    name: str
    revision: str
    files: tuple[str, ...]
    what: str
    by_hand: str

    def downloaded(self) -> DownloadedFiles | None:
        """The verified files in ModelScope's cache, if all are there; asks no network."""
        from modelscope_hub.errors import CacheNotFound

        try:
            folder = _hub().download_repo(self.name, "model", revision=self.revision, local_files_only=True)
            record = json.loads((folder / _RECORD).read_bytes())
            known = {name: record["files"][name] for name in self.files if record["revision"] == self.revision}
            digests = {name: str(file["sha256"]) for name, file in known.items()}
            whole = all((folder / name).stat().st_size == file["size"] for name, file in known.items())
        except (CacheNotFound, OSError, ValueError, RecursionError, LookupError, TypeError):
            return None
        return DownloadedFiles(folder, digests) if known and whole else None

    def download(self) -> DownloadedFiles:
        """Download what is missing, verify every file by the SHA-256 that the hub's listing states, and record it.

        Raises UnavailableError if the hub can't be reached, lacks a file or its digest, or sent something else.
        """
        import requests
        from modelscope_hub.errors import HubError

        try:
            hub = _hub()
            listing = {file.path: file for file in hub.list_repo_files(self.name, "model", revision=self.revision)}
            for name in self.files:
                if name not in listing or not listing[name].sha256:
                    raise UnavailableError(
                        f"{self.name} at {self.revision} lists no {'SHA-256 of' if name in listing else 'file'} "
                        f"{name}, so it can't be verified. {self.by_hand}"
                    )
            folder = hub.download_repo(self.name, "model", revision=self.revision, allow_patterns=list(self.files))
        except (HubError, requests.RequestException) as error:
            raise UnavailableError(
                f"{self.what} ({self.name} at {self.revision}) could not be downloaded from ModelScope: "
                f"{' '.join(str(error).split()):.300}. {self.by_hand}"
            ) from error
        files = {name: {"sha256": listing[name].sha256, "size": listing[name].size} for name in self.files}
        write_json(folder / _RECORD, {"repository": self.name, "revision": self.revision, "files": files})
        return DownloadedFiles(folder, {name: str(file["sha256"]) for name, file in files.items()})


def _hub() -> HubApi:
    from modelscope_hub import HubApi, HubConfig

    return HubApi(HubConfig())
