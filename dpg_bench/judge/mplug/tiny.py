"""`tiny-mplug`: the judge's real architecture at toy size with untrained weights, built from a seed.

It is written as a checkpoint folder and read back through the same code as the real one, so it proves the whole path.
Its answers depend on image and question, and mean nothing. See `untrained` for how the weights are made.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
import yaml

from dpg_bench.files.durable import write_json
from dpg_bench.hub.cache import cache_folder
from dpg_bench.judge.mplug.checkpoint import VOCABULARY_FILE, WEIGHTS_FILE, Checkpoint
from dpg_bench.judge.mplug.config import BertConfig, MplugConfig, VisionConfig
from dpg_bench.judge.mplug.untrained import draw_weights, vocabulary

VERSION = 2
"""Goes up with every change of the weights, so that an older folder in the cache is not taken for them."""

_SEED = 19


def tiny_checkpoint() -> Checkpoint:
    """The checkpoint folder of `tiny-mplug` in the cache folder, built if it isn't there yet."""
    folder = cache_folder() / "tiny-mplug" / f"v{VERSION}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as temporary:
            build = Path(temporary) / "checkpoint"
            build.mkdir()
            write_tiny_checkpoint(build)
            try:
                build.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return Checkpoint(folder, "built from a seed", f"v{VERSION}", {})


def write_tiny_checkpoint(folder: Path) -> None:
    """Write the five files of the checkpoint into an existing folder."""
    words = vocabulary()
    vision = VisionConfig(image_res=56, vision_width=64, clip_vision_width=64, clip_vision_layers=2)
    bert = BertConfig(
        hidden_size=48,
        intermediate_size=96,
        num_attention_heads=4,
        num_hidden_layers=4,
        layer_norm_eps=1e-12,
        max_position_embeddings=64,
        vocab_size=len(words),
        text_encoder_layers=2,
        fusion_layers=2,
        text_decode_layers=2,
        stride_layer=6,
    )
    write_json(
        folder / "configuration.json",
        {"framework": "pytorch", "task": "visual-question-answering", "model": {"type": "mplug"}},
    )
    (folder / "config.yaml").write_text(yaml.safe_dump(vision.model_dump()), encoding="utf-8")
    write_json(folder / "config_bert.json", bert.model_dump())
    (folder / VOCABULARY_FILE).write_text("\n".join(words) + "\n", encoding="utf-8")
    weights = draw_weights(MplugConfig(vision=vision, bert=bert), words, seed=_SEED)
    torch.save({"model": weights}, folder / WEIGHTS_FILE)
