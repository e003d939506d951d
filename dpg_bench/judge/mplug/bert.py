"""The pieces of a post-LayerNorm BERT layer, which text encoder, fusion encoder and decoder are made of.

The parameters have the checkpoint's names. Letters as in `attention`. Source: BERT (arXiv 1810.04805).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.judge.mplug.attention import KeysValues, attend, split_heads
from dpg_bench.judge.mplug.config import BertConfig
from dpg_bench.judge.mplug.precision import Linear
from dpg_bench.judge.mplug.ragged import Groups


class Embeddings(nn.Module):
    """Word, position and token type (always 0) embeddings, added and normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Token ids (N) at `positions` (N) → (N, D)."""
        words = self.word_embeddings(tokens) + self.token_type_embeddings.weight[0]
        states: Tensor = self.LayerNorm(words + self.position_embeddings(positions))
        return states


class Output(nn.Module):
    """A linear layer, the residual and LayerNorm: the end of attention and of feed-forward."""

    def __init__(self, config: BertConfig, width: int) -> None:
        super().__init__()
        self.dense = Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """(…, width) and (…, D) → (…, D)."""
        states: Tensor = self.LayerNorm(self.dense(hidden) + residual)
        return states


class Intermediate(nn.Module):
    """The widening half of feed-forward, with GELU."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.intermediate_size)

    def forward(self, states: Tensor) -> Tensor:
        """(…, D) → (…, intermediate size)."""
        return functional.gelu(self.dense(states))


class Projections(nn.Module):
    """Queries, keys and values."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.query = Linear(config.hidden_size, config.hidden_size)
        self.key = Linear(config.hidden_size, config.hidden_size)
        self.value = Linear(config.hidden_size, config.hidden_size)


class Attention(nn.Module):
    """The parameters of self-attention or cross-attention; the layers decide who attends to whom."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.self = Projections(config)
        self.output = Output(config, config.hidden_size)

    def queries(self, states: Tensor) -> Tensor:
        """Packed states (N, D) → queries (N, H, C)."""
        queries: Tensor = self.self.query(states)
        return queries.reshape(*states.shape[:-1], self.heads, -1)

    def memory(self, states: Tensor, mask: Tensor | None = None) -> KeysValues:
        """Padded states (G, K, D), with a mask (G, K) of the real ones → their keys and values.

        They are laid out head by head, since they are read many times.
        """
        keys, values = (split_heads(part, self.heads) for part in (self.self.key(states), self.self.value(states)))
        return KeysValues(keys.contiguous(), values.contiguous(), mask)

    def packed_memory(self, states: Tensor, groups: Groups) -> KeysValues:
        """Packed states (N, D) in groups → their keys and values, padding masked."""
        parts = (groups.pad(self.self.key(states)), groups.pad(self.self.value(states)))
        keys, values = (split_heads(part, self.heads) for part in parts)
        return KeysValues(keys.contiguous(), values.contiguous(), groups.mask)


class Layer(nn.Module):
    """A BERT layer's parameters; `crossattention` is None where the model doesn't use it."""

    def __init__(self, config: BertConfig, *, cross: bool) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.crossattention = Attention(config) if cross else None
        self.intermediate = Intermediate(config)
        self.output = Output(config, config.intermediate_size)

    def feed_forward(self, states: Tensor) -> Tensor:
        """(…, D) → (…, D)."""
        output: Tensor = self.output(self.intermediate(states), states)
        return output


class LayerStack(nn.Module):
    """Layers under the checkpoint's numbers, in ascending order."""

    def __init__(self, layers: Mapping[int, Layer]) -> None:
        super().__init__()
        self.layer = nn.ModuleDict({str(number): layer for number, layer in layers.items()})

    def __iter__(self) -> Iterator[Layer]:
        return (cast("Layer", layer) for layer in self.layer.values())


def self_attention(layer: Layer, states: Tensor, groups: Groups) -> Tensor:
    """The self-attention of a layer within groups of packed states (N, D), with its residual and LayerNorm."""
    attention = layer.attention
    memory = attention.packed_memory(states, groups)
    output: Tensor = attention.output(attend(attention.queries(states), groups, memory), states)
    return output
