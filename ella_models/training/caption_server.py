"""Captions from an OpenAI-compatible server: vLLM, SGLang, llama.cpp and others at `/v1/chat/completions`."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from ella_models.errors import EllaError
from ella_models.training.captioning import PROMPT, Said

_LARGEST = 1 << 20  # bytes of an answer
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})


class ServerCaptioner:
    """A model behind a server; as many requests at once as a batch has images.

    `OPENAI_API_KEY` is sent as the key if it is set, over https or to this machine alone, and is recorded nowhere.
    Where a server leads to is not asked. A busy server is asked `tries` times, with pauses that double from `pause`
    seconds.

    Raises EllaError for an address that is none.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        prompt: str = PROMPT,
        max_tokens: int = 160,
        tries: int = 4,
        pause: float = 1.0,
        timeout: float = 120.0,
    ) -> None:
        if not address.startswith(("http://", "https://")):
            raise EllaError(f"The server's address must begin with http:// or https://, not '{address}'.")
        whole = address.rstrip("/")
        self._address = whole if whole.endswith("/v1") else f"{whole}/v1"
        self._model, self._prompt, self._max_tokens = model, prompt, max_tokens
        self._tries, self._pause, self._timeout = tries, pause, timeout

    def settings(self) -> dict[str, object]:
        """As `Captioner` says."""
        return {
            "model": self._model,
            "prompt": self._prompt,
            "max_tokens": self._max_tokens,
            "server": self._address,
            "temperature": 0,
        }

    def describe(self, images: Sequence[Image.Image]) -> list[Said]:
        """As `Captioner` says."""
        with ThreadPoolExecutor(max(1, len(images))) as pool:
            return list(pool.map(self._describe, images))

    def _describe(self, image: Image.Image) -> Said:
        error = ""
        for attempt in range(self._tries):
            if attempt:
                time.sleep(self._pause * 2 ** (attempt - 1))
            try:
                return self._read(self._post(image))
            except urllib.error.HTTPError as refused:
                error = f"the server answered {refused.code}: {_message(refused)}"
                if refused.code not in _BUSY:
                    break
            except (OSError, http.client.HTTPException, ValueError) as failed:
                error = f"the server could not be asked: {' '.join(str(failed).split()) or type(failed).__name__}"
        return Said(error=error)

    def _post(self, image: Image.Image) -> dict[str, Any]:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=95)
        picture = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
        content = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": self._prompt}]
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self._max_tokens,
            "temperature": 0,
        }
        headers = {"Content-Type": "application/json"}
        url = urlsplit(self._address)
        if (key := os.environ.get("OPENAI_API_KEY")) and (url.scheme == "https" or url.hostname in _THIS_MACHINE):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 - the address is http, checked above
            f"{self._address}/chat/completions", data=json.dumps(body).encode(), headers=headers
        )
        with urllib.request.build_opener(_LedElsewhere).open(request, timeout=self._timeout) as answer:
            content = answer.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"the answer has more than {_LARGEST} bytes")
        try:
            content_read = json.loads(content)
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None
        if not isinstance(content_read, dict):
            raise ValueError("the answer is no object")
        return content_read

    def _read(self, answer: dict[str, Any]) -> Said:
        try:
            choice = answer["choices"][0]
            text = choice["message"]["content"]
            reason = choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError):
            return Said(error=f"the server's answer holds no message: {json.dumps(answer)[:200]}")
        if reason == "length":
            return Said(error=f"the caption was cut at {self._max_tokens} tokens (--max-tokens)")
        if not isinstance(text, str) or not text.strip():
            return Said(error="the model said nothing")
        return Said(caption=text.encode(errors="replace").decode().strip())  # half a character is none


class _LedElsewhere(urllib.request.HTTPRedirectHandler):
    """A server that leads elsewhere is not followed: the key and the image are for the address that was named."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        del args, named


def _message(refused: urllib.error.HTTPError) -> str:
    try:
        return " ".join(refused.read(2000).decode("utf-8", "replace").split())[:300]
    except OSError:
        return str(refused.reason)
