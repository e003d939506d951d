"""The models `openai:MODEL@URL`, as `--model` names them. Imports no torch, and needs none."""

from __future__ import annotations

from functools import partial

from dpg_bench.generate.base import GenerationDefaults, Generator, GeneratorSettings, ModelSpec
from dpg_bench.generate.models.served.options import ServedOptions
from dpg_bench.remote.address import OPENAI_URL, ServedModel, find_key, parse_served_model
from dpg_bench.remote.client import Limits, Server

PREFIX = "openai:"


def served_spec(name: str) -> ModelSpec[ServedOptions]:
    """The model `openai:MODEL@URL`; without an address it is OpenAI's own.

    Raises BadInputError if there is no model or no address in it.
    """
    served = parse_served_model(name.removeprefix(PREFIX), default_url=OPENAI_URL)
    return ModelSpec(
        name=name,
        summary="drawn by a server of the OpenAI-compatible protocol (vLLM-Omni, SGLang, a commercial one)",
        defaults=GenerationDefaults(size=None, steps=None, guidance=None),
        options=ServedOptions,
        load=partial(_load, served),
        validate=partial(_validate, served),
        notes=(
            "An address without a path gets /v1; a model without an address is OpenAI's own.",
            "The server is tried first: what it refuses or passes over (seed, steps, guidance) is an error.",
            "Any other -M key=value is a field of the request, such as quality=high.",
            "A refused prompt is a failed item with its reason, and so is a black image.",
        ),
        takes_negative_prompt=True,
        remote=True,
        batch_size=_batch_size,
    )


def _batch_size(options: ServedOptions) -> int:
    return 2 * options.concurrency


def _validate(served: ServedModel, settings: GeneratorSettings[ServedOptions]) -> None:
    find_key(served, settings.options.key_from)


def _load(served: ServedModel, settings: GeneratorSettings[ServedOptions]) -> Generator:
    from dpg_bench.generate.models.served.generator import ServedGenerator

    options = settings.options
    limits = Limits(concurrency=options.concurrency, seconds=options.timeout)
    return ServedGenerator(Server(served, find_key(served, options.key_from), limits), settings)
