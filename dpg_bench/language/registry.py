"""Which language model a name stands for: `MODEL@URL` is a server's, anything else is loaded here."""

from __future__ import annotations

from dpg_bench.language.base import Writer, WriterSettings


def is_served(name: str) -> bool:
    """Whether `name` is of a server's model."""
    return "://" in name


def load_writer(settings: WriterSettings) -> Writer:
    """The language model that `settings` name, ready to write.

    Raises BadInputError for a name or settings that can't be, UnavailableError if it can't be had.
    """
    if is_served(settings.name):
        from dpg_bench.language.served import load_served_writer

        return load_served_writer(settings)
    from dpg_bench.language.causal import load_causal_writer

    return load_causal_writer(settings)
