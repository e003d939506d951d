"""What a record says of the software and the machine it was made with."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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
    """The device a run used: its torch name, the hardware's own name, and the system."""
    import torch

    description: dict[str, Any] = {
        "device": device,
        "system": platform.platform(),
        "cpus": os.cpu_count(),
    }
    if device.startswith("cuda"):
        description["name"] = torch.cuda.get_device_name(device)
        description["memory_bytes"] = torch.cuda.get_device_properties(device).total_memory
        description["cuda"] = torch.version.cuda
    else:
        description["name"] = platform.processor() or platform.machine()
        description["torch_threads"] = torch.get_num_threads()  # sums are split among them, and so rounded
    return description


def git_commit() -> str | None:
    """The commit of the working directory's repository, `-dirty` after it if files differ; None outside of one."""
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None


def utc_now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
