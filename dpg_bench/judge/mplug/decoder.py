"""mPLUG's answer decoder: a causal BERT that attends to the fused states, one token at a time, keys and values kept.

Letters: I images, S questions, W beams of each, R = S · W rows; P image tokens; D width; V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.judge.mplug.attention import KeysValues, attend, attend_to_both
from dpg_bench.judge.mplug.bert import Attention, Embeddings, Layer, LayerStack
from dpg_bench.judge.mplug.config import BertConfig
from dpg_bench.judge.mplug.fusion import Fused
from dpg_bench.judge.mplug.layout import Layout
from dpg_bench.judge.mplug.precision import Linear
from dpg_bench.judge.mplug.ragged import Groups


class Transform(nn.Module):
    """The language-model head's hidden layer."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        """(R, D) → (R, D)."""
        output: Tensor = self.LayerNorm(functional.gelu(self.dense(states)).float())
        return output


class Predictions(nn.Module):
    """The language-model head."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = Transform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, states: Tensor) -> Tensor:
        """(R, D) → logits (R, V)."""
        logits: Tensor = self.decoder(self.transform(states))
        return logits


class Head(nn.Module):
    """Holds the predictions under the checkpoint's name."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.predictions = Predictions(config)


class Body(nn.Module):
    """Embeddings and layers."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = LayerStack({n: Layer(config, cross=True) for n in range(config.text_decode_layers)})


class Decoder(nn.Module):
    """Tokens so far and fused states to the next token's logits."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = Body(config)
        self.cls = Head(config)

    def image_memories(self, image: Tensor) -> list[KeysValues]:
        """Keys and values of image tokens (I, P, D) in each layer."""
        return [cross.memory(image) for _, cross in self.layers()]

    def start(self, fused: Fused, image_memories: Sequence[KeysValues]) -> Decoding:
        """Decoding for all questions of `fused`, one beam each, from `image_memories` of its image tokens."""
        text = [cross.packed_memory(fused.text, fused.layout.by_question) for _, cross in self.layers()]
        return Decoding(self, image_memories, text, fused.layout)

    def layers(self) -> Iterator[tuple[Layer, Attention]]:
        """Each layer with its cross-attention."""
        for layer in self.bert.encoder:
            if layer.crossattention is not None:
                yield layer, layer.crossattention


class Decoding:
    """Answers in the making: the beams of each question, and the keys and values kept for them.

    An image's keys and values are shared by all beams of all its questions, and a question's by its beams.
    """

    def __init__(
        self, decoder: Decoder, image: Sequence[KeysValues], text: Sequence[KeysValues], layout: Layout
    ) -> None:
        self._decoder = decoder
        self._image = image
        self._text = list(text)
        self._past: list[KeysValues] = []
        self._length = 0
        self._arrange(layout.image_of, layout.images, beams=1)

    def step(self, tokens: Tensor) -> Tensor:
        """The newest token (R) of every beam → the next token's logits (R, V)."""
        decoder, layout = self._decoder, self._layout
        positions = torch.full_like(tokens, self._length)
        states: Tensor = decoder.bert.embeddings(tokens, positions)
        each_alone = Groups.of([1] * len(tokens), tokens.device)
        memories = []
        for n, (layer, cross) in enumerate(decoder.layers()):
            attention = layer.attention
            memory = attention.memory(states[:, None])
            if self._past:
                memory = self._past[n].append(memory)
            memories.append(memory)
            states = attention.output(attend(attention.queries(states), each_alone, memory), states)
            queries = cross.queries(states)
            attended = attend_to_both(queries, layout.by_image, self._image[n], layout.by_question, self._text[n])
            states = layer.feed_forward(cross.output(attended, states))
        self._past = memories
        self._length += 1
        logits: Tensor = decoder.cls.predictions(states)
        return logits

    def select(self, questions: Sequence[int], beams: Tensor) -> None:
        """Go on with these questions (ascending) alone, and of each with `beams` (len(questions), W).

        The beams are numbers of the question's current ones; they may repeat, and become more or fewer.
        """
        image_of = self._layout.image_of
        kept = torch.tensor(questions, device=beams.device)
        rows = (kept[:, None] * self._beams + beams).flatten()
        self._past = [memory.select(rows) for memory in self._past]
        if len(questions) < len(image_of):
            self._text = [memory.select(kept) for memory in self._text]
        self._arrange([image_of[question] for question in questions], self._layout.images, beams=beams.shape[1])

    def _arrange(self, image_of: Sequence[int], images: int, *, beams: int) -> None:
        self._beams = beams
        self._layout = Layout.of(image_of, images, [beams] * len(image_of), self._text[0].keys.device)
