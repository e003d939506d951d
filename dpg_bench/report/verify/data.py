"""A verification for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dpg_bench.report.verify.findings import Finding
from dpg_bench.report.verify.result import Verification

VERIFICATION_SCHEMA = 1


def verification_to_json(runs: Sequence[Verification]) -> dict[str, Any]:
    """Every run with what was recomputed, what differs and what could not be looked at."""
    return {
        "schema": VERIFICATION_SCHEMA,
        "verified": all(run.verified for run in runs),
        "runs": [
            {
                "run": str(run.run.path),
                "verified": run.verified,
                "checked": dict(run.checked),
                "differences": _listed(run.differences),
                "unchecked": _listed(run.unchecked),
            }
            for run in runs
        ],
    }


def _listed(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"file": str(one.file), "problem": one.problem} for one in findings]
