"""A run's folder: what it was told, its log, and the finished connector in the released format."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.training.config import TrainingConfig
from ella_models.training.files import (
    append_line,
    clear_unfinished,
    mend_log,
    read_json,
    read_lines,
    whole_file,
    write_json,
)
from ella_models.training.frozen import DTYPES
from ella_models.training.records import TrainingStep

_OF_THE_RUN = ("run.json", "log.jsonl", "skipped.jsonl", "ella.safetensors", "ella.json", "checkpoints", "samples")
# what may differ when a run goes on: none of it changes a weight
_FREE = {"output", "steps", "checkpoint_every", "keep_checkpoints", "log_every", "export", "trackers", "project"}
_FREE_VALIDATION = {"every", "timesteps", "prompts", "seeds", "sample_steps", "guidance_scale"}


class RunFolder:
    """The folder that a configuration names as its output."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.connector = folder / "ella.safetensors"
        self.skipped = folder / "skipped.jsonl"

    def begin(self, config: TrainingConfig, digests: dict[str, str], processes: int) -> None:
        """Record what the run is told, or check that it is what the folder's run was told.

        Raises EllaError that names the first difference and both its values.
        """
        told = {
            "settings": config.model_dump(mode="json"),
            "digests": digests,
            "processes": processes,
            "versions": {name: version(name) for name in ("torch", "diffusers", "transformers", "accelerate")},
        }
        record = self._folder / "run.json"
        # skipped.jsonl alone is no sign of a run: a held-out pair may have been left out just now
        if record.is_file():
            before = read_json(record)
            for part in ("settings", "digests", "processes"):
                if difference := _first_difference(_fixed(part, before.get(part)), _fixed(part, told[part])):
                    name, old, new = difference
                    raise EllaError(
                        f"'{self._folder}' was trained with {name or part} {old!r}, which now is {new!r}. Give the old "
                        "value to go on, name another output, or start anew (--fresh, fresh=True)."
                    )
        elif any((self._folder / name).exists() for name in _OF_THE_RUN if name != self.skipped.name):
            raise EllaError(f"'{self._folder}' holds files of a run, but not its run.json; name another output.")
        for folder in (self._folder, self._folder / "checkpoints", self._folder / "samples"):
            clear_unfinished(folder)
        write_json(record, told)
        mend_log(self._folder / "log.jsonl")

    def clear(self) -> None:
        """Delete what a run writes, and nothing else."""
        for path in (self._folder / name for name in _OF_THE_RUN):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def rewind(self, step: int) -> None:
        """Take lines off the log that are later than a step: they are made again."""
        log = self._folder / "log.jsonl"
        records = read_lines(log, step=int)
        kept = [record for record in records if record["step"] <= step]
        if len(kept) < len(records):
            with whole_file(log) as unfinished:
                lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in kept]
                unfinished.write_text("".join(lines), encoding="utf-8")

    def log(self, line: TrainingStep) -> dict[str, float | int]:
        """Add a line to the log; returns its numbers."""
        numbers = {name: value for name, value in asdict(line).items() if value is not None and name != "steps"}
        append_line(self._folder / "log.jsonl", numbers)
        return numbers

    def last(self, name: str) -> float | None:
        """The newest value of a number in the log."""
        records = read_lines(self._folder / "log.jsonl")
        return next((record[name] for record in reversed(records) if name in record), None)

    def samples(self, step: int) -> Path:
        """Where the sample grid of a step goes."""
        return self._folder / "samples" / f"step-{step:08d}.png"

    def export(self, connector: EllaConnector, weights: dict[str, Tensor], precision: str) -> None:
        """Write `weights` in the released format: one `.safetensors`, kind, sizes and text options beside it."""
        cast = {name: value.detach().to("cpu", DTYPES[precision]) for name, value in weights.items()}
        with whole_file(self.connector) as unfinished:
            # save_file writes to a file of its own naming first, which a crash would leave there for good
            unfinished.write_bytes(save({name: value.contiguous() for name, value in cast.items()}))
        text = {"text_options": connector.text_options} if connector.text_options else {}
        write_json(self.connector.with_suffix(".json"), {**asdict(connector.sizes), **text})


def _fixed(part: str, told: Any) -> Any:
    if part != "settings" or not isinstance(told, dict):
        return told
    kept = {name: value for name, value in told.items() if name not in _FREE}
    validation = told.get("validation", {})
    kept["validation"] = {name: value for name, value in validation.items() if name not in _FREE_VALIDATION}
    kept["data"] = {name: value for name, value in told.get("data", {}).items() if name != "workers"}
    return kept


def _first_difference(before: Any, now: Any, name: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            inner = _first_difference(before.get(key), now.get(key), f"{name}.{key}".lstrip("."))
            if inner is not None:
                return inner
        return None
    return None if before == now else (name, before, now)
