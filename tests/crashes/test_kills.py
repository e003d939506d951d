"""Work that is killed at any moment and continued ends in the bytes of work that nobody disturbed."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from tests.crashes.forks import Forks
from tests.crashes.kills import SIGNALS, Tally, Undisturbed, kill, undisturbed
from tests.crashes.work import Generating, Judging, Training
from tests.ella_models.training.conftest import SIZES, write_pairs

Tallies = dict[tuple[str, str], Tally]


@pytest.fixture(scope="module")
def aims(forks: Forks, golden: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Undisturbed]:
    """Every kind of work, done once without a disturbance."""
    folder = tmp_path_factory.mktemp("undisturbed")
    parts = golden / "ella" / "pipeline"
    training = Training(
        {
            "base": str(parts / "sd"),
            "text_encoder": str(parts / "t5"),
            "text": {"tokens": 12},
            "connector": SIZES,
            "data": {"folder": str(write_pairs(folder / "pairs")), "resolution": 16, "workers": 1},
            "steps": 12,
            "checkpoint_every": 3,
            "batch_size": 4,
            "precision": "float32",
            "log_every": 1,
            "device": "cpu",
        }
    )
    made = undisturbed(forks, Generating(), folder / "made")
    return [
        made,
        undisturbed(forks, Judging(), folder / "judged", start=folder / "made"),
        undisturbed(forks, training, folder / "trained"),
    ]


def disturb(forks: Forks, aims: list[Undisturbed], folder: Path, *, kills: int, seed: int) -> Tallies:
    rng = random.Random(seed)
    tallies: Tallies = {}
    turns = itertools.cycle(itertools.product(SIGNALS, aims))
    for number, (signal_, aim) in enumerate(itertools.islice(turns, kills)):
        tally = tallies.setdefault((aim.work.name, signal_.name), Tally())
        moment = rng.uniform(0, aim.seconds)
        kill(forks, aim, folder / f"{number:04d}", number=signal_, moment=moment, tally=tally)
    return tallies


def test_ten_kills_change_nothing(forks: Forks, aims: list[Undisturbed], tmp_path: Path) -> None:
    tallies = disturb(forks, aims, tmp_path, kills=10, seed=13)
    assert [wrong for tally in tallies.values() for wrong in tally.wrong] == []


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_many_kills_change_nothing(forks: Forks, aims: list[Undisturbed], tmp_path: Path) -> None:
    tallies = disturb(forks, aims, tmp_path, kills=216, seed=2026)
    print("\n| work | signal | kills | with finished work | after the end | slowest end, s | wrong |")
    print("|---|---|---|---|---|---|---|")
    for (work, name), one in sorted(tallies.items()):
        figures = (one.kills, one.with_finished_work, one.after_the_end, f"{one.slowest:.2f}", len(one.wrong))
        print(f"| {work} | {name} | {' | '.join(map(str, figures))} |")
    assert [wrong for tally in tallies.values() for wrong in tally.wrong] == []
