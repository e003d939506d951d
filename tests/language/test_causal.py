"""A local language model: the answer it gives, whatever the batch, and a named failure where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.language.answers import plain_answer
from dpg_bench.language.base import Asked, Sampling, Turn, WriterSettings
from dpg_bench.language.registry import load_writer
from tests.lost_weight import lose_weight
from tests.toy_language_model import save_language_model

ANSWERS = {"owl.": "A brown owl with an owl eye.", "fox.": "A red fox.", "loop.": "on and on…"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_language_model(tmp_path_factory.mktemp("toy"), ANSWERS)


def ask(*words: str, seed: int = 0) -> list[Asked]:
    return [Asked(str(place), (Turn("user", f"draw a {word}"),), seed) for place, word in enumerate(words)]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_answers_are_those_of_the_model_in_any_batch(model: Path, batch_size: int) -> None:
    writer = load_writer(WriterSettings(str(model), Sampling(max_tokens=10), batch_size=batch_size, device="cpu"))
    said = list(writer.write(ask("owl.", "loop.", "fox.", "owl.")))
    assert [one.text and one.text.strip() for one in said] == [ANSWERS["owl."], None, ANSWERS["fox."], ANSWERS["owl."]]
    assert said[1].error == "the answer had no end after 10 tokens"
    assert [one.usage.completion_tokens for one in said] == [8, 10, 4, 8]


def test_an_answer_drawn_by_chance_depends_on_its_seed_alone(model: Path) -> None:
    warm = WriterSettings(str(model), Sampling(temperature=1.0, max_tokens=10), batch_size=4, device="cpu")
    writer = load_writer(warm)
    alone = [next(iter(writer.write(ask("owl.", seed=seed)))).text for seed in range(6)]
    together = list(writer.write([ask("owl.", seed=seed)[0] for seed in range(6)]))
    assert [one.text for one in together] == alone
    assert len(set(alone)) > 1


def test_what_is_recorded_tells_the_weights(model: Path) -> None:
    writer = load_writer(WriterSettings(str(model), device="cpu"))
    assert writer.provenance["dtype"] == "float32"
    assert writer.revision == f"sha256:{writer.provenance['sha256']['model.safetensors'][:16]}"


def test_models_that_cannot_be_asked_are_one_message(model: Path, tmp_path: Path) -> None:
    plain = save_language_model(tmp_path / "plain", {"owl.": "An owl."}, template=None)
    with pytest.raises(BadInputError, match="no chat template"):
        load_writer(WriterSettings(str(plain), device="cpu"))
    with pytest.raises(BadInputError, match="neither a folder here nor"):
        load_writer(WriterSettings(str(tmp_path / "nowhere"), device="cpu"))
    with pytest.raises(BadInputError, match="revision is of a repository"):
        load_writer(WriterSettings(str(model), revision="main", device="cpu"))


def test_weights_that_are_damaged_or_missing_are_one_message(model: Path, tmp_path: Path) -> None:
    part = shutil.copytree(model, tmp_path / "part")
    lose_weight(part, "model.norm.weight")
    with pytest.raises(BadInputError, match=r"part holds no complete \w+: 1 weights are missing, such as model\.norm"):
        load_writer(WriterSettings(str(part), device="cpu"))
    (part / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(BadInputError, match="can't be loaded as a causal language model"):
        load_writer(WriterSettings(str(part), device="cpu"))


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        (" An owl. \n", "An owl."),
        ('"An owl."', "An owl."),
        ('"An owl" and "a fox"', '"An owl" and "a fox"'),
        ("<think>what\nis it</think>\n\nAn owl.", "An owl."),
    ],
)
def test_what_models_put_around_an_answer_is_left_out(said: str, plain: str) -> None:
    assert plain_answer(said) == plain


@pytest.mark.parametrize("said", ["", "  \n", '""', "<think>well", "<think>well</think>"])
def test_an_answer_of_nothing_is_none(said: str) -> None:
    with pytest.raises(ValueError, match=r"empty|without an end"):
        plain_answer(said)
