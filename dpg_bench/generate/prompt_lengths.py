"""Prompts that are longer than a model's text encoders read: counted before the first image, told once, recorded."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dpg_bench.files.run_record import TruncatedPrompts
from dpg_bench.generate.base import Generator, TextLimit
from dpg_bench.records import Prompt

logger = logging.getLogger(__name__)


def truncated_prompts(generator: Generator, prompts: Sequence[Prompt]) -> list[TruncatedPrompts]:
    """For each text encoder with a known limit that prompts exceed, how many do; each is logged as a warning."""
    limits: Sequence[TextLimit] = getattr(generator, "text_limits", ())
    found = []
    for limit in limits:
        lengths = [limit.count(prompt.text) for prompt in prompts]
        longer = sum(length > limit.tokens for length in lengths)
        if longer:
            found.append(
                TruncatedPrompts(
                    encoder=limit.encoder,
                    tokens_read=limit.tokens,
                    prompts=longer,
                    prompts_in_all=len(prompts),
                    longest=max(lengths),
                )
            )
            logger.warning(
                "%d of %d prompts are longer than the %d tokens that %s reads (the longest has %d): what is over is "
                "cut off.",
                *(longer, len(prompts), limit.tokens, limit.encoder, max(lengths)),
            )
    return found
