"""The whole mPLUG VQA model: images to memories once, then questions to answers against them.

Letters: I images, S questions, N tokens of all questions, packed; P image tokens; D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpg_bench.judge.mplug.attention import KeysValues
from dpg_bench.judge.mplug.beam import BeamSearch, Hypothesis
from dpg_bench.judge.mplug.config import MplugConfig
from dpg_bench.judge.mplug.decoder import Decoder, Decoding
from dpg_bench.judge.mplug.fusion import FusionEncoder
from dpg_bench.judge.mplug.layout import Layout
from dpg_bench.judge.mplug.precision import Linear
from dpg_bench.judge.mplug.ragged import Groups
from dpg_bench.judge.mplug.text import TextEncoder
from dpg_bench.judge.mplug.vision import VisualEncoder
from dpg_bench.judge.normalising import normalise

VISION_NORM_EPS = 1e-12


def checkpoint_name(parameter: str) -> str:
    """What a checkpoint calls a parameter of this model: the same, but for the image encoder's joint projection."""
    return parameter.replace(".in_proj.", ".in_proj_")


@dataclass(frozen=True, slots=True)
class EncodedImages:
    """All that questions need of images: their tokens (I, P, D), and keys and values in each layer that can have them.

    `decoder` is None if the decoder's depend on the question.
    """

    tokens: Tensor
    fusion: Sequence[KeysValues]
    decoder: Sequence[KeysValues] | None

    def slice(self, start: int, end: int) -> EncodedImages:
        """A view of the images from `start` to before `end`."""
        fusion = [memory.slice(start, end) for memory in self.fusion]
        decoder = None if self.decoder is None else [memory.slice(start, end) for memory in self.decoder]
        return EncodedImages(self.tokens[start:end], fusion, decoder)


class MplugModel(nn.Module):
    """mPLUG VQA for inference; its parameters are those that a checkpoint must hold (see `checkpoint_name`)."""

    def __init__(self, config: MplugConfig) -> None:
        super().__init__()
        self.config = config
        vision, bert = config.vision, config.bert
        self.visual_encoder = VisualEncoder(vision)
        if vision.vision_width != bert.hidden_size:
            self.visn_fc = Linear(vision.vision_width, bert.hidden_size)
            self.visn_layer_norm = nn.LayerNorm(bert.hidden_size, eps=VISION_NORM_EPS)
        self.text_encoder = TextEncoder(bert)
        self.fusion_encoder = FusionEncoder(bert)
        self.text_decoder = Decoder(bert)
        self._search = BeamSearch(vision.beam_size, vision.min_length, vision.max_length)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.visual_encoder.visual.class_embedding.device

    def image_tokens(self, pixels: Tensor) -> Tensor:
        """uint8 (I, height, width, 3) → image tokens (I, P, D) at the text's width."""
        tokens: Tensor = self.visual_encoder.visual(normalise(pixels))
        if self.config.vision.vision_width != self.config.bert.hidden_size:
            tokens = self.visn_layer_norm(self.visn_fc(tokens).float())
        return tokens

    def encode_images(self, pixels: Tensor) -> EncodedImages:
        """uint8 (I, height, width, 3) → what questions need of the images."""
        tokens = self.image_tokens(pixels)
        decoder = self.text_decoder.image_memories(tokens) if self.config.image_is_independent else None
        return EncodedImages(tokens, self.fusion_encoder.image_memories(tokens), decoder)

    def text_states(self, questions: Sequence[Sequence[int]]) -> Tensor:
        """Token ids `questions[s]` → their packed text states (N, D); a question that returns is encoded once."""
        asked = [tuple(tokens) for tokens in questions]
        different = {tokens: number for number, tokens in enumerate(dict.fromkeys(asked))}
        lengths = [len(tokens) for tokens in different]
        packed = torch.tensor([token for tokens in different for token in tokens], device=self.device)
        positions = torch.cat([torch.arange(length) for length in lengths]).to(self.device)
        states: Tensor = self.text_encoder(packed, positions, Groups.of(lengths, self.device))
        parts = states.split_with_sizes(lengths)
        return torch.cat([parts[different[tokens]] for tokens in asked])

    def start(self, images: EncodedImages, questions: Sequence[Sequence[int]], image_of: Sequence[int]) -> Decoding:
        """Decoding of token ids `questions[s]`, each about image `image_of[s]`, ascending."""
        layout = Layout.of(image_of, len(images.tokens), [len(tokens) for tokens in questions], self.device)
        fused = self.fusion_encoder(images.tokens, images.fusion, self.text_states(questions), layout)
        memories = self.text_decoder.image_memories(fused.image) if images.decoder is None else images.decoder
        return self.text_decoder.start(fused, memories)

    def answer(
        self,
        images: EncodedImages,
        questions: Sequence[Sequence[int]],
        image_of: Sequence[int],
        *,
        preference: tuple[int, int] | None = None,
    ) -> list[Hypothesis]:
        """The best hypothesis for each of `questions`, each about image `image_of[s]`, ascending.

        `preference`: see `BeamSearch.run`.
        """
        steps = self.start(images, questions, image_of)
        return self._search.run(steps, len(questions), self.device, preference=preference)
