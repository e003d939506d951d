"""Weights from the Hub: pinned, verified, and complete or not taken."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
from huggingface_hub.errors import HfHubHTTPError

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.generate.base import Generator
from dpg_bench.generate.models.stable_diffusion import RELEASED_BASE
from dpg_bench.generate.registry import find_model
from dpg_bench.hub.huggingface import (
    Repository,
    Weights,
    cached_weights,
    fetch_weights,
    folder_weights,
    hub_errors,
    repository_gigabytes,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE, SMALL = b"weights " * 10, b'{"a": 1}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def put_into_cache(cache: Path, name: str, files: dict[str, bytes], commit: str = COMMIT) -> Path:
    """What a download leaves: blobs named by their digest, a snapshot of links, and `main` pointing to it."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    (repository / "blobs").mkdir(parents=True, exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    for file, content in files.items():
        is_large = file.endswith(".safetensors")
        blob = repository / "blobs" / (sha256(content) if is_large else hashlib.sha1(content).hexdigest())
        blob.write_bytes(content)
        (snapshot / file).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / file).symlink_to(blob)
    return snapshot


def test_a_complete_cache_needs_no_network(hub_cache: Path) -> None:
    put_into_cache(hub_cache, "some/model", {"config.json": SMALL, "unet/model.safetensors": LARGE, "other.bin": LARGE})
    weights = cached_weights(Repository("some/model", None, ("config.json", "unet/*.safetensors"), optional=("x*",)))
    assert weights is not None
    assert weights.record() == {
        "source": "some/model",
        "commit": COMMIT,
        "sha256": {"config.json": sha256(SMALL), "unet/model.safetensors": sha256(LARGE)},
    }


def test_a_file_of_the_cache_that_was_changed_in_place_has_another_digest(hub_cache: Path) -> None:
    put_into_cache(hub_cache, "some/model", {"model.safetensors": LARGE})
    weights = cached_weights(Repository("some/model", None, ("model.safetensors",)))
    assert weights is not None
    file = (weights.folder / "model.safetensors").resolve()
    times = file.stat()
    file.write_bytes(LARGE[::-1])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (
        weights.record()["sha256"] == {"model.safetensors": sha256(LARGE[::-1])} != {"model.safetensors": sha256(LARGE)}
    )


def test_a_partial_cache_is_not_taken_for_the_whole(hub_cache: Path) -> None:
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}).encode()
    files = {"model.safetensors.index.json": index, "model-1.safetensors": LARGE}
    put_into_cache(hub_cache, "some/model", files)
    sharded = Repository("some/model", None, ("model.safetensors.index.json", "model-*.safetensors"))
    assert cached_weights(sharded) is None
    assert cached_weights(Repository("some/model", None, ("model-1.safetensors", "config.json"))) is None
    assert cached_weights(Repository("some/model", "f" * 40, ("model-1.safetensors",))) is None
    assert cached_weights(Repository("another/model", None, ("config.json",))) is None
    with pytest.raises(UnavailableError, match=r"some/model lacks model-2\.safetensors; .*HF_HUB_OFFLINE"):
        fetch_weights(sharded)


def test_a_file_that_is_not_the_pinned_one_is_refused(hub_cache: Path) -> None:
    put_into_cache(hub_cache, "some/model", {"model.safetensors": LARGE})
    pinned = Repository("some/model", COMMIT, ("model.safetensors",), {"model.safetensors": sha256(LARGE)})
    assert fetch_weights(pinned).commit == COMMIT
    other = Repository("some/model", COMMIT, ("model.safetensors",), {"model.safetensors": "0" * 64})
    with pytest.raises(UnavailableError, match=f"has SHA-256 {sha256(LARGE)}, but {'0' * 64} is expected at revision"):
        fetch_weights(other)


def test_what_is_not_there_can_not_be_had_offline(hub_cache: Path) -> None:
    with pytest.raises(
        UnavailableError, match=r"nobody/nothing could not be .* HF_HUB_OFFLINE is set .*dpgbench fetch"
    ):
        fetch_weights(Repository("nobody/nothing", None, ("config.json",)))


@pytest.mark.parametrize("model", ["sd15", "ella-sd15"])
def test_the_published_models_say_what_is_missing_offline(
    model: str, hub_cache: Path, load_model: Callable[..., Generator]
) -> None:
    message = f"{RELEASED_BASE.name} at revision {RELEASED_BASE.revision} could not be downloaded"
    with pytest.raises(UnavailableError, match=message):
        load_model(model)
    spec = find_model(model)
    with pytest.raises(UnavailableError, match=message):
        spec.fetch(spec.options())


