"""A run's own record and images: fingerprint, digests, seeds, and what the images' text chunks say."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dpg_bench.files.grid import grid_columns, grid_rows
from dpg_bench.files.image_content import UnusableImageError, png_texts, read_image_file
from dpg_bench.files.item_names import item_id_of
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.run_record import RunRecord, settings_fingerprint
from dpg_bench.generate.generation_log import last_lines, text_digest
from dpg_bench.generate.plan import item_seeds
from dpg_bench.records import Suite
from dpg_bench.report.verify.findings import Findings, short

_PNG_SIZE = slice(16, 24)


def check_made(findings: Findings, run: RunDir, record: RunRecord, suite: Suite | None) -> None:
    """Hold `run.json` against itself, its log, and every image; `suite` are its prompts, where they are known.

    Raises BadInputError if the log is damaged.
    """
    _check_record(findings, run, record, suite)
    lines = last_lines(run)
    made = {item: line for item, line in lines.items() if "error" not in line}
    failed = {item for item, line in lines.items() if "error" in line and line.get("fingerprint") == record.fingerprint}
    if record.status in ("complete", "incomplete") and failed != set(record.failed_items):
        findings.differs(
            run.record_file,
            f"it says that {_few(record.failed_items)} failed, {run.generation_log.name} {_few(failed)}",
        )
    asked = (
        record.suite.items if record.suite.items is not None else list(suite.by_id) if suite is not None else [*made]
    )
    for item_id in asked:
        if item_id in failed:
            continue
        if item_id not in made:
            if record.status == "complete":
                findings.differs(run.generation_log, f"it has no line of item '{item_id}', though the run is complete")
            continue
        for problem in _line_problems(record, item_id, made[item_id], suite):
            findings.differs(run.generation_log, problem)
        _check_image(findings, run.image(item_id), record, item_id, made[item_id])
    if record.status not in ("complete", "incomplete"):
        findings.left(run.record_file, f"the run is not finished (its status is '{record.status}')")
    for file in sorted(run.images.iterdir()) if run.images.is_dir() else []:
        stem = item_id_of(file.stem)
        if not file.name.startswith(".") and (file.suffix != ".png" or stem not in {*made, *failed}):
            findings.differs(file, "nothing in the run's log speaks of this file")


def _check_record(findings: Findings, run: RunDir, record: RunRecord, suite: Suite | None) -> None:
    expected = settings_fingerprint(record.settings, record.generator)
    if record.fingerprint != expected:
        findings.differs(
            run.record_file,
            f"its fingerprint is {record.fingerprint[:12]}, and that of its settings and generator {expected[:12]}",
        )
    if suite is None:
        return
    if record.suite.prompts != len(suite.prompts):
        findings.differs(
            run.record_file, f"it gives its suite {record.suite.prompts} prompts, which has {len(suite.prompts)}"
        )
    for item_id in record.suite.items or ():
        if item_id not in suite.by_id:
            findings.differs(run.record_file, f"its suite has no item '{item_id}'")


def _check_image(findings: Findings, file: Path, record: RunRecord, item_id: str, line: Mapping[str, Any]) -> None:
    try:
        content = read_image_file(file)
    except UnusableImageError as error:
        findings.differs(file, error.message)
        return
    findings.checked["images"] += 1
    for problem in _image_problems(content, record, item_id, line):
        findings.differs(file, problem)


def _line_problems(record: RunRecord, item_id: str, line: Mapping[str, Any], suite: Suite | None) -> Iterator[str]:
    settings = record.settings
    seeds, images = settings.get("seeds"), int(settings["images_per_prompt"])
    expected = item_seeds(item_id, images=images, seed=settings.get("seed") or 0, seeds=seeds)
    wanted: dict[str, Any] = {"fingerprint": record.fingerprint, "seeds": list(expected)}
    if suite is not None and item_id in suite.by_id:
        wanted["prompt_sha256"] = text_digest(suite.by_id[item_id].text)
    for name, value in wanted.items():
        if line.get(name) != value:
            are = "are" if name == "seeds" else "is"
            yield f"item '{item_id}': its {name} {are} {short(line.get(name))}, not {short(value)}"


def _image_problems(content: bytes, record: RunRecord, item_id: str, line: Mapping[str, Any]) -> Iterator[str]:
    digest = hashlib.sha256(content).hexdigest()
    if digest != line.get("image_sha256"):
        yield f"its SHA-256 is {digest[:12]}, and the run's log says {short(line.get('image_sha256'))}"
    texts = png_texts(content)
    expected = {
        "item_id": item_id,
        "seeds": ",".join(map(str, line.get("seeds") or ())),
        "model": str(record.settings["model"]),
        "fingerprint": record.fingerprint,
    }
    for name, value in expected.items():
        if texts.get(name) != value:
            yield f"its text chunk '{name}' says {short(texts.get(name))}, not {short(value)}"
    side, images = record.settings.get("size"), int(record.settings["images_per_prompt"])
    if isinstance(side, int) and len(content) >= _PNG_SIZE.stop:
        size = struct.unpack(">II", content[_PNG_SIZE])
        wanted = side * grid_columns(images), side * grid_rows(images)
        if size != wanted:
            yield f"it has {size[0]} × {size[1]} px, not {wanted[0]} × {wanted[1]}"


def _few(items: Any) -> str:
    names = sorted(items)
    return f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else "nothing"
