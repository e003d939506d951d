from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from dpg_bench.files.image_content import UnusableImageError
from dpg_bench.files.images import ItemFiles, find_images
from dpg_bench.judge.prefetch import default_workers, read_ahead
from dpg_bench.judge.stage import judge_images
from dpg_bench.judge.tiles import TileJob
from dpg_bench.records import Prompt


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_than_the_bound_is_read_ahead(grids: Path, ahead: int) -> None:
    begun = 0

    def jobs() -> Iterator[TileJob]:
        nonlocal begun
        for _ in range(40):
            begun += 1
            yield TileJob(ItemFiles("item0", (grids / "item0.png",)), 4, None, np.asarray)

    for taken, future in enumerate(read_ahead(jobs(), workers=0, ahead=ahead), start=1):
        assert begun <= taken + ahead
        assert len(future.result().pixels) == 4
    assert taken == 40


def test_worker_processes_give_the_same_bytes_and_the_same_failures(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    (grids / "item3.png").write_bytes(b"broken")
    outcomes = []
    for workers in (0, 2):
        images = find_images(grids, [prompt.item_id for prompt in prompts])
        folder = tmp_path / str(workers)
        outcomes.append(judge_images(prompts, images, hash_judge(), folder=folder, batch_size=8, workers=workers))
    assert outcomes[0] == outcomes[1]
    assert list(outcomes[0].failed) == ["item3"]
    assert (tmp_path / "0" / "answers.jsonl").read_bytes() == (tmp_path / "2" / "answers.jsonl").read_bytes()


def test_a_failed_job_is_the_one_that_raises(grids: Path) -> None:
    (grids / "item1.png").write_bytes(b"broken")
    files = [grids / f"item{n}.png" for n in range(3)]
    jobs = [TileJob(ItemFiles(file.stem, (file,)), 4, None, np.asarray) for file in files]
    first, second, third = read_ahead(jobs, workers=0, ahead=2)
    assert (first.result().item_id, third.result().item_id) == ("item0", "item2")
    with pytest.raises(UnusableImageError):
        second.result()


def test_no_processes_are_started_for_few_items_or_on_a_cpu() -> None:
    assert default_workers(1000, "cpu") == 0
    assert default_workers(8, "cuda") == 0
    assert default_workers(1000, "cuda:1") >= 1


_SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from dpg_bench.files.images import ItemFiles
from dpg_bench.judge.prefetch import read_ahead
from dpg_bench.judge.tiles import TileJob

print("begins")
{own}
jobs = [TileJob(ItemFiles(file.stem, (file,)), 4, None, {preprocess}) for file in sorted(Path(sys.argv[1]).iterdir())]
print(sum(len(future.result().pixels) for future in read_ahead(jobs, workers=2, ahead=2)))
"""


@pytest.mark.parametrize(
    ("own", "preprocess"),
    [("", "np.asarray"), ("def mine(tile): return np.asarray(tile)", "mine")],
    ids=["judge", "own"],
)
def test_a_script_needs_no_main_guard(grids: Path, tmp_path: Path, own: str, preprocess: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(own=own, preprocess=preprocess))
    done = subprocess.run([sys.executable, script, grids], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (f"begins\n{4 * len(list(grids.iterdir()))}\n", 0), done.stderr


def _die(_: object) -> np.ndarray:
    os._exit(1)


def test_a_process_that_dies_is_told_by_every_job_that_waits_for_it(grids: Path) -> None:
    jobs = [TileJob(ItemFiles(file.stem, (file,)), 4, None, _die) for file in sorted(grids.iterdir())] * 10
    for future in read_ahead(jobs, workers=1, ahead=3):
        with pytest.raises(BrokenProcessPool):
            future.result()
