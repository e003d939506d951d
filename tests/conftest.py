"""What all tests share: the golden data, settings of a generator in short, no network and none of the user's caches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.browser import browser, open_page  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from dpg_bench.generate.base import Generator, GeneratorSettings

# A busy machine is no failure of what is tested.
hypothesis.settings.register_profile("without deadline", deadline=None)
hypothesis.settings.load_profile("without deadline")

# huggingface_hub reads this once, when it is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

GOLDEN = Path(__file__).resolve().parent / "golden"
_BESIDE = Path(__file__).resolve().parents[2] / "shared"
_NIGHTLY_TIMEOUT = 1800  # seconds
REAL = {"real_prompts": _BESIDE / "dpg_bench" / "prompts", "real_dsg": _BESIDE / "dsg"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the few tests that read others' whole data where these don't lie beside the checkout.

    They belong to their authors, or are too large to ship; everything else in the suite runs in a plain clone. What
    takes minutes gets more time.
    """
    absent = {name for name, folder in REAL.items() if not folder.is_dir()}
    without = [item for item in items if absent & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]
    for item in items:
        if item.get_closest_marker("nightly") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_NIGHTLY_TIMEOUT))


@pytest.fixture(scope="session")
def real_prompts() -> dict[str, bytes]:
    """The benchmark's own prompt files."""
    return {path.name: path.read_bytes() for path in sorted(REAL["real_prompts"].glob("*.txt"))}


@pytest.fixture(scope="session")
def real_dsg() -> Path:
    """DSG-1k's released files, whole."""
    return REAL["real_dsg"]


@pytest.fixture(scope="session")
def golden() -> Path:
    """Inputs and outputs of the reference implementations; README.md there says how each was made."""
    return GOLDEN


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


def settings_for(model: str, *, options: Mapping[str, Any] | None = None, **changes: Any) -> GeneratorSettings[Any]:
    from dpg_bench.generate.base import GeneratorSettings
    from dpg_bench.generate.registry import find_model

    spec = find_model(model)
    defaults = spec.defaults
    values: dict[str, Any] = {
        "options": spec.options.read(model, options or {}),
        "size": defaults.size,
        "steps": defaults.steps,
        "guidance": defaults.guidance,
        "device": "cpu",
        "dtype": "float32",
    }
    return GeneratorSettings(model=model, **{**values, **changes})


@pytest.fixture
def make_settings() -> Callable[..., GeneratorSettings[Any]]:
    """Settings of a model: its defaults on a CPU, but for what is given."""
    return settings_for


@pytest.fixture
def load_model() -> Callable[..., Generator]:
    """The generator of a model with its defaults, but for what is given; its settings are validated first."""
    from dpg_bench.generate.registry import find_model

    def load(model: str, **changes: Any) -> Generator:
        settings = settings_for(model, **changes)
        spec = find_model(model)
        spec.validate(settings)
        return spec.load(settings)

    return load


@pytest.fixture
def tiny_folder() -> Path:
    """A toy Stable Diffusion 1.5 pipeline as diffusers saves one; shared, so not to be changed."""
    from dpg_bench.generate.models.tiny_weights import tiny_base

    return tiny_base().folder
