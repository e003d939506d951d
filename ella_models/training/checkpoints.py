"""Checkpoints: everything that training needs to go on, one folder a checkpoint, whole or not there.

`checkpoints/step-00001000/` holds what accelerate saves (weights, optimiser, generators, gradient scaler), the moving
average, `examples-0.json`, … , where the examples of each process stand, and `digests.json`, the SHA-256 of all these,
by which damage is noticed. Noise and timesteps need no state: they depend on seed and step alone.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import shutil
from pathlib import Path

import accelerate
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ella_models.errors import EllaError
from ella_models.training.average import MovingAverage
from ella_models.training.examples import State
from ella_models.training.files import read_json, write_json

_NAME = re.compile(r"step-(\d+)")
_DIGESTS = "digests.json"


class Checkpoints:
    """The checkpoints of a run's folder."""

    def __init__(self, folder: Path, accelerator: accelerate.Accelerator, average: MovingAverage | None) -> None:
        self._folder = folder / "checkpoints"
        self._accelerator, self._average = accelerator, average

    def newest(self) -> int | None:
        """The step of the newest checkpoint."""
        return max(self._steps(), default=None)

    def save(self, step: int, examples: State, *, keep: int) -> None:
        """Write the checkpoint after `step` steps, then delete all but the `keep` newest.

        Raises EllaError if it can't be written.
        """
        try:
            self._save(step, examples, keep)
        # a full disk is a SafetensorError to safetensors, and a RuntimeError to torch
        except (OSError, RuntimeError, SafetensorError) as error:
            raise EllaError(
                f"The checkpoint '{self._place(step)}' can't be written ({error}). What was finished is kept; if the "
                "disk is full, free some space, and run the same command again to continue."
            ) from error

    def _save(self, step: int, examples: State, keep: int) -> None:
        accelerator, whole = self._accelerator, self._place(step)
        unfinished = whole.with_name(f".{whole.name}.part")
        if accelerator.is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(unfinished))
        write_json(unfinished / f"examples-{accelerator.process_index}.json", examples)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            if self._average is not None:
                save_file(self._average.state(), unfinished / "average.safetensors")
            write_json(unfinished / _DIGESTS, _digests(unfinished))
            if whole.is_dir():
                shutil.rmtree(whole)
            unfinished.rename(whole)
            for old in sorted(self._steps())[:-keep]:
                shutil.rmtree(self._place(old))
        accelerator.wait_for_everyone()

    def load(self, step: int) -> State:
        """Put weights, optimiser and generators back as they were after `step` steps; returns the examples' state.

        Raises EllaError if the checkpoint is damaged.
        """
        place = self._place(step)
        try:
            _check(place)
            self._accelerator.load_state(str(place))
            if self._average is not None:
                self._average.load(load_file(place / "average.safetensors"))
            return read_json(place / f"examples-{self._accelerator.process_index}.json")
        except (OSError, ValueError, RuntimeError, KeyError, EOFError, pickle.PickleError, SafetensorError) as error:
            raise EllaError(
                f"The checkpoint '{place}' is damaged ({error}). Delete it to go on from the one before."
            ) from error

    def _steps(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        return [int(match[1]) for path in self._folder.iterdir() if (match := _NAME.fullmatch(path.name))]

    def _place(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"


def _digests(place: Path) -> dict[str, str]:
    """The SHA-256 (hex) of every file, by name."""
    found = {}
    for file in sorted(path for path in place.rglob("*") if not path.is_dir() or path.is_symlink()):
        name = file.relative_to(place).as_posix()
        if file.is_symlink() or not file.is_file():
            raise OSError(f"{name} is no file")
        with file.open("rb") as content:
            found[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _check(place: Path) -> None:
    """Raises OSError for what isn't as `save` left it; a checkpoint from before there were digests has none."""
    found = _digests(place)
    if found.pop(_DIGESTS, None) is not None:
        written = read_json(place / _DIGESTS)
        for name in sorted(found.keys() | written.keys()):
            if found.get(name) != written.get(name):
                raise OSError(f"{name} isn't as it was written")
