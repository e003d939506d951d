"""What all tests share: the golden data, and a world without network and without the user's caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# huggingface_hub reads this once, when it is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the reference implementations; they lie beside the checkout, and tests that need them skip without."""
    folder = SHARED / "golden"
    if not folder.is_dir():
        pytest.skip(f"the golden data is not at {folder}")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.getbasetemp() / "home"
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("DPGBENCH_")]:
            patch.delenv(variable)
        patch.setenv("HF_HOME", str(home / "hf"))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("DPGBENCH_CACHE", str(home / "dpg-bench"))
        patch.setenv("MODELSCOPE_CACHE", str(home / "modelscope"))
        yield
