"""What a language model has said so far, kept beside the file that will be made of it, so that nothing is asked twice.

`FILE.work/` holds what was asked for, as a record, and a log with a line for each answer; when the file is written, the
folder goes. An answer counts as long as the same conversation is asked of the same model in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.differences import first_difference
from dpg_bench.files.durable import JsonlLog, disk_errors, read_jsonl, write_json
from dpg_bench.files.outputs import check_output
from dpg_bench.files.reading import read_content
from dpg_bench.files.run_folder import lock_folder
from dpg_bench.language.base import Asked, Said, Writer, WriterSettings
from dpg_bench.remote.usage import Usage

_SETTINGS = "settings.json"
_LOG = "said.jsonl"


class Unfinished:
    """The answers that are there, and the log that new ones go to. Made by `continue_work`."""

    def __init__(self, folder: Path, log: JsonlLog, lines: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        self._log = log
        self._lines = dict(lines)
        self.usage = Usage()

    def said(self, asked: Asked) -> Said | None:
        """What was said to exactly this; None if it wasn't asked, or failed."""
        line = self._lines.get(asked.key)
        if line is None or line.get("asked") != asked.digest or not isinstance(line.get("text"), str):
            return None
        by = line.get("answered_by")
        return Said(asked.key, str(line["text"]), answered_by=by if isinstance(by, str) else None)

    def ask(
        self, writer: Writer, asked: Sequence[Asked], *, progress: Callable[[int, int, int], None] | None = None
    ) -> dict[str, Said]:
        """The answers to all of `asked`, by key: those that are there, and the rest from the `writer`.

        `progress` is told how many are done, of how many, and how many of these failed.
        """
        found = {one.key: said for one in asked if (said := self.said(one)) is not None}
        batches = _batches(asked, writer.together)
        again = [one for batch in batches if any(each.key not in found for each in batch) for one in batch]
        failed = 0

        def tell() -> None:
            if progress is not None:
                progress(len(found), len(asked), failed)

        tell()
        with disk_errors(self.folder):
            for one, said in zip(again, writer.write(again) if again else (), strict=True):
                self.usage += said.usage
                if one.key not in found:
                    self._keep(one, said)
                    found[one.key] = said
                    failed += said.text is None
                    tell()
        return found

    def forget(self, key: str) -> None:
        """Have this asked again next time: what was said can't be used."""
        if self._lines.pop(key, {}).get("text") is not None:
            self._log.append({"key": key, "error": "unusable"})

    def _keep(self, asked: Asked, said: Said) -> None:
        line: dict[str, Any] = {"key": asked.key, "asked": asked.digest, "text": said.text, "error": said.error}
        line |= {"answered_by": said.answered_by, "usage": said.usage.record()}
        self._log.append({name: value for name, value in line.items() if value is not None})
        self._lines[asked.key] = line


def work_folder(result: Path) -> Path:
    """Where the answers lie until `result` is made of them."""
    return result.with_name(f"{result.name}.work")


def check_result(result: Path, *, force: bool) -> None:
    """Raises BadInputError if the file `result` is there and may not be replaced, or it is a folder.

    A file that work goes on at may be: it is one that was written without what is still missing.
    """
    check_output(result, force=force or work_folder(result).is_dir())


@contextmanager
def continue_work(
    result: Path, writer: Writer, asked_of: WriterSettings, *, recipe: str, fresh: bool
) -> Iterator[Unfinished]:
    """Begin work on the file `result`, or go on where it was left.

    `asked_of` is what the `writer` was loaded by, `recipe` the name of what it is told.

    Raises BadInputError, with both values, if the work was begun with another model, sampling or recipe and isn't to
    start `fresh`, or another process is at it.
    """
    folder = work_folder(result)
    decisive = {
        "model": {"name": asked_of.name, **writer.provenance},
        "sampling": asked_of.sampling.record(),
        "recipe": recipe,
    }
    with lock_folder(folder), disk_errors(folder):
        if fresh:
            _forget(folder)
        _check_settings(folder / _SETTINGS, decisive)
        lines = {str(line.get("key")): line for line in read_jsonl(folder / _LOG)}
        with JsonlLog(folder / _LOG) as log:
            yield Unfinished(folder, log, lines)


def end_work(result: Path) -> None:
    """Delete what `continue_work` kept, now that `result` is written."""
    folder = work_folder(result)
    with disk_errors(folder):
        _forget(folder)
        (folder / ".lock").unlink(missing_ok=True)
        folder.rmdir()


def _forget(folder: Path) -> None:
    for name in (_SETTINGS, _LOG):
        (folder / name).unlink(missing_ok=True)


def _check_settings(file: Path, settings: Mapping[str, Any]) -> None:
    plain = json.loads(json.dumps(settings))
    if not file.exists():
        write_json(file, plain)
        return
    try:
        before = json.loads(read_content(file))
    except (ValueError, RecursionError):
        before = None
    if not isinstance(before, dict):
        raise BadInputError(f"{file} is damaged. Start over with {option('fresh', True)}.")
    difference = first_difference(before, plain)
    if difference:
        raise BadInputError(
            f"{file.parent} holds work that was begun with other settings: {difference}. Name another "
            f"{option('out')}, or start over with {option('fresh', True)}."
        )


def _batches(asked: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    for start in range(0, len(asked), size):
        yield asked[start : start + size]
