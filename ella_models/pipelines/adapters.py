"""LoRAs and textual inversions on an ELLA pipeline, which has two text encoders: T5, and CLIP if it was loaded."""

from __future__ import annotations

from typing import Any, ClassVar

from diffusers import DiffusionPipeline
from diffusers.utils import logging
from torch import Tensor

logger = logging.get_logger(__name__)

PREFIX = "text_encoder"


class EllaAdapters(DiffusionPipeline):  # type: ignore[misc]
    """What diffusers' loaders must be told about the two text encoders."""

    _lora_loadable_modules: ClassVar[list[str]] = ["unet", "text_encoder", "clip_text_encoder"]

    def load_lora_into_text_encoder(
        self, state_dict: dict[str, Tensor], network_alphas: Any, text_encoder: Any, **kwargs: Any
    ) -> None:
        """Load a LoRA's text part into the encoder whose layers it names: T5's, or else CLIP's.

        Without CLIP its part is left out, with a warning.
        """
        layers = {key: value for key, value in state_dict.items() if key.startswith(f"{PREFIX}.")}
        modules = {name for name, _ in text_encoder.named_modules()} if text_encoder is not None else set()
        for_clip = not any(key.removeprefix(f"{PREFIX}.").split(".lora")[0] in modules for key in layers)
        if for_clip and layers and self.clip_text_encoder is None:
            logger.warning(
                "This LoRA also changes CLIP's text encoder, which this pipeline was loaded without: that part is left "
                "out. ELLA + CLIP (clip=True, at loading and at the call) uses it."
            )
            return
        if layers:
            encoder = self.clip_text_encoder if for_clip else text_encoder
            super().load_lora_into_text_encoder(state_dict, network_alphas, encoder, **kwargs)

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
