"""Everything a run needs, loaded and checked before its first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import accelerate
import torch
from diffusers import AutoencoderKL

from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.training.config import TrainingConfig
from ella_models.training.examples import Encoder, ExampleSource
from ella_models.training.frozen import load_schedule, load_text_encoder_of, load_unet, load_vae
from ella_models.training.objective import Objective
from ella_models.training.precomputed import PrecomputedExamples, StepShape
from ella_models.training.precomputing import digest
from ella_models.training.raw_examples import RawExamples
from ella_models.training.run_folder import RunFolder
from ella_models.training.samples import Samples
from ella_models.training.sources import SkippedPairs, pair_source
from ella_models.training.start import starting_connector
from ella_models.training.validation import Validation


@dataclass(frozen=True, slots=True)
class Assembled:
    """The parts of a run; `digests` are those of the frozen models that decide the weights."""

    connector: EllaConnector
    examples: ExampleSource
    objective: Objective
    validation: Validation
    samples: Samples | None
    shape: StepShape
    skipped: SkippedPairs
    digests: dict[str, str]


def assemble(config: TrainingConfig, accelerator: accelerate.Accelerator, folder: RunFolder) -> Assembled:
    """Load what a configuration names.

    Raises EllaError for what can't be loaded or doesn't fit together.
    """
    device = accelerator.device
    shape = StepShape(config.batch_size, config.accumulate, accelerator.num_processes, accelerator.process_index)
    skipped = SkippedPairs(folder.skipped if accelerator.is_main_process else None)
    precomputed = _precomputed(config, shape)
    drawn = bool(config.validation.prompts) and accelerator.is_main_process
    vae = text_encoder = None
    examples: ExampleSource
    if precomputed is None:
        # before anything is downloaded: a folder that isn't there is told at once
        source = pair_source(config.data, seed=config.seed, skipped=skipped)
        vae, text_encoder = load_vae(config, device=device), load_text_encoder_of(config, device=device)
        encoder = Encoder(vae, text_encoder, device)
        hold_out = config.validation.hold_out
        examples = RawExamples(source, encoder, config.data, shape=shape, hold_out=hold_out, skipped=skipped)
        digests = {"text_encoder": digest(text_encoder.model)}
    else:
        examples = precomputed
        digests = {"text_encoder": precomputed.text_encoder_digest, "features": precomputed.digest}
        if drawn:
            vae, text_encoder = load_vae(config, device=device), load_text_encoder_of(config, device=device)
            if digest(text_encoder.model) != precomputed.text_encoder_digest:
                raise EllaError(f"'{config.data.precomputed}' was precomputed with other weights of the text encoder.")
    unet = load_unet(config, device=device)
    digests = {"unet": digest(unet)} | digests
    connector = starting_connector(
        config, text_width=examples.empty_text.shape[-1], condition_width=unet.config.cross_attention_dim
    )
    schedule = load_schedule(config)
    if config.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    objective = Objective(
        torch.compile(unet) if config.compile else unet,
        schedule,
        scaling_factor=_scaling_factor(config),
        empty_text=examples.empty_text.to(device),
        loss=config.loss,
    )
    validation = Validation(
        examples.held_out(),
        timesteps=config.validation.timesteps,
        seed=config.seed,
        batch_size=config.batch_size,
    )
    samples = None
    if drawn and vae is not None and text_encoder is not None:
        parts = {"vae": vae, "text_encoder": text_encoder.model, "tokenizer": text_encoder.tokenizer}
        samples = Samples(
            config.validation, size=config.data.resolution, parts={**parts, "unet": unet, "scheduler": schedule}
        )
    return Assembled(connector, examples, objective, validation, samples, shape, skipped, digests)


def _precomputed(config: TrainingConfig, shape: StepShape) -> PrecomputedExamples | None:
    if config.data.precomputed is None:
        return None
    expected: dict[str, Any] = {
        "base": config.base,
        "text_encoder": config.text_encoder,
        "text": config.text.model_dump(),
    }
    return PrecomputedExamples(
        config.data.precomputed,
        shape=shape,
        seed=config.seed,
        hold_out=config.validation.hold_out,
        expected=expected,
    )


def _scaling_factor(config: TrainingConfig) -> float:
    loaded = AutoencoderKL.load_config(config.base, subfolder="vae", revision=config.base_revision)
    factor: float = loaded.get("scaling_factor", 0.18215)
    return factor
