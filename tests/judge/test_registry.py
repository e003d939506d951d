from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.judge.registry import find_judge, judge_forms, judge_specs

PLUGIN = """
from dpg_bench.judge.base import JudgeSpec

def unavailable(*_):
    raise NotImplementedError

THEIRS = JudgeSpec(name="{name}", summary="", source="", options=(), load=unavailable, validate=unavailable,
                   fetch=unavailable)
"""


def install(site: Path, module: str, content: str, entry: str) -> None:
    """Put a package into `site` as pip would, with an entry point for a judge."""
    (site / f"{module}.py").write_text(content)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dpg_bench.judges]\n{entry}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_built_in_judges_come_first() -> None:
    assert list(judge_specs())[:3] == ["mplug", "mini-mplug", "tiny-mplug"]
    assert find_judge("tiny-mplug").name == "tiny-mplug"


def test_an_unknown_judge_gets_the_nearest_known_one() -> None:
    with pytest.raises(BadInputError, match=r"Unknown judge 'mplugg'\. Did you mean 'mplug'\?"):
        find_judge("mplugg")


def test_a_judge_of_another_package_is_found(site: Path) -> None:
    install(site, "their_judge_a", PLUGIN.format(name="theirs"), "theirs = their_judge_a:THEIRS")
    assert list(judge_specs()) == ["mplug", "mini-mplug", "tiny-mplug", "blip-vqa", "clip", "theirs"]
    assert find_judge("theirs").name == "theirs"


@pytest.mark.parametrize(
    ("module", "content", "entry", "message"),
    [
        ("their_judge_b", "import nothing_of_that_name", "x = their_judge_b:X", "could not be loaded: ModuleNotFound"),
        ("their_judge_c", "X = 3", "x = their_judge_c:X", "must be a dpg_bench.judge.base.JudgeSpec named 'x'"),
        ("their_judge_d", PLUGIN.format(name="y"), "x = their_judge_d:THEIRS", "JudgeSpec named 'x'"),
        ("their_judge_e", PLUGIN.format(name="mplug"), "mplug = their_judge_e:THEIRS", "there is one already"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_its_package(
    *, site: Path, module: str, content: str, entry: str, message: str
) -> None:
    install(site, module, content, entry)
    with pytest.raises(BadInputError, match=message) as error:
        judge_specs()
    assert f"of the package '{module}'" in str(error.value)


def test_naming_judges_and_finding_images_import_no_torch() -> None:
    program = (
        "import sys; import dpg_bench.judge.registry as r, dpg_bench.judge.stage; r.judge_specs(); "
        "sys.exit(','.join(sorted({'torch', 'transformers', 'diffusers', 'modelscope'} & sys.modules.keys())) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_judges_that_are_named_by_a_form_are_listed_and_found() -> None:
    assert [spec.name for spec in judge_forms()] == ["vlm:REPO_OR_FOLDER", "openai:MODEL@URL"]
    assert find_judge("vlm:some/model").name == "vlm:some/model"
    with pytest.raises(
        BadInputError, match="Known: blip-vqa, clip, mini-mplug, mplug, openai:MODEL@URL, tiny-mplug, vlm:REPO"
    ):
        find_judge("qwen")
