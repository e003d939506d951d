"""The T5 encoder, trained on the world's text alone: to fill gaps in captions, and to let a decoder answer questions.

The questions are given to the decoder, so that the encoder reads the caption without knowing what will be asked: what
belongs to what must already be in its states, which is what the connector later reads there. Filling gaps is T5's own
objective (Raffel et al., arXiv 1910.10683, section 3.1.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.miniature.captions import dense_caption, short_caption
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.questions import fact_of
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.loop import Schedule

SCHEDULE = Schedule(seed=78, steps=1500, learning_rate=1e-3, warmup=200)
CAPTIONS, _QUESTIONS = 32, 8
_TOKENS = 128
_GAPPED_EVERY = 2
_GAP = 3
_GAPPED = 0.15
_SHORT = 0.15
_IGNORED = -100


class T5Task:
    """The training of encoder and decoder, over the tokenizer's folder; only the encoder is kept."""

    def __init__(self, tokenizer: Path, *, captions: int = CAPTIONS, device: str = "cpu") -> None:
        from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

        self.tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer)
        self.config: Any = T5Config(
            vocab_size=len(self.tokenizer),
            d_model=128,
            d_kv=32,
            d_ff=256,
            num_layers=4,
            num_decoder_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        self.config.decoder_start_token_id = self.tokenizer.pad_token_id
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.model = cast("Any", T5ForConditionalGeneration(self.config))
        self.model.to(device)
        self.draw = DrawTexts(self.tokenizer, captions)

    @property
    def trained(self) -> nn.Module:
        """Encoder and decoder."""
        model: nn.Module = self.model
        return model

    def losses(self, shown: Texts) -> Mapping[str, Tensor]:
        """As in `Task`: cross-entropy of the gaps' text and of the answers."""
        filled = self._fill(shown.gapped, shown.gaps)
        answers = torch.tensor(shown.answers, device=self.model.device)
        answered, right = self._answer(shown.texts, shown.asked, answers)
        return {"loss": filled + answered, "gaps": filled, "answer": answered, "right": right}

    def export(self, folder: Path) -> None:
        """Write the encoder in float16, with its tokenizer."""
        from transformers import T5Config, T5EncoderModel

        kept = {**self.config.to_dict(), "is_encoder_decoder": False, "use_cache": False}
        self.model.cpu()
        encoder: Any = T5EncoderModel(T5Config.from_dict(kept))
        encoder.load_state_dict({f"encoder.{n}": w for n, w in self.model.encoder.state_dict().items()}, strict=False)
        encoder.set_input_embeddings(self.model.encoder.get_input_embeddings())
        encoder.half().save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _fill(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Tensor:
        input_ids, mask = self._padded(sources)
        labels, shown = self._padded(targets)
        loss: Tensor = self.model(
            input_ids=input_ids, attention_mask=mask, labels=labels.masked_fill(~shown, _IGNORED)
        ).loss
        return loss

    def _answer(self, texts: Sequence[list[int]], asked: Sequence[list[int]], answers: Tensor) -> tuple[Tensor, Tensor]:
        input_ids, mask = self._padded(texts)
        states = self.model.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state
        rows = [asked[first : first + _QUESTIONS] for first in range(0, len(asked), _QUESTIONS)]
        questions, _ = self._padded([[*chain.from_iterable(row)] for row in rows])
        ends = torch.tensor([[*accumulate(map(len, row))] for row in rows])
        decoded = self.model.decoder(
            input_ids=questions,
            attention_mask=_apart(ends, questions.shape[1]).to(states),
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            use_cache=False,
        ).last_hidden_state
        last = decoded[torch.arange(len(rows))[:, None], ends - 1].flatten(0, 1)
        logits = self.model.lm_head(last * self.config.d_model**-0.5)
        right = (logits.argmax(-1) == answers).float().mean()
        return functional.cross_entropy(logits, answers), right

    def _padded(self, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        longest = max(map(len, rows))
        ids = torch.tensor([[*row, *[self.config.pad_token_id] * (longest - len(row))] for row in rows])
        shown = torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
        return ids.to(self.model.device), shown.to(self.model.device)


def _apart(ends: Tensor, length: int) -> Tensor:
    """What hides the questions of a row from one another, (C, 1, length, length), to add to attention's scores.

    `ends` (C, Q) are where they end in rows of `length` tokens. T5 knows relative places alone, so each reads as if it
    were asked alone.
    """
    places = torch.arange(length)
    question_of = torch.searchsorted(ends, places.repeat(len(ends), 1), right=True)
    seen = (question_of[:, :, None] == question_of[:, None]) & (places[:, None] >= places)
    return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]


@dataclass(frozen=True, slots=True)
class Texts:
    """Token ids: captions, as many questions about each, their answers; captions with gaps, what was in the gaps."""

    texts: list[list[int]]
    asked: list[list[int]]
    answers: list[int]
    gapped: list[list[int]]
    gaps: list[list[int]]


@dataclass(frozen=True, slots=True)
class DrawTexts:
    """Draws so many captions, with questions, and with gaps in every second one."""

    tokenizer: Any
    captions: int

    def __call__(self, step: int) -> Texts:
        dice = Dice(f"t5 {SCHEDULE.seed} {step}")
        dense, gapped, asked, answers = [], [], [], []
        for number in range(self.captions):
            name = f"t5 {SCHEDULE.seed} {step} {number}"
            scene = draw_scene(name, held_out=False)
            caption = dense_caption(scene, name)
            dense.append(caption.text)
            if number % _GAPPED_EVERY == 0:
                gapped.append(short_caption(scene, name) if dice.chance(_SHORT) else caption.text)
            for _ in range(_QUESTIONS):
                fact = dice.choice(caption.facts)
                false = fact_of(fact.category, scene, dice, true=False) if dice.chance(0.5) else None
                asked.append((false or fact).question)
                answers.append("no" if false else "yes")
        texts = [[*ids[: _TOKENS - 1], self.tokenizer.eos_token_id] for ids in self._ids(dense)]
        holed = [self._with_gaps(ids[: _TOKENS - 1], dice) for ids in self._ids(gapped)]
        ids_of = dict(zip(("yes", "no"), self._ids(["yes", "no"]), strict=True))
        return Texts(
            texts=texts,
            asked=self._ids(asked),
            answers=[ids_of[answer][0] for answer in answers],
            gapped=[source for source, _ in holed],
            gaps=[target for _, target in holed],
        )

    def _with_gaps(self, ids: list[int], dice: Dice) -> tuple[list[int], list[int]]:
        """The text with sentinels for spans of three tokens, and the spans, each behind its sentinel."""
        sentinels = iter(self.tokenizer.convert_tokens_to_ids([f"<extra_id_{n}>" for n in range(100)]))
        source: list[int] = []
        target: list[int] = []
        place = 0
        while place < len(ids):
            if dice.chance(_GAPPED / _GAP):
                sentinel = next(sentinels)
                source.append(sentinel)
                target += [sentinel, *ids[place : place + _GAP]]
                place += _GAP
            else:
                source.append(ids[place])
                place += 1
        end = self.tokenizer.eos_token_id
        return [*source, end], [*target, end]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False).input_ids
        return ids
