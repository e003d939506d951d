"""Images from a server, several requests at once, each kept as soon as it is there."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import DpgBenchError
from dpg_bench.generate.base import GeneratorSettings, ImageRequest
from dpg_bench.generate.models.served.answer import ContentRefusedError, Drawn, drawn_images
from dpg_bench.generate.models.served.kept_images import KeptImages
from dpg_bench.generate.models.served.options import ServedOptions, request_body
from dpg_bench.generate.models.served.settings_trial import TRIAL_PROMPT, try_settings
from dpg_bench.remote.client import Connection, Server
from dpg_bench.remote.errors import RequestError

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

_PATH = "/images/generations"
_FORMAT = "response_format"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One request: `count` images of a prompt, and the SHA-256 (hex) of all that it says."""

    prompt: str
    body: Mapping[str, Any]
    count: int
    digest: str


class ServedGenerator:
    """Draws by asking a server, which is tried first (`settings_trial`).

    Raises BadInputError for settings that the server doesn't follow, UnavailableError if it can't be reached.
    """

    def __init__(self, server: Server, settings: GeneratorSettings[ServedOptions]) -> None:
        self._server = server
        self._settings = settings
        self._body = request_body(server.served.model, settings)
        self._kept = KeptImages()
        self._failed: dict[str, DpgBenchError] = {}
        self._format: Mapping[str, str] = {_FORMAT: "b64_json"}
        self._told = False
        with server.connect() as connection:
            root = connection.check_model()

            def draw(body: Mapping[str, Any]) -> Image.Image:
                return self._drawn(connection, _Chunk(TRIAL_PROMPT, {**body, "prompt": TRIAL_PROMPT}, 1, "")).images[0]

            takes = try_settings(draw, self._body, settings.options, url=server.served.url)
        self._provenance = {
            "source": "a server of the OpenAI-compatible protocol",
            "model": server.served.model,
            "url": server.served.url,
            "root": root,
            "takes": takes,
            "rewrites_prompts": self._told,
        }

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Model, address, what the server heeds, and whether it draws from prompts that it has rewritten itself."""
        return self._provenance

    def keep_in(self, folder: Path) -> None:
        """Keep single images in `folder` until their item is whole."""
        self._kept.keep_in(folder)

    def forget(self, requests: Sequence[ImageRequest]) -> None:
        """Let go of the images of an item that is on disk."""
        for chunk in self._chunks(requests):
            self._kept.forget(chunk.digest, chunk.count)

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One image per request, in order; those that are kept aren't asked for again.

        Raises ContentRefusedError, or RequestError, for the first one that couldn't be drawn, once all others are kept.
        """
        chunks = self._chunks(requests)
        ready = {chunk.digest: self._kept.get(chunk.digest, chunk.count) for chunk in chunks}
        missing = [chunk for chunk in chunks if ready[chunk.digest] is None and chunk.digest not in self._failed]
        if missing:
            with self._server.connect() as connection:
                answers = connection.each(missing, lambda chunk: self._attempted(connection, chunk))
                for chunk, answer in zip(missing, answers, strict=True):
                    if isinstance(answer, DpgBenchError):
                        self._failed[chunk.digest] = answer
                    else:
                        ready[chunk.digest] = answer
        failures = [chunk.digest for chunk in chunks if chunk.digest in self._failed]
        if failures:
            # A batch that fails is asked for again item by item; that is answered from here, once.
            alone = len({chunk.prompt for chunk in chunks}) == 1
            raise self._failed.pop(failures[0]) if alone else self._failed[failures[0]]
        return [image for chunk in chunks for image in ready[chunk.digest] or ()]

    def _attempted(self, connection: Connection, chunk: _Chunk) -> tuple[Image.Image, ...] | DpgBenchError:
        try:
            images = self._drawn(connection, chunk).images
        except ContentRefusedError as error:
            return error
        except RequestError as error:
            return ContentRefusedError(f"the server refused the content: {error}") if error.refused_content else error
        self._kept.put(chunk.digest, images)
        return images

    def _drawn(self, connection: Connection, chunk: _Chunk) -> Drawn:
        answer = self._post(connection, chunk.body)
        drawn = drawn_images(
            answer, prompt=chunk.prompt, count=chunk.count, size=self._settings.size, download=connection.download
        )
        if drawn.revised is not None and not self._told:
            self._told = True
            logger.warning(
                "%s draws from prompts that it has rewritten itself (revised_prompt), the first as: %.200s",
                *(self._server.served.url, drawn.revised),
            )
        return drawn

    def _post(self, connection: Connection, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return connection.post(_PATH, {**body, **self._format})
        except RequestError as error:
            # OpenAI's newer models answer in base64 alone and refuse to be asked for it.
            if not self._format or error.status not in (400, 422) or _FORMAT not in str(error):
                raise
            self._format = {}
            return connection.post(_PATH, body)

    def _chunks(self, requests: Sequence[ImageRequest]) -> list[_Chunk]:
        chunks = []
        most = self._settings.options.n
        for prompt, group in groupby(requests, key=lambda request: request.prompt):
            own = list(group)
            chunks += [self._chunk(prompt, own[start : start + most]) for start in range(0, len(own), most)]
        return chunks

    def _chunk(self, prompt: str, requests: Sequence[ImageRequest]) -> _Chunk:
        count = {"n": len(requests)} if len(requests) > 1 else {}
        seed = self._settings.options.seed_field(requests[0].seed)
        body = {**self._body, "prompt": prompt, **count, **seed}
        # The seed even where it isn't sent: of images that can't be drawn again, each is still its own.
        said = json.dumps([body, requests[0].seed], sort_keys=True, ensure_ascii=True)
        return _Chunk(prompt, body, len(requests), hashlib.sha256(said.encode()).hexdigest())
