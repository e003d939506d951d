"""Captions through a vision-language model: a tiny one here, and a small server that speaks like OpenAI's."""

from __future__ import annotations

import base64
import io
import json
import string
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
import transformers
from PIL import Image
from tokenizers import AddedToken, Tokenizer, models
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from typer.testing import CliRunner

from ella_models import EllaError
from ella_models.training import LocalCaptioner, ServerCaptioner, caption
from ella_models.training.captioning import Said, failures
from ella_models.training.commands import app
from ella_models.training.config import DataSection
from ella_models.training.sources import SkippedPairs, pair_source


@pytest.fixture
def images(tmp_path: Path) -> DataSection:
    """Five images, of which one is broken."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, colour in enumerate(("red", "green", "blue", "white")):
        Image.new("RGB", (20 + number, 16), colour).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no image")
    return DataSection(folder=folder, resolution=16)


def _image_processor() -> Any:
    """CLIP's, by Pillow: transformers called it by another name before it had two."""
    return getattr(transformers, "CLIPImageProcessorPil", transformers.CLIPImageProcessor)


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA of toy size, untrained."""
    letters = ["<unk>", "<s>", "</s>", "<pad>", "<image>", *string.ascii_letters, *string.digits, " ", ".", ",", ":"]
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, [], unk_token="<unk>"))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in letters[:5]])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    processor = LlavaProcessor(
        _image_processor()(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        fast,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template="{% for m in messages %}{% for c in m.content %}"
        "{{ '<image>' if c.type == 'image' else c.text }}{% endfor %}{% endfor %}:",
    )
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**small, image_size=16, patch_size=8),
        text_config=LlamaConfig(**small, vocab_size=len(letters), bos_token_id=1, eos_token_id=2, pad_token_id=3),
        image_token_index=4,
        vision_feature_layer=-1,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 3
    folder = tmp_path_factory.mktemp("llava")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


class Fixed:
    """A captioner whose words are known: the picture's width."""

    def __init__(self, model: str = "fixed", silent: Sequence[int] = ()) -> None:
        self.model, self.silent, self.seen = model, silent, list[int]()

    def settings(self) -> dict[str, object]:
        return {"model": self.model, "prompt": "how wide?"}

    def describe(self, images: Sequence[Image.Image]) -> list[Said]:
        self.seen += [image.width for image in images]
        return [
            Said(error="silent") if image.width in self.silent else Said(caption=f"{image.width} wide")
            for image in images
        ]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_captions_are_written_failures_named_and_the_rest_goes_on(images: DataSection, tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    first = caption(images, Fixed(silent=[21]), file, batch_size=2)
    assert (first.captions, first.new, first.failed) == (3, 3, 2)
    assert lines(file)[0] == {"image": "0.png", "caption": "20 wide", "model": "fixed"}
    assert dict(failures(file)).keys() == {"1.png", "broken.png"}
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"image": "0.p')
    again = Fixed()
    second = caption(images, again, file)
    assert again.seen == [21]
    assert (second.captions, second.new, second.failed) == (4, 1, 1)
    assert dict(failures(file)).keys() == {"broken.png"}
    assert json.loads((tmp_path / "captions.json").read_text(encoding="utf-8"))["prompt"] == "how wide?"


def test_another_model_never_goes_on_with_a_file(images: DataSection, tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    caption(images, Fixed(), file)
    with pytest.raises(EllaError, match="was begun with model 'fixed', which now is 'other'"):
        caption(images, Fixed("other"), file)
    (tmp_path / "captions.json").unlink()
    with pytest.raises(EllaError, match="says of which model is gone"):
        caption(images, Fixed(), file)


def test_training_reads_the_captions_in_place_of_its_own(images: DataSection, tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    caption(images, Fixed(), file)
    source = pair_source(images.model_copy(update={"captions": file}), seed=0, skipped=SkippedPairs(None))
    found = {pair.key: pair.caption for pair in source.pairs(None)}
    assert found == {"0.png": "20 wide", "1.png": "21 wide", "2.png": "22 wide", "3.png": "23 wide", "broken.png": None}


def test_a_dataset_without_captions_is_captioned_and_then_trained_on(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGB", (20, 16)).save(content, "PNG")
    features = datasets.Features({"picture": datasets.Image()})
    rows = {"picture": [{"bytes": content.getvalue(), "path": None}] * 2}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "data")
    data = DataSection(dataset=str(tmp_path / "data"), image_column="picture", resolution=16)
    file = tmp_path / "captions.jsonl"
    assert caption(data, Fixed(), file).captions == 2
    source = pair_source(data.model_copy(update={"captions": file}), seed=0, skipped=SkippedPairs(None))
    assert [pair.caption for pair in source.pairs(None)] == ["20 wide", "20 wide"]


def test_large_images_are_shrunk(images: DataSection, tmp_path: Path) -> None:
    captioner = Fixed()
    caption(images, captioner, tmp_path / "captions.jsonl", max_side=10)
    assert captioner.seen == [10, 10, 10, 10]


def test_a_local_model_captions_in_batches_what_it_captions_alone(llava: Path) -> None:
    captioner = LocalCaptioner(llava, prompt="what is it", max_tokens=6)
    pictures = [Image.new("RGB", (16 + n, 16), colour) for n, colour in enumerate(("red", "blue", "white"))]
    captioner._ends = set  # type: ignore[method-assign]
    # without an end token every caption is cut, which is told and not taken
    assert captioner.describe(pictures) == [Said(error="the caption was cut at 6 tokens (--max-tokens)")] * 3
    captioner._ends = lambda: set(range(100))  # type: ignore[method-assign]
    together = captioner.describe(pictures)
    assert together == [captioner.describe([picture])[0] for picture in pictures]
    assert all(said.caption for said in together)
    assert captioner.settings() == {"model": str(llava), "prompt": "what is it", "max_tokens": 6, "dtype": "float32"}


def test_where_memory_runs_out_batches_are_halved(llava: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = LocalCaptioner(llava, max_tokens=4)

    def only_two(images: Sequence[Image.Image]) -> list[Said]:
        if len(images) > 2 or any(image.width == 99 for image in images):
            raise torch.OutOfMemoryError
        return [Said(caption=str(image.width)) for image in images]

    monkeypatch.setattr(captioner, "_describe", only_two)
    said = captioner.describe([Image.new("RGB", (width, 16)) for width in (1, 2, 3, 4, 5, 99)])
    assert [one.caption for one in said] == ["1", "2", "3", "4", "5", None]
    assert "out of memory" in str(said[-1].error)


def test_a_model_that_is_not_there_or_cannot_be_asked_is_one_clear_error(llava: Path, tmp_path: Path) -> None:
    with pytest.raises(EllaError, match="could not be loaded"):
        LocalCaptioner(tmp_path)
    for file in llava.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(EllaError, match="has no chat template"):
        LocalCaptioner(tmp_path)


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]], list[Any]]]:
    """A server's address, the requests it got, and the answers that it still has to give."""
    requests: list[dict[str, Any]] = []
    answers: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append({"path": self.path, "key": self.headers.get("Authorization"), **told})
            answer = answers.pop(0) if answers else {"choices": [{"message": {"content": " a wall "}}]}
            status = answer if isinstance(answer, int) else 200
            body = b'{"error": "busy"}' if isinstance(answer, int) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", requests, answers
        running.shutdown()
        thread.join()


