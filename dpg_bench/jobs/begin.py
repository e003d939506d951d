"""What `run.json` says of a run: what was asked and resolved, and whether a new request continues it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dpg_bench import __version__
from dpg_bench.errors import BadInputError
from dpg_bench.files.run_folder import RunRecord, SuiteRecord
from dpg_bench.jobs.run_plan import RunPlan, RunRequest
from dpg_bench.provenance import describe_device, git_commit, package_versions, utc_now
from dpg_bench.suite.mending import recorded


def check_continues(plan: RunPlan, previous: RunRecord) -> None:
    """Raises BadInputError, with both values, if `plan` would not continue the `previous` run but change it.

    A run may grow, by another `--limit` or `--items`, as long as it keeps all items it has.
    """
    advice = "Choose another --out, or start over with --fresh."
    difference = first_difference(previous.settings, plan.settings)
    if difference:
        raise BadInputError(f"{plan.run.path} was made with other settings: {difference}. {advice}")
    if previous.suite.digest != plan.suite.digest:
        raise BadInputError(
            f"{plan.run.path} was made for another suite: '{previous.suite.name}' ({previous.suite.digest[:12]}), "
            f"now '{plan.suite.name}' ({plan.suite.digest[:12]}). {advice}"
        )
    before = set(previous.suite.items if previous.suite.items is not None else plan.suite.by_id)
    lost = before - {prompt.item_id for prompt in plan.prompts}
    if lost:
        raise BadInputError(
            f"{plan.run.path} was made for {len(before)} items, and {len(lost)} of them ('{min(lost)}' first) are not "
            f"among the {len(plan.prompts)} asked for now. A run can grow, not shrink. {advice}"
        )


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first key in which two records differ, with both values, in words; empty if they are equal."""
    for key in [*before, *(key for key in now if key not in before)]:
        if before.get(key) != now.get(key):
            if isinstance(before.get(key), Mapping) and isinstance(now.get(key), Mapping):
                return f"{key}.{first_difference(before[key], now[key])}"
            return f"{key} was {json.dumps(before.get(key))}, now {json.dumps(now.get(key))}"
    return ""


def begin_record(plan: RunPlan, generator: Mapping[str, Any]) -> RunRecord:
    """The record of a run that begins, or goes on, with the provenance of the loaded `generator`."""
    fingerprint = hashlib.sha256(
        json.dumps([plan.settings, generator], sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
    whole = len(plan.prompts) == len(plan.suite.prompts)
    suite = SuiteRecord(
        name=plan.suite.name,
        source=plan.suite.source,
        digest=plan.suite.digest,
        prompts=len(plan.suite.prompts),
        items=None if whole else [prompt.item_id for prompt in plan.prompts],
        mended=recorded(plan.suite.mends),
    )
    if plan.previous is not None:
        versions = first_difference(plan.previous.packages, package_versions())
        if versions:
            print(f"Warning: this run was begun with other software: {versions}.", file=sys.stderr)
        now = {"suite": suite, "status": "running", "finished": None, "failed_items": []}
        return plan.previous.model_copy(update={**now, "fingerprint": fingerprint, "generator": dict(generator)})
    requested, defaulted = _requested(plan)
    return RunRecord(
        schema=1,
        dpg_bench=__version__,
        command=sys.argv,
        requested=requested,
        defaulted=defaulted,
        settings=plan.settings,
        fingerprint=fingerprint,
        suite=suite,
        generator=dict(generator),
        packages=package_versions(),
        device={
            **describe_device(plan.generator.device),
            "batch_size": plan.batch_size,
            "compiled_batch": plan.generator.compiled_batch,
        },
        git_commit=git_commit(),
        started=utc_now(),
        untrained=plan.spec.untrained,
    )


def _requested(plan: RunPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of the request differs from saying nothing, and what the rest became."""
    nothing = asdict(RunRequest(model=""))
    request = plan.request if isinstance(plan.request.suite, str) else replace(plan.request, suite=plan.suite.name)
    given = {key: value for key, value in asdict(request).items() if value != nothing[key] and key != "fresh"}
    given = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
    resolved = {
        **plan.settings,
        "suite": plan.suite.name,
        "device": plan.generator.device,
        "batch_size": plan.batch_size,
        "out": str(plan.run.path),
    }
    return given, {key: value for key, value in resolved.items() if key not in given}
