"""The files of a suite that its authors keep on GitHub: pinned by commit and content, downloaded once, verified."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, UnavailableError, option
from dpg_bench.hub.cache import cache_folder
from dpg_bench.hub.pinned_files import Progress, fetch_files, git_blob_id, intact_files


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedSuite:
    """Which files of which commit make up the suite `name`; the questions are in the file at `questions`.

    `blobs` maps paths in the repository to git blob ids. `mirror_variable` names the environment variable that gives
    the address of a copy of the repository to download from (`https://...` or `file:///...`).
    """

    name: str
    repository: str
    commit: str
    questions: str
    blobs: Mapping[str, str]
    mirror_variable: str

    @property
    def folder(self) -> Path:
        """Where the files are kept, at their paths in the repository."""
        return cache_folder() / "suites" / self.name / self.commit

    @property
    def source(self) -> str:
        """The address for people."""
        return f"https://github.com/{self.repository}/tree/{self.commit}/{Path(self.questions).parent.as_posix()}"

    def contents(self, *, progress: Progress | None = None) -> dict[str, bytes]:
        """Every file's content by path, downloaded first if the cache doesn't hold it with its pinned content.

        Raises UnavailableError if a download is needed and HF_HUB_OFFLINE forbids it, or it fails, and BadInputError
        if the mirror variable holds no address.
        """
        contents = intact_files(self.folder, self.blobs)
        if len(contents) < len(self.blobs):
            self._download(len(self.blobs) - len(contents), progress)
            contents = intact_files(self.folder, self.blobs)
        return contents

    def count_missing(self) -> int:
        """How many files `contents` would have to download."""
        return len(self.blobs) - len(intact_files(self.folder, self.blobs))

    def pending(self) -> str | None:
        """What `contents` would have to download, in words; None for nothing."""
        missing = self.count_missing()
        return f"{missing} file{'s' if missing > 1 else ''} of the suite {self.name}" if missing else None

    def is_questions(self, content: bytes) -> bool:
        """Whether `content` is the pinned question file, wherever it lies."""
        return git_blob_id(content) == self.blobs[self.questions]

    def _download(self, missing: int, progress: Progress | None) -> None:
        by_hand = (
            f"To place the questions by hand, get {self.questions} of https://github.com/{self.repository} at commit "
            f"{self.commit} and give it as {option('suite', 'FILE.csv')}; for a copy of the repository elsewhere, set "
            f"{self.mirror_variable} to its address."
        )
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise UnavailableError(
                f"The suite {self.name} is not on this machine ({missing} of {len(self.blobs)} files are missing in "
                f"{self.folder}), and HF_HUB_OFFLINE forbids downloads. Run `dpgbench fetch {self.name}` with "
                f"HF_HUB_OFFLINE unset, or copy that folder from another machine. {by_hand}"
            )
        raw = f"https://raw.githubusercontent.com/{self.repository}/{self.commit}"
        base_url = os.environ.get(self.mirror_variable) or raw
        if not base_url.startswith(("https://", "http://", "file:///")):
            raise BadInputError(
                f"{self.mirror_variable} is '{base_url}'; it must begin with https://, http:// or file:///."
            )
        try:
            fetch_files(self.folder, self.blobs, base_url=base_url, progress=progress)
        except UnavailableError as error:
            raise UnavailableError(
                f"The suite {self.name} is not complete. {error} Run the same command again to go on. {by_hand}"
            ) from error
