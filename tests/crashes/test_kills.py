"""Work that is killed at any moment and continued ends in the bytes of work that nobody disturbed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashes.forks import Forks
from tests.crashes.kills import SIGNALS, Tally, Undisturbed, kill, undisturbed
from tests.crashes.work import Generating, Judging, Training
from tests.ella_models.training.conftest import SIZES, write_pairs


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
            "steps": 8,
            "checkpoint_every": 3,
            "batch_size": 4,
            "precision": "float32",
            "log_every": 1,
            "device": "cpu",
        }
    )
    made = undisturbed(forks, Generating(items=3, steps=4), folder / "made")
    return [
        made,
        undisturbed(forks, Judging(), folder / "judged", start=folder / "made"),
        undisturbed(forks, training, folder / "trained"),
    ]


def disturb(
    forks: Forks, aims: list[Undisturbed], folder: Path, *, kills: int, seed: int
) -> Iterator[tuple[str, str, Tally]]:
    """The work, the signal, and what became of one kill after another."""
    rng = random.Random(seed)
    turns = itertools.cycle(itertools.product(SIGNALS, aims))
    for number, (signal_, aim) in enumerate(itertools.islice(turns, kills)):
        tally = Tally()
        moment = rng.uniform(0, aim.seconds)
        kill(forks, aim, folder / f"{number:04d}", number=signal_, moment=moment, tally=tally)
        yield aim.work.name, signal_.name, tally


def test_ten_kills_change_nothing(forks: Forks, aims: list[Undisturbed], tmp_path: Path) -> None:
    done = list(disturb(forks, aims, tmp_path, kills=10, seed=13))
    assert [wrong for _, _, tally in done for wrong in tally.wrong] == []


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_many_kills_change_nothing(forks: Forks, aims: list[Undisturbed], tmp_path: Path) -> None:
    wrong = []
    print("\nwork signal kills with-finished-work after-the-end seconds-to-the-end wrong")
    for work, name, one in disturb(forks, aims, tmp_path, kills=216, seed=2026):
        figures = (one.kills, one.with_finished_work, one.after_the_end, f"{one.slowest:.3f}", len(one.wrong))
        print(work, name, *figures, flush=True)
        wrong += one.wrong
    assert wrong == []
