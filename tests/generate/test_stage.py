"""The generation stage: nothing is lost, nothing is made twice, and no batch size or interruption changes a byte."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dpg_bench.errors import DpgBenchError
from dpg_bench.files.run_folder import RunDir
from dpg_bench.generate.base import ImageRequest
from dpg_bench.generate.plan import ItemPlan, plan_items
from dpg_bench.generate.stage import GenerationOutcome, GenerationProgress, generate_images
from dpg_bench.records import Prompt

PROMPTS = [Prompt(f"item{number}", f"prompt {number}", ()) for number in range(7)]
ITEMS = plan_items(PROMPTS, 4, seed=0, seeds=None)


class Painter:
    """A whole generator, but for the neural network: every image is a function of its request and nothing else."""

    def __init__(self, *, die_after: int = -1, broken: Sequence[str] = (), fits: int = 1000) -> None:
        self.calls: list[list[ImageRequest]] = []
        self._left = die_after
        self._broken = set(broken)
        self._fits = fits

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {}

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        self.calls.append(list(requests))
        if len(requests) > self._fits:
            raise torch.OutOfMemoryError("too many")
        for request in requests:
            if request.prompt in self._broken:
                raise ValueError(f"can't paint {request.prompt}")
        return [paint(request) for request in requests]


def paint(request: ImageRequest) -> Image.Image:
    digest = hashlib.sha256(f"{request.prompt} {request.seed}".encode()).digest()
    return Image.frombytes("RGB", (3, 3), digest[:27])


def generate(
    painter: Painter, folder: Path, *, batch_size: int = 6, items: Sequence[ItemPlan] = ITEMS
) -> GenerationOutcome:
    return generate_images(
        painter,
        items,
        run=RunDir(folder),
        model="painter",
        fingerprint="f",
        batch_size=batch_size,
        progress=lambda _: None,
    )


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((folder / "images").iterdir())}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "generation.jsonl").read_text().splitlines()]


def test_every_item_gets_its_grid_and_its_line(tmp_path: Path) -> None:
    seen: list[GenerationProgress] = []
    outcome = generate_images(
        Painter(), ITEMS, run=RunDir(tmp_path), model="painter", fingerprint="f", batch_size=6, progress=seen.append
    )
    assert outcome.made == tuple(prompt.item_id for prompt in PROMPTS)
    assert [line["item_id"] for line in lines(tmp_path)] == list(outcome.made)
    assert seen[0].done == 0
    assert seen[-1] == GenerationProgress(total=7, done=7, kept=0, failed=0, stage="writing")
    with Image.open(tmp_path / "images" / "item3.png") as grid:
        for image, box in enumerate([(0, 0, 3, 3), (3, 0, 6, 3), (0, 3, 3, 6), (3, 3, 6, 6)]):
            expected = paint(ImageRequest("prompt 3", ITEMS[3].seeds[image]))
            assert grid.crop(box).tobytes() == expected.tobytes()
        assert grid.text == {
            "item_id": "item3",
            "seeds": ",".join(map(str, ITEMS[3].seeds)),
            "model": "painter",
            "fingerprint": "f",
        }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch_size=st.integers(1, 30), deaths=st.lists(st.integers(0, 9), max_size=3))
def test_batch_size_and_interruptions_change_no_byte(
    batch_size: int, deaths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    undisturbed, folder = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("torn")
    generate(Painter(), undisturbed)
    for calls in deaths:
        try:
            generate(Painter(die_after=calls), folder, batch_size=batch_size)
        except KeyboardInterrupt:
            with (folder / "generation.jsonl").open("ab") as log:
                log.write(b'{"item_id": "ite')
    generate(Painter(), folder, batch_size=batch_size)
    assert content(folder) == content(undisturbed)
    assert sorted(line["item_id"] for line in lines(folder)) == sorted(prompt.item_id for prompt in PROMPTS)


def test_an_unfinished_batch_is_made_again_in_the_same_company(tmp_path: Path) -> None:
    whole = Painter()
    generate(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        generate(Painter(die_after=1), tmp_path / "torn")
    second = Painter()
    outcome = generate(second, tmp_path / "torn")
    assert outcome.kept == ("item0",)  # item1 had two of its four images
    assert second.calls == whole.calls


def test_a_finished_run_makes_nothing(tmp_path: Path) -> None:
    generate(Painter(), tmp_path)
    painter = Painter()
    outcome = generate(painter, tmp_path)
    assert painter.calls == []
    assert outcome.kept == tuple(prompt.item_id for prompt in PROMPTS)


@pytest.mark.parametrize("damage", ["file changed", "file gone", "other prompt", "other seeds", "other settings"])
def test_what_is_not_the_same_is_made_again(tmp_path: Path, damage: str) -> None:
    generate(Painter(), tmp_path)
    items, fingerprint = list(ITEMS), "f"
    if damage == "file changed":
        (tmp_path / "images" / "item2.png").write_bytes(b"scribble")
    elif damage == "file gone":
        (tmp_path / "images" / "item2.png").unlink()
    elif damage == "other prompt":
        items[2] = ItemPlan(Prompt("item2", "another prompt", ()), items[2].seeds)
    elif damage == "other seeds":
        items[2] = ItemPlan(items[2].prompt, (1, 2, 3, 4))
    else:
        fingerprint = "g"
    outcome = generate_images(
        Painter(),
        items,
        run=RunDir(tmp_path),
        model="p",
        fingerprint=fingerprint,
        batch_size=4,
        progress=lambda _: None,
    )
    assert outcome.made == (tuple(p.item_id for p in PROMPTS) if damage == "other settings" else ("item2",))


@pytest.mark.parametrize("batch_size", [1, 3, 4, 6, 28])
def test_a_broken_item_is_recorded_and_the_others_are_made(tmp_path: Path, batch_size: int) -> None:
    outcome = generate(Painter(broken=["prompt 1", "prompt 5"]), tmp_path, batch_size=batch_size)
    assert outcome.failed == {
        "item1": "ValueError: can't paint prompt 1",
        "item5": "ValueError: can't paint prompt 5",
    }
    assert len(outcome.made) == 5
    line = next(line for line in lines(tmp_path) if line["item_id"] == "item1")
    assert "Traceback" in line["traceback"]
    painter = Painter()
    again = generate(painter, tmp_path, batch_size=batch_size)
    assert again.made == ("item1", "item5")
    assert {request.prompt for call in painter.calls for request in call} == {"prompt 1", "prompt 5"}
    generate(Painter(), tmp_path / "whole")
    assert content(tmp_path) == content(tmp_path / "whole")


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    painter = Painter(fits=5)
    outcome = generate(painter, tmp_path, batch_size=16)
    assert len(outcome.made) == 7
    assert [len(call) for call in painter.calls] == [16, 8, 4, 4, 4, 4, 4, 4, 4]
    assert "Out of memory with 16 images at once; going on with 8." in caplog.text
    generate(Painter(), tmp_path / "whole")
    assert content(tmp_path) == content(tmp_path / "whole")


def test_one_image_that_does_not_fit_fails_its_item(tmp_path: Path) -> None:
    outcome = generate(Painter(fits=0), tmp_path, items=ITEMS[:1])
    assert outcome.failed == {"item0": "OutOfMemoryError: too many"}


def test_a_full_disk_ends_the_run_with_one_message_and_keeps_what_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dpg_bench.generate.grid_writer as module

    write_atomic = module.write_atomic

    def full_after_two(path: Path, data: bytes) -> None:
        if path.name in ("item0.png", "item1.png"):
            write_atomic(path, data)
        else:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_atomic", full_after_two)
    with pytest.raises(DpgBenchError, match="disk is full"):
        generate(Painter(), tmp_path)
    assert [line["item_id"] for line in lines(tmp_path)] == ["item0", "item1"]
    monkeypatch.undo()
    assert generate(Painter(), tmp_path).kept == ("item0", "item1")
