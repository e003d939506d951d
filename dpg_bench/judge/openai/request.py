"""The request for one answer, and which of its settings a server takes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.judge.yes_no import asked
from dpg_bench.remote.errors import RequestError

AnswerT = TypeVar("AnswerT")

_REFUSED = (400, 422)


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are asked for: the name of the limit of tokens, how many log-probabilities, temperature 0 or none."""

    limit: str = "max_tokens"
    log_probs: int = 20
    temperature: bool = True

    def settings(self, max_tokens: int) -> dict[str, Any]:
        """The settings of a request."""
        told: dict[str, Any] = {self.limit: max_tokens}
        if self.temperature:
            told["temperature"] = 0
        if self.log_probs:
            told |= {"logprobs": True, "top_logprobs": self.log_probs}
        return told

    def record(self) -> dict[str, Any]:
        """As provenance has it."""
        return asdict(self)


def request_body(
    model: str, image: str, question: str, *, manner: Manner, max_tokens: int, system: str | None
) -> dict[str, Any]:
    """The body of a request; `image` is what `data_url` gives."""
    told = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": asked(question)}]
    first = [] if system is None else [{"role": "system", "content": system}]
    return {"model": model, "messages": [*first, {"role": "user", "content": told}], **manner.settings(max_tokens)}


def data_url(pixels: NDArray[np.uint8]) -> str:
    """uint8 pixels (height, width, 3) as a PNG within an address, without loss."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def find_manner(ask: Callable[[Manner], AnswerT]) -> tuple[Manner, AnswerT]:
    """The fullest manner that a server takes, and its answer; `ask` asks it in one.

    Newer models of OpenAI want `max_completion_tokens` and no temperature; some servers give five log-probabilities or
    none. A server says by a refusal what it doesn't take.

    Raises BadInputError if it refuses even the plainest.
    """
    manner = Manner()
    while True:
        try:
            return manner, ask(manner)
        except RequestError as error:
            if error.status not in _REFUSED or error.refused_content:
                raise
            plainer = _plainer(manner, str(error))
            if plainer is None:
                raise BadInputError(f"The model can't be asked about an image: {error}") from error
            manner = plainer


def _plainer(manner: Manner, refusal: str) -> Manner | None:
    """The next manner to try: without what the refusal names, else without the log-probabilities; None at the end."""
    if "max_completion_tokens" in refusal and manner.limit == "max_tokens":
        return replace(manner, limit="max_completion_tokens")
    if "temperature" in refusal and manner.temperature:
        return replace(manner, temperature=False)
    if manner.log_probs:
        return replace(manner, log_probs=5 if manner.log_probs > 5 else 0)
    return None
