"""Running commands as a user would, in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dpg_bench.cli.app import app

SUITE_HEADER = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language"
)
Dpgbench = Callable[..., Result]


@pytest.fixture
def dpgbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dpgbench:
    """Runs `dpgbench ARGS...` in an empty folder; nothing but the exit codes that the contract knows gets out."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str | Path, env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(app, [str(arg) for arg in args], env=env)
        assert result.exit_code in (0, 1, 2, 3, 4, 130), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert "Traceback" not in result.output
        return result

    return run
