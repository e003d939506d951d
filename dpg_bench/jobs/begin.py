"""What `run.json` says of a run that begins or goes on: what was asked and resolved, with what, on which machine."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dpg_bench import __version__
from dpg_bench.errors import BadInputError, option
from dpg_bench.files.differences import first_difference
from dpg_bench.files.run_record import RunRecord, SuiteRecord, settings_fingerprint
from dpg_bench.generate.base import Generator
from dpg_bench.generate.generation_log import last_lines
from dpg_bench.generate.prompt_lengths import truncated_prompts
from dpg_bench.jobs.run_plan import RunPlan, RunRequest
from dpg_bench.provenance import describe_device, git_commit, package_versions, utc_now
from dpg_bench.suite.mending import recorded

_LOG = logging.getLogger(__name__)


def opened_record(plan: RunPlan, generator: Generator, *, command: Sequence[str]) -> RunRecord:
    """`begin_record` of a loaded model, with how many prompts are longer than it reads.

    Raises BadInputError if the run was begun with another model, or its record is lost and the log speaks of others.
    """
    record = begin_record(plan, generator.provenance, command=command)
    if plan.previous is not None and plan.previous.fingerprint != record.fingerprint:
        changed = first_difference(plan.previous.generator, record.generator)
        raise BadInputError(
            f"{plan.run.path} was made with another model: {changed}. Choose another {option('out')}, or start over "
            f"with {option('fresh', True)}."
        )
    others = {str(line.get("fingerprint")) for line in last_lines(plan.run).values()} - {record.fingerprint}
    if plan.previous is None and others:
        raise BadInputError(
            f"{plan.run.record_file} is gone or damaged, and {plan.run.generation_log} has images made with other "
            f"settings: their fingerprint is {min(others)[:12]}, now {record.fingerprint[:12]}. Give the command that "
            f"began the run, choose another {option('out')}, or start over with {option('fresh', True)}."
        )
    began = plan.previous
    if began is not None and began.status == "running" and began.suite == record.suite and began.truncated_prompts:
        return record  # counted, and told, by the process that came first
    return record.model_copy(update={"truncated_prompts": truncated_prompts(generator, plan.prompts)})


def begin_record(plan: RunPlan, generator: Mapping[str, Any], *, command: Sequence[str]) -> RunRecord:
    """The record of a run that begins, or goes on, with the provenance of the loaded `generator`.

    `command` is the command line; empty for a call from Python.
    """
    fingerprint = settings_fingerprint(plan.settings, generator)
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
            _LOG.warning("Warning: this run was begun with other software: %s.", versions)
        now = {"suite": suite, "status": "running", "finished": None, "failed_items": []}
        return plan.previous.model_copy(update={**now, "fingerprint": fingerprint, "generator": dict(generator)})
    requested, defaulted = _requested(plan)
    return RunRecord(
        schema=1,
        dpg_bench=__version__,
        command=list(command),
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
    request = replace(plan.request, model=plan.generator.model)  # objects are recorded by their names
    if not isinstance(request.suite, str):
        request = replace(request, suite=plan.suite.name)
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
