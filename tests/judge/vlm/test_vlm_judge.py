"""A vision-language model as a judge: the same answers by any batch, with the image's part computed once or not."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.errors import BadInputError
from dpg_bench.judge.in_memory import LoadedJudge, load_judge
from dpg_bench.judge.registry import find_judge
from dpg_bench.judge.vlm.judge import VlmJudge
from dpg_bench.suite.registry import load_suite
from tests.judge.vlm.conftest import QUESTIONS
from tests.lost_weight import lose_weight
from tests.toy_vlms import TOY_VLMS, save_toy_vlm

Judges = Callable[..., LoadedJudge]


@pytest.mark.parametrize("name", TOY_VLMS)
def test_every_family_shares_the_images_part_and_answers_as_prompt_by_prompt(
    name: str, vlm_judge: Judges, pictures: list[np.ndarray]
) -> None:
    shared, whole = vlm_judge(name), vlm_judge(name, shared_prefill=False)
    assert shared.provenance["shared_prefill"] is True
    assert whole.provenance["shared_prefill"] is False
    found = [judge.answer(pictures, [QUESTIONS] * len(pictures)) for judge in (shared, whole)]
    flat = [[reply for replies in one for reply in replies] for one in found]
    assert [reply.text for reply in flat[0]] == [reply.text for reply in flat[1]]
    assert [r.p_yes for r in flat[0]] == pytest.approx([r.p_yes for r in flat[1]], abs=1e-4)
    assert {reply.text for reply in flat[0]} == {"yes", "no"}
    assert len({reply.p_yes for reply in flat[0]}) > len(pictures)


@pytest.mark.parametrize("name", TOY_VLMS)
def test_no_answer_depends_on_the_others_of_a_call(name: str, vlm_judge: Judges, pictures: list[np.ndarray]) -> None:
    judge = vlm_judge(name)
    together = judge.answer(pictures, [QUESTIONS] * len(pictures))
    assert [judge.answer([picture], [QUESTIONS])[0] for picture in pictures] == together
    backwards = judge.answer(pictures[::-1], [QUESTIONS] * len(pictures))
    assert backwards[::-1] == together
    alone = [[judge.answer([picture], [[q]])[0][0] for q in QUESTIONS] for picture in pictures[:2]]
    for one, all_of_them in zip(alone, together, strict=False):
        assert [reply.text for reply in one] == [reply.text for reply in all_of_them]
        assert [reply.p_yes for reply in one] == pytest.approx([reply.p_yes for reply in all_of_them], abs=1e-4)


def test_images_without_questions_are_not_looked_at(vlm_judge: Judges, pictures: list[np.ndarray]) -> None:
    judge = vlm_judge("llava")
    assert judge.answer(pictures[:2], [[], QUESTIONS[:1]])[0] == []
    assert judge(Image.fromarray(pictures[0]), []) == []


def test_more_questions_than_a_pass_takes(vlm_judge: Judges, pictures: list[np.ndarray]) -> None:
    judge = vlm_judge("qwen2.5-vl")
    many = [f"Is there a car of colour {n}?" for n in range(70)]
    replies = judge.answer(pictures[:1], [many])[0]
    assert [r.text for r in replies[:4]] == [r.text for r in judge.answer(pictures[:1], [many[:4]])[0]]
    assert len(replies) == 70


def test_p_yes_is_summed_over_the_spellings(vlm_judge: Judges, pictures: list[np.ndarray]) -> None:
    judge = vlm_judge("llava")
    inner = judge.judge
    assert isinstance(inner, VlmJudge)
    assert set(judge.provenance["yes"]) == {"Yes", "yes", "ĠYes", "Ġyes"}
    with torch.inference_mode():
        logits = inner._first.whole(pictures[0], QUESTIONS[:1])[0]
    shares = logits.softmax(-1)
    vocabulary = inner._tokenizer.get_vocab()
    yes, no = (sum(float(shares[vocabulary[w]]) for w in judge.provenance[word]) for word in ("yes", "no"))
    assert judge.answer(pictures[:1], [QUESTIONS[:1]])[0][0].p_yes == pytest.approx(yes / (yes + no), abs=1e-5)


def test_what_is_neither_yes_nor_no_is_missing(vlm_judge: Judges, pictures: list[np.ndarray]) -> None:
    inner = vlm_judge("llava").judge
    assert isinstance(inner, VlmJudge)
    logits = torch.zeros(len(inner._tokenizer))
    logits[inner._tokenizer.convert_tokens_to_ids("M")] = 9.0
    reply = inner._reply(logits)
    assert reply.missing == "the judge said neither yes nor no but 'M'"
    assert reply.p_yes is None


def test_settings_that_change_answers_change_the_fingerprint(vlm_judge: Judges, toy_vlm: Callable[[str], Path]) -> None:
    plain = vlm_judge("qwen2.5-vl")
    others = [
        vlm_judge("qwen2.5-vl", system="You are a strict judge."),
        vlm_judge("qwen2.5-vl", max_pixels=600),
        vlm_judge("llava"),
    ]
    assert len({judge.fingerprint for judge in (plain, *others)}) == 4
    assert plain.fingerprint == vlm_judge("qwen2.5-vl").fingerprint
    assert "You are a strict judge." in others[0].provenance["prompt"]
    assert "{question}\nAnswer with yes or no only." in plain.provenance["prompt"]
    assert plain.provenance["sha256"].keys() >= {"model.safetensors", "chat_template.jinja", "config.json"}


def test_larger_images_are_scaled_down_before_anything_else(vlm_judge: Judges) -> None:
    judge = vlm_judge("qwen2.5-vl", max_pixels=600)
    assert judge.preprocess(Image.new("RGB", (80, 30))).shape == (15, 40, 3)
    assert judge.preprocess(Image.new("RGB", (20, 30))).shape == (30, 20, 3)


def test_a_prompt_with_the_question_first_is_asked_one_by_one(
    tmp_path: Path, pictures: list[np.ndarray], caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_toy_vlm("llava", tmp_path / "question-first")
    template = folder / "chat_template.jinja"
    parts = "{% for part in message['content'] %}"
    assert parts in template.read_text()
    template.write_text(template.read_text().replace(parts, "{% for part in message['content'] | reverse %}"))
    with caplog.at_level(logging.WARNING, "dpg_bench"):
        judge = load_judge(f"vlm:{folder}", device="cpu")
    assert judge.provenance["shared_prefill"] is False
    assert "can't be computed once" in caplog.text
    replies = judge.answer(pictures[:1], [QUESTIONS])[0]
    assert all(reply.text in ("yes", "no") for reply in replies)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / "chat_template.jinja").unlink(), "has no chat template"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"nothing"), "can't be loaded as a vision-language"),
        (lambda folder: lose_weight(folder, "q_proj.weight"), r"holds no complete Llava\w+: 1 weights are missing"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"has no model\*\.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{}"), "can't be loaded as a vision-language"),
    ],
    ids=["template", "weights", "a weight", "no weights", "config"],
)
def test_a_folder_that_holds_no_such_model_is_one_message(
    harm: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    folder = save_toy_vlm("llava", tmp_path / "harmed")
    harm(folder)
    with pytest.raises(BadInputError, match=message):
        load_judge(f"vlm:{folder}", device="cpu")


@pytest.mark.parametrize(
    ("name", "message"), [("vlm:", "names no model"), ("vlm:no such", "neither a folder here nor")]
)
def test_what_names_no_model_is_refused_at_once(name: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        find_judge(name)


def test_verify_reads_the_weights_again_where_the_judgement_says_they_are(
    toy_vlm: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(toy_vlm("llava"), "model")
    (tmp_path / "pictures").mkdir()
    item = load_suite("sample").prompts[0].item_id
    Image.new("RGB", (32, 32)).save(tmp_path / "pictures" / f"{item}.png")
    line = ["score", "pictures", "--suite", "sample", "--limit", "1", "--images-per-prompt", "1"]
    judged = CliRunner().invoke(app, [*line, "--judge", "vlm:model", "--out", "judged", "--allow-missing"])
    assert judged.exit_code in (0, 3), judged.output
    verified = CliRunner().invoke(app, ["verify", "judged", "--weights"])
    assert (verified.exit_code, "1 set of weights" in verified.output) == (0, True), verified.output
    weights = next((tmp_path / "model").glob("*.safetensors"))
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = CliRunner().invoke(app, ["verify", "judged", "--weights"])
    said = " ".join(changed.output.split())
    assert (changed.exit_code, f"sha256.{weights.name} was" in said) == (1, True), changed.output
    shutil.rmtree("model")
    gone = CliRunner().invoke(app, ["verify", "judged", "--weights"])
    assert (gone.exit_code, "'model' is neither a folder here" in " ".join(gone.output.split())) == (0, True), (
        gone.output
    )
