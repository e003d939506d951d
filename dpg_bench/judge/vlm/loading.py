"""A vision-language model and its processor out of a folder, the same whatever else is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError
from dpg_bench.hub.huggingface import Weights
from dpg_bench.hub.loading import check_complete, load_errors
from dpg_bench.hub.remarks import quiet_libraries

_OURS: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True, slots=True)
class LoadedVlm:
    """The model, ready for inference, and the processor that makes its inputs."""

    model: Any
    processor: Any


def load_vlm(weights: Weights, *, device: str, dtype: str) -> LoadedVlm:
    """The model in `weights` on `device`, in `dtype`; no code of theirs is run.

    Raises BadInputError if it is no such model, damaged or incomplete, or has no chat template.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    folder, source = weights.folder, weights.source
    with quiet_libraries(), load_errors("a vision-language model", weights):
        config: Any = AutoConfig.from_pretrained(folder, **_OURS)
        processor = _processor(folder, config)
        if getattr(processor, "tokenizer", None) is None or getattr(processor, "image_processor", None) is None:
            raise BadInputError(f"{source} is no vision-language model: it reads no images together with texts.")
        if not (processor.chat_template or processor.tokenizer.chat_template):
            raise BadInputError(
                f"{source} has no chat template, so there is no saying how it is asked. Use an instruction-tuned model."
            )
        auto_model: Any = AutoModelForImageTextToText
        model, found = auto_model.from_pretrained(
            folder, dtype=torch_dtype(dtype), device_map={"": device}, output_loading_info=True, **_OURS
        )
    check_complete(found, type(model).__name__, source)
    return LoadedVlm(model.eval(), processor)


def _processor(folder: Path, config: Any) -> Any:
    """The model's processor, with images resized by Pillow.

    With torchvision installed the library would resize by that, to other pixels. Of a processor the part for videos is
    left out, which needs torchvision and is needed by nobody here.
    """
    import transformers
    from transformers.models.auto import processing_auto

    auto: Any = transformers.AutoProcessor
    name = vars(processing_auto)["PROCESSOR_MAPPING_NAMES"].get(config.model_type)
    found: Any = getattr(transformers, str(name), None)
    if found is not None and list(found.get_attributes())[-1:] == ["video_processor"]:
        made = _without_videos(found).from_pretrained(folder, backend="pil", **_OURS)
        made.video_processor = SimpleNamespace(num_frames=None, fps=None)  # SmolVLM looks there for images too
        return made
    try:
        return auto.from_pretrained(folder, backend="pil", **_OURS)
    except ImportError:  # one that reads videos, whose parts are in another order
        return auto.from_pretrained(folder, **_OURS)


def _without_videos(found: Any) -> Any:
    """The processor class without its last part, the one for videos."""

    class OfImages(found):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return list(super().get_attributes())[:-1]

        @classmethod
        def _get_arguments_from_pretrained(cls, *args: Any, **kwargs: Any) -> list[Any]:
            return [*super()._get_arguments_from_pretrained(*args, **kwargs), None]

    OfImages.__name__ = found.__name__
    return OfImages
