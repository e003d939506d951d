"""Many kills of every kind of work by every signal, each written down; begun again, it goes on.

`python -m tests.crashes.campaign FOLDER` keeps log and remains in FOLDER and prints the table of `docs/trust.md`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conftest import GOLDEN
from tests.crashes.forks import Forks
from tests.crashes.kills import SIGNALS, Aim, Kill, kill, undisturbed
from tests.crashes.work import Generating, Judging, Merging, Training
from tests.ella_models.training.conftest import SIZES, write_pairs

SEED = 2026
IN_EACH = 18  # of the work's and signal's 12 pairs, which makes 216
_OTHERS = ("sample03-chess", "sample04-astronaut")  # one of the first three too


def toy_training(folder: Path) -> Training:
    """Eight steps with a checkpoint after every third; its pairs lie in `folder`."""
    parts = GOLDEN / "ella" / "pipeline"
    return Training(
        {
            "base": str(parts / "sd"),
            "text_encoder": str(parts / "t5"),
            "text": {"tokens": 12},
            "connector": SIZES,
            "data": {"folder": str(write_pairs(folder / "pairs")), "resolution": 16, "workers": 1},
            "steps": 8,
            "checkpoint_every": 3,
            "batch_size": 4,
            "precision": "float32",
            "log_every": 1,
            "device": "cpu",
        }
    )


def make_aims(forks: Forks, folder: Path) -> list[Aim]:
    """Every kind of work, done once without a disturbance."""
    training = toy_training(folder)
    made = undisturbed(forks, Generating(items=3, steps=4), folder / "made")
    (folder / "anna").mkdir()
    (folder / "bert").mkdir()
    shares = folder / "anna" / "share", folder / "bert" / "share"  # of one name, as people's are
    judged = undisturbed(forks, Judging(), shares[0], start=folder / "made")
    for work in (Generating(items=_OTHERS, steps=4), Judging()):
        assert forks.start(*work.command(shares[1]), cwd=folder).wait() == 0
    return [
        made,
        judged,
        undisturbed(forks, Merging(shares), folder / "merged"),
        undisturbed(forks, training, folder / "trained"),
    ]


def disturb(
    forks: Forks, aims: Sequence[Aim], folder: Path, *, each: int, seed: int, before: Sequence[Kill] = ()
) -> Iterator[Kill]:
    """One kill after another until every work was hit by every signal `each` times, those of `before` included.

    A kill that came after the work's end hit nothing; it is drawn again, with another number.
    """
    hits: dict[tuple[str, str], int] = defaultdict(int)
    for one in before:
        hits[one.work, one.signal] += not one.late
    numbers = itertools.count(max((one.number for one in before), default=-1) + 1)
    pairs = [(aim, by) for by in SIGNALS for aim in aims]
    while todo := [(aim, by) for aim, by in pairs if hits[aim.work.name, by.name] < each]:
        for aim, by in todo:
            number = next(numbers)
            assert number < 3 * each * len(pairs), "nearly all kills come after the end of the work"
            moment = aim.moment(random.Random(f"{seed} {number}"))
            done = kill(forks, aim, folder / f"{number:04d}", number=number, by=by, moment=moment)
            hits[done.work, done.signal] += not done.late
            yield done


def table(kills: Sequence[Kill]) -> Iterator[str]:
    """The kills by work and signal, in Markdown."""
    yield "| work | signal | kills | hit live work | with finished work | slowest end, s | wrong |"
    yield "|---|---|---|---|---|---|---|"
    groups: dict[tuple[str, str], list[Kill]] = defaultdict(list)
    for one in kills:
        groups[one.work, one.signal].append(one)
        groups["all", ""].append(one)
    for (work, by), some in sorted(groups.items(), key=lambda group: (group[0][0] == "all", group[0])):
        live = [one for one in some if not one.late]
        slowest = max((one.seconds for one in live), default=0.0)
        counts = (len(some), len(live), sum(one.finished > 0 for one in live))
        wrong = sum(bool(one.wrong) for one in some)
        yield f"| {work} | {by} | {' | '.join(map(str, counts))} | {slowest:.2f} | {wrong} |"


def main() -> None:
    """The campaign as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=IN_EACH)
    parser.add_argument("--seed", type=int, default=SEED)
    told = parser.parse_args()
    folder = told.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update({"HF_HOME": str(folder / "hf"), "XDG_CACHE_HOME": str(folder / "cache")})
    log = folder / f"kills-{told.seed}.jsonl"
    kills = [Kill(**json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []
    place = folder / f"work-{os.getpid()}"
    place.mkdir()
    forks = Forks(place)
    with log.open("a") as file:
        aims = make_aims(forks, place)
        for one in disturb(forks, aims, place, each=told.each, seed=told.seed, before=kills):
            file.write(json.dumps(one.record()) + "\n")
            file.flush()
            kills.append(one)
            for wrong in one.wrong:
                print(f"{one.number}: {one.work}, {one.signal}, {one.moment}: {wrong}", flush=True)
    forks.close()
    print(*table(kills), sep="\n")
    sys.exit(any(one.wrong for one in kills))


if __name__ == "__main__":
    main()
