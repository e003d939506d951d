"""What is downloaded is downloaded once, however many workers of a machine want it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from dpg_bench.jobs.executors.fetching import fetch_once


def fetch(folder: Path) -> None:
    def download() -> None:
        with (folder / "downloads").open("a") as log:
            log.write("x")
        (folder / "weights").touch()

    fetch_once(lambda: not (folder / "weights").exists(), download)


def test_the_first_downloads_and_the_others_find_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fetch, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "downloads").read_text() == "x"
