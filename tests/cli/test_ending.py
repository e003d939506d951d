"""What the handler of a signal raises ends the command as such, wherever the signal came."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Annotated

import pytest
from pydantic import BaseModel, PlainSerializer

from dpg_bench.cli import leave
from dpg_bench.cli.ending import Ended, put_in_order
from ella_models.training import stopping


def ended_here(number: int) -> int:
    os.kill(os.getpid(), number)
    return number


class Record(BaseModel):
    """Writing it calls back into our code, where the signal comes."""

    number: Annotated[int, PlainSerializer(ended_here)]


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    number: int = request.param
    before = signal.signal(number, leave)
    yield number
    signal.signal(number, before)


def test_a_library_that_called_back_hides_no_signal(number: int) -> None:
    with pytest.raises(KeyboardInterrupt) as raised, put_in_order():
        Record(number=number).model_dump_json()
    assert isinstance(raised.value, Ended) is (number == signal.SIGTERM)
    assert signal.getsignal(number) is leave


def test_training_hears_it_too(number: int) -> None:
    with pytest.raises(stopping.Ended) as raised, stopping.stop_requests():
        Record(number=number).model_dump_json()
    assert raised.value.number == number


def test_an_error_that_no_signal_caused_stays_one() -> None:
    with pytest.raises(ValueError, match="ours"), put_in_order(), stopping.stop_requests():
        raise ValueError("ours")
