"""Starting over: what a run left in its folder is deleted, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.durable import clear_parts, disk_errors, read_jsonl
from dpg_bench.files.item_names import item_id_of
from dpg_bench.files.reading import read_content
from dpg_bench.files.run_folder import JudgementDir, RunDir, is_held, lock_alone, shards_in

_MARKS = (b'"schema"', b'"dpg_bench"')
_PAGE_MARK = b"DPG-Bench report"
_PAGE_HEAD = 4096


def check_is_run(run: RunDir) -> None:
    """Raises BadInputError if the folder's `run.json` is not of this program, even a damaged one: it isn't ours."""
    if run.record_file.exists() and not all(mark in read_content(run.record_file) for mark in _MARKS):
        raise BadInputError(
            f"{run.record_file} was not written by dpg-bench, so {run.path} is no run of it and nothing there is "
            f"deleted. Choose another {option('out')}; if it is a damaged record of yours, delete that file."
        )


def clear_run(run: RunDir, item_ids: Iterable[str]) -> None:
    """Delete the run's record, log, page, judgements, and the images of `item_ids` and of the items it logged.

    For whoever holds the run's lock. Other files stay, and folders that are links, whose content goes.

    Raises BadInputError if the folder is another program's or a judgement in it is being made, DpgBenchError if
    something can't be deleted.
    """
    check_is_run(run)
    with ExitStack() as held, disk_errors(run.path):
        judgements = run.judged().values()
        for judgement in judgements:
            held.enter_context(lock_alone(judgement.path))
        for judgement in judgements:
            clear_judgement(judgement)
        _remove_empty(run.judgements)
        known = {*item_ids, *_logged(run)}
        if run.images.is_dir():
            clear_parts(run.images)
            for file in list(run.images.iterdir()):
                if file.suffix == ".png" and item_id_of(file.stem) in known:
                    file.unlink()
            _remove_empty(run.images)
        if run.single_images.is_dir():
            for file in run.single_images.glob("*.png"):
                file.unlink()
            _remove_empty(run.single_images)
        clear_parts(run.path)
        if run.report.is_file() and _PAGE_MARK in run.report.read_bytes()[:_PAGE_HEAD]:
            run.report.unlink()
        clear_shards(run.shards)
        for file in (run.generation_log, run.record_file):
            file.unlink(missing_ok=True)


def clear_shards(folder: Path) -> None:
    """Delete what the processes that shared a run or judgement left in its folder `shards`.

    For whoever holds the run or judgement, and once nothing is lost by it; the folder of a process that is at work
    stays. Raises OSError if it can't be.
    """
    for shard in shards_in(folder):
        if is_held(shard.path):
            continue
        clear_parts(shard.path)
        shard.remove()
    _remove_empty(folder)


def clear_judgement(judgement: JudgementDir) -> None:
    """Delete a judgement, and nothing else in its folder. For whoever holds it. Raises OSError if it can't be."""
    clear_parts(judgement.path)
    clear_shards(judgement.shards)
    for file in judgement.files:
        file.unlink(missing_ok=True)
    _remove_empty(judgement.path)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def _logged(run: RunDir) -> Iterator[str]:
    for log in run.generation_logs:
        try:
            for line in read_jsonl(log):
                yield str(line.get("item_id"))
        except (BadInputError, OSError):  # damaged, maybe why it is started over: what was read is enough to go on
            continue
