"""Weights read again, as a run or a judgement names them, to compute their digests anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpg_bench.device import resolve_device
from dpg_bench.errors import UnavailableError, option
from dpg_bench.files.judgement_record import JudgementRecord
from dpg_bench.files.run_record import RunRecord
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.generate.registry import find_model
from dpg_bench.judge.base import JudgeSettings
from dpg_bench.judge.mplug.checkpoint import SHIPPED
from dpg_bench.judge.registry import find_judge
from dpg_bench.judge.vlm.spec import VlmOptions, vlm_weights


def reload_model(record: RunRecord) -> Mapping[str, Any]:
    """The provenance of the model that made a run, loaded again with its settings.

    Raises DpgBenchError if it can't be loaded here.
    """
    settings = record.settings
    spec = find_model(str(settings["model"]))
    if spec.remote:
        raise UnavailableError(f"{spec.name} was drawn by a server, whose weights nobody here can read")
    device = resolve_device("auto")
    loaded = spec.load(
        GeneratorSettings(
            model=str(settings["model"]),
            options=spec.options.read(spec.name, dict(settings.get("options") or {})),
            size=settings.get("size"),
            steps=settings.get("steps"),
            guidance=settings.get("guidance"),
            device=device,
            dtype=str(settings["dtype"]) if device != "cpu" else "float32",
            negative_prompt=settings.get("negative_prompt"),
        )
    )
    return loaded.provenance


def reload_judge(name: str, record: JudgementRecord) -> Mapping[str, Any]:
    """The provenance of the judge that gave a judgement's answers, loaded again from where its spec has it.

    Raises UnavailableError for one whose weights were in a folder or file of somebody's, which is not recorded, and
    other DpgBenchErrors if it can't be loaded here.
    """
    if record.judge.get("judge") == "vlm":
        return _vlm_digests(record.judge)
    if "weights" not in record.judge:
        raise UnavailableError(f"the judge '{name}' can't be loaded again from what is recorded of it")
    if record.judge.get("revision") is None and record.judge.get("source") != SHIPPED:
        raise UnavailableError(
            f"the weights of '{name}' came from a folder or file; verify needs them where {option('judge')} finds them"
        )
    spec = find_judge(name)
    judge = spec.load(
        JudgeSettings(
            judge=spec.name, options=spec.options.read(spec.name, {}), device=resolve_device("auto"), dtype="float32"
        )
    )
    return judge.provenance


def _vlm_digests(judge: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of its files, which lie where the judgement says; so large a model isn't loaded for them."""
    source, revision = judge.get("source"), judge.get("revision")
    if not isinstance(source, str) or not (revision is None or isinstance(revision, str)):
        raise UnavailableError("the judgement doesn't say which model's weights it is about")
    return {"sha256": vlm_weights(source, VlmOptions(revision=revision)).record()["sha256"]}
