"""The example notebooks run from the first cell to the last."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.ipynb"))


@pytest.mark.filterwarnings("default")  # of Jupyter's own libraries; the notebook's kernel is another process
@pytest.mark.parametrize("notebook_file", EXAMPLES, ids=lambda file: file.stem)
def test_every_cell_runs(notebook_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(folder, str(tmp_path / folder.lower()))
    notebook = nbformat.read(notebook_file, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "notebooks are kept without outputs"
    client = NotebookClient(
        notebook,
        timeout=240,
        startup_timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": tmp_path}},
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    client.execute(env=os.environ | {"JUPYTER_PLATFORM_DIRS": "1", "PATH": path})
    shown = "".join(str(output) for cell in notebook.cells for output in cell.get("outputs", ()))
    assert "<table" in shown
