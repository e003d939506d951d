"""Configurations of language models from anywhere: none of their code runs, and none is fetched for them."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

from ella_models.errors import EllaError

NO_CODE: dict[str, Any] = {"trust_remote_code": False}
"""For whatever transformers loads by a configuration; unsaid, it asks the user whether the model's code may run."""


def read_config(where: str, *, revision: str | None = None) -> Any:
    """The configuration of a transformers model in a folder or Hub repository.

    Raises EllaError if it names a repository whose code would compute its attention, and what transformers raises.
    """
    config = AutoConfig.from_pretrained(where, revision=revision or "main", **NO_CODE)
    for part in (config, config.get_text_config()):
        if "/" in (attention := str(getattr(part, "_attn_implementation", None))):
            raise EllaError(
                f"'{where}' names '{attention:.100}' as its attention, which would be downloaded and run. Take "
                "attn_implementation out of its config.json."
            )
    return config
