"""The registry: built-in models, models of other packages, and clear words for everything else."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from dpg_bench import plugins
from dpg_bench.errors import BadInputError
from dpg_bench.generate.models.tiny import TINY_SD15
from dpg_bench.generate.registry import ENTRY_POINT_GROUP, find_model, model_specs


def add_entry_point(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name, value, ENTRY_POINT_GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints([point]).select(group=group))


@pytest.fixture
def plugin_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    (tmp_path / "painter_plugin.py").write_text(
        "from dataclasses import replace\n"
        "from dpg_bench.generate.models.tiny import TINY_SD15\n"
        "painter = replace(TINY_SD15, name='painter')\n"
        "text = 'no model'\n"
    )
    (tmp_path / "broken_plugin.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "painter_plugin"


def test_the_built_in_models_are_there_with_the_published_settings() -> None:
    specs = model_specs()
    assert list(specs) == ["sd15", "ella-sd15", "mini-sd15", "mini-ella-sd15", "tiny-sd15", "tiny-ella-sd15"]
    assert (specs["sd15"].defaults.size, specs["sd15"].defaults.steps, specs["sd15"].defaults.guidance) == (
        512,
        50,
        7.5,
    )
    assert specs["ella-sd15"].defaults.guidance == 12
    assert all(spec.gpu_dtype == "float16" for spec in specs.values())


def test_a_folder_is_told_how_it_is_named_as_a_model(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=f"say .*diffusers:{tmp_path}"):
        find_model(str(tmp_path))


def test_every_download_of_a_built_in_model_is_pinned_to_a_commit() -> None:
    downloads = [download for spec in model_specs().values() for download in spec.downloads]
    assert {download.repository for download in downloads} == {
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "QQGYLab/ELLA",
        "google/flan-t5-xl",
    }
    assert all(len(download.revision) == 40 and download.gigabytes > 0 for download in downloads)


def test_the_tiny_models_say_that_their_scores_mean_nothing() -> None:
    for name in ("tiny-sd15", "tiny-ella-sd15"):
        assert any("mean nothing" in note for note in find_model(name).notes)


def test_naming_models_imports_no_heavy_library() -> None:
    code = (
        "import sys, dpg_bench.generate.registry as r; r.model_specs(); r.find_model('diffusers:some/repo');"
        "print([m for m in ('torch', 'diffusers', 'transformers', 'ella_models') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_an_unknown_model_gets_the_nearest_name_and_the_whole_list() -> None:
    with pytest.raises(BadInputError, match=r"Unknown model 'ella-sd16'. Did you mean 'ella-sd15'\? .*diffusers:REPO"):
        find_model("ella-sd16")


def test_a_pipeline_can_only_be_a_folder_or_a_repository() -> None:
    with pytest.raises(BadInputError, match="'no such folder' is neither a folder here nor the name"):
        find_model("diffusers:no such folder")
    with pytest.raises(BadInputError, match="names no pipeline"):
        find_model("diffusers:")


def test_a_model_of_another_package_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, plugin_module: str) -> None:
    add_entry_point(monkeypatch, "painter", f"{plugin_module}:painter")
    assert find_model("painter").summary == TINY_SD15.summary
    assert list(model_specs())[-1] == "painter"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("painter", "broken_plugin:painter", "'painter = broken_plugin:painter' could not be loaded: ModuleNotFound"),
        ("painter", "painter_plugin:nothing", "could not be loaded: AttributeError"),
        ("painter", "painter_plugin:text", "must be a dpg_bench.generate.base.ModelSpec"),
        ("brush", "painter_plugin:painter", "named 'brush'"),
        ("sd15", "dpg_bench.generate.models.stable_diffusion:SD15", "named 'sd15', but there is one already"),
    ],
)
def test_a_broken_plugin_gives_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, plugin_module: str, name: str, value: str, message: str
) -> None:
    add_entry_point(monkeypatch, name, value)
    with pytest.raises(BadInputError, match=message):
        find_model("tiny-sd15")
