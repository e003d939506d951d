"""`dpgbench doctor`: what this machine has, what is missing, and how to mend it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import typer

from dpg_bench.cli.console import show


def doctor() -> None:
    """Show what this machine has, what is missing, and how to mend it."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    problems = 0
    show("Packages")
    for text in requires("dpg-bench") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            problems += 1
            show(f"  MISSING  {requirement.name}: pip install '{requirement}'")
            continue
        if requirement.specifier.contains(found, prereleases=True):
            show(f"  ok       {requirement.name} {found}")
        else:
            problems += 1
            show(f"  OLD      {requirement.name} {found}: pip install '{requirement}'")
    for heading, lines in (("Machine", _machine()), ("Caches", _caches())):
        show(heading)
        for line in lines:
            show(f"  {line}")
    if problems:
        show(f"{problems} of the packages need attention.")
        raise typer.Exit(1)
    show("Everything that dpg-bench needs is installed.")


def _machine() -> Iterator[str]:
    import torch

    yield f"{os.cpu_count()} CPU cores, {shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB of disk free here"
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
    from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE

    from dpg_bench.hub.cache import cache_folder

    modelscope = os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope"
    folders = (("dpg-bench", cache_folder()), ("Hugging Face", Path(HF_HUB_CACHE)), ("ModelScope", Path(modelscope)))
    for name, folder in folders:
        yield f"{name}: {folder}{'' if folder.is_dir() else ' (not there yet)'}"
    if HF_HUB_OFFLINE:
        yield "HF_HUB_OFFLINE is set: nothing will be downloaded"
    else:
        yield "downloads are allowed; `dpgbench fetch` gets everything ahead of time"
