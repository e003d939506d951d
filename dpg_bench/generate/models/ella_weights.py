"""What ELLA is put together from: Stable Diffusion 1.5 without its text side, a connector, and a T5 encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import Download
from dpg_bench.generate.models.sd_base import DENOISER_FILES, fetch_base, find_base
from dpg_bench.hub.huggingface import (
    Repository,
    Weights,
    fetch_weights,
    folder_weights,
    hub_errors,
    is_folder,
    repository_weights,
)
from dpg_bench.plugins import OptionSpec

# Commit and digest as refiners' conversion script for ELLA (finegrain-ai/refiners) states them.
RELEASED_CONNECTOR = Repository(
    "QQGYLab/ELLA",
    "c07675dea7873abe24a4152e1140cf0131c217d2",
    ("ella-sd1.5-tsc-t5xl.safetensors",),
    {"ella-sd1.5-tsc-t5xl.safetensors": "ca2018e325170d622389b531c0a061eea9d856b80e58e359ed54ade881517417"},
)
# Commit as several public repositories pin it, Infinity's users (FoundationVision) among them.
RELEASED_TEXT_ENCODER = Repository(
    "google/flan-t5-xl",
    "7d6315df2c2fb742f0f5b556879d730926ca9001",
    (
        "config.json",
        "model.safetensors.index.json",
        "model-*.safetensors",
        "spiece.model",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ),
)
_TEXT_ENCODER_FILES = ("config.json", "*.safetensors", "tokenizer_config.json")
_TEXT_ENCODER_EXTRAS = ("*.safetensors.index.json", "spiece.model", "special_tokens_map.json", "tokenizer.json")

CONNECTOR_DOWNLOAD = Download(
    "ELLA's connector", RELEASED_CONNECTOR.name, str(RELEASED_CONNECTOR.revision), gigabytes=0.27
)
TEXT_ENCODER_DOWNLOAD = Download(
    "Flan-T5-XL, decoder included", RELEASED_TEXT_ENCODER.name, str(RELEASED_TEXT_ENCODER.revision), gigabytes=11.4
)
CONNECTOR_OPTION = OptionSpec(
    "ella",
    "connector weights: .safetensors file (sizes in a .json beside it), folder or repository",
    RELEASED_CONNECTOR.name,
)
TEXT_ENCODER_OPTION = OptionSpec("text_encoder", "T5 encoder: repository or folder", RELEASED_TEXT_ENCODER.name)


@dataclass(frozen=True, slots=True)
class EllaWeights:
    """The three parts, on this machine."""

    base: Weights
    connector: Weights
    text_encoder: Weights


def find_ella(options: Mapping[str, str]) -> EllaWeights:
    """The weights that the options name, or the released ones; downloaded if need be."""
    return EllaWeights(
        base=find_base(options, DENOISER_FILES),
        connector=_find_connector(options.get("ella", RELEASED_CONNECTOR.name)),
        text_encoder=_find_text_encoder(options.get("text_encoder", RELEASED_TEXT_ENCODER.name)),
    )


def fetch_ella(options: Mapping[str, str]) -> None:
    """Download and verify what `find_ella` will need."""
    fetch_base(options, DENOISER_FILES)
    connector = options.get("ella", RELEASED_CONNECTOR.name)
    if connector == RELEASED_CONNECTOR.name:
        fetch_weights(RELEASED_CONNECTOR)
    else:
        _find_connector(connector)
    text_encoder = options.get("text_encoder", RELEASED_TEXT_ENCODER.name)
    if not is_folder(text_encoder):
        fetch_weights(_text_encoder_repository(text_encoder))


def check_ella_sources(options: Mapping[str, str]) -> None:
    """Raises BadInputError for a connector or text encoder that is neither here nor a repository's name."""
    connector = options.get("ella")
    if connector is not None and not Path(connector).is_file():
        if connector.endswith(".safetensors") and connector.count("/") != 2:  # OWNER/REPOSITORY/FILE is on the Hub
            raise BadInputError(f"ella={connector} names a file that is not there.")
        is_folder(connector.removesuffix(f"/{Path(connector).name}") if connector.count("/") == 2 else connector)
    text_encoder = options.get("text_encoder")
    if text_encoder is not None and is_folder(text_encoder):
        _text_encoder_folder(text_encoder)


@contextmanager
def ella_errors() -> Iterator[None]:
    """Pass on what `ella_models` says about weights and arguments as a BadInputError."""
    from ella_models import EllaError

    try:
        yield
    except EllaError as error:
        raise BadInputError(str(error)) from error


def _find_connector(source: str) -> Weights:
    if source == RELEASED_CONNECTOR.name:
        return repository_weights(RELEASED_CONNECTOR)
    from ella_models import find_connector

    with hub_errors(source), ella_errors():
        files = find_connector(source)
    folder = files.weights.parent
    names = tuple(path.name for path in (files.weights, files.sizes) if path is not None)
    return Weights(source, None if Path(source).exists() else folder.name, folder, names)


def _find_text_encoder(source: str) -> Weights:
    return _text_encoder_folder(source) if is_folder(source) else repository_weights(_text_encoder_repository(source))


def _text_encoder_folder(source: str) -> Weights:
    return folder_weights(Path(source), _TEXT_ENCODER_FILES, optional=_TEXT_ENCODER_EXTRAS)


def _text_encoder_repository(name: str) -> Repository:
    if name == RELEASED_TEXT_ENCODER.name:
        return RELEASED_TEXT_ENCODER
    return Repository(name, None, _TEXT_ENCODER_FILES, optional=_TEXT_ENCODER_EXTRAS)
