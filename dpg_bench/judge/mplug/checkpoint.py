"""A checkpoint folder: where its weights come from, and the digests of its files. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.hub.digests import sha256_of
from dpg_bench.hub.modelscope import ModelScopeRepository

WEIGHTS_FILE = "pytorch_model.bin"
VOCABULARY_FILE = "vocab.txt"
FILES = ("configuration.json", "config.yaml", "config_bert.json", VOCABULARY_FILE, WEIGHTS_FILE)
PINNED = ModelScopeRepository(
    "damo/mplug_visual-question-answering_coco_large_en",
    "v1.0.0",
    FILES,
    what="The judge's weights",
    by_hand=(
        "With a connection, `dpgbench fetch mplug` fetches them once (MODELSCOPE_CACHE says where to). Without one, "
        f"bring a folder with {', '.join(FILES)} and name it: -J path=FOLDER."
    ),
)
SHIPPED = "shipped"
"""The source of weights that lie within the package."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with an mPLUG checkpoint. `source` and `revision` are what a scorecard records of its origin.

    `digests` are the SHA-256 that its files must have, by name, as far as somebody stated them.
    """

    folder: Path
    source: str
    revision: str | None
    digests: Mapping[str, str]

    @classmethod
    def pinned(cls) -> Checkpoint:
        """The published checkpoint, downloaded and verified if it is not there yet.

        Raises UnavailableError if it can't be had.
        """
        found = PINNED.downloaded() or PINNED.download()
        return cls(found.folder, f"modelscope:{PINNED.name}", PINNED.revision, found.digests)

    def digest(self, name: str) -> str:
        """SHA-256 (hex) of a file of the folder, computed.

        Raises BadInputError if another one was stated.
        """
        actual = sha256_of(self.folder / name)
        stated = self.digests.get(name, actual)
        if actual != stated:
            raise BadInputError(
                f"{self.folder / name} has SHA-256 {actual}, but {stated} was downloaded: it was changed or damaged. "
                "Delete it and run `dpgbench fetch mplug`."
            )
        return actual
