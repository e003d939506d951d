"""Work that is killed at any moment and continued ends in the bytes of work that nobody disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crashes.campaign import IN_EACH, SEED, disturb, make_aims, table
from tests.crashes.forks import Forks
from tests.crashes.kills import Aim


@pytest.fixture(scope="module")
def aims(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> list[Aim]:
    return make_aims(forks, tmp_path_factory.mktemp("undisturbed"))


def test_a_kill_of_every_work_by_every_signal_changes_nothing(forks: Forks, aims: list[Aim], tmp_path: Path) -> None:
    done = list(disturb(forks, aims, tmp_path, each=1, seed=13))
    assert len(done) >= 12
    assert [one for one in done if one.wrong] == []


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_many_kills_change_nothing(forks: Forks, aims: list[Aim], tmp_path: Path) -> None:
    done = []
    for one in disturb(forks, aims, tmp_path, each=IN_EACH, seed=SEED):
        print(one, flush=True)
        done.append(one)
    print("", *table(done), sep="\n")
    assert [one for one in done if one.wrong] == []
