"""LoRAs and textual inversions on an ELLA pipeline, which has two text encoders: T5, and CLIP if it was loaded."""

from __future__ import annotations

from typing import Any, ClassVar

from diffusers import DiffusionPipeline
from diffusers.utils import logging
from diffusers.utils.peft_utils import get_adapter_name, get_peft_kwargs
from torch import Tensor

logger = logging.get_logger(__name__)

PREFIX = "text_encoder."


class EllaAdapters(DiffusionPipeline):  # type: ignore[misc]
    """What diffusers' loaders must be told about the two text encoders."""

    _lora_loadable_modules: ClassVar[list[str]] = ["unet", "text_encoder", "clip_text_encoder"]

    def load_lora_into_text_encoder(
        self, state_dict: dict[str, Tensor], network_alphas: Any, text_encoder: Any, **kwargs: Any
    ) -> None:
        """Load a LoRA's text part into the encoder whose layers it names: T5, or else CLIP.

        Without CLIP its part is left out, with a warning.
        """
        layers = {key.removeprefix(PREFIX): value for key, value in state_dict.items() if key.startswith(PREFIX)}
        modules = {name for name, _ in text_encoder.named_modules()} if text_encoder is not None else set()
        if not layers:
            return
        if all(name.split(".lora")[0] in modules for name in layers):
            _load_lora(text_encoder, layers, kwargs.get("adapter_name"), kwargs.get("metadata"))
        elif self.clip_text_encoder is not None:
            super().load_lora_into_text_encoder(state_dict, network_alphas, self.clip_text_encoder, **kwargs)
        else:
            logger.warning(
                "This LoRA also changes CLIP's text encoder, which this pipeline was loaded without: that part is left "
                "out. ELLA + CLIP (clip=True, at loading and at the call) uses it."
            )

    def fuse_lora(self, components: list[str] | None = None, **kwargs: Any) -> None:
        """Fuse the LoRAs of `components`, all that have one by default, as diffusers does."""
        super().fuse_lora(components or list(self._lora_loadable_modules), **kwargs)

    def unfuse_lora(self, components: list[str] | None = None, **kwargs: Any) -> None:
        """Undo `fuse_lora`."""
        super().unfuse_lora(components or list(self._lora_loadable_modules), **kwargs)

    def load_textual_inversion(
        self, source: Any, token: Any = None, *, tokenizer: Any = None, text_encoder: Any = None, **kwargs: Any
    ) -> None:
        """Load textual inversions into CLIP, where ELLA + CLIP reads them, as diffusers does.

        Raises EllaError if the pipeline was loaded without CLIP.
        """
        if tokenizer is None or text_encoder is None:
            text_encoder, tokenizer = self._clip_parts()
        super().load_textual_inversion(source, token, tokenizer, text_encoder, **kwargs)

    def unload_textual_inversion(self, tokens: Any = None, *, tokenizer: Any = None, text_encoder: Any = None) -> None:
        """Undo `load_textual_inversion` for these tokens, or for all."""
        if tokenizer is None or text_encoder is None:
            text_encoder, tokenizer = self._clip_parts()
        super().unload_textual_inversion(tokens, tokenizer, text_encoder)


def _load_lora(
    model: Any, layers: dict[str, Tensor], adapter_name: str | None, metadata: dict[str, Any] | None
) -> None:
    """Load a LoRA in PEFT's layout into any model of transformers; diffusers' own way knows CLIP's layers alone."""
    from peft import LoraConfig

    recorded = {key.removeprefix(PREFIX): value for key, value in (metadata or {}).items() if key.startswith(PREFIX)}
    ranks = {name: weight.shape[1] for name, weight in layers.items() if ".lora_B." in name}
    model.load_adapter(
        adapter_name=adapter_name or get_adapter_name(model),
        adapter_state_dict=layers,
        peft_config=LoraConfig(**(recorded or get_peft_kwargs(ranks, None, layers, is_unet=False))),
    )
    model.to(device=model.device, dtype=model.dtype)
