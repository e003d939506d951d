"""Images from a server: asked for one by one, none twice, and nothing taken for an image that is none."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.generate.models.served.kept_images import KeptImages
from dpg_bench.jobs.run import execute_run
from dpg_bench.jobs.run_plan import RunRequest, plan_run
from dpg_bench.records import Prompt, Suite
from tests.image_server import draws, encoded, images, picture
from tests.openai_server import Asked, OpenAIServer, Reply, drop, fail, send

SUITE = Suite("mine", "mine", tuple(Prompt(name, f"a {name}", ()) for name in ("owl", "fox", "cat")))
Draw = Callable[..., Mapping[str, str]]


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(draws(), models=["toy"]) as server:
        yield server


@pytest.fixture
def draw(toy: OpenAIServer, tmp_path: Path) -> Draw:
    """Runs two images of each prompt into `runs/toy`, and gives the failed items."""

    def run(**changes: Any) -> Mapping[str, str]:
        options = {"concurrency": 2, **changes.pop("options", {})}
        request = {"suite": SUITE, "images_per_prompt": 2, "out": tmp_path / "toy", **changes}
        plan = plan_run(RunRequest(model=f"openai:toy@{toy.url}", options=options, **request))
        return execute_run(plan).failed

    return run


def drawn(toy: OpenAIServer) -> list[dict[str, Any]]:
    """What was asked for after the trial."""
    return [body for body in toy.posted if body["prompt"].startswith("a ")]


def test_every_image_is_the_servers_for_its_prompt_and_seed(draw: Draw, toy: OpenAIServer, tmp_path: Path) -> None:
    assert draw(size=16, steps=4, guidance=3.0, negative_prompt="blur") == {}
    assert len(drawn(toy)) == 6
    fox = next(body for body in drawn(toy) if body["prompt"] == "a fox")
    assert (fox["size"], fox["num_inference_steps"], fox["guidance_scale"]) == ("16x16", 4, 3.0)
    assert fox["negative_prompt"] == "blur"
    assert fox["response_format"] == "b64_json"
    grid = np.asarray(Image.open(tmp_path / "toy/images/fox.png"))
    tiles = {grid[:16, :16].tobytes(), grid[:16, 16:].tobytes()}
    assert tiles == {np.asarray(picture(body)).tobytes() for body in drawn(toy) if body["prompt"] == "a fox"}
    assert toy.most_at_once <= 2
    record = (tmp_path / "toy/run.json").read_text(encoding="utf-8")
    assert '"seed": "heeded"' in record
    assert '"device": "server"' in record
    assert not (tmp_path / "toy/unfinished").exists()


def test_a_finished_run_asks_for_no_image_again(draw: Draw, toy: OpenAIServer) -> None:
    draw()
    before = len(drawn(toy))
    assert draw() == {}
    assert draw(options={"concurrency": 5}) == {}  # which is no other setting
    assert len(drawn(toy)) == before


def test_images_of_items_that_are_not_whole_are_kept(draw: Draw, toy: OpenAIServer, tmp_path: Path) -> None:
    seeds = {"seeds": (1, 2)}

    def gone(asked: Asked) -> Reply:
        late = asked.body["prompt"] == "a cat" and asked.body["seed"] == 2
        return fail(401, "no such key") if late else draws()(asked)

    toy.answer = gone
    with pytest.raises(UnavailableError, match="401"):
        draw(**seeds, options={"concurrency": 1})
    assert len(list((tmp_path / "toy/unfinished").iterdir())) >= 1
    before = len(drawn(toy))
    toy.answer = draws()
    assert draw(**seeds) == {}
    assert [(body["prompt"], body["seed"]) for body in drawn(toy)[before:]] == [("a cat", 2)]
    assert not (tmp_path / "toy/unfinished").exists()


def test_refused_prompts_and_black_images_are_failures_with_their_reason(
    draw: Draw, toy: OpenAIServer, tmp_path: Path
) -> None:
    def picky(asked: Asked) -> Reply:
        if asked.body["prompt"] == "a owl":
            return fail(400, "not that", code="content_policy_violation")
        return images(Image.new("RGB", (16, 16))) if asked.body["prompt"] == "a fox" else draws()(asked)

    toy.answer = picky
    failed = draw()
    assert failed.keys() == {"owl", "fox"}
    assert "ContentRefusedError: the server refused the content" in failed["owl"]
    assert "ContentRefusedError: the server answered with a black image" in failed["fox"]
    assert [path.name for path in (tmp_path / "toy/images").iterdir()] == ["cat.png"]
    assert len([body for body in drawn(toy) if body["prompt"] == "a owl"]) == 2  # each image once
    toy.answer = draws()
    assert draw() == {}


def test_what_passes_is_asked_again_and_the_images_are_the_same(draw: Draw, toy: OpenAIServer, tmp_path: Path) -> None:
    draw()
    calm = {file.name: file.read_bytes() for file in (tmp_path / "toy/images").iterdir()}
    troubled = iter([fail(500), drop(), fail(503, Retry_After="0")])

    def rough(asked: Asked) -> Reply:
        return next(troubled, draws()(asked)) if asked.body["prompt"].startswith("a ") else draws()(asked)

    toy.answer = rough
    assert draw(fresh=True) == {}
    assert {file.name: file.read_bytes() for file in (tmp_path / "toy/images").iterdir()} == calm


def test_addresses_are_followed_without_the_key(draw: Draw, toy: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "sk-secret-0123456789")
    origin = toy.url.removesuffix("/v1")
    stored: dict[str, bytes] = {}

    def by_address(asked: Asked) -> Reply:
        if asked.method == "GET":
            return send(stored[asked.path])
        path = f"/files/{len(stored)}.png"
        stored[path] = base64.b64decode(encoded(picture(asked.body)))
        return send({"data": [{"url": f"{origin}{path}"}]})

    toy.answer = by_address
    assert draw(options={"key_from": "TOY_KEY"}) == {}
    asked = {one.method: one.headers.get("Authorization") for one in toy.asked if not one.path.endswith("models")}
    assert asked == {"POST": "Bearer sk-secret-0123456789", "GET": None}


def test_a_server_that_refuses_the_format_is_asked_without_it(draw: Draw, toy: OpenAIServer) -> None:
    toy.answer = draws(refused=["response_format"])
    assert draw() == {}
    assert sum("response_format" in body for body in toy.posted) == 1


@pytest.mark.parametrize(
    ("server", "asked", "message"),
    [
        (draws(refused=["seed"]), {}, r"takes no seed: .*Unknown parameter: 'seed'.*seeds=false"),
        (draws(heeded=["prompt"]), {}, "takes a seed and passes it over"),
        (draws(refused=["num_inference_steps"]), {"steps": 4}, r"takes no num_inference_steps.*Leave steps out"),
        (draws(heeded=["prompt", "seed"]), {"steps": 4}, r"passes steps over: 4 and 2 give the same image"),
        (draws(heeded=["prompt", "seed"]), {"guidance": 4.0}, r"passes guidance over: 4\.0 and 8\.0"),
        (draws(heeded=["prompt", "seed"]), {"negative_prompt": "fog"}, r"passes negative_prompt over"),
        (draws(refused=["quality"]), {"options": {"quality": "high"}}, r"takes no quality.*the option quality"),
    ],
)
def test_settings_that_the_server_does_not_follow_are_refused_before_the_first_prompt(
    draw: Draw, toy: OpenAIServer, server: Any, asked: dict[str, Any], message: str
) -> None:
    toy.answer = server
    with pytest.raises(BadInputError, match=message):
        draw(**asked)
    assert drawn(toy) == []


def test_a_server_without_seeds_draws_when_told_that_no_image_can_be_drawn_again(
    draw: Draw, toy: OpenAIServer, tmp_path: Path
) -> None:
    toy.answer = draws(refused=["seed"])
    assert draw(options={"seeds": "false", "quality": "high", "size_hint": "3"}) == {}
    assert all("seed" not in body for body in toy.posted)
    assert (drawn(toy)[0]["quality"], drawn(toy)[0]["size_hint"]) == ("high", 3)
    assert '"seed": "not sent"' in (tmp_path / "toy/run.json").read_text(encoding="utf-8")


def test_large_seeds_can_be_cut(draw: Draw, toy: OpenAIServer) -> None:
    draw(options={"seed_bits": 32})
    assert all(body["seed"] < 2**32 for body in toy.posted)
    assert len({body["seed"] for body in drawn(toy)}) == 6


def test_several_images_of_a_request_are_told_apart(draw: Draw, toy: OpenAIServer) -> None:
    assert draw(options={"n": 2}) == {}
    assert [body["n"] for body in drawn(toy)] == [2, 2, 2]
    toy.answer = lambda asked: images(picture(asked.body))
    failed = draw(options={"n": 2}, fresh=True)
    assert "asked for 2 images and answered with 1" in failed["owl"]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (send({"data": [{"b64_json": "%%%"}]}), "is no base64"),
        (send({"data": [{"b64_json": "AAAA"}]}), "is no PNG, JPEG or WebP image"),
        (send({"data": [{}]}), "holds no image"),
        (send({"data": []}), "answered with 0"),
        (send({"data": [{"url": "file:///etc/passwd"}]}), "which is no address"),
        (images(Image.new("RGB", (8, 8), "red")), "asked for 16 × 16 px and drew 8 × 8"),
    ],
)
def test_an_answer_without_a_sound_image_is_a_failure(
    draw: Draw, toy: OpenAIServer, reply: Reply, message: str
) -> None:
    toy.answer = lambda asked: reply if asked.body["prompt"] == "a fox" else draws()(asked)
    failed = draw(size=16)
    assert failed.keys() == {"fox"}
    assert message in failed["fox"]


def test_a_server_that_rewrites_prompts_is_told_and_recorded(
    draw: Draw, toy: OpenAIServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    toy.answer = lambda asked: images(picture(asked.body), revised="a much nicer ball")
    with caplog.at_level(logging.WARNING, logger="dpg_bench"):
        draw()
    assert caplog.text.count("rewritten itself") == 1
    assert '"rewrites_prompts": true' in (tmp_path / "toy/run.json").read_text(encoding="utf-8")


def test_device_and_precision_are_not_ours_to_choose(draw: Draw, toy: OpenAIServer) -> None:
    with pytest.raises(BadInputError, match="draws elsewhere"):
        draw(device="cpu")
    with pytest.raises(BadInputError, match=r"'seed' of .* is refused: the settings seed"):
        draw(options={"seed": "3"})
    with pytest.raises(BadInputError, match="names no model of a server"):
        plan_run(RunRequest(model="openai:toy@somewhere:80", suite=SUITE))


def test_kept_images_that_are_damaged_are_drawn_again(tmp_path: Path) -> None:
    kept = KeptImages()
    kept.keep_in(tmp_path / "kept")
    pair = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    kept.put("ab", pair)
    found = kept.get("ab", 2)
    assert found is not None
    assert [one.tobytes() for one in found] == [one.tobytes() for one in pair]
    next((tmp_path / "kept").iterdir()).write_bytes(b"torn")
    assert kept.get("ab", 2) is None
    kept.forget("ab", 2)
    assert list((tmp_path / "kept").iterdir()) == []