def test_another_base_is_found_in_the_cache_with_its_commit(
    hub_cache: Path, tiny_folder: Path, load_model: Callable[..., Generator]
) -> None:
    files = {
        path.relative_to(tiny_folder).as_posix(): path.read_bytes() for path in tiny_folder.rglob("*") if path.is_file()
    }
    put_into_cache(hub_cache, "some/finetune", files)
    generator = load_model("sd15", options={"base": "some/finetune"}, size=64, steps=1)
    base = generator.provenance["weights"]["base"]
    assert (base["source"], base["commit"]) == ("some/finetune", COMMIT)
    unet = "unet/diffusion_pytorch_model.safetensors"
    assert base["sha256"][unet] == sha256(files[unet])

    pipeline = load_model("diffusers:some/finetune", size=64, steps=1)
    assert pipeline.provenance["weights"]["pipeline"]["commit"] == COMMIT


def test_a_folder_must_hold_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(SMALL)
    assert folder_weights(tmp_path, ("config.json",)).record() == {
        "source": str(tmp_path),
        "commit": None,
        "sha256": {"config.json": sha256(SMALL)},
    }
    with pytest.raises(BadInputError, match=r"has no \*\.safetensors, no tokenizer\.json"):
        folder_weights(tmp_path, ("config.json", "*.safetensors", "tokenizer.json"))


def test_a_changed_weight_changes_the_record(tmp_path: Path, tiny_folder: Path) -> None:
    copy = Path(shutil.copytree(tiny_folder, tmp_path / "copy"))
    names = ("unet/diffusion_pytorch_model.safetensors",)
    before = Weights("x", None, tiny_folder, names).record()
    path = copy / names[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert Weights("x", None, copy, names).record() != before


def test_a_download_that_is_not_what_the_hub_stated_is_refused(hub_cache: Path) -> None:
    snapshot = put_into_cache(hub_cache, "some/model", {"model.safetensors": LARGE})
    unpinned = Repository("some/model", None, ("model.safetensors",))
    assert fetch_weights(unpinned).commit == COMMIT
    (snapshot / "model.safetensors").resolve().write_bytes(LARGE[::-1])
    with pytest.raises(UnavailableError, match=f"hasn't the SHA-256 {sha256(LARGE)} that the Hub states"):
        fetch_weights(unpinned)


def test_ella_s_own_repository_serves_its_text_encoder(hub_cache: Path, tiny_folder: Path) -> None:
    from dpg_bench.generate.models.ella import ELLA_SD15, RELEASED_CONNECTOR, find_ella
    from dpg_bench.generate.models.tiny_weights import tiny_connector, tiny_text_encoder

    options = ELLA_SD15.options.read(
        "ella-sd15",
        {"base": str(tiny_folder), "ella": str(tiny_connector().folder), "text_encoder": RELEASED_CONNECTOR.name},
    )
    (pending,) = ELLA_SD15.still_to_download(options)
    assert (pending.repository, pending.revision, pending.gigabytes) == (
        RELEASED_CONNECTOR.name,
        RELEASED_CONNECTOR.revision,
        2.95,
    )
    files = {
        f"models--google--flan-t5-xl--text_encoder/{path.name}": path.read_bytes()
        for path in tiny_text_encoder().folder.iterdir()
    }
    put_into_cache(hub_cache, RELEASED_CONNECTOR.name, files, commit=str(RELEASED_CONNECTOR.revision))
    found = find_ella(options).text_encoder
    assert found is not None
    assert "config.json" in found.files
    assert (found.folder / "config.json").is_file()
    assert ELLA_SD15.still_to_download(options) == ()


def test_a_connection_that_breaks_off_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    library = importlib.import_module(HfHubHTTPError.__bases__[0].__module__.partition(".")[0])
    message = r"some/model could not be downloaded .*: broke off\. Check the connection"
    with pytest.raises(UnavailableError, match=message), hub_errors("some/model"):
        raise library.ReadTimeout("broke off")


def test_a_repository_whose_size_nobody_can_tell_is_one_message() -> None:
    with pytest.raises(UnavailableError, match="some/model could not be downloaded"):
        repository_gigabytes(Repository("some/model", None, ("config.json",)))
