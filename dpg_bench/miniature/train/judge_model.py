"""The judge in training: the product's own modules, with a forward pass that gradients can go through.

The product's judge computes in place and keeps keys and values, which inference wants and training can't have. Here
every image has the same number of questions, and the decoder is fed the right answer.

Letters: I images, Q questions of each, S = I · Q; P image tokens; T tokens of the longest question; D width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.judge.mplug.attention import split_heads
from dpg_bench.judge.mplug.config import MplugConfig
from dpg_bench.judge.mplug.layout import Layout
from dpg_bench.judge.mplug.model import MplugModel, checkpoint_name
from dpg_bench.judge.mplug.tokenizer import START
from dpg_bench.judge.mplug.vision import Block
from dpg_bench.judge.normalising import normalise

_DEVIATION = 0.02


def new_judge(config: MplugConfig, *, seed: int) -> MplugModel:
    """An untrained judge, drawn from `seed`: embeddings as BERT's, linear layers after Glorot, biases 0.

    In cross-attention queries and keys start alike, so that a word looks at first where the image is like it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MplugModel(config)
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=_DEVIATION)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for name, module in model.named_modules():
            if name.endswith("crossattention.self"):
                module.key.load_state_dict(module.query.state_dict())
        visual = model.visual_encoder.visual
        nn.init.normal_(visual.class_embedding, std=_DEVIATION)
        nn.init.normal_(visual.positional_embedding, std=_DEVIATION)
    return model


def image_tokens(model: MplugModel, pixels: Tensor) -> Tensor:
    """uint8 (I, height, width, 3) → image tokens (I, P, D), as `MplugModel.image_tokens`."""
    visual = model.visual_encoder.visual
    patches = visual.conv1(normalise(pixels)).flatten(2).transpose(1, 2)
    first = visual.class_embedding.expand(len(pixels), 1, -1)
    tokens = visual.ln_pre(torch.cat([first, patches], dim=1) + visual.positional_embedding)
    for block in cast("Iterable[Block]", visual.transformer.resblocks):
        tokens = tokens + block.attn(block.ln_1(tokens))
        hidden = block.mlp.c_fc(block.ln_2(tokens))
        tokens = tokens + block.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
    tokens = visual.ln_post(tokens)
    if model.config.vision.vision_width != model.config.bert.hidden_size:
        tokens = model.visn_layer_norm(model.visn_fc(tokens).float())
    output: Tensor = tokens
    return output


def answer_logits(model: MplugModel, tokens: Tensor, questions: Sequence[Sequence[int]], answers: Tensor) -> Tensor:
    """Logits (S, 2, V) of the answer's first token and of what follows it, given the right answer's token (S).

    `tokens` are image tokens (I, P, D) and `questions` the token ids of S questions, Q for each image in turn.
    """
    images = len(tokens)
    per_image = len(questions) // images
    image_of = [n // per_image for n in range(len(questions))]
    layout = Layout.of(image_of, images, [len(ids) for ids in questions], tokens.device)
    memories = model.fusion_encoder.image_memories(tokens)
    fused = model.fusion_encoder(tokens, memories, model.text_states(questions), layout)
    decoder = model.text_decoder
    heads = model.config.bert.num_attention_heads
    fed = torch.stack([torch.full_like(answers, START), answers], dim=1)
    states = decoder.bert.embeddings(fed, torch.arange(2, device=tokens.device))
    for layer, cross in decoder.layers():
        attention = layer.attention
        queries, keys, values = (
            split_heads(part(states), heads)
            for part in (attention.self.query, attention.self.key, attention.self.value)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        states = attention.output(attended.transpose(1, 2).flatten(2), states)
        image, text = cross.memory(fused.image), cross.packed_memory(fused.text, layout.by_question)
        queries = split_heads(cross.self.query(states), heads)
        scale = queries.shape[-1] ** -0.5
        to_image = (_by_image(queries, images) * scale) @ image.keys.transpose(2, 3)
        to_image = _by_question(to_image, per_image)
        to_text = (queries * scale) @ text.keys.transpose(2, 3)
        if text.mask is not None:
            to_text = to_text.masked_fill(~text.mask[:, None, None], float("-inf"))
        weights = torch.cat([to_image, to_text], dim=-1).softmax(-1)
        of_image, of_text = weights.split_with_sizes([to_image.shape[-1], to_text.shape[-1]], dim=-1)
        seen = _by_question(_by_image(of_image, images) @ image.values, per_image)
        attended = seen + of_text @ text.values
        states = layer.feed_forward(cross.output(attended.transpose(1, 2).flatten(2), states))
    logits: Tensor = decoder.cls.predictions(states)
    return logits


def _by_image(rows: Tensor, images: int) -> Tensor:
    """(S, H, 2, …) → (I, H, Q · 2, …)."""
    return rows.reshape(images, -1, *rows.shape[1:]).transpose(1, 2).flatten(2, 3)


def _by_question(rows: Tensor, per_image: int) -> Tensor:
    """(I, H, Q · 2, …) → (S, H, 2, …)."""
    images, heads, _, *rest = rows.shape
    return rows.reshape(images, heads, per_image, 2, *rest).transpose(1, 2).flatten(0, 1)


def checkpoint_weights(model: MplugModel) -> dict[str, Tensor]:
    """The parameters under the names of mPLUG's checkpoints."""
    return {checkpoint_name(name): weight.detach() for name, weight in model.named_parameters()}
