"""`mini-mplug`: the product's judge architecture, trained on pictures and questions drawn anew at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.files.durable import write_json
from dpg_bench.judge.mplug.checkpoint import VOCABULARY_FILE, WEIGHTS_FILE
from dpg_bench.judge.mplug.config import BertConfig, MplugConfig, VisionConfig
from dpg_bench.judge.mplug.tokenizer import END, Tokenizer
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.drawing.pen import SIZE
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.questions import FIRST_WEIGHTS, LAST_WEIGHTS, WEIGHTS, draw_fact
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.judge_model import answer_logits, checkpoint_weights, image_tokens, new_judge
from dpg_bench.miniature.train.loop import Schedule
from dpg_bench.miniature.train.patch_words import PatchWords, WordLabels
from dpg_bench.miniature.train.pictures import pixels_of
from dpg_bench.miniature.train.wordpiece import wordpiece_vocabulary

SCHEDULE = Schedule(seed=12, steps=3200, learning_rate=1e-3, warmup=300)
IMAGES, QUESTIONS = 64, 16
_WORDS_WEIGHT = 1.0
_FIRST_STEPS = 900
_PATCH = 8


def judge_config(vocabulary: Sequence[str]) -> MplugConfig:
    """The sizes of `mini-mplug`: 3 million parameters."""
    vision = VisionConfig(
        image_res=SIZE,
        vision_width=192,
        clip_vision_width=192,
        clip_vision_layers=4,
        clip_vision_patch_size=_PATCH,
        max_length=4,
    )
    bert = BertConfig(
        hidden_size=128,
        intermediate_size=256,
        num_attention_heads=4,
        num_hidden_layers=3,
        layer_norm_eps=1e-12,
        max_position_embeddings=32,
        vocab_size=len(vocabulary),
        text_encoder_layers=1,
        fusion_layers=3,
        text_decode_layers=1,
    )
    return MplugConfig(vision=vision, bert=bert)


class JudgeTask:
    """The judge's training. `folder` holds the vocabulary.

    `through` turns pictures, uint8 (N, height, width, 3), into what the judge is shown instead.
    """

    def __init__(
        self,
        folder: Path,
        *,
        schedule: Schedule = SCHEDULE,
        images: int = IMAGES,
        questions: int = QUESTIONS,
        device: str = "cpu",
        through: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        words = wordpiece_vocabulary()
        vocabulary = folder / VOCABULARY_FILE
        vocabulary.write_text("\n".join(words) + "\n", encoding="utf-8")
        self.config = judge_config(words)
        self.model = new_judge(self.config, seed=schedule.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(schedule.seed)
            labels = WordLabels.of(words, patch=_PATCH)
            self.words = PatchWords(labels.words, words)
        self._trained = nn.ModuleList([self.model, self.words]).to(device)
        self._yes, self._no = words.index("yes"), words.index("no")
        self.draw = DrawQuestions(
            vocabulary,
            labels,
            f"judge {schedule.seed}",
            images=images,
            questions=questions,
            first_steps=_FIRST_STEPS if through is None else 0,
            weights=WEIGHTS if through is None else LAST_WEIGHTS,
        )
        self._through = through or spoiled

    @property
    def trained(self) -> nn.Module:
        """Judge, and what asks it for words in training."""
        return self._trained

    def losses(self, shown: Asked) -> Mapping[str, Tensor]:
        """As in `Task`; `right` is the share of answers that were."""
        device = self.model.device
        answers = torch.where(shown.true.to(device), self._yes, self._no)
        tokens = image_tokens(self.model, self._through(shown.pixels.to(device)))
        logits = answer_logits(self.model, tokens, shown.questions, answers)
        first = functional.cross_entropy(logits[:, 0], answers)
        second = functional.cross_entropy(logits[:, 1], torch.full_like(answers, END))
        embeddings = self.model.text_encoder.embeddings.word_embeddings.weight
        seen = self.words.loss(tokens, embeddings, shown.labels.to(device))
        right = (logits[:, 0].argmax(-1) == answers).float().mean()
        return {"loss": first + 0.1 * second + _WORDS_WEIGHT * seen, "answer": first, "words": seen, "right": right}

    def export(self, folder: Path) -> None:
        """Write the judge as a checkpoint folder, weights in float16; `vocab.txt` must be there."""
        write_json(
            folder / "configuration.json",
            {"framework": "pytorch", "task": "visual-question-answering", "model": {"type": "mplug"}},
        )
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config.vision.model_dump()), encoding="utf-8")
        write_json(folder / "config_bert.json", self.config.bert.model_dump())
        weights = {name: weight.half().cpu() for name, weight in checkpoint_weights(self.model).items()}
        torch.save({"model": weights}, folder / WEIGHTS_FILE)


@dataclass(frozen=True, slots=True)
class Asked:
    """Pictures, uint8 (I, height, width, 3), and labels; tokens of as many questions about each; what is true, (S)."""

    pixels: Tensor
    questions: list[list[int]]
    true: Tensor
    labels: Tensor


@dataclass(frozen=True)
class DrawQuestions:
    """Draws pictures and asks about each, by `weights`; the first steps ask the first categories alone.

    `vocabulary` is its file.
    """

    vocabulary: Path
    labels: WordLabels
    seed: str
    images: int
    questions: int
    first_steps: int
    weights: Mapping[str, float]

    def __call__(self, step: int) -> Asked:
        dice = Dice(f"{self.seed} {step}")
        names = [f"{self.seed} {step} {n}" for n in range(self.images)]
        scenes = [draw_scene(name, held_out=False) for name in names]
        weights = FIRST_WEIGHTS if step < self.first_steps else self.weights
        asked = [draw_fact(scene, dice, weights) for scene in scenes for _ in range(self.questions)]
        return Asked(
            pixels=pixels_of([draw(scene, name) for scene, name in zip(scenes, names, strict=True)]),
            questions=self._tokenizer.encode([fact.question for fact, _ in asked]),
            true=torch.tensor([true for _, true in asked]),
            labels=self.labels(scenes),
        )

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(self.vocabulary, len(self.vocabulary.read_text(encoding="utf-8").splitlines()))


def spoiled(pixels: Tensor) -> Tensor:
    """Some pictures a little blurred, some with noise, as pictures from an autoencoder are."""
    draw_each = partial(torch.rand, len(pixels), 1, 1, 1, device=pixels.device)
    planes = pixels.permute(0, 3, 1, 2).float()
    blurred = functional.avg_pool2d(functional.pad(planes, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    blur = draw_each() * 0.7 * (draw_each() < 0.4)
    noise = draw_each() * 14 * (draw_each() < 0.4)
    planes = torch.lerp(planes, blurred, blur) + noise * torch.randn_like(planes)
    return planes.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
