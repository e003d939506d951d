"""A scored run as a notebook shows it: its scorecard, and small pictures of the lowest items from the run folder."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image

from dpg_bench.report.runs import JudgedRun
from dpg_bench.score.notebook import card_html

_HEIGHT = 192
"""Pixels of a grid's thumbnail."""


def run_html(run: JudgedRun) -> str:
    """`run` as an HTML fragment; an image that isn't there, or can't be read, is left out."""

    def pictures(item_id: str) -> Sequence[str]:
        if run.run_dir is None:
            return ()
        try:
            with Image.open(run.run_dir.image(item_id)) as grid:
                small = grid.convert("RGB")
        except OSError:
            return ()
        small.thumbnail((4 * _HEIGHT, _HEIGHT))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=80)
        return (f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}",)

    return card_html(run.card, pictures=pictures)
