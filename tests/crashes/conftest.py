"""What the tests of this folder share: commands as forks of one process that has imported the libraries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crashes.forks import Forks


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Starts `dpgbench` and `ella` as real processes at once."""
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()
