from __future__ import annotations

from pathlib import Path

from ella_models import load_connector
from ella_models.training import train


def test_smoke(configure, features, tmp_path: Path) -> None:
    lines = []
    result = train(configure(tmp_path / "run", data={"precomputed": features}), report=lines.append)
    print(result, lines)
    load_connector(result.connector)
    result = train(configure(tmp_path / "raw"), report=lines.append)
    print(result, lines[-1])
