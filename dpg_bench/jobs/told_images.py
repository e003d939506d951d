"""Where images are, as far as the user says: now, or when they were scored before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.image_list import read_image_list
from dpg_bench.files.images import find_images
from dpg_bench.files.source_record import SourceRecord
from dpg_bench.files.survey import Survey, survey_images


@dataclass(frozen=True, slots=True)
class ToldImages:
    """What names and pixels don't say: columns and rows, pixels of border, a pattern of names or a list of files."""

    grid: tuple[int, int] | None
    border: int | None
    pattern: str | None
    files: Path | None

    def or_as_before(self, before: SourceRecord | None, out: Path) -> ToldImages:
        """What is said now, filled up with what `source.json` in `out` remembers.

        Raises BadInputError for a pattern and a list at once.
        """
        if self.pattern is not None and self.files is not None:
            raise BadInputError(f"{option('pattern')} and {option('files')} exclude each other; give one of them.")
        if before is None:
            return self
        named = self.pattern is not None or self.files is not None
        recorded = out.resolve() / before.files if before.files is not None else None
        return ToldImages(
            grid=self.grid if self.grid is not None else before.grid,
            border=self.border if self.border is not None else before.border,
            pattern=self.pattern if named else before.pattern,
            files=self.files if named else recorded,
        )

    def survey(
        self,
        folder: Path,
        item_ids: Sequence[str],
        *,
        known: Collection[str],
        images_per_prompt: int | None,
        guessed: bool,
        resolution: int | None,
    ) -> Survey:
        """The images of the items `item_ids` among all that are `known`.

        `images_per_prompt` is what was told, recorded or, if it is `guessed`, guessed before; None: it is guessed now.
        Raises what finding and surveying raise.
        """
        images = find_images(
            folder,
            item_ids,
            known=known,
            images_per_prompt=images_per_prompt,
            guessed=guessed,
            resolution=resolution,
            pattern=self.pattern,
            listing=read_image_list(self.files, folder, known) if self.files is not None else None,
        )
        return survey_images(images, grid=self.grid, border=self.border, counted=images_per_prompt is not None)
