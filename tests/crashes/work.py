"""The work that is disturbed, as `dpgbench` and `ella` do it: what it leaves behind, and what of it was finished."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_TIMES = {"started", "finished", "seconds", "command", "images_per_second"}


class Work(Protocol):
    """A command in a folder of its own, and how its results are read."""

    name: str

    def command(self, folder: Path) -> Sequence[str]:
        """What is run, and run again."""
        ...

    def results(self, folder: Path) -> Mapping[str, Any]:
        """Everything that it leaves, but for times."""
        ...

    def progress(self, folder: Path) -> int:
        """How far it has come, as its folder shows at a glance; it never falls."""
        ...

    def finished(self, folder: Path) -> frozenset[str]:
        """The pieces of work that need not be done again, as they lie there."""
        ...

    def redone(self, folder: Path, before: frozenset[str], noted: Sequence[str]) -> frozenset[str]:
        """Those of the pieces finished `before` that were done again, by what the continuing process `noted`."""
        ...


@dataclass(frozen=True)
class Generating:
    """`dpgbench run`: a piece is an image."""

    items: int | tuple[str, ...] = 5
    steps: int = 6
    name: str = "run"

    def command(self, folder: Path) -> Sequence[str]:
        chosen = ("--limit", str(self.items)) if isinstance(self.items, int) else ("--items", ",".join(self.items))
        small = (*chosen, "--steps", str(self.steps), "--batch-size", "4")
        return ("dpgbench", "run", "--model", "tiny-sd15", "--suite", "sample", "--out", str(folder), *small)

    def results(self, folder: Path) -> Mapping[str, Any]:
        lines = {line["item_id"]: _without_times(line) for line in read_lines(folder / "generation.jsonl")}
        record = _without_times(json.loads((folder / "run.json").read_text()))
        images = {file.name: file.read_bytes() for file in (folder / "images").iterdir()}
        return {"log": lines, "record": record, "images": images, "names": _names(folder)}

    def progress(self, folder: Path) -> int:
        return count_files(folder) + count_lines(folder / "generation.jsonl") + _is_complete(folder)

    def finished(self, folder: Path) -> frozenset[str]:
        return _images_of(folder, [folder / "generation.jsonl"])

    def redone(self, folder: Path, before: frozenset[str], noted: Sequence[str]) -> frozenset[str]:
        del noted
        return before - self.finished(folder)


@dataclass(frozen=True)
class Judging:
    """`dpgbench score`: a piece is an image, with all its questions."""

    name: str = "score"

    def command(self, folder: Path) -> Sequence[str]:
        return ("dpgbench", "score", str(folder), "--judge", "tiny-mplug", "--batch-size", "4")

    def results(self, folder: Path) -> Mapping[str, Any]:
        place = folder / "judgements" / "tiny-mplug"
        return {file.name: file.read_bytes() for file in place.iterdir() if file.name != ".lock"} | {
            "names": _names(folder)
        }

    def progress(self, folder: Path) -> int:
        place = folder / "judgements"
        return count_files(place) + count_lines(place / "tiny-mplug" / "answers.jsonl")

    def finished(self, folder: Path) -> frozenset[str]:
        place = folder / "judgements" / "tiny-mplug" / "answers.jsonl"
        answered = Counter(f"judged {line['item_id']} {line['image']}" for line in read_lines(place))
        asked = Counter[str]()
        suite = {p["item_id"]: p["questions"] for p in _sample()}
        asked.update({f"judged {item} {image}": count for item, count in suite.items() for image in range(4)})
        return frozenset(image for image, count in answered.items() if count == asked[image])

    def redone(self, folder: Path, before: frozenset[str], noted: Sequence[str]) -> frozenset[str]:
        del folder
        return before & frozenset(noted)


@dataclass(frozen=True)
class Merging:
    """`dpgbench merge`: a piece is an image that is laid and logged; the `parts` stay as they are."""

    parts: tuple[Path, ...]
    name: str = "merge"

    def command(self, folder: Path) -> Sequence[str]:
        return ("dpgbench", "merge", *map(str, self.parts), "--out", str(folder))

    def results(self, folder: Path) -> Mapping[str, Any]:
        parts = {str(file): file.read_bytes() for part in self.parts for file in part.rglob("*") if file.is_file()}
        return {**Generating().results(folder), **Judging().results(folder), "parts": parts}

    def progress(self, folder: Path) -> int:
        place, laid = folder / "judgements" / "tiny-mplug", 50  # more than the files of all parts that lie there first
        images = laid if (folder / "generation.jsonl").exists() else count_files(folder / "shards")
        answers = laid if (place / "answers.jsonl").exists() else count_files(place / "shards")
        scored = (place / "scorecard.json").exists() * (1 + (not (place / "shards").exists()))
        return images + answers + scored + count_files(folder / "images") + _is_complete(folder)

    def finished(self, folder: Path) -> frozenset[str]:
        return _images_of(folder, [folder / "generation.jsonl", *folder.glob("shards/*/generation.jsonl")])

    def redone(self, folder: Path, before: frozenset[str], noted: Sequence[str]) -> frozenset[str]:
        del noted
        return before - self.finished(folder)


@dataclass(frozen=True)
class Training:
    """`ella train`: a piece is a step that a checkpoint holds."""

    config: Mapping[str, Any]
    name: str = "train"

    def command(self, folder: Path) -> Sequence[str]:
        told = folder.with_suffix(".yaml")
        told.write_text(json.dumps({**self.config, "output": str(folder)}))
        return ("ella", "train", "--config", str(told))

    def results(self, folder: Path) -> Mapping[str, Any]:
        log = [_without_times(line) for line in read_lines(folder / "log.jsonl")]
        weights = {file.name: file.read_bytes() for file in folder.glob("ella.*")}
        return {"log": log, "weights": weights, "names": _names(folder) - {"checkpoints"}}

    def progress(self, folder: Path) -> int:
        return count_files(folder) + count_lines(folder / "log.jsonl")

    def finished(self, folder: Path) -> frozenset[str]:
        steps = [int(place.name.removeprefix("step-")) for place in folder.glob("checkpoints/step-*")]
        return frozenset(f"trained {step}" for step in range(1, max(steps, default=0) + 1))

    def redone(self, folder: Path, before: frozenset[str], noted: Sequence[str]) -> frozenset[str]:
        del folder
        return before & frozenset(noted)


def count_files(folder: Path) -> int:
    """Of all depths, but for those that are being written."""
    return sum(len([name for name in files if not name.endswith(".part")]) for _, _, files in os.walk(folder))


def count_lines(path: Path) -> int:
    """Of a log, those that are whole."""
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _is_complete(folder: Path) -> bool:
    try:
        return b'"status": "complete"' in (folder / "run.json").read_bytes()
    except OSError:
        return False


def _images_of(folder: Path, logs: Sequence[Path]) -> frozenset[str]:
    """The images that a log tells of, each with what says that it wasn't written again."""
    items = {line["item_id"] for log in logs for line in read_lines(log)}
    files = [file for item in items if (file := folder / "images" / f"{item}.png").exists()]
    return frozenset(f"{file.name} {file.stat().st_mtime_ns} {file.stat().st_ino}" for file in files)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; none if it isn't there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def _sample() -> list[dict[str, Any]]:
    from dpg_bench.suite.registry import load_suite

    return [{"item_id": prompt.item_id, "questions": len(prompt.questions)} for prompt in load_suite("sample")]


def _names(folder: Path) -> set[str]:
    """What lies in the folder by name, checkpoints aside."""
    found = (file.relative_to(folder).as_posix() for file in folder.rglob("*"))
    return {name for name in found if not name.startswith("checkpoints/step-")}


def _without_times(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in record.items() if key not in _TIMES}
    for within in ("requested", "defaulted"):
        if within in kept:
            kept[within] = {key: value for key, value in kept[within].items() if key != "out"}
    return kept
