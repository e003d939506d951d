"""DPG-Bench itself: the questions and prompts of TencentQQGYLab/ELLA at a pinned commit, downloaded once.

The questions come from `dpg_bench.csv`, the prompt texts from the files in `prompts/`, as they stand: those files
are what the benchmark tells its users to generate from, while the CSV's `text` column is read by no official script.
The two need not agree in white space: `countbench4.txt` ends in a line end, `diffusiondb25.txt` begins with a space.
An item of the CSV without a prompt file would keep the CSV's text.

The CSV is read as it is (see `dpg_bench.suite.rows`): its content is verified, so an oddity in it belongs to the
benchmark. The official script takes it in as it is, and a reader that refused it would leave nobody any wiser.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dpg_bench.hub.cache import shipped_folder
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.forms.csv import csv_rows
from dpg_bench.suite.pinned import PinnedSuite
from dpg_bench.suite.rows import official_prompts

NAME = "dpg-bench"


def pinned_manifest() -> PinnedSuite:
    """The manifest that ships with this version of dpg-bench."""
    return read_manifest(shipped_folder("prompts") / "dpg_bench_manifest.json")


def read_manifest(path: Path) -> PinnedSuite:
    """The manifest in the JSON file `path`, as `prompts/dpg_bench_manifest.json` is written."""
    content = json.loads(path.read_bytes())
    questions, prompts = content["questions"], content["prompts"]
    blobs = {questions["path"]: questions["git_blob"]}
    blobs |= {f"{prompts['folder']}/{name}": blob for name, blob in prompts["git_blob"].items()}
    return PinnedSuite(
        name=NAME,
        repository=content["repository"],
        commit=content["commit"],
        questions=questions["path"],
        blobs=blobs,
        mirror_variable="DPGBENCH_ELLA_URL",
    )


def load_official(manifest: PinnedSuite, *, progress: Progress | None = None) -> tuple[Prompt, ...]:
    """The prompts of the benchmark, downloaded first where they must be. Raises what `PinnedSuite.contents` raises."""
    contents = manifest.contents(progress=progress)
    questions = contents.pop(manifest.questions)
    texts = {PurePosixPath(path).stem: content.decode() for path, content in contents.items()}
    prompts = official_prompts(csv_rows(questions, str(manifest.folder / manifest.questions), strict=False))
    return tuple(replace(prompt, text=texts.get(prompt.item_id, prompt.text)) for prompt in prompts)


def _load(name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    del strict  # nothing in it is mended: it is the benchmark
    manifest = pinned_manifest()
    return Suite(name, manifest.source, load_official(manifest, progress=progress))


def _outline(name: str) -> Suite | None:
    manifest = pinned_manifest()
    if not manifest.count_missing():
        return None
    ids = [PurePosixPath(path).stem for path in manifest.blobs if path != manifest.questions]
    return Suite(name, manifest.source, tuple(Prompt(item_id, "", ()) for item_id in ids))


def _pending(name: str) -> str | None:
    del name
    return pinned_manifest().pending()


def dpg_bench_spec() -> SuiteSpec:
    """The spec of DPG-Bench."""
    manifest = pinned_manifest()
    return SuiteSpec(
        name=NAME,
        summary="DPG-Bench, the dense prompt graph benchmark (default); downloaded once and verified",
        source=manifest.source,
        licence="Apache-2.0",
        size=f"{len(manifest.blobs) - 1} prompts, 13.5 questions each on average",
        load=_load,
        outline=_outline,
        pending=_pending,
    )