def test_a_server_is_asked_as_openai_is(
    server: tuple[str, list[dict[str, Any]], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, requests, _ = server
    monkeypatch.setenv("OPENAI_API_KEY", "hidden")
    captioner = ServerCaptioner(f"{address}/v1/", "vlm", prompt="what?", max_tokens=9)
    assert captioner.describe([Image.new("RGB", (20, 16), "red")]) == [Said(caption="a wall")]
    (request,) = requests
    assert request["path"] == "/v1/chat/completions"
    assert request["key"] == "Bearer hidden"
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("vlm", 9, 0)
    picture, text = request["messages"][0]["content"]
    assert text == {"type": "text", "text": "what?"}
    content = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(content)).size == (20, 16)
    assert "hidden" not in json.dumps(captioner.settings())


@pytest.mark.parametrize(
    ("given", "expected", "asked"),
    [
        ([503, 429], Said(caption="a wall"), 3),
        ([503] * 3, Said(error='the server answered 503: {"error": "busy"}'), 3),
        ([400], Said(error='the server answered 400: {"error": "busy"}'), 1),
        ([{"choices": []}], Said(error='the server\'s answer holds no message: {"choices": []}'), 1),
        ([{"choices": [{"message": {"content": ""}}]}], Said(error="the model said nothing"), 1),
        (
            [{"choices": [{"message": {"content": "a"}, "finish_reason": "length"}]}],
            Said(error="the caption was cut at 160 tokens (--max-tokens)"),
            1,
        ),
    ],
)
def test_what_a_server_answers_is_a_caption_or_a_named_failure(
    given: list[Any], expected: Said, asked: int, server: tuple[str, list[dict[str, Any]], list[Any]]
) -> None:
    address, requests, answers = server
    answers += given
    captioner = ServerCaptioner(address, "vlm", tries=3, pause=0)
    assert captioner.describe([Image.new("RGB", (20, 16))]) == [expected]
    assert len(requests) == asked


def test_a_server_that_is_not_there_is_a_named_failure() -> None:
    (said,) = ServerCaptioner("http://127.0.0.1:9", "vlm", tries=1).describe([Image.new("RGB", (20, 16))])
    assert "the server could not be asked" in str(said.error)
    with pytest.raises(EllaError, match="must begin with http"):
        ServerCaptioner("127.0.0.1:8000", "vlm")


def test_the_command_captions_and_exits_3_while_some_have_failed(
    images: DataSection, tmp_path: Path, server: tuple[str, list[dict[str, Any]], list[Any]]
) -> None:
    file = tmp_path / "captions.jsonl"
    words = ["caption", "--out", str(file), "--model", "vlm", "--server", server[0], "--folder", str(images.folder)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3
    assert done.stdout == f"{file}\n"
    assert "4 captions, 4 of them new; 1 images failed" in done.stderr
    assert "broken.png: broken.png can't be read" in done.stderr
    assert images.folder is not None
    (images.folder / "broken.png").unlink()
    assert CliRunner().invoke(app, words).exit_code == 0
    wrong = CliRunner().invoke(app, words[:-2])
    assert wrong.exit_code == 2
    assert "Give one of --folder, --shards and --dataset" in wrong.stderr
