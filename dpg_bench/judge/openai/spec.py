"""The judges `openai:MODEL@URL`, as `--judge` names them. Imports no torch, and needs none."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from dpg_bench.judge.base import Judge, JudgeSettings, JudgeSpec
from dpg_bench.plugins import Options
from dpg_bench.remote.address import KEY_HELP, OPENAI_URL, ServedModel, find_key, parse_served_model
from dpg_bench.remote.client import Limits, Server

PREFIX = "openai:"


class OpenAIOptions(Options):
    """The options of `openai:` judges."""

    key_from: str | None = Field(default=None, description=KEY_HELP)
    concurrency: int = Field(default=8, ge=1, le=256, description="requests at once")
    timeout: float = Field(
        default=120.0, gt=0, description="seconds that an answer may take before it is asked for again"
    )
    max_pixels: int | None = Field(default=None, gt=0, description="larger images are scaled down to so many pixels")
    system: str | None = Field(default=None, description="a system message; none if nothing is said")
    max_tokens: int = Field(default=1, ge=1, description="tokens of an answer; more for a model that thinks before it")
    price_in: float = Field(
        default=0.0, ge=0, description="price of a million tokens in, for the cost that is recorded"
    )
    price_out: float = Field(default=0.0, ge=0, description="price of a million tokens out")

    @property
    def decisive(self) -> dict[str, object]:
        """What may change an answer."""
        return {"max_pixels": self.max_pixels, "system": self.system, "max_tokens": self.max_tokens}


def openai_spec(name: str) -> JudgeSpec[OpenAIOptions]:
    """The judge `openai:MODEL@URL`; without an address it is OpenAI's own.

    Raises BadInputError if there is no model or no address in it.
    """
    served = parse_served_model(name.removeprefix(PREFIX), default_url=OPENAI_URL)
    return JudgeSpec(
        name=f"{PREFIX}{served.model}@{served.url.partition('://')[2].removesuffix('/v1')}",
        summary="a vision-language model behind an OpenAI-compatible server (vLLM, SGLang, a commercial one)",
        source="a server of the OpenAI-compatible protocol",
        options=OpenAIOptions,
        load=partial(_load, served),
        validate=partial(_validate, served),
        notes=(
            "An address without a path gets /v1; a model without an address is OpenAI's own.",
            "P(yes) where the server gives log-probabilities. Neither yes nor no is no answer.",
            "Busy servers are asked again, with pauses. Tokens, requests and their cost stand in the scorecard.",
            "Keys come from the environment, go to the server that they are for, and are written down nowhere.",
        ),
        remote=True,
    )


def _validate(served: ServedModel, settings: JudgeSettings[OpenAIOptions]) -> None:
    find_key(served, settings.options.key_from)


def _load(served: ServedModel, settings: JudgeSettings[OpenAIOptions]) -> Judge:
    from dpg_bench.judge.openai.judge import OpenAIJudge

    options = settings.options
    limits = Limits(concurrency=options.concurrency, seconds=options.timeout, most_bytes=1_000_000)
    return OpenAIJudge(Server(served, find_key(served, options.key_from), limits), options)
