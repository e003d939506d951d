"""Loading an ELLA pipeline: from a checkpoint in diffusers' or the original form, a saved one, or a loaded pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.pipelines.parts import Precision, Source, dtype_of, ella_parts, stored_dtype
from ella_models.text_encoder import RELEASED_TEXT_ENCODER, TextEncoder, cast_whole
from ella_models.weights import RELEASED_REPOSITORY

logger = logging.get_logger(__name__)

_NO_CHECKER = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
_NO_CLIP = {"text_encoder": None, "tokenizer": None}
_CLIP_NAMES = {"text_encoder": "clip_text_encoder", "tokenizer": "clip_tokenizer"}


class EllaLoading(DiffusionPipeline):  # type: ignore[misc]
    """The ways to an ELLA pipeline. `plain_class` is the diffusers pipeline whose ELLA form a class is."""

    plain_class: ClassVar[Any] = None

    @classmethod
    def from_pretrained(
        cls,
        base: Source,
        *,
        ella: Source | EllaConnector | None = None,
        connector: EllaConnector | None = None,
        text_encoder: Source | TextEncoder | PreTrainedModel | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        clip: bool = False,
        revision: str | None = None,
        ella_revision: str | None = None,
        text_encoder_revision: str | None = None,
        dtype: Precision | None = None,
        torch_dtype: Precision | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load a Stable Diffusion 1.5 checkpoint together with ELLA, or a folder that `save_pretrained` wrote.

        `base` is a Hub repository or folder in diffusers form. `ella` (see `find_connector`; or `connector`, a loaded
        one) and `text_encoder` (a Hub repository or folder, or a loaded one with its `tokenizer`) must both be given
        for a plain checkpoint; for a saved ELLA pipeline they are what it was saved with. Each has its own Hub
        revision. `clip` also loads the checkpoint's CLIP, for ELLA + CLIP. `dtype` (or `torch_dtype`, its older name;
        float32 by default) holds for all components, T5's every parameter included, and for a connector that is given
        loaded. Further arguments go to diffusers. The scheduler is the checkpoint's; ELLA's authors replace it by
        `DPMSolverMultistepScheduler`. A safety checker is loaded only if one is given.

        Raises EllaError if only one of the two is given, or a folder or ELLA's parts are missing, broken or don't fit.
        """
        if Path(base).is_absolute() and not Path(base).is_dir():
            raise EllaError(f"There is no folder '{base}' to load a Stable Diffusion checkpoint from.")
        ella = connector if ella is None else ella
        precision = dtype or torch_dtype or torch.float32
        asked = {"revision": revision, **kwargs}
        if ella is None and text_encoder is None:
            saved: Self = _load_saved(cls._form(_saved_class(base, asked)), base, precision, asked)
            return saved
        if precision == "auto":
            precision = _auto(base, asked)
        parts = ella_parts(
            ella,
            text_encoder,
            tokenizer,
            ella_revision=ella_revision,
            text_encoder_revision=text_encoder_revision,
            precision=precision,
        )
        form = cls if cls.plain_class else cls._form(DiffusionPipeline.load_config(base, **asked)["_class_name"])
        own = {**_NO_CHECKER, **({} if clip else _NO_CLIP), "dtype": _plain_precision(precision)}
        with _load_errors(base):
            plain = form.plain_class.from_pretrained(base, **{**own, **asked})
        made: Self = _assembled(form, plain, parts)
        return made

    @classmethod
    def from_single_file(
        cls,
        file: Source,
        *,
        ella: Source | EllaConnector | None = None,
        connector: EllaConnector | None = None,
        text_encoder: Source | TextEncoder | PreTrainedModel | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        clip: bool = False,
        ella_revision: str | None = None,
        text_encoder_revision: str | None = None,
        dtype: Precision | None = None,
        torch_dtype: Precision | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load a Stable Diffusion 1.5 checkpoint in its original layout, one file, together with ELLA.

        Arguments as in `from_pretrained`, further ones as in diffusers' `from_single_file`; `config` names a folder or
        repository in diffusers form to read the sizes from.

        Raises EllaError as `from_pretrained` does, and if there is no such file.
        """
        if Path(file).is_absolute() and not Path(file).is_file():
            raise EllaError(f"There is no file '{file}' to load a Stable Diffusion checkpoint from.")
        precision = dtype or torch_dtype or torch.float32
        if precision == "auto":
            precision = stored_dtype(Path(file))
        parts = ella_parts(
            connector if ella is None else ella,
            text_encoder,
            tokenizer,
            ella_revision=ella_revision,
            text_encoder_revision=text_encoder_revision,
            precision=precision,
        )
        form = cls._form("a file without a task")
        own = {**_NO_CHECKER, **({} if clip else _NO_CLIP), "dtype": dtype_of("unet", precision)}
        try:
            plain = form.plain_class.from_single_file(file, **{**own, **kwargs})
        except OSError as error:
            raise EllaError(
                f"'{file}' could not be loaded as a Stable Diffusion checkpoint: {error}. The sizes of its parts come "
                "from the Hub unless config= names a folder in diffusers form."
            ) from error
        made: Self = _assembled(cls, plain, parts)
        return made

    @classmethod
    def from_pipe(
        cls,
        pipeline: Any,
        *,
        ella: Source | EllaConnector | None = None,
        connector: EllaConnector | None = None,
        text_encoder: Source | TextEncoder | PreTrainedModel | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        ella_revision: str | None = None,
        text_encoder_revision: str | None = None,
        dtype: Precision | None = None,
        torch_dtype: Precision | None = None,
        **kwargs: Any,
    ) -> Self:
        """Give a loaded Stable Diffusion 1.5 pipeline ELLA's text side; all its components are shared with it.

        `EllaPipeline.from_pipe` gives the ELLA form of the pipeline's own task, a class for a task its own. Arguments
        as in `from_pretrained`; further ones replace or add components, such as `controlnet`. `dtype`, the U-Net's
        own by default, holds for the new parts: what is shared stays as it is. The new parts go to the pipeline's
        device. An ELLA pipeline hands on its own parts
        where no other is given.

        Raises EllaError for another kind of pipeline, and as `from_pretrained` does.
        """
        form = cls._form(type(pipeline))
        if getattr(pipeline, "unet", None) is None or getattr(pipeline, "vae", None) is None:
            raise EllaError(
                f"ELLA is for Stable Diffusion 1.5, and {type(pipeline).__name__} is no pipeline of it with a U-Net "
                "and an autoencoder."
            )
        ella = connector if ella is None else ella
        parts: dict[str, Any] = {}
        if ella is not None or text_encoder is not None or not hasattr(pipeline, "connector"):
            ella = getattr(pipeline, "connector", None) if ella is None else ella
            if text_encoder is None and hasattr(pipeline, "connector"):
                text_encoder, tokenizer = pipeline.text_encoder, pipeline.tokenizer
            precision = dtype or torch_dtype or pipeline.unet.dtype
            parts = ella_parts(
                ella,
                text_encoder,
                tokenizer,
                ella_revision=ella_revision,
                text_encoder_revision=text_encoder_revision,
                precision=pipeline.unet.dtype if precision == "auto" else precision,
            )
            if pipeline.device.type != "meta":
                parts["connector"].to(pipeline.device)
                parts["text_encoder"].to(pipeline.device)
        made: Self = _assembled(form, pipeline, {**parts, **kwargs})
        return made

    @classmethod
    def _form(cls, source: type | str) -> Any:
        """The class for a task: this one, or for `EllaPipeline` the one of the given pipeline's task."""
        if cls.plain_class is not None:
            return cls
        forms = [form for form in _subclasses(cls) if form.plain_class is not None]
        for form in forms:
            if source in (form, form.plain_class, form.__name__, form.plain_class.__name__):
                return form
        name = source if isinstance(source, str) else source.__name__
        raise EllaError(
            f"ELLA has no form of {name}; there are {', '.join(sorted(form.__name__ for form in forms))}. "
            "EllaAdapter works with any pipeline of Stable Diffusion 1.5."
        )


def _saved_class(base: Source, asked: dict[str, Any]) -> str:
    saved = DiffusionPipeline.load_config(base, **asked)
    if "connector" not in saved:
        raise EllaError(
            f"'{base}' holds no ELLA pipeline. Give the parts that make one of it: ella='{RELEASED_REPOSITORY}', "
            f"text_encoder='{RELEASED_TEXT_ENCODER}'."
        )
    return str(saved["_class_name"])


def _load_saved(form: Any, base: Source, precision: Precision, asked: dict[str, Any]) -> Any:
    if precision == "auto":
        precision = _auto(base, asked)
    with _load_errors(base):
        pipeline = super(EllaLoading, form).from_pretrained(base, dtype=precision, **asked)
    cast_whole(pipeline.text_encoder, dtype_of("text_encoder", precision))
    return pipeline


@contextmanager
def _load_errors(base: Source) -> Iterator[None]:
    try:
        yield
    except EllaError:
        raise
    except ValueError as error:  # parts that a pipeline needs and the checkpoint doesn't have, such as a ControlNet
        raise EllaError(f"'{base}' could not be loaded: {error}") from error


def _assembled(form: Any, pipeline: Any, parts: dict[str, Any]) -> Any:
    """The ELLA form of a pipeline: its components and options under their names in `form`, and ELLA's parts."""
    modules, options = form._get_signature_keys(form)  # noqa: SLF001 - as diffusers' own from_pipe reads them
    names = {} if hasattr(pipeline, "connector") else _CLIP_NAMES
    given = {names.get(name, name): component for name, component in pipeline.components.items()}
    given |= {name: pipeline.config[name] for name in options if name in pipeline.config}
    left_out = [name for name in given if name not in {*modules, *options} and given[name] is not None]
    for name in left_out:
        logger.warning(f"{form.__name__} has no {name}; the one of the {type(pipeline).__name__} is left out.")
    known = {name: value for name, value in given.items() if name in {*modules, *options}} | parts
    if missing := sorted({*modules} - known.keys() - {*form._optional_components}):  # noqa: SLF001
        raise EllaError(f"{form.__name__} needs {' and '.join(missing)}: give {missing[0]}= as well.")
    made = form(**known)
    made.register_to_config(_name_or_path=pipeline.config.get("_name_or_path"))
    return made


def _plain_precision(precision: Precision) -> Any:
    if not isinstance(precision, Mapping):
        return precision
    own = {"text_encoder", "connector", "clip_text_encoder"}
    by_name = {name: dtype for name, dtype in precision.items() if name not in own}
    return by_name | {"text_encoder": dtype_of("clip_text_encoder", precision)}


def _auto(base: Source, asked: dict[str, Any]) -> torch.dtype:
    if not Path(base).is_dir():
        raise EllaError(f"dtype='auto' reads the precision off a folder, and '{base}' is none: name a dtype.")
    variant = f".{asked['variant']}." if asked.get("variant") else "."
    found = sorted((Path(base) / "unet").glob(f"*{variant}safetensors"))
    return stored_dtype(found[0] if found else Path(base) / "unet")


def _subclasses(cls: type) -> list[Any]:
    children: list[type] = cls.__subclasses__()
    return [some for child in children for some in (child, *_subclasses(child))]
