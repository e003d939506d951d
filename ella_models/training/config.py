"""What a training run is told; its defaults are the paper's values, and where those are unpublished it is said so.

Source: ELLA, arXiv 2403.05135, section 4.1, and its authors' answers in public: "IP-Adapter's training loop with the
optimiser on the connector".
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Precision = Literal["float32", "bfloat16", "float16"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(lt=2**63)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of the configuration: unknown names are errors, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextSection(Section):
    """How captions become text features; recorded beside the weights."""

    tokens: Count = Field(default=128, description="length every caption is cut and padded to (paper: 128)")
    layer: int | None = Field(default=None, description="hidden states to take; empty for the last (paper)")
    padding_side: Literal["right", "left"] = Field(
        default="right", description="for decoder-only encoders; unpublished"
    )
    begin_token: bool | None = Field(default=None, description="for decoder-only encoders; unpublished")
    template: str = Field(default="{prompt}", description="what stands around a caption; unpublished")


class ConnectorSection(Section):
    """The connector to train; its width is the U-Net's and its input width the text encoder's."""

    preset: str = Field(default="tsc", description="mlp, resampler-1, resampler-6, adaln-zero or tsc")
    layers: Count | None = Field(default=None, description="changes the preset")
    heads: Count | None = Field(default=None, description="changes the preset")
    num_latents: Count | None = Field(default=None, description="changes the preset")
    time_channel: Count | None = Field(default=None, description="changes the preset")
    time_embed_dim: Count | None = Field(default=None, description="changes the preset")
    start: str | None = Field(
        default=None, description="weights to start from (file, folder or repository) in its place"
    )


class DataSection(Section):
    """Where the image-text pairs are: a dataset, WebDataset shards or a folder; and whether they are precomputed."""

    dataset: str | None = Field(default=None, description="name or folder of a `datasets` dataset")
    subset: str | None = Field(default=None, description="the dataset's configuration, if it has several")
    split: str = Field(default="train", description="the dataset's split")
    streaming: bool = Field(default=False, description="read the dataset as a stream, without downloading it first")
    shards: tuple[str, ...] = Field(default=(), description="WebDataset shards: .tar files, patterns or addresses")
    folder: Path | None = Field(
        default=None, description="a folder of images, each with its caption in a .txt beside it"
    )
    captions: Path | None = Field(default=None, description="captions that `ella caption` wrote, in place of the own")
    image_column: str = Field(default="image", description="the dataset's column of images")
    caption_column: str = Field(
        default="text", description="the dataset's column, or the shards' .json entry, of captions; empty for none"
    )
    shuffle_buffer: Count = Field(default=1000, description="how many pairs of a stream are mixed")
    resolution: Count = Field(default=512, description="pixels of the shorter side (paper: 512)")
    min_side: Count | None = Field(
        default=None, description="skip images smaller than this; empty is the resolution (paper)"
    )
    crop: Literal["center", "buckets"] = Field(
        default="center", description="centre crop (paper's loop) or aspect buckets"
    )
    bucket_step: Count = Field(default=64, description="pixels between the sides of buckets")
    precomputed: Path | None = Field(default=None, description="where `ella precompute` writes and training then reads")
    shard_pairs: Count = Field(default=1024, description="pairs in a precomputed shard")
    encode_batch: Count = Field(default=16, description="pairs encoded at once")
    store: Precision = Field(default="float16", description="precision of what is precomputed")
    workers: Count = Field(default=4, description="threads that read and crop images")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [name for name in ("dataset", "shards", "folder") if getattr(self, name)]
        if len(named) > 1:
            raise ValueError(f"give one of dataset, shards and folder, not {' and '.join(named)}")
        if not named and self.precomputed is None:
            raise ValueError("give dataset, shards or folder, or precomputed")
        if self.resolution % 8 or self.bucket_step % 8:
            raise ValueError("resolution and bucket_step must be multiples of 8")
        return self


class LossSection(Section):
    """What is minimised: the mean squared error to the noise, or to v where the base predicts v, in float32."""

    caption_dropout: Share = Field(default=0.1, description='share of captions replaced by ""; unpublished for ELLA')
    min_snr_gamma: float | None = Field(default=None, gt=0, description="min-SNR weight (5 is usual); not in the paper")


class OptimizerSection(Section):
    """AdamW, its schedule, and the moving average of the weights."""

    learning_rate: float = Field(default=1e-4, gt=0, description="paper: 1e-4 (SDXL 1e-5)")
    weight_decay: float = Field(default=0.01, ge=0, description="paper: 0.01")
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="unpublished; AdamW's defaults")
    epsilon: float = Field(default=1e-8, gt=0, description="unpublished; AdamW's default")
    warmup_steps: int = Field(default=0, ge=0, description="linear warm-up before the constant rate; unpublished")
    max_grad_norm: float | None = Field(default=1.0, gt=0, description="gradient clipping; unpublished; empty for none")
    ema_decay: Share | None = Field(
        default=None, description="moving average of the weights, exported then; unpublished"
    )


class ValidationSection(Section):
    """What is measured during training, always with the same pairs, noise and timesteps."""

    every: Count = Field(default=1000, description="steps between validations and samples")
    hold_out: int = Field(
        default=0, ge=0, description="the first so many pairs are never trained on, but validated; 0 is none"
    )
    timesteps: Count = Field(default=4, description="evenly spaced timesteps at which each pair is validated")
    prompts: tuple[str, ...] = Field(default=(), description="prompts of the sample grid; none is no grid")
    seeds: tuple[Seed, ...] = Field(default=(0, 1), description="a column of the grid each")
    sample_steps: Count = Field(default=30, description="denoising steps of a sample")
    guidance_scale: float = Field(default=7.5, description="guidance of a sample")


class TrainingConfig(Section):
    """A whole training run; all but `output` and `data` has the paper's value, or says that it is unpublished."""

    output: Path = Field(description="the run's folder: the connector, checkpoints, log, samples")
    base: str = Field(
        default="stable-diffusion-v1-5/stable-diffusion-v1-5",
        description="Stable Diffusion 1.x whose U-Net is frozen: repository or folder",
    )
    base_revision: str | None = None
    text_encoder: str = Field(default="google/flan-t5-xl", description="frozen text encoder: repository or folder")
    text_encoder_revision: str | None = None
    text: TextSection = TextSection()
    connector: ConnectorSection = ConnectorSection()
    data: DataSection
    loss: LossSection = LossSection()
    optimizer: OptimizerSection = OptimizerSection()
    validation: ValidationSection = ValidationSection()
    steps: Count = Field(default=280_000, description="optimiser steps (paper: 280 k; ablations 140 k)")
    batch_size: Count = Field(
        default=30, description="pairs per process and pass; unpublished (about 243 a step over 8 GPUs)"
    )
    accumulate: Count = Field(default=1, description="passes per step")
    precision: Precision = Field(
        default="bfloat16", description="autocast of the passes; weights train in float32; unpublished"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="less memory for the U-Net's backward pass, more time"
    )
    compile: bool = Field(default=False, description="torch.compile of the U-Net")
    seed: Seed = Field(
        default=0, ge=0, description="of the weights, the order of the data, noise, timesteps and dropout"
    )
    checkpoint_every: Count = Field(default=1000, description="steps between checkpoints")
    keep_checkpoints: Count = Field(default=3, description="how many of the newest are kept")
    log_every: Count = Field(default=10, description="steps between lines of the log")
    export: Precision = Field(
        default="float32", description="precision of the finished connector (the released file: float16)"
    )
    trackers: tuple[Literal["wandb", "mlflow", "trackio"], ...] = Field(
        default=(), description="where the log goes too"
    )
    project: str = Field(default="ella", description="the trackers' project")
    device: Literal["auto", "cpu"] = Field(default="auto", description="auto takes the GPUs that accelerate finds")
