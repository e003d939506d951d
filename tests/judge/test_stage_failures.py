"""The judging stage when things go wrong: broken images, failing judges, too little memory, a full disk."""

import errno
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from dpg_bench.errors import DpgBenchError
from dpg_bench.files.durable import JsonlLog, read_jsonl
from dpg_bench.records import Prompt, Reply
from tests.judge.conftest import judged

ANSWERS = 6 * 4 * 3


def test_broken_images_are_counted_and_the_others_judged(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    (grids / "item1.png").write_bytes(b"broken")
    Image.new("RGB", (13, 11)).save(grids / "item4.png")
    (grids / "item5.png").unlink()
    outcome = judged(prompts, grids, hash_judge(), tmp_path / "out", batch_size=8)
    assert list(outcome.answers) == ["item0", "item2", "item3"]
    assert outcome.missing == {"item5": "there is no image"}
    assert list(outcome.failed) == ["item1", "item4"]
    assert "item1.png is no PNG" in outcome.failed["item1"]
    assert "item4.png is 13 × 11 px" in outcome.failed["item4"]
    failures = list(read_jsonl(tmp_path / "out" / "failures.jsonl"))
    assert [(line["item_id"], line["error"]) for line in failures] == list(outcome.failed.items())
    assert "UnusableImageError" in failures[0]["traceback"]


def test_an_item_that_the_judge_fails_on_is_tried_again_alone(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path, undisturbed: bytes
) -> None:
    class Moody(hash_judge):
        def answer(self, pixels: object, questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
            if any("in 2" in text for texts in questions for text in texts):
                raise RuntimeError("not this one")
            return super().answer(pixels, questions)

    outcome = judged(prompts, grids, Moody(), tmp_path / "out", batch_size=12)
    assert outcome.failed == {"item2": "RuntimeError: not this one"}
    assert outcome.asked == ANSWERS - 12
    failures = list(read_jsonl(tmp_path / "out" / "failures.jsonl"))
    assert "not this one" in failures[0]["traceback"]
    assert "in answer" in failures[0]["traceback"]

    judge = hash_judge()
    outcome = judged(prompts, grids, judge, tmp_path / "out", batch_size=12)
    assert outcome.failed == {}
    assert len(judge.asked) == 12
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == undisturbed
    assert not (tmp_path / "out" / "failures.jsonl").exists()


def test_a_judge_that_leaves_questions_unanswered_fails_the_item(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    class Lazy(hash_judge):
        def answer(self, pixels: object, questions: object) -> list[list[Reply]]:
            return [texts[:-1] for texts in super().answer(pixels, questions)]

    outcome = judged(prompts, grids, Lazy(), tmp_path / "out")
    assert outcome.answers == {}
    assert set(outcome.failed) == {prompt.item_id for prompt in prompts}
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == b""


@pytest.mark.parametrize("fits", [1, 3, 5])
def test_a_batch_that_does_not_fit_into_memory_is_halved_and_nothing_is_lost(
    *, prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path, undisturbed: bytes, fits: int
) -> None:
    import torch

    sizes: list[int] = []

    def before_call(call: int, images: int) -> None:
        sizes.append(images)
        if images > fits:
            raise torch.OutOfMemoryError("too much")

    outcome = judged(prompts, grids, hash_judge(before_call=before_call), tmp_path / "out", batch_size=16)
    assert outcome.failed == {}
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == undisturbed
    first_fit = next(at for at, size in enumerate(sizes) if size <= fits)
    assert max(sizes[first_fit:]) <= fits


def test_a_judge_that_never_fits_ends_with_one_clear_error(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    import torch

    def before_call(call: int, images: int) -> None:
        raise torch.OutOfMemoryError("too much")

    with pytest.raises(DpgBenchError, match="out of memory with a single image"):
        judged(prompts, grids, hash_judge(before_call=before_call), tmp_path / "out")
    assert not (tmp_path / "out" / "failures.jsonl").exists()


def test_a_full_disk_ends_with_one_clear_error_and_the_log_goes_on_later(
    *,
    prompts: list[Prompt],
    grids: Path,
    hash_judge: Callable,
    tmp_path: Path,
    undisturbed: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = JsonlLog.append
    log = tmp_path / "out" / "answers.jsonl"
    flushed = []

    def fill_up(self: JsonlLog, *records: dict[str, object]) -> None:
        flushed.append(len(records))
        if len(flushed) < 3:
            append(self, *records)
            return
        half = json.dumps(records[0])[:50].encode()
        log.write_bytes(log.read_bytes() + half)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(JsonlLog, "append", fill_up)
        with pytest.raises(DpgBenchError, match="disk is full"):
            judged(prompts, grids, hash_judge(), tmp_path / "out")
    judge = hash_judge()
    judged(prompts, grids, judge, tmp_path / "out")
    assert len(judge.asked) == ANSWERS - 2 * 12
    assert log.read_bytes() == undisturbed
