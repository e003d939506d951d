"""A clock that jumps by hours while work goes on changes nothing: no decision is taken by it.

As on a machine whose clock is set: what a process asks the C library for the time of day jumps, and nothing else does.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crashes.campaign import toy_training
from tests.crashes.forks import Forks
from tests.crashes.kills import Aim, undisturbed
from tests.crashes.work import Generating, Judging, Merging, count_lines

# libfaketime would do, but with its monotonic clock left alone, Python can't sleep
_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long jump(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("JUMPING_CLOCK"), "r");
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += jump();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now) *now = precise.tv_sec;
    return precise.tv_sec;
}
"""

pytestmark = pytest.mark.nightly
HOUR = 3600
JUMPS = (
    [7 * HOUR, -30 * HOUR],
    [-9600 * HOUR, 24 * HOUR],
)  # the first at the first sign of work, the second at the next


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clock") / "offset"


@pytest.fixture(scope="module")
def jumping(clock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Starts commands whose clock goes by what `clock` says."""
    clock.write_text("0")
    source, library = clock.with_name("clock.c"), clock.with_name("clock.so")
    source.write_text(_SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    server = Forks(tmp_path_factory.mktemp("jumping"), LD_PRELOAD=str(library), JUMPING_CLOCK=str(clock))
    yield server
    server.close()


@pytest.fixture(scope="module")
def aims(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> list[Aim]:
    """What the work leaves by a clock that goes on steadily."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = undisturbed(forks, Generating(items=3, steps=4), folder / "made")
    judged = undisturbed(forks, Judging(), folder / "judged", start=folder / "made")
    merging = Merging((folder / "made", folder / "judged"))
    return [
        made,
        judged,
        undisturbed(forks, merging, folder / "merged"),
        undisturbed(forks, toy_training(folder), folder / "trained"),
    ]


def test_the_clock_of_these_tests_jumps(jumping: Forks, clock: Path, tmp_path: Path) -> None:
    clock.write_text(str(-9600 * HOUR))
    work = Generating(items=1, steps=1)
    process = jumping.start(*work.command(tmp_path / "run"), cwd=tmp_path)
    assert process.wait() == 0, process.output
    started = json.loads((tmp_path / "run" / "run.json").read_text())["started"]
    assert datetime.now(UTC) - datetime.fromisoformat(started) > timedelta(hours=9599)


@pytest.mark.parametrize("jumps", JUMPS)
def test_a_clock_that_jumps_while_it_works_changes_nothing(
    jumping: Forks, clock: Path, aims: list[Aim], tmp_path: Path, jumps: list[int]
) -> None:
    for aim in aims:
        folder = tmp_path / aim.work.name
        if aim.start is not None:
            shutil.copytree(aim.start, folder)
        clock.write_text("0")
        process = jumping.start(*aim.work.command(folder), cwd=tmp_path)
        for jump in jumps:
            before = aim.work.progress(folder)
            process.until(lambda folder=folder, aim=aim, before=before: aim.work.progress(folder) > before)
            clock.write_text(str(jump))
        assert process.wait() == 0, process.output
        assert aim.work.results(folder) == aim.results
        for command in ("verify", "show") if aim.work.name == "score" else ():
            asked = jumping.start("dpgbench", command, folder, cwd=tmp_path)
            assert asked.wait() == 0, asked.output


@pytest.mark.parametrize("jump", [1000 * HOUR, -1000 * HOUR])
def test_no_share_is_taken_over_from_a_process_that_lives_however_late_it_is(
    jumping: Forks, clock: Path, aims: list[Aim], tmp_path: Path, jump: int
) -> None:
    made = aims[0]
    clock.write_text("0")
    folder = tmp_path / "run"
    command = made.work.command(folder)
    first = jumping.start(*command, "--shard", "0/2", cwd=tmp_path)
    # with one of its two images made, it draws the other and holds no lock but that of its share
    first.until(lambda: count_lines(folder / "shards" / "0-of-2" / "generation.jsonl") == 1)
    first.send(signal.SIGSTOP)
    before = {file.name for file in (folder / "images").glob("*.png")}
    clock.write_text(str(jump))
    second = jumping.start(*command, "--shard", "1/2", "--steal", cwd=tmp_path)
    assert second.wait() == 0, second.output
    assert "are left to others" in second.output
    images = {file.name for file in (folder / "images").glob("*.png")}
    assert images < made.results["images"].keys()
    assert before <= images
    first.send(signal.SIGCONT)
    assert first.wait() == 0, first.output
    results = made.work.results(folder)
    assert [results[name] for name in ("images", "log")] == [made.results[name] for name in ("images", "log")]
