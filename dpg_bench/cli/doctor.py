"""`dpgbench doctor`: what this machine has, what a run or a score would still need, and how to mend what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench import __version__
from dpg_bench.cli.console import show

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_MODELS = ("sd15", "ella-sd15")
_SUITES = ("dpg-bench", "dsg-1k")
_JUDGES = ("mplug",)
_SHIPPED = "miniature"
_VARIABLES = ("DPGBENCH_", "HF_", "MODELSCOPE_", "TORCH_", "CUDA_", "OMP_", "HTTP_PROXY", "HTTPS_PROXY", "NVIDIA_TF32_")
_FULL = "pip install 'dpg-bench[full]'"


def doctor(
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Print it for an issue: versions too, and neither paths of the home folder nor values of variables.",
        ),
    ] = False,
) -> None:
    """Show what this machine has, what a run or a score would still need, and how to mend what is missing."""
    from dpg_bench.report.plain_text import without_home

    tell = (lambda line: show(without_home(line))) if report else show
    problems = 0
    if report:
        _tell_section(tell, "Versions", _versions())
        _tell_section(tell, "Environment variables that are set", _variables())
    tell("Packages")
    for line, fine in _packages():
        problems += not fine
        tell(f"  {line}")
    light = find_spec("torch") is None
    if light:
        tell(f"  The light installation: reads, compares and reports. To draw and judge: {_FULL}")
    else:
        for line, fine in _packages("full"):
            problems += not fine
            tell(f"  {line}")
    for heading, lines in (("Machine", _machine()), ("Caches", _caches()), ("Suites, models and judges", _weights())):
        _tell_section(tell, heading, lines)
    if problems:
        tell(f"{problems} of the packages need attention.")
        raise typer.Exit(1)
    tell(f"All packages that {'the light installation' if light else 'dpg-bench'} needs are installed.")


def _tell_section(tell: Callable[[str], None], heading: str, lines: Iterable[str]) -> None:
    tell(heading)
    for line in lines:
        tell(f"  {line}")


def _versions() -> Iterator[str]:
    from dpg_bench.provenance import package_versions

    yield platform.platform()
    found = package_versions()
    yield ", ".join(f"{name} {number}" for name, number in found.items())
    if found.get("dpg-bench") != __version__:
        yield f"this is dpg-bench {__version__}, and not what is installed under that name"


def _variables() -> Iterator[str]:
    """The names alone: a value may be a token, or an address with a password in it."""
    names = sorted(name for name in os.environ if name.startswith(_VARIABLES))
    yield ", ".join(names) or "none that dpg-bench or its libraries read"


def _packages(extra: str = "") -> Iterator[tuple[str, bool]]:
    """A line for every package that is needed, by an extra or always, and whether it is there."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    try:
        needed = requires("dpg-bench") or []
    except PackageNotFoundError:
        yield "MISSING  dpg-bench itself is not installed here, so what it needs isn't known: pip install .", False
        return
    for text in needed:
        requirement = Requirement(text)
        if not _needed(requirement, extra) or (extra and _needed(requirement, "")):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield f"MISSING  {requirement.name}: pip install '{requirement}'", False
            continue
        if requirement.specifier.contains(found, prereleases=True):
            yield f"ok       {requirement.name} {found}", True
        else:
            yield f"OLD      {requirement.name} {found}: pip install '{requirement}'", False


def _needed(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _machine() -> Iterator[str]:
    yield f"{os.cpu_count()} CPU cores, {shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB of disk free here"
    if find_spec("torch") is None:
        yield "torch is not installed: nothing can be drawn or judged here"
        return
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: its libraries are there and can't be loaded
        yield f"torch can't be imported ({error}): nothing can be drawn or judged here before it is mended"
        return
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            yield f"cuda:{index}: {properties.name}, {properties.total_memory / 1e9:.0f} GB"
    elif torch.backends.mps.is_available():
        yield "mps: an Apple GPU"
    else:
        build = torch.version.cuda
        why = f"torch is built for CUDA {build}; see nvidia-smi" if build else "this torch is built without CUDA"
        yield f"no GPU that torch {torch.__version__} can use ({why}): full-size models will be slow here"


def _caches() -> Iterator[str]:
    from dpg_bench.hub.cache import cache_folder

    modelscope = os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope"
    folders = [("dpg-bench", cache_folder()), ("ModelScope", Path(modelscope))]
    try:
        from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE
    except ImportError:
        offline = False
    else:
        folders.insert(1, ("Hugging Face", Path(HF_HUB_CACHE)))
        offline = HF_HUB_OFFLINE
    for name, folder in folders:
        yield f"{name}: {folder}{'' if folder.is_dir() else ' (not there yet)'}"
    yield (
        "HF_HUB_OFFLINE is set: nothing will be downloaded from Hugging Face"
        if offline
        else "downloads are allowed; `dpgbench fetch` gets everything ahead of time"
    )


def _weights() -> Iterator[str]:
    """What is here of all that can be fetched by name, and what is still to be downloaded."""
    from dpg_bench.errors import DpgBenchError
    from dpg_bench.generate.registry import model_specs
    from dpg_bench.judge.registry import judge_made_for

    drawn = [spec.name for spec in model_specs().values() if spec.made_for == _SHIPPED]
    yield f"here     {_SHIPPED}, {', '.join(drawn)}, {judge_made_for(_SHIPPED)}: shipped, to try everything with"
    for kind, names, missing in (
        ("run and score", _SUITES, _suite_missing),
        ("run", _MODELS, _model_missing),
        ("score", _JUDGES, _judge_missing),
    ):
        for name in names:
            try:
                lacking = missing(name)
            except ModuleNotFoundError as error:
                yield f"UNKNOWN  {name}: telling needs the package {error.name}: {_FULL}"
                continue
            except (ImportError, OSError, DpgBenchError) as error:
                yield f"UNKNOWN  {name}: {error}"
                continue
            if lacking is None:
                yield f"here     {name}"
            else:
                yield f"MISSING  {name}: {kind} would first download {lacking} (`dpgbench fetch {name}`)"


def _suite_missing(name: str) -> str | None:
    from dpg_bench.suite.registry import pending_download

    return pending_download(name)


def _model_missing(name: str) -> str | None:
    from dpg_bench.generate.registry import find_model

    spec = find_model(name)
    pending = spec.still_to_download(spec.options())
    if not pending:
        return None
    return f"{sum(one.gigabytes for one in pending):.1f} GB ({', '.join(one.what for one in pending)})"


def _judge_missing(name: str) -> str | None:
    from dpg_bench.judge.registry import find_judge

    spec = find_judge(name)
    gigabytes = spec.pending(spec.options())
    return f"{gigabytes:.1f} GB" if gigabytes else None
