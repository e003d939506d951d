"""`ella precompute`: the VAE's latents and the text features of all pairs, once, into sharded safetensors.

A folder of shards holds `index.json` (what it was made with, and of which shards), `empty.safetensors` (the features of
the empty caption) and `shard-00000.safetensors`, … with, per picture size, `HEIGHTxWIDTH.moments` (n, 2c, h, w) and
`HEIGHTxWIDTH.text` (n, S, C).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from safetensors.torch import save
from torch import nn

from ella_models.errors import EllaError
from ella_models.training.config import TrainingConfig
from ella_models.training.examples import Encoder
from ella_models.training.exclusive import alone_in
from ella_models.training.files import clear_unfinished, read_json, whole_file, write_json
from ella_models.training.frozen import DTYPES, load_encoders
from ella_models.training.images import Picture, Size
from ella_models.training.pairs import Pair
from ella_models.training.sources import SkippedPairs, pair_source, pictures

SCHEMA = 1
INDEX, EMPTY, SKIPPED = "index.json", "empty.safetensors", "skipped.jsonl"


@dataclass(frozen=True, slots=True)
class Precomputed:
    """What `precompute` wrote, or found there already."""

    folder: Path
    pairs: int
    skipped: int
    shards: int


def precompute(config: TrainingConfig, *, report: Callable[[int], None] | None = None) -> Precomputed:
    """Encode every pair that `config.data` names into the folder `config.data.precomputed`.

    Interrupted and run again, it goes on after the last whole shard. Processes started by `accelerate launch` share the
    shards. `report` is told after every shard how many pairs this process has gone through.

    Raises EllaError if no folder or no pairs are named, another process is at work in the folder, it holds features
    made otherwise, or no pair is left.
    """
    if config.data.precomputed is None:
        raise EllaError("data.precomputed names no folder to write to: set it in the configuration.")
    folder = config.data.precomputed
    process = PartialState(cpu=config.device == "cpu")
    with alone_in(folder) if process.is_main_process else nullcontext():
        return _precompute(config, folder, process, report)


def _precompute(
    config: TrainingConfig, folder: Path, process: PartialState, report: Callable[[int], None] | None
) -> Precomputed:
    data = config.data
    skipped = SkippedPairs(folder / _own(SKIPPED, process.process_index))
    source = pair_source(data, seed=config.seed, skipped=skipped)
    vae, text_encoder = load_encoders(config, device=process.device)
    made_with = _made_with(config, vae, text_encoder.model)
    begun = folder / "making.json"
    _check_same(folder, made_with)
    if process.is_main_process:
        clear_unfinished(folder)
        write_json(begun, made_with)
    process.wait_for_everyone()
    encoder = Encoder(vae, text_encoder, process.device)
    if process.is_main_process:
        with whole_file(folder / EMPTY) as unfinished:
            unfinished.write_bytes(save({"text": encoder.empty_text.to(DTYPES[data.store]).cpu().contiguous()}))

    gone_through, shard = 0, 0
    pairs = source.pairs(None)
    while chunk := list(islice(pairs, data.shard_pairs)):
        described = folder / f"shard-{shard:05d}.json"
        mine = shard % process.num_processes == process.process_index
        if mine and not _is_made(described, of := _digest_of(chunk)):
            decoded = (picture for _, picture in pictures(enumerate(chunk), data, skipped=skipped))
            usable = (picture for picture in decoded if picture is not None)
            _write_shard(described, encoder, usable, config, of)
        gone_through += len(chunk)
        shard += 1
        if report is not None:
            report(gone_through)
    process.wait_for_everyone()
    if process.is_main_process:
        shards = [read_json(folder / f"shard-{number:05d}.json") for number in range(shard)]
        write_json(folder / INDEX, {**made_with, "shards": shards})
    process.wait_for_everyone()
    return _result(folder)


def _result(folder: Path) -> Precomputed:
    index = read_json(folder / INDEX)
    skipped = SkippedPairs(None)
    for log in sorted(folder.glob("skipped*.jsonl")):
        for record in SkippedPairs(log).items():
            skipped.add(*record)
    pairs = sum(group["pairs"] for shard in index["shards"] for group in shard["sizes"])
    if not pairs:
        raise EllaError(f"No pair could be encoded; {len(skipped)} were left out: {skipped}.")
    return Precomputed(folder, pairs, len(skipped), len(index["shards"]))


def _digest_of(chunk: list[Pair]) -> str:
    """SHA-256 over the names and captions of pairs: a shard of others is made again."""
    told = json.dumps([[pair.key, pair.caption] for pair in chunk])
    return hashlib.sha256(told.encode()).hexdigest()


def _is_made(described: Path, of: str) -> bool:
    return described.is_file() and read_json(described).get("of") == of


def _write_shard(
    described: Path, encoder: Encoder, decoded: Iterator[Picture], config: TrainingConfig, of: str
) -> None:
    data, dtype = config.data, DTYPES[config.data.store]
    waiting: dict[Size, list[Picture]] = defaultdict(list)
    done: dict[Size, list[dict[str, torch.Tensor]]] = defaultdict(list)
    keys: dict[Size, list[str]] = defaultdict(list)

    def encode(size: Size) -> None:
        examples = encoder.encode(waiting[size])
        done[size].append({"moments": examples.moments.to(dtype).cpu(), "text": examples.text.to(dtype).cpu()})
        keys[size] += [picture.key for picture in waiting[size]]
        waiting[size] = []

    for picture in decoded:
        waiting[picture.size].append(picture)
        if len(waiting[picture.size]) == data.encode_batch:
            encode(picture.size)
    for size in [size for size, some in waiting.items() if some]:
        encode(size)
    tensors = {
        f"{size.height}x{size.width}.{name}": torch.cat([part[name] for part in parts]).contiguous()
        for size, parts in done.items()
        for name in ("moments", "text")
    }
    file = described.with_suffix(".safetensors")
    with whole_file(file) as unfinished:
        unfinished.write_bytes(save(tensors))
    # written last: a shard without its description is made again
    sizes = [{**asdict(size), "pairs": len(keys[size]), "keys": keys[size]} for size in sorted(keys)]
    write_json(described, {"file": file.name, "of": of, "sizes": sizes})


def _made_with(config: TrainingConfig, vae: nn.Module, text_encoder: nn.Module) -> dict[str, Any]:
    data = config.data
    return {
        "schema": SCHEMA,
        "base": config.base,
        "vae": digest(vae),
        "text_encoder": config.text_encoder,
        "text_encoder_digest": digest(text_encoder),
        "text": config.text.model_dump(),
        "source": {
            name: value
            for name, value in data.model_dump(mode="json").items()
            if name not in {"precomputed", "workers", "encode_batch", "shuffle_buffer"}
        },
    }


def _check_same(folder: Path, made_with: dict[str, Any]) -> None:
    found = next((folder / name for name in (INDEX, "making.json") if (folder / name).is_file()), None)
    if found is None:
        return
    before = read_json(found)
    for name, value in made_with.items():
        if before.get(name) != value:
            raise EllaError(
                f"'{folder}' was precomputed with {name} {before.get(name)!r}, which now is {value!r}: name another "
                "folder, or delete that one."
            )


def digest(model: nn.Module) -> str:
    """SHA-256 over the names and bytes of a model's weights, in float32."""
    total = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        total.update(f"{name} {tuple(value.shape)}".encode())
        total.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def _own(name: str, process: int) -> str:
    return name if process == 0 else name.replace(".", f"-{process}.", 1)
