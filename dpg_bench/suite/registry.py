"""Every suite that `--suite` can name: the built-in ones, those of other packages, and the forms of a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.plugins import with_plugins
from dpg_bench.records import Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.dpg_bench import dpg_bench_spec
from dpg_bench.suite.dsg_1k import DSG_1K_SPEC
from dpg_bench.suite.forms.file import FILE_SPEC
from dpg_bench.suite.forms.hub import HUB_SPEC
from dpg_bench.suite.forms.text_folder import FOLDER_SPEC
from dpg_bench.suite.shipped import MINIATURE_SPEC, SAMPLE_SPEC
from dpg_bench.suite.t2i_compbench import FAMILY, SPATIAL, T2I_COMPBENCH_SPECS

ENTRY_POINT_GROUP = "dpg_bench.suites"

_FORMS = (HUB_SPEC, FILE_SPEC, FOLDER_SPEC)


def suite_specs() -> Mapping[str, SuiteSpec]:
    """The suites by name: the built-in ones first, then the forms, those of other packages last.

    Raises BadInputError if one of these can't be used.
    """
    built_in = (dpg_bench_spec(), DSG_1K_SPEC, *T2I_COMPBENCH_SPECS, SAMPLE_SPEC, MINIATURE_SPEC, *_FORMS)
    return with_plugins(built_in, SuiteSpec, kind="suite", group=ENTRY_POINT_GROUP)


def find_suite(name: str) -> SuiteSpec:
    """The suite that `name` stands for. Raises BadInputError for a name that nobody knows."""
    specs = suite_specs()
    named = {spec.name: spec for spec in specs.values() if spec.matches is None}
    if name in named:
        return named[name]
    form = next((spec for spec in specs.values() if spec.matches is not None and spec.matches(name)), None)
    if form is not None:
        return form
    if name.partition("/")[0] == FAMILY:
        raise unknown_name("suite", name, named, hint=SPATIAL)
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        raise BadInputError(f"The suite '{name}' is neither a file nor a folder here.")
    hint = "A suite may also be a file of questions or prompts, hf:DATASET or a folder of .txt prompts."
    raise unknown_name("suite", name, named, hint=hint)


def load_suite(name: str | Suite, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    """The suite that `--suite` calls `name`, downloaded first where it must be; a `Suite` is itself.

    Odd rows of a file are mended, and `Suite.mends` says how; `strict` refuses them instead. `progress` hears of
    downloaded files.

    Raises BadInputError for a name that nobody knows and for malformed content, UnavailableError if the suite can't be
    downloaded.

    >>> import dpg_bench as dpg
    >>> dpg.load_suite("sample").question_count
    340
    """
    if isinstance(name, Suite):
        return name
    return find_suite(name).load(name, strict=strict, progress=progress)


def outline_suite(name: str | Suite) -> Suite | None:
    """What is known of a suite before it is downloaded; None if there is nothing to wait for, or nothing is known."""
    return None if isinstance(name, Suite) else find_suite(name).outline(name)


def own_images_per_prompt(name: str | Suite) -> int:
    """How many images of every prompt the suite's own protocol has. Raises BadInputError for a name nobody knows."""
    return find_suite(name.name if isinstance(name, Suite) else name).images_per_prompt


def pending_download(name: str | Suite) -> str | None:
    """What `load_suite` would have to download, in words; None if it needs nothing, or the name is unknown."""
    if isinstance(name, Suite):
        return None
    try:
        return find_suite(name).pending(name)
    except BadInputError:
        return None
