"""The Python face: every name of `dpg_bench.__all__` is documented by an example that runs, and light to import."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dpg_bench
from dpg_bench.cli.app import app

HEADER = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language\n"
)
SUITE = """owl,An owl.,,1,0,entity,whole,entity - whole (owl),Is there an owl?
fox,A red fox.,,1,0,entity,whole,entity - whole (fox),Is there a fox?
fox,A red fox.,,2,1,attribute,color,"attribute - color (fox, red)",Is the fox red?
"""
ANSWERS = "item_id,image,proposition_id,answer\nowl,0,1,{owl}\nfox,0,1,yes\nfox,0,2,{red}\n"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`runs/demo` and `runs/better`, scored, in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("suite.csv").write_text(HEADER + SUITE, encoding="utf-8")
    for name, owl, red in (("demo", "yes", "no"), ("better", "yes", "yes")):
        Path(f"{name}.csv").write_text(ANSWERS.format(owl=owl, red=red), encoding="utf-8")
        line = f"score --answers {name}.csv --suite suite.csv --out runs/{name}"
        result = CliRunner().invoke(app, line.split())
        assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("name", [name for name in dpg_bench.__all__ if name != "__version__"])
def test_each_name_has_an_example_that_gives_what_it_says(name: str) -> None:
    found = getattr(dpg_bench, name)
    examples = [test for test in doctest.DocTestFinder(recurse=False).find(found, name) if test.examples]
    assert examples, f"{name} has no example"
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples[0])
    assert (outcome.failed, outcome.attempted > 0) == (0, True)


def test_the_face_is_light_until_a_name_is_used() -> None:
    heavy = ("torch", "transformers", "diffusers", "pandas", "numpy", "pydantic", "PIL")
    code = f"import sys, dpg_bench; print([name for name in {heavy} if name in sys.modules], len(dir(dpg_bench)))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == f"[] {len(dpg_bench.__all__)}\n"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'DPGscore'"):
        dpg_bench.DPGscore  # noqa: B018 - asking for it is the test


def test_what_type_checkers_see_is_what_is_there() -> None:
    stub = (Path(dpg_bench.__file__).with_suffix(".pyi")).read_text(encoding="utf-8")
    told = [
        name.split(" as ")[0].strip()
        for line in stub.splitlines()
        if " import " in line
        for name in line.split(" import ")[1].strip("()").split(",")
        if name.strip()
    ]
    assert sorted([*told, "__version__"]) == sorted(dpg_bench.__all__)
