"""An instruction-tuned language model of transformers on this machine, greedy unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dpg_bench.device import resolve_device, resolve_dtype, torch_dtype
from dpg_bench.errors import BadInputError, option
from dpg_bench.halving import Halving
from dpg_bench.hub.huggingface import Repository, Weights, folder_weights, is_folder, repository_weights
from dpg_bench.hub.loading import check_complete, load_errors
from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.language.base import Asked, Said, WriterSettings
from dpg_bench.remote.usage import Usage

_FILES = ("config.json", "*.safetensors")
_OPTIONAL = ("*.json", "*.txt", "*.model", "*.jinja")
_OURS: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_GPU_BATCH = 8


class CausalWriter:
    """Answers conversations by a model's own chat template. It is a `Writer`."""

    def __init__(self, model: Any, tokenizer: Any, settings: WriterSettings, weights: Weights, *, dtype: str) -> None:
        """`tokenizer` pads on the left, so that every answer begins where its conversation ends."""
        self._model = model
        self._tokenizer = tokenizer
        self._sampling = settings.sampling
        self._weights = weights
        self._dtype = dtype
        on_gpu = model.device.type != "cpu"
        drawn = settings.sampling.temperature > 0  # by its own seed, so each alone
        self.together = 1 if drawn else settings.batch_size or (_GPU_BATCH if on_gpu else 1)
        self._halving = Halving(self.together)
        self._ends = _end_tokens(model, tokenizer)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Source, commit and digests of the weights, the precision, the batch, and that the template was its own."""
        return {**self._weights.record(), "dtype": self._dtype, "batch_size": self.together, "template": "the model's"}

    @property
    def revision(self) -> str:
        """The commit; of a folder the start of the first weight file's SHA-256."""
        digests = self._weights.record()["sha256"]
        first = next((digest for name, digest in digests.items() if name.endswith(".safetensors")), "")
        return self._weights.commit or f"sha256:{first[:16]}"

    def write(self, asked: Sequence[Asked]) -> Iterator[Said]:
        """The answers, a batch at a time. One that has no end after the most tokens is a failure."""
        for start in range(0, len(asked), self.together):
            yield from self._halving.work(asked[start : start + self.together], self._batch)

    def _batch(self, asked: Sequence[Asked]) -> list[Said]:
        import torch
        import transformers

        texts = [self._prompt(one) for one in asked]
        tokens = self._tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = {name: tokens[name].to(self._model.device) for name in ("input_ids", "attention_mask")}
        warm = self._sampling.temperature > 0
        # The model's own settings of sampling stay out, so that what is recorded is all there is.
        config_class: Any = transformers.GenerationConfig
        config = config_class(
            max_new_tokens=self._sampling.max_tokens,
            do_sample=warm,
            **({"temperature": self._sampling.temperature, "top_k": 0} if warm else {}),
            eos_token_id=sorted(self._ends),
            pad_token_id=self._tokenizer.pad_token_id,
        )
        devices = [self._model.device] if self._model.device.type == "cuda" else []
        with quiet_libraries(), torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(asked[0].seed)
            found = self._model.generate(**inputs, generation_config=config)
        length = inputs["input_ids"].shape[1]
        return [
            self._said(one, row[length:].tolist(), prompt_tokens=int(mask.sum()))
            for one, row, mask in zip(asked, found, inputs["attention_mask"], strict=True)
        ]

    def _said(self, one: Asked, tokens: list[int], *, prompt_tokens: int) -> Said:
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        usage = Usage(1, prompt_tokens, len(tokens) if end is None else end + 1)
        if end is None:
            return Said(one.key, None, f"the answer had no end after {len(tokens)} tokens", usage=usage)
        return Said(one.key, self._tokenizer.decode(tokens[:end], skip_special_tokens=True), usage=usage)

    def _prompt(self, one: Asked) -> str:
        turns = [{"role": turn.role, "content": turn.text} for turn in one.turns]
        text: str = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return text


def load_causal_writer(settings: WriterSettings) -> CausalWriter:
    """The language model in a folder, or of a repository of the Hugging Face Hub, downloaded if need be.

    Raises BadInputError if it is no instruction-tuned causal language model, or its weights are damaged;
    UnavailableError if it can't be downloaded.
    """
    import transformers

    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.dtype, device, gpu_default="bfloat16")
    weights = _weights(settings)
    with load_errors("a causal language model", weights), quiet_libraries():
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(weights.folder, **_OURS)
        if not getattr(tokenizer, "chat_template", None):
            raise BadInputError(
                f"{settings.name} has no chat template, so it can't be asked: name an instruction-tuned model."
            )
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            weights.folder, dtype=torch_dtype(dtype), output_loading_info=True, **_OURS
        )
    model, found = loaded
    check_complete(found, type(model).__name__, settings.name)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return CausalWriter(model.to(device).eval(), tokenizer, settings, weights, dtype=dtype)


def _weights(settings: WriterSettings) -> Weights:
    if is_folder(settings.name):
        if settings.revision is not None:
            raise BadInputError(f"{option('revision')} is of a repository; {settings.name} is a folder.")
        folder = Path(settings.name).expanduser()
        return folder_weights(folder, _FILES, optional=_OPTIONAL)
    return repository_weights(Repository(settings.name, settings.revision, _FILES, optional=_OPTIONAL))


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    stated = model.generation_config.eos_token_id
    listed = stated if isinstance(stated, list) else [stated]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
