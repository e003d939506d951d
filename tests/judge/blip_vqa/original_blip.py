"""BLIP-VQA written out from the paper's code (`models/vit.py`, `models/med.py` in salesforce/BLIP), over its own names.

Slow and plain, to hold the judge against: one image, one question, nothing padded. Toy weights in that form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear, softmax

Weights = Mapping[str, Tensor]

HEAD = 64


def p_yes(weights: Weights, pixels: Tensor, tokens: list[int], *, begin: int, yes: int, no: int) -> float:
    """Normalised pixels (3, side, side) and a question's tokens, [ENC] first → p(yes) / (p(yes) + p(no))."""
    seen = vision(weights, pixels)
    asked = bert(weights, "text_encoder", torch.tensor(tokens), seen)
    states = bert(weights, "text_decoder.bert", torch.tensor([begin]), asked)
    head = "text_decoder.cls.predictions"
    hidden = norm(
        weights, f"{head}.transform.LayerNorm", gelu(dense(weights, f"{head}.transform.dense", states)), 1e-12
    )
    shares = softmax(dense(weights, f"{head}.decoder", hidden)[0], -1)
    return float(shares[yes] / (shares[yes] + shares[no]))


def vision(weights: Weights, pixels: Tensor) -> Tensor:
    name = "visual_encoder"
    kernel = weights[f"{name}.patch_embed.proj.weight"]
    patches = conv2d(pixels[None], kernel, weights[f"{name}.patch_embed.proj.bias"], stride=kernel.shape[2])
    x = torch.cat([weights[f"{name}.cls_token"][0], patches[0].flatten(1).T]) + weights[f"{name}.pos_embed"][0]
    for n in range(count(weights, f"{name}.blocks.")):
        block = f"{name}.blocks.{n}"
        query, key, value = dense(weights, f"{block}.attn.qkv", norm(weights, f"{block}.norm1", x, 1e-6)).chunk(3, -1)
        x = x + dense(weights, f"{block}.attn.proj", attend(query, key, value))
        inner = gelu(dense(weights, f"{block}.mlp.fc1", norm(weights, f"{block}.norm2", x, 1e-6)))
        x = x + dense(weights, f"{block}.mlp.fc2", inner)
    return norm(weights, f"{name}.norm", x, 1e-6)


def bert(weights: Weights, name: str, tokens: Tensor, other: Tensor) -> Tensor:
    """No causal mask: the decoder is asked for one token, the encoder sees all."""
    words = weights[f"{name}.embeddings.word_embeddings.weight"][tokens]
    places = weights[f"{name}.embeddings.position_embeddings.weight"][: len(tokens)]
    x = norm(weights, f"{name}.embeddings.LayerNorm", words + places, 1e-12)
    for n in range(count(weights, f"{name}.encoder.layer.")):
        layer = f"{name}.encoder.layer.{n}"
        for part in ("attention", "crossattention"):
            sees = x if part == "attention" else other
            query, key, value = (
                dense(weights, f"{layer}.{part}.self.{what}", of)
                for what, of in (("query", x), ("key", sees), ("value", sees))
            )
            out = dense(weights, f"{layer}.{part}.output.dense", attend(query, key, value))
            x = norm(weights, f"{layer}.{part}.output.LayerNorm", out + x, 1e-12)
        inner = gelu(dense(weights, f"{layer}.intermediate.dense", x))
        x = norm(weights, f"{layer}.output.LayerNorm", dense(weights, f"{layer}.output.dense", inner) + x, 1e-12)
    return x


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(tokens, width) each, split into heads of 64."""
    heads = [tensor.unflatten(-1, (-1, HEAD)).transpose(0, 1) for tensor in (query, key, value)]
    scores = heads[0] @ heads[1].transpose(1, 2) / math.sqrt(HEAD)
    return (softmax(scores, -1) @ heads[2]).transpose(0, 1).flatten(1)


def dense(weights: Weights, name: str, x: Tensor) -> Tensor:
    return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def norm(weights: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)


def count(weights: Weights, prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in weights if name.startswith(prefix)})


def toy_weights(vocab_size: int, *, width: int = 128, side: int = 48, layers: int = 2) -> dict[str, Tensor]:
    """Random weights of a toy model in the authors' form, whose answers depend on image and question."""
    drawn = torch.Generator().manual_seed(11)
    found: dict[str, Tensor] = {}

    def matrix(name: str, out: int, into: int, gain: float = 1.5) -> None:
        found[f"{name}.weight"] = torch.randn(out, into, generator=drawn) * gain / math.sqrt(into)
        found[f"{name}.bias"] = torch.randn(out, generator=drawn) * 0.1

    def normal(name: str) -> None:
        found[f"{name}.weight"] = 1 + torch.randn(width, generator=drawn) * 0.1
        found[f"{name}.bias"] = torch.randn(width, generator=drawn) * 0.1

    def table(name: str, rows: int) -> None:
        found[f"{name}.weight"] = torch.randn(rows, width, generator=drawn)

    eye = "visual_encoder"
    found[f"{eye}.cls_token"] = torch.randn(1, 1, width, generator=drawn)
    found[f"{eye}.pos_embed"] = torch.randn(1, 1 + (side // 16) ** 2, width, generator=drawn) * 0.3
    found[f"{eye}.patch_embed.proj.weight"] = torch.randn(width, 3, 16, 16, generator=drawn) / 16
    found[f"{eye}.patch_embed.proj.bias"] = torch.zeros(width)
    for n in range(layers):
        for part, out, into in (("attn.qkv", 3, 1), ("attn.proj", 1, 1), ("mlp.fc1", 2, 1), ("mlp.fc2", 1, 2)):
            matrix(f"{eye}.blocks.{n}.{part}", out * width, into * width)
        normal(f"{eye}.blocks.{n}.norm1")
        normal(f"{eye}.blocks.{n}.norm2")
    normal(f"{eye}.norm")
    for name in ("text_encoder", "text_decoder.bert"):
        table(f"{name}.embeddings.word_embeddings", vocab_size)
        table(f"{name}.embeddings.position_embeddings", 64)
        found[f"{name}.embeddings.position_ids"] = torch.arange(64)[None]
        normal(f"{name}.embeddings.LayerNorm")
        for n in range(layers):
            layer = f"{name}.encoder.layer.{n}"
            for part in ("attention", "crossattention"):
                for what in ("self.query", "self.key", "self.value", "output.dense"):
                    matrix(f"{layer}.{part}.{what}", width, width)
                normal(f"{layer}.{part}.output.LayerNorm")
            matrix(f"{layer}.intermediate.dense", 2 * width, width)
            matrix(f"{layer}.output.dense", width, 2 * width)
            normal(f"{layer}.output.LayerNorm")
    head = "text_decoder.cls.predictions"
    matrix(f"{head}.transform.dense", width, width)
    normal(f"{head}.transform.LayerNorm")
    matrix(f"{head}.decoder", vocab_size, width, gain=2.0)
    found[f"{head}.bias"] = found[f"{head}.decoder.bias"].clone()
    return found
