"""The world's text: captions of training scenes, which tokenizers and text encoders are trained on."""

from __future__ import annotations

from collections.abc import Iterator

from dpg_bench.miniature.captions import dense_caption, short_caption
from dpg_bench.miniature.sampling import draw_scene


def captions(seed: str, scenes: int) -> Iterator[str]:
    """The dense and the short caption of each of so many training scenes."""
    for number in range(scenes):
        name = f"{seed} {number}"
        scene = draw_scene(name, held_out=False)
        yield dense_caption(scene, name).text
        yield short_caption(scene, name)
