"""The settings of an mPLUG VQA checkpoint, read from its `configuration.json`, `config.yaml` and `config_bert.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import Model, read_content, read_json, read_yaml, validated

MAX_QUESTION_TOKENS = 25
"""`[CLS]` and `[SEP]` included; what is longer is cut, as the reference does."""


# Far above any, so that what a stranger's file says can neither fill the memory nor loop without end.
_Size = Annotated[int, Field(ge=1, le=1 << 20)]
_Count = Annotated[int, Field(ge=1, le=1000)]


class _File(BaseModel):
    """Fields this project needs; checkpoints carry many others, which are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class VisionConfig(_File):
    """`config.yaml`: the image encoder and the beam search. The defaults are mPLUG's own: CLIP ViT-L/14 at 504 px."""

    bert_config: str = Field(default="config_bert.json", pattern=r"^[\w-][\w.-]{0,100}$")
    image_res: _Size = 504
    vision_width: _Size = 1024
    clip_vision_width: _Size = 1024
    clip_vision_layers: _Count = 24
    clip_vision_patch_size: _Size = 14
    beam_size: _Count = 5
    min_length: int = Field(default=1, ge=0, le=1000)
    max_length: _Count = 10

    @property
    def tokens(self) -> int:
        """Image tokens: one per patch, and the class token."""
        return (self.image_res // self.clip_vision_patch_size) ** 2 + 1


class BertConfig(_File):
    """`config_bert.json`: the sizes that text encoder, fusion encoder and decoder share, and their depths."""

    hidden_size: _Size
    intermediate_size: _Size
    num_attention_heads: _Size
    num_hidden_layers: _Count
    layer_norm_eps: float
    max_position_embeddings: _Size
    vocab_size: _Size
    text_encoder_layers: _Count
    fusion_layers: _Count
    text_decode_layers: _Count
    stride_layer: _Size = 100
    type_vocab_size: _Size = 2
    hidden_act: Literal["gelu"] = "gelu"

    @property
    def first_fusion_layer(self) -> int:
        """The checkpoint's number of the first fusion layer in use; those below it are not."""
        return self.num_hidden_layers - self.fusion_layers

    def joins_image_and_text(self, n: int) -> bool:
        """Whether fusion layer `n`, counted from the first in use, attends over image and text as one sequence."""
        return n > 0 and n % self.stride_layer == 0


class MplugConfig(_File):
    """Everything the model is built from."""

    vision: VisionConfig
    bert: BertConfig

    @property
    def image_is_independent(self) -> bool:
        """Whether the image half of the fused states is the same for every question (no fusion layer joins)."""
        return not any(self.bert.joins_image_and_text(n) for n in range(self.bert.fusion_layers))


def read_config(folder: Path) -> MplugConfig:
    """The settings of the checkpoint in `folder`.

    Raises BadInputError for a file that is missing or malformed, for a task that isn't visual question answering,
    and for sizes that don't fit together.
    """
    _check_task(folder / "configuration.json")
    vision = _read(VisionConfig, folder / "config.yaml")
    bert = _read(BertConfig, folder / vision.bert_config)
    _check_sizes(folder, vision, bert)
    return MplugConfig(vision=vision, bert=bert)


def _check_task(path: Path) -> None:
    found = _mapping(path)
    task, model = found.get("task"), found.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    if task != "visual-question-answering" or kind != "mplug":
        raise BadInputError(
            f"{path} describes a model of type '{kind}' for the task '{task}'; the judge needs type 'mplug' and task "
            "'visual-question-answering'. Point path=FOLDER at an mPLUG VQA checkpoint."
        )


def _check_sizes(folder: Path, vision: VisionConfig, bert: BertConfig) -> None:
    problems = {
        f"fusion_layers {bert.fusion_layers} is more than num_hidden_layers {bert.num_hidden_layers}": (
            bert.fusion_layers > bert.num_hidden_layers
        ),
        f"hidden_size {bert.hidden_size} is no multiple of num_attention_heads {bert.num_attention_heads}": (
            bert.hidden_size % bert.num_attention_heads != 0
        ),
        f"clip_vision_width {vision.clip_vision_width} is no multiple of 64, the width of a head": (
            vision.clip_vision_width % 64 != 0
        ),
        f"vision_width {vision.vision_width} differs from clip_vision_width {vision.clip_vision_width}": (
            vision.vision_width != vision.clip_vision_width
        ),
        f"image_res {vision.image_res} is no multiple of clip_vision_patch_size {vision.clip_vision_patch_size}": (
            vision.image_res % vision.clip_vision_patch_size != 0
        ),
        f"beam_size {vision.beam_size} is more than vocab_size {bert.vocab_size}": (vision.beam_size > bert.vocab_size),
        f"max_length {vision.max_length} is more than max_position_embeddings {bert.max_position_embeddings}": (
            vision.max_length > bert.max_position_embeddings
        ),
        f"max_position_embeddings {bert.max_position_embeddings} is less than {MAX_QUESTION_TOKENS} for questions": (
            bert.max_position_embeddings < MAX_QUESTION_TOKENS
        ),
    }
    for problem, holds in problems.items():
        if holds:
            raise BadInputError(f"The settings in {folder} don't fit together: {problem}.")


def _read(form: type[Model], path: Path) -> Model:
    return validated(form, _mapping(path), str(path))


def _mapping(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadInputError(
            f"{path} is missing. An mPLUG checkpoint folder holds configuration.json, config.yaml, config_bert.json, "
            "vocab.txt and pytorch_model.bin."
        ) from None
    content = (read_json if path.suffix == ".json" else read_yaml)(read_content(path), str(path))
    if not isinstance(content, dict):
        raise BadInputError(f"{path} holds no mapping of names to values.")
    return content
