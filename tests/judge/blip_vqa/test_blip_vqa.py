"""BLIP-VQA by T2I-CompBench's procedure, from both forms of its weights, held against the model written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.judge.base import resolve_settings
from dpg_bench.judge.blip_vqa.judge import BlipVqaJudge
from dpg_bench.judge.blip_vqa.spec import BLIP_VQA
from dpg_bench.judge.blip_vqa.text import Tokenizer, plain_question
from dpg_bench.judge.in_memory import LoadedJudge, load_judge
from tests.judge.blip_vqa.original_blip import p_yes, toy_weights
from tests.pretended_gpu import pretend

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "yes",
    "no",
    "a",
    "red",
    "car",
    "is",
    "there",
    "dog",
    "two",
    "?",
    "'",
    "s",
    "##s",
    ",",
]
QUESTIONS = ["a red car?", "Is there a dog?", "two cars, a red dog?", "a car?", "Is there: (a red) car!"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    torch.save({"model": toy_weights(len(WORDS) + 2), "epoch": 7}, folder / "toy.pth")
    return folder


@pytest.fixture(scope="module")
def judge(folder: Path) -> LoadedJudge:
    return load_judge("blip-vqa", options={"path": str(folder / "toy.pth")}, device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [
        Image.fromarray(np.random.default_rng(n).integers(0, 256, (40 + n, 60, 3), dtype=np.uint8)) for n in range(5)
    ]


def normalised(image: Image.Image) -> torch.Tensor:
    squashed = np.asarray(image.resize((48, 48), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    mean, std = np.float32((0.48145466, 0.4578275, 0.40821073)), np.float32((0.26862954, 0.26130258, 0.27577711))
    return torch.from_numpy((squashed - mean) / std).permute(2, 0, 1)


def test_p_yes_is_that_of_the_authors_model(judge: LoadedJudge, folder: Path, pictures: list[Image.Image]) -> None:
    weights = torch.load(folder / "toy.pth", weights_only=True)["model"]
    tokenizer = Tokenizer(folder / "vocab.txt", len(WORDS) + 2)
    expected = [
        [
            p_yes(weights, normalised(picture), tokens, begin=len(WORDS), yes=WORDS.index("yes"), no=WORDS.index("no"))
            for tokens in tokenizer.encode(QUESTIONS)
        ]
        for picture in pictures
    ]
    found = judge.answer([judge.preprocess(picture) for picture in pictures], [QUESTIONS] * len(pictures))
    for replies, shares in zip(found, expected, strict=True):
        assert [reply.p_yes for reply in replies] == pytest.approx(shares, abs=1e-4)
        assert [reply.text for reply in replies] == ["yes" if share > 0.5 else "no" for share in shares]
    assert {reply.text for replies in found for reply in replies} == {"yes", "no"}
    assert np.std([share for shares in expected for share in shares]) > 0.05
    assert all(reply.p_yes == round(reply.p_yes or 0, 4) for replies in found for reply in replies)


def test_no_answer_depends_on_the_others_of_a_call(judge: LoadedJudge, pictures: list[Image.Image]) -> None:
    pixels = [judge.preprocess(picture) for picture in pictures]
    together = judge.answer(pixels, [QUESTIONS] * len(pixels))
    assert [judge.answer([image], [QUESTIONS])[0] for image in pixels] == together
    alone = [judge.answer(pixels[:1], [[question]])[0][0].p_yes for question in QUESTIONS]
    assert alone == pytest.approx([reply.p_yes for reply in together[0]], abs=2e-4)
    assert judge.answer(pixels[:2], [[], QUESTIONS[:1]])[0] == []


def test_questions_are_read_as_the_original_reads_them(folder: Path) -> None:
    assert plain_question('Is there: (a "red") car*!  ') == "is there a red car"
    assert plain_question("a red car?") == "a red car?"
    assert plain_question(" ".join(["dog"] * 60)).count("dog") == 50
    tokenizer = Tokenizer(folder / "vocab.txt", len(WORDS) + 2)
    begin, end = len(WORDS) + 1, WORDS.index("[SEP]")
    assert tokenizer.encode(["A red car?"]) == [[begin, *map(WORDS.index, ("a", "red", "car", "?")), end]]
    longest = tokenizer.encode(["dog " * 60])[0]
    assert (len(longest), longest[0], longest[-1]) == (35, begin, end)


def test_the_form_of_transformers_gives_the_same_and_says_what_it_is(
    judge: LoadedJudge, folder: Path, tmp_path: Path, pictures: list[Image.Image]
) -> None:
    inner = judge.judge
    assert isinstance(inner, BlipVqaJudge)
    copy = tmp_path / "copy"
    inner._model.save_pretrained(copy)
    (copy / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    other = load_judge("blip-vqa", options={"path": str(copy)}, device="cpu")
    assert other(pictures[0], QUESTIONS) == judge(pictures[0], QUESTIONS)
    assert other.fingerprint != judge.fingerprint
    names = {}
    for name, options in {"file": {"path": str(folder / "toy.pth")}, "folder": {"path": str(copy)}, "hub": {}}.items():
        settings = resolve_settings(BLIP_VQA, options, device="cpu", dtype="auto")
        names[name] = BLIP_VQA.label(settings)
    assert names == {"file": "blip-vqa (toy.pth)", "folder": "blip-vqa (copy)", "hub": "blip-vqa (copy at 384 px)"}
    assert BLIP_VQA.pending(BLIP_VQA.options()) == 1.5


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {"x": Evil()}}, "is refused: it is no file of tensors alone"),
        (
            {"model": {"x": torch.zeros(2)}},
            "doesn't hold BLIP-VQA: vision_model.embeddings.patch_embedding.weight is not",
        ),
        ({"model": {}}, "holds no named weights"),
        ([1, 2], "holds no named weights"),
        (None, "is no complete PyTorch checkpoint|is refused"),
    ],
    ids=["code", "other", "empty", "list", "torn"],
)
def test_a_file_that_is_no_such_checkpoint_is_one_message(
    content: object, message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.pth"
    (tmp_path / "vocab.txt").symlink_to(folder / "vocab.txt")
    if content is None:
        path.write_bytes((folder / "toy.pth").read_bytes()[:5000])
    else:
        torch.save(content, path)
    with pytest.raises(BadInputError, match=message):
        load_judge("blip-vqa", options={"path": str(path)}, device="cpu")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        ("text_decoder.cls.predictions.transform.dense.weight", "text_decoder.cls.predictions.transform.dense.weight"),
        ("visual_encoder.norm.bias", "vision_model.post_layernorm.bias"),
    ],
)
def test_a_weight_that_is_missing_is_named(missing: str, name: str, folder: Path, tmp_path: Path) -> None:
    weights = torch.load(folder / "toy.pth", weights_only=True)["model"]
    del weights[missing]
    torch.save({"model": weights}, tmp_path / "part.pth")
    (tmp_path / "vocab.txt").symlink_to(folder / "vocab.txt")
    with pytest.raises(BadInputError, match=rf"holds no complete BLIP-VQA: 1 weights are missing, such as {name}\."):
        load_judge("blip-vqa", options={"path": str(tmp_path / "part.pth")}, device="cpu")


def test_a_vocabulary_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "toy.pth").symlink_to(folder / "toy.pth")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS[:-1]), encoding="utf-8")
    with pytest.raises(BadInputError, match=r"has 17 tokens, which with .* must be the model's 20"):
        load_judge("blip-vqa", options={"path": str(tmp_path / "toy.pth")}, device="cpu")


def test_a_path_that_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="neither the original checkpoint"):
        load_judge("blip-vqa", options={"path": str(tmp_path / "no.pth")}, device="cpu")


def test_a_vocabulary_that_is_not_there_is_asked_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "toy.pth").symlink_to(folder / "toy.pth")
    with pytest.raises(UnavailableError, match=r"Or put BERT's vocab\.txt beside toy\.pth"):
        load_judge("blip-vqa", options={"path": str(tmp_path / "toy.pth")}, device="cpu")


def test_a_gpu_gives_the_answers_of_a_cpu(judge: LoadedJudge, folder: Path, pictures: list[Image.Image]) -> None:
    expected = [judge(picture, QUESTIONS) for picture in pictures]
    with pretend():
        other = load_judge("blip-vqa", options={"path": str(folder / "toy.pth")}, device="cuda")
        assert [other(picture, QUESTIONS) for picture in pictures] == expected
    assert other.provenance["dtype"] == "float32"
