"""Which language model a name stands for: `MODEL@URL` is a server's, anything else is loaded here."""

from __future__ import annotations

from dpg_bench.errors import BadInputError, check_positive, option
from dpg_bench.language.base import Writer, WriterSettings
from dpg_bench.remote.address import OPENAI_URL, find_key, parse_served_model


def is_served(name: str) -> bool:
    """Whether `name` is of a server's model."""
    return "://" in name


def check_writer(settings: WriterSettings) -> None:
    """Look at what can be told without loading or asking anything.

    Raises BadInputError for a name, a number or a key that can't be, and for settings that are nothing to such a model.
    """
    settings.sampling.check()
    check_positive({"batch size": settings.batch_size, "concurrency": settings.concurrency})
    if not settings.name.strip():
        raise BadInputError(f"{option('with')} is empty; name a language model.")
    if not is_served(settings.name):
        return
    served = parse_served_model(settings.name, default_url=OPENAI_URL)
    find_key(served, settings.key_from)
    for name, value in (("revision", settings.revision), ("batch size", settings.batch_size)):
        if value is not None:
            raise BadInputError(f"The {name} of a server's model is the server's own; leave {value} out.")
    if (settings.device, settings.dtype) != ("auto", "auto"):
        raise BadInputError(f"{option('device')} and {option('dtype')} are the server's own; leave them out.")


def load_writer(settings: WriterSettings) -> Writer:
    """The language model that `settings` name, ready to write.

    Raises BadInputError for a name or settings that can't be, UnavailableError if it can't be had.
    """
    check_writer(settings)
    if is_served(settings.name):
        from dpg_bench.language.served import load_served_writer

        return load_served_writer(settings)
    from dpg_bench.language.causal import load_causal_writer

    return load_causal_writer(settings)
