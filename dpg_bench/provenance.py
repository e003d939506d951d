"""What a record says of the software and the machine it was made with."""

from __future__ import annotations

import os
import platform
import re
import stat
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ELSEWHERE = "server"
"""In place of a device and its precision, of what is computed by a server."""
_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH = re.compile(r"refs/[\w./+@-]+")
_PACKAGES = (
    "dpg-bench",
    "torch",
    "transformers",
    "diffusers",
    "tokenizers",
    "sentencepiece",
    "safetensors",
    "numpy",
    "pillow",
    "accelerate",
    "peft",
    # installed, these change how pixels come about: other attention, other kernels, other cleaning of prompts
    "xformers",
    "flash-attn",
    "flash-attn-3",
    "sageattention",
    "kernels",
    "aiter",
    "triton",
    "bitsandbytes",
    "torchao",
    "gguf",
    "optimum-quanto",
    "nvidia-modelopt",
    "compel",
    "torchvision",
    "torchsde",
    "ftfy",
    "beautifulsoup4",
    "invisible-watermark",
)


def package_versions() -> dict[str, str]:
    """The installed versions of the packages that can move a score, read without importing them."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def describe_device(device: str) -> dict[str, Any]:
    """The device a run used: its torch name, the hardware's own name, and the system; of `ELSEWHERE` the system."""
    description: dict[str, Any] = {
        "device": device,
        "system": platform.platform(),
        "cpus": os.cpu_count(),
    }
    if device == ELSEWHERE:
        return description
    import torch

    if device.startswith("cuda"):
        description["name"] = torch.cuda.get_device_name(device)
        description["memory_bytes"] = torch.cuda.get_device_properties(device).total_memory
        description["cuda"] = torch.version.cuda
    else:
        description["name"] = platform.processor() or platform.machine()
        description["torch_threads"] = torch.get_num_threads()  # sums are split among them, and so rounded
    return description


def git_commit(folder: Path | None = None) -> str | None:
    """The commit that the repository around `folder` (the working directory) has checked out; None outside of one.

    It is read from the repository's files. Asking git itself would run whatever programs the repository's configuration
    names, and a folder that was unpacked from somewhere may bring its own.
    """
    here = (folder or Path.cwd()).resolve()
    for parent in (here, *here.parents):
        repository = parent / ".git"
        if repository.is_dir():
            return _head(repository)
        if repository.is_file():  # of a worktree: a line that says where its files are
            place = _small_text(repository)
            return _head(parent / place.removeprefix("gitdir:").strip()) if place.startswith("gitdir:") else None
    return None


def _head(repository: Path) -> str | None:
    head = _small_text(repository / "HEAD")
    if _COMMIT.fullmatch(head):
        return head
    name = head.removeprefix("ref:").strip()
    if not head.startswith("ref:") or not _BRANCH.fullmatch(name) or ".." in name:
        return None
    common = _small_text(repository / "commondir")
    shared = repository / common if common else repository
    for place in (repository, shared):
        commit = _small_text(place / name)
        if _COMMIT.fullmatch(commit):
            return commit
    packed = (line.split() for line in _small_text(shared / "packed-refs", most=16_000_000).splitlines())
    return next((words[0] for words in packed if words[1:] == [name] and _COMMIT.fullmatch(words[0])), None)


def _small_text(path: Path, *, most: int = 4096) -> str:
    """The text of a regular file of at most so many bytes, stripped; empty for anything else."""
    try:
        if not stat.S_ISREG(path.stat().st_mode) or path.stat().st_size > most:
            return ""
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def utc_now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
