"""Progress of a job from Python: in a notebook the notebook's own bar, on a terminal a line."""

from __future__ import annotations

from collections.abc import Callable

from tqdm.auto import tqdm

from dpg_bench.generate.stage import GenerationProgress
from dpg_bench.judge.stage import JudgingProgress


def progress_bar(title: str = "") -> Callable[[GenerationProgress | JudgingProgress], None]:
    """What `execute_run` and `execute_score` take as `progress`: a bar that counts items, and closes with the last.

    >>> import dpg_bench as dpg
    >>> from pathlib import Path
    >>> request = dpg.RunRequest(model="tiny-sd15", suite="sample", limit=1, steps=1, out=Path("runs/bar"))
    >>> dpg.execute_run(dpg.plan_run(request), progress=dpg.progress_bar("drawing")).failed
    {}
    """
    bar = tqdm(desc=title or None, unit="item")

    def show(progress: GenerationProgress | JudgingProgress) -> None:
        if isinstance(progress, JudgingProgress):
            total, done = progress.items, progress.items_done
        else:
            total, done = progress.total, progress.done
        bar.total = total
        bar.update(done - bar.n)
        bar.refresh()
        if done == total:
            bar.close()

    return show
