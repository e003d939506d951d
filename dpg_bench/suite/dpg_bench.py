"""DPG-Bench itself: the questions and prompts of TencentQQGYLab/ELLA at a pinned commit, downloaded once.

The questions come from `dpg_bench.csv`, the prompt texts from the files in `prompts/`, as they stand: those files
are what the benchmark tells its users to generate from, while the CSV's `text` column is read by no official script.
The two need not agree in white space: `countbench4.txt` ends in a line end, `diffusiondb25.txt` begins with a space.
An item of the CSV without a prompt file would keep the CSV's text.

The CSV is read leniently (see `dpg_bench.suite.rows`): its content is verified, so an oddity in it belongs to the
benchmark. The official script takes it in as it is, and a reader that refused it would leave nobody any wiser.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.hub.cache import cache_folder
from dpg_bench.hub.pinned_files import Progress, fetch_files, git_blob_id, intact_files
from dpg_bench.hub.shipped import shipped_folder
from dpg_bench.records import Prompt
from dpg_bench.suite.forms.csv import parse_csv

MIRROR_VARIABLE = "DPGBENCH_ELLA_URL"
"""Names the address of a copy of the repository to download from (`https://...` or `file:///...`)."""

_BY_HAND = (
    "To place the questions by hand, get dpg_bench/dpg_bench.csv of https://github.com/{repository} at commit {commit} "
    f"and give it as --suite FILE.csv; for a copy of the repository elsewhere, set {MIRROR_VARIABLE} to its address."
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which files of which commit make up the benchmark. `blobs` maps paths in the repository to git blob ids."""

    repository: str
    commit: str
    questions: str
    blobs: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where the files are kept, at their paths in the repository."""
        return cache_folder() / "suites" / "dpg-bench" / self.commit

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The items, by the names of their prompt files."""
        return tuple(PurePosixPath(path).stem for path in self.blobs if path != self.questions)

    @property
    def source(self) -> str:
        """The address for people."""
        return f"https://github.com/{self.repository}/tree/{self.commit}/{PurePosixPath(self.questions).parent}"


def pinned_manifest() -> Manifest:
    """The manifest that ships with this version of dpg-bench."""
    return read_manifest(shipped_folder("prompts") / "dpg_bench_manifest.json")


def read_manifest(path: Path) -> Manifest:
    """The manifest in the JSON file `path`, as `prompts/dpg_bench_manifest.json` is written."""
    content = json.loads(path.read_bytes())
    questions, prompts = content["questions"], content["prompts"]
    blobs = {questions["path"]: questions["git_blob"]}
    blobs |= {f"{prompts['folder']}/{name}": blob for name, blob in prompts["git_blob"].items()}
    return Manifest(content["repository"], content["commit"], questions["path"], blobs)


def load_official(manifest: Manifest, *, progress: Progress | None = None) -> tuple[Prompt, ...]:
    """The prompts of the benchmark, downloaded first if the cache doesn't hold every file with its pinned content.

    Raises UnavailableError if a download is needed and HF_HUB_OFFLINE forbids it, or it fails, and BadInputError
    if DPGBENCH_ELLA_URL is no address.
    """
    contents = intact_files(manifest.folder, manifest.blobs)
    if len(contents) < len(manifest.blobs):
        _download(manifest, len(manifest.blobs) - len(contents), progress)
        contents = intact_files(manifest.folder, manifest.blobs)
    questions = contents.pop(manifest.questions)
    texts = {PurePosixPath(path).stem: content.decode() for path, content in contents.items()}
    prompts = parse_csv(questions, str(manifest.folder / manifest.questions), strict=False)
    return tuple(replace(prompt, text=texts.get(prompt.item_id, prompt.text)) for prompt in prompts)


def count_missing(manifest: Manifest) -> int:
    """How many files `load_official` would have to download."""
    return len(manifest.blobs) - len(intact_files(manifest.folder, manifest.blobs))


def is_official_csv(content: bytes, manifest: Manifest) -> bool:
    """Whether `content` is the pinned question file, wherever it lies."""
    return git_blob_id(content) == manifest.blobs[manifest.questions]


def _download(manifest: Manifest, missing: int, progress: Progress | None) -> None:
    by_hand = _BY_HAND.format(repository=manifest.repository, commit=manifest.commit)
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise UnavailableError(
            f"The suite dpg-bench is not on this machine ({missing} of {len(manifest.blobs)} files are missing in "
            f"{manifest.folder}), and HF_HUB_OFFLINE forbids downloads. Run `dpgbench fetch dpg-bench` with "
            f"HF_HUB_OFFLINE unset, or copy that folder from another machine. {by_hand}"
        )
    raw = f"https://raw.githubusercontent.com/{manifest.repository}/{manifest.commit}"
    base_url = os.environ.get(MIRROR_VARIABLE) or raw
    if not base_url.startswith(("https://", "http://", "file:///")):
        raise BadInputError(f"{MIRROR_VARIABLE} is '{base_url}'; it must begin with https://, http:// or file:///.")
    try:
        fetch_files(manifest.folder, manifest.blobs, base_url=base_url, progress=progress)
    except UnavailableError as error:
        raise UnavailableError(
            f"The suite dpg-bench is not complete. {error} Run the same command again to go on. {by_hand}"
        ) from error
