"""A judge behind a server: what it answers is read with care, what fails is missing, and no key is written down."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.judge.in_memory import LoadedJudge, load_judge
from dpg_bench.judge.registry import find_judge
from dpg_bench.suite.registry import load_suite
from tests.openai_server import Asked, OpenAIServer, Reply, chat, cut, drop, fail, nonsense, send, slow

KEY = "sk-very-secret-0123456789"
QUESTIONS = ["Is there a car?", "Is it red?", "Are there two?"]


def picture_and_question(body: dict[str, Any]) -> tuple[np.ndarray, str]:
    image, text = body["messages"][-1]["content"]
    raw = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(raw))), text["text"]


def share(body: dict[str, Any]) -> float:
    """P(yes) from the pixels and the question, never a half."""
    pixels, text = picture_and_question(body)
    return (hashlib.sha256(pixels.tobytes() + text.encode()).digest()[0] + 0.5) / 256


def answer(asked: Asked) -> Reply:
    yes = share(asked.body)
    first = {"Yes": math.log(yes * 0.75), " yes": math.log(yes * 0.25), "No": math.log(1 - yes), "Maybe": -30.0}
    return chat("Yes" if yes > 0.5 else "No", first=first if "logprobs" in asked.body else None)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer, models=["toy"]) as running:
        yield running


def judge_of(server: OpenAIServer, **options: Any) -> LoadedJudge:
    return load_judge(f"openai:toy@{server.url}", options={"timeout": 20.0, **options})


@pytest.fixture
def pictures() -> list[np.ndarray]:
    return [np.random.default_rng(n).integers(0, 256, (12, 10 + n, 3), dtype=np.uint8) for n in range(4)]


def test_answers_come_with_p_yes_summed_over_spellings(server: OpenAIServer, pictures: list[np.ndarray]) -> None:
    judge = judge_of(server)
    server.asked.clear()
    replies = judge.answer(pictures, [QUESTIONS, [], QUESTIONS[:1], QUESTIONS])
    assert [len(one) for one in replies] == [3, 0, 1, 3]
    bodies = {(p.tobytes(), text): share(body) for body in server.posted for p, text in [picture_and_question(body)]}
    for picture, questions, found in zip(pictures, [QUESTIONS, [], QUESTIONS[:1], QUESTIONS], replies, strict=True):
        for question, reply in zip(questions, found, strict=True):
            expected = bodies[picture.tobytes(), f"{question}\nAnswer with yes or no only."]
            assert reply.text == ("yes" if expected > 0.5 else "no")
            assert reply.p_yes == pytest.approx(expected, abs=1e-5)
    assert {reply.text for found in replies for reply in found} == {"yes", "no"}
    assert all(body["temperature"] == 0 and body["max_tokens"] == 1 for body in server.posted)


def test_any_number_at_once_gives_the_same(server: OpenAIServer, pictures: list[np.ndarray]) -> None:
    asked = [QUESTIONS] * 4
    one = judge_of(server, concurrency=1)
    found = one.answer(pictures, asked)
    assert server.most_at_once == 1
    server.answer = lambda asked: slow(0.02 if share(asked.body) > 0.5 else 0.0, answer(asked))
    many = judge_of(server, concurrency=6)
    assert many.answer(pictures, asked) == found
    assert 1 < server.most_at_once <= 6
    assert many.fingerprint == one.fingerprint


def test_trouble_that_passes_changes_nothing(server: OpenAIServer, pictures: list[np.ndarray]) -> None:
    judge = judge_of(server, timeout=1.0)
    undisturbed = judge.answer(pictures, [QUESTIONS] * 4)
    server.first += [
        fail(500),
        drop(),
        cut(),
        nonsense(),
        fail(429, Retry_After="0.1"),
        slow(1.5, chat("Yes")),
        fail(503),
    ]
    assert judge.answer(pictures, [QUESTIONS] * 4) == undisturbed


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (chat("I can't tell"), "said neither yes nor no but 'I can't tell'"),
        (chat(""), "said neither yes nor no but ''"),
        (fail(400, "bad image"), r"refused a request with 400 \(bad image\)"),
        (fail(400, "not this", code="content_policy_violation"), "refused a request"),
        (send({"model": "toy", "choices": []}), "holds no text"),
    ],
)
def test_what_is_no_answer_is_missing_and_no_no(
    server: OpenAIServer, pictures: list[np.ndarray], reply: Reply, why: str
) -> None:
    judge = judge_of(server, concurrency=1)
    server.first += [answer(Asked("POST", "", {}, server.posted[0], 0.0)), reply]
    replies = judge.answer(pictures[:1], [QUESTIONS])[0]
    assert [one.missing is None for one in replies] == [True, False, True]
    assert re.search(why, replies[1].missing or "")


@pytest.mark.parametrize(
    ("refused", "manner"),
    [
        ({"top_logprobs": 20}, {"limit": "max_tokens", "log_probs": 5, "temperature": True}),
        ({"logprobs": True}, {"limit": "max_tokens", "log_probs": 0, "temperature": True}),
        ({"max_tokens": 1}, {"limit": "max_completion_tokens", "log_probs": 20, "temperature": True}),
        (
            {"max_tokens": 1, "temperature": 0, "logprobs": True},
            {"limit": "max_completion_tokens", "log_probs": 0, "temperature": False},
        ),
    ],
)
def test_the_manner_that_a_server_takes_is_found_out_and_recorded(
    server: OpenAIServer, pictures: list[np.ndarray], refused: dict[str, Any], manner: dict[str, Any]
) -> None:
    hints = {"max_tokens": "use 'max_completion_tokens' instead", "temperature": "unsupported value: temperature"}

    def picky(asked: Asked) -> Reply:
        wrong = [name for name, value in refused.items() if asked.body.get(name) == value]
        return fail(400, hints.get(wrong[0], "no")) if wrong else answer(asked)

    server.answer = picky
    judge = judge_of(server)
    assert judge.provenance["manner"] == manner
    reply = judge.answer(pictures[:1], [QUESTIONS[:1]])[0][0]
    assert (reply.p_yes is None) == (manner["log_probs"] == 0)


def test_a_model_that_takes_no_images_is_one_message(server: OpenAIServer) -> None:
    server.answer = lambda _: fail(400, "this model reads text only")
    with pytest.raises(BadInputError, match=r"can't be asked about an image: .*reads text only"):
        judge_of(server)


def test_a_model_that_thinks_first_is_pointed_out(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    server.answer = lambda _: chat("<think>")
    with caplog.at_level(logging.WARNING, "dpg_bench"):
        judge_of(server)
    assert "max_tokens" in caplog.text


def test_another_model_under_the_same_name_ends_the_work(server: OpenAIServer, pictures: list[np.ndarray]) -> None:
    judge = judge_of(server)
    server.answer = lambda _: chat("Yes", model="toy-2")
    with pytest.raises(UnavailableError, match="answered as 'toy' and now does as 'toy-2'"):
        judge.answer(pictures[:1], [QUESTIONS])


def test_a_server_that_is_gone_ends_the_work_at_once(pictures: list[np.ndarray]) -> None:
    with OpenAIServer(answer, models=["toy"]) as server:
        judge = judge_of(server)
        server.answer = lambda _: fail(401, "your key has expired")
        begun = time.monotonic()
        for _ in range(2):
            with pytest.raises(UnavailableError, match="your key has expired"):
                judge.answer(pictures, [QUESTIONS] * 4)
        assert time.monotonic() - begun < 20


def test_what_was_answered_before_the_server_went_is_kept(server: OpenAIServer, pictures: list[np.ndarray]) -> None:
    judge = judge_of(server, concurrency=1)
    good = [answer(Asked("POST", "", {}, server.posted[0], 0.0))] * 4
    server.first += [*good, fail(401, "expired")]
    first, second, *_ = judge.answer(pictures, [QUESTIONS] * 4)
    assert [reply.missing for reply in (*first, second[0])] == [None] * 4
    assert "expired" in str(second[1].missing)
    with pytest.raises(UnavailableError, match="expired"):
        judge.answer(pictures, [QUESTIONS] * 4)


def test_settings_that_change_answers_change_the_fingerprint(server: OpenAIServer) -> None:
    changes = ({}, {"system": "Be strict."}, {"max_pixels": 50}, {"max_tokens": 4})
    assert len({judge_of(server, **change).fingerprint for change in changes}) == 4
    assert server.posted[1]["messages"][0] == {"role": "system", "content": "Be strict."}
    same = ({"concurrency": 2}, {"price_in": 3.0}, {"timeout": 9.0})
    assert {judge_of(server, **change).fingerprint for change in same} == {judge_of(server).fingerprint}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--judge openai:toy@localhost:8000/v1", "names no model of a server: write MODEL@URL"),
        ("--judge openai:", "names no model of a server"),
        ("--judge openai:toy@http://me:secret@host/v1", "Addresses are recorded"),
        ("--judge openai:gpt-4o", "OPENAI_API_KEY is not set"),
        ("--judge openai:toy@http://host/v1 -J key_from=sk-abcdef", "must be the name of an environment variable"),
        (
            "--judge openai:toy@http://host/v1 --device cuda",
            "computes elsewhere, so that --device and --dtype do nothing",
        ),
        ("--judge openai:toy@http://host/v1 -J concurrency=0", "Option 'concurrency'"),
    ],
)
def test_wrong_use_is_one_message(line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Path("pictures").mkdir()
    Image.new("RGB", (64, 64)).save("pictures/sample01-lighthouse.png")
    result = CliRunner().invoke(app, ["score", "pictures", "--suite", "sample", *line.split()])
    assert (result.exit_code, message in " ".join(result.output.split())) == (2, True), result.output
    assert "secret" not in result.output
    assert "sk-abcdef" not in result.output


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, prompt in enumerate(load_suite("sample").prompts[:2]):
        noise = np.random.default_rng(n).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{prompt.item_id}.png")
    return folder


def score(server: OpenAIServer, *more: str) -> Any:
    line = ["score", "pictures", "--suite", "sample", "--limit", "2", "--images-per-prompt", "1", "--json"]
    judge = ["--judge", f"openai:toy@{server.url}", "-J", "key_from=TOY_KEY", "-J", "price_in=10", "-J", "price_out=1"]
    return CliRunner().invoke(app, [*line, *judge, *more])


def test_a_judging_goes_on_where_it_ended_and_counts_what_it_cost(
    server: OpenAIServer, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_KEY", KEY)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    tried = 0

    def dies(asked: Asked) -> Reply:
        nonlocal tried
        tried += 1
        return answer(asked) if tried <= 25 else fail(401, f"key {KEY} has expired")

    server.answer = dies
    stopped = score(server)
    assert stopped.exit_code == 3
    assert "key [key] has expired" in next(Path("runs").rglob("failures.jsonl")).read_text()
    server.answer = answer
    server.asked.clear()
    done = score(server)
    assert done.exit_code == 0, done.output
    card = json.loads(done.stdout)
    kept = len(next(Path("runs").rglob("answers.jsonl")).read_bytes().splitlines())
    usage = card["judge"]["provenance"]["usage"]
    assert re.search(r"The judge took \d+ requests, [\d,]+ tokens in and \d+ out, cost 0\.0\d+,", done.stderr)
    assert usage["requests"] == usage["prompt_tokens"] / 100 >= kept
    assert usage["cost"] == pytest.approx((usage["prompt_tokens"] * 10 + usage["completion_tokens"]) / 1e6)
    assert len(server.posted) <= 1 + kept - 14  # one tries the server out, and those of the first image were kept
    counted = next(Path("runs").rglob("usage.jsonl"))
    copied = counted.parent / "shards" / "0-of-2" / "usage.jsonl"  # as a kill leaves it between the copy and the end
    copied.parent.mkdir(parents=True)
    copied.write_bytes(counted.read_bytes())
    server.asked.clear()
    again = score(server)
    assert json.loads(again.stdout)["judge"]["provenance"]["usage"] == usage
    assert (again.exit_code, len(server.posted)) == (0, 1)
    written = [path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()]
    assert KEY not in stopped.output + done.output
    assert not any(KEY.encode() in content for content in written)
    assert all(asked.headers["Authorization"] == f"Bearer {KEY}" for asked in server.asked)


def test_an_item_with_an_open_question_is_unscored(
    server: OpenAIServer, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_KEY", KEY)
    server.answer = lambda asked: chat("Hm") if "lighthouse" in str(asked.body["messages"]) else answer(asked)
    done = score(server)
    assert done.exit_code == 3, done.output
    corrected = json.loads(done.stdout)["protocols"]["corrected"]
    assert (corrected["prompts_scored"], corrected["overall"]) == (1, None)
    assert [one["item_id"] for one in corrected["excluded"]] == ["sample01-lighthouse"]
    assert "neither yes nor no but 'Hm'" in corrected["excluded"][0]["reason"]


def test_a_server_is_asked_without_torch() -> None:
    with OpenAIServer(answer) as server:
        program = (
            "import sys\nfor name in ('torch', 'transformers', 'pandas'): sys.modules[name] = None\n"
            "import dpg_bench as dpg\nfrom PIL import Image\n"
            f"judge = dpg.load_judge('openai:toy@{server.url}')\n"
            "print(judge(Image.new('RGB', (8, 8)), ['Is it red?'])[0].text)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("yes", "no"), done.stderr


def test_a_name_says_model_and_server() -> None:
    assert find_judge("openai:toy@http://localhost:8000").name == "openai:toy@localhost:8000"
