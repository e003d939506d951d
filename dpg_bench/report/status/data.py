"""The status of runs for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dpg_bench.report.status.result import RunStatus


def status_to_json(status: RunStatus) -> dict[str, Any]:
    """A run as plain JSON: the fields of `RunStatus`, its paths as text."""
    return {
        "run": str(status.run.path),
        "state": status.state,
        "model": status.model,
        "suite": status.suite,
        "images": str(status.images) if status.images is not None else None,
        "done": status.done,
        "expected": status.expected,
        "failed": dict(status.failed),
        "seconds_left": status.seconds_left,
        "judgements": [asdict(one) for one in status.judgements],
        "problem": status.problem,
    }
