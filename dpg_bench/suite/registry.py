"""Suites by name: what `--suite` understands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.hub.shipped import shipped_folder
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.dpg_bench import count_missing, is_official_csv, load_official, pinned_manifest
from dpg_bench.suite.forms.csv import parse_csv, read_file
from dpg_bench.suite.forms.hub import read_hub_dataset
from dpg_bench.suite.forms.text_folder import read_text_folder

_HUB_PREFIX = "hf:"


@dataclass(frozen=True, slots=True)
class SuiteSpec:
    """One line of `dpgbench suites`. `name` is a name, or the pattern of one (`FILE.csv`)."""

    name: str
    summary: str
    source: str
    licence: str
    size: str


def suite_specs() -> tuple[SuiteSpec, ...]:
    """Everything `load_suite` understands: the named suites first, then the forms a user's own may have."""
    manifest = pinned_manifest()
    return (
        SuiteSpec(
            name="dpg-bench",
            summary="DPG-Bench, the dense prompt graph benchmark (default); downloaded once and verified",
            source=manifest.source,
            licence="Apache-2.0",
            size=f"{len(manifest.blobs) - 1} prompts, 13.5 questions each on average",
        ),
        SuiteSpec(
            name="sample",
            summary="a small suite of our own in the same form, for trying things out; scores compare with nothing",
            source="shipped with dpg-bench",
            licence="Apache-2.0",
            size="24 prompts, 340 questions",
        ),
        SuiteSpec("FILE.csv", "any CSV with DPG-Bench's columns (DSG-1k and TIFA-style files too)", "yours", "", ""),
        SuiteSpec("hf:DATASET", "a Hugging Face dataset, such as hf:Jialuo21/DPG-Bench, or a local one", "", "", ""),
        SuiteSpec("FOLDER", "a folder of <item_id>.txt prompts, without questions: for `run` alone", "yours", "", ""),
    )


def load_suite(name: str, *, progress: Progress | None = None) -> Suite:
    """The suite that `--suite` calls `name`, downloaded first where it must be.

    `name` is `dpg-bench`, `sample`, a CSV file, `hf:DATASET` or a folder of `.txt` prompts; the prompts of such a
    folder have no questions. `progress` hears of downloaded files.

    Raises BadInputError for a name that is none of these and for malformed content, UnavailableError if the suite
    can't be downloaded.
    """
    if name == "dpg-bench":
        manifest = pinned_manifest()
        return Suite(name, manifest.source, load_official(manifest, progress=progress))
    if name == "sample":
        path = shipped_folder("prompts") / "sample.csv"
        return Suite(name, "shipped with dpg-bench", _read_csv(path))
    if name.startswith(_HUB_PREFIX):
        source, prompts = read_hub_dataset(name.removeprefix(_HUB_PREFIX))
        return Suite(name, source, prompts)
    path = Path(name)
    if path.is_dir():
        return Suite(name, str(path), read_text_folder(path))
    if path.is_file():
        return Suite(name, str(path), _read_csv(path))
    if path.suffix.lower() == ".csv" or len(path.parts) > 1:
        raise BadInputError(f"The suite '{name}' is neither a file nor a folder here.")
    raise unknown_name(
        "suite",
        name,
        ["dpg-bench", "sample"],
        hint="A suite may also be FILE.csv, hf:DATASET or a folder of .txt prompts.",
    )


def fetch_suite(name: str, progress: Progress | None = None) -> Suite:
    """Bring the suite `name` onto this machine, verify it and read it once, so that all works offline afterwards.

    Raises what `load_suite` raises.
    """
    return load_suite(name, progress=progress)


def outline_suite(name: str) -> Suite | None:
    """What is known of the suite `name` before it is downloaded: its item ids, without texts and questions.

    None if there is nothing to wait for, or nothing is known.
    """
    manifest = pinned_manifest()
    if name != "dpg-bench" or not count_missing(manifest):
        return None
    return Suite(name, manifest.source, tuple(Prompt(item_id, "", ()) for item_id in manifest.item_ids))


def pending_download(name: str) -> str | None:
    """What `load_suite` would have to download, in words; None if it needs nothing.

    Of a dataset on the Hugging Face hub only the library knows what is cached, so it is always named.
    """
    if name == "dpg-bench":
        missing = count_missing(pinned_manifest())
        return f"{missing} files of the suite dpg-bench" if missing else None
    if name.startswith(_HUB_PREFIX) and not Path(name.removeprefix(_HUB_PREFIX)).exists():
        return f"the dataset {name.removeprefix(_HUB_PREFIX)}, unless it is cached"
    return None


def _read_csv(path: Path) -> tuple[Prompt, ...]:
    content = read_file(path)
    return parse_csv(content, str(path), strict=not is_official_csv(content, pinned_manifest()))
