"""What the libraries say is told once and kept, and what is of no use to a user isn't."""

from __future__ import annotations

import logging
import warnings

import pytest
from diffusers.utils import logging as diffusers_logging

from dpg_bench.hub.remarks import listening, quiet_libraries


def test_a_warning_is_told_once_and_kept(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A command that ran in this process before may have the log written to stderr.
    monkeypatch.setattr(logging.getLogger("dpg_bench"), "handlers", [])
    logger = diffusers_logging.get_logger("diffusers.pipelines.some")
    with listening() as remarks:
        for _ in range(2):
            with quiet_libraries():
                logger.warning("guidance is  off")
                logger.info("a detail")
                warnings.warn("the scheduler's configuration is outdated", FutureWarning, stacklevel=1)
                warnings.warn("a name is deprecated", FutureWarning, stacklevel=1)
                warnings.warn("an old way", DeprecationWarning, stacklevel=1)
                logger.warning("Token indices sequence length is longer than the specified maximum")
                logging.getLogger("ella_models.pipelines").warning("A prompt of 284 tokens is cut to 128")
    assert remarks.texts == [
        "diffusers: guidance is off",
        "FutureWarning: the scheduler's configuration is outdated",
    ]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("dpg_bench")] == remarks.texts
    assert capfd.readouterr().err == ""


def test_who_does_not_listen_hears_nothing_and_afterwards_all_is_as_it_was() -> None:
    library = logging.getLogger("diffusers")
    before = (list(library.handlers), library.level)
    with listening(tell=False) as remarks:
        pass
    with quiet_libraries():
        diffusers_logging.get_logger("diffusers.pipelines.some").warning("guidance is off")
    assert remarks.texts == []
    assert (list(library.handlers), library.level) == before
