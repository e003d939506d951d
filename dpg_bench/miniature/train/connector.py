"""`mini-ella-sd15`'s connector: the product's own training, on dense captions, in front of the frozen U-Net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench.files.durable import write_atomic
from dpg_bench.miniature.captions import dense_caption
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.loop import drawn

PAIRS = 12_000
STEPS = 2500
SEED = 90
BATCH = 24
SIZES = {"heads": 4, "num_latents": 32, "time_channel": 64, "time_embed_dim": 128}


def write_pairs(folder: Path, *, pairs: int = PAIRS, workers: int = 0) -> None:
    """Write drawn scenes as PNG files, each with its dense caption beside it, as far as they aren't there."""
    for _ in drawn(WritePair(folder), range(pairs), workers=workers):
        pass


@dataclass(frozen=True, slots=True)
class WritePair:
    """Writes a pair, the picture last."""

    folder: Path

    def __call__(self, number: int) -> None:
        name = f"connector {number}"
        image = self.folder / f"{number // 1000:03d}" / f"{number:06d}.png"
        if image.is_file():
            return
        scene = draw_scene(name, held_out=False)
        image.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(image.with_suffix(".txt"), f"{dense_caption(scene, name).text}\n".encode())
        part = image.with_suffix(".part")
        draw(scene, name).save(part, format="png")
        part.replace(image)


def train_connector(
    base: Path,
    text_encoder: Path,
    pairs: Path,
    own: Path,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    device: str = "cpu",
) -> bool:
    """Train the connector between a T5 encoder and a pipeline's U-Net, each in its folder; true if it is finished.

    `own` gets the precomputed features of the pairs, and the run.
    """
    from ella_models.training import TrainingConfig, precompute, train

    config = TrainingConfig.model_validate(
        connector_settings(base, text_encoder, pairs, own, device=device) | {"steps": steps, "batch_size": batch}
    )
    precompute(config)
    return train(config).finished


def connector_settings(
    base: Path, text_encoder: Path, pairs: Path, own: Path, *, device: str = "cpu"
) -> dict[str, Any]:
    """The settings of its training, as `ella train` reads them from a file."""
    return {
        "output": own / "run",
        "base": str(base),
        "text_encoder": str(text_encoder),
        "connector": {"preset": "tsc", "layers": 4} | SIZES,
        "data": {
            "folder": pairs,
            "resolution": 64,
            "precomputed": own / "precomputed",
            "encode_batch": 64,
        },
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 100, "ema_decay": 0.998},
        "loss": {"min_snr_gamma": 1.0},
        "steps": STEPS,
        "batch_size": BATCH,
        "precision": "float32",
        "checkpoint_every": 200,
        "seed": SEED,
        "export": "float16",
        "device": "cpu" if device == "cpu" else "auto",
    }
