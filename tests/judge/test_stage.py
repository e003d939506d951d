from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.images import find_images
from dpg_bench.files.run_folder import lock_folder
from dpg_bench.judge.stage import JudgingProgress, judge_images
from dpg_bench.records import Prompt, Question
from tests.judge.conftest import judged

ANSWERS = 6 * 4 * 3


def test_every_question_is_asked_about_every_image_in_row_major_order(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    judge = hash_judge()
    outcome = judged(prompts, grids, judge, tmp_path / "out")
    for prompt in prompts:
        grid = np.asarray(Image.open(grids / f"{prompt.item_id}.png"))
        for image, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            tile = grid[6 * row : 6 * row + 6, 6 * column : 6 * column + 6]
            expected = {q.proposition_id: judge.one(tile, q.text) for q in prompt.questions}
            assert outcome.answers[prompt.item_id][image] == expected
    assert (outcome.asked, outcome.kept, outcome.failed, outcome.missing) == (ANSWERS, 0, {}, {})


def test_the_log_holds_what_the_contract_says_in_the_order_of_the_suite(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    outcome = judged(prompts, grids, hash_judge(), tmp_path / "out")
    lines = list(read_jsonl(tmp_path / "out" / "answers.jsonl"))
    places = [(p, image, q) for p in prompts for image in range(4) for q in p.questions]
    assert len(lines) == len(places)
    for line, (prompt, image, question) in zip(lines, places, strict=True):
        assert list(line) == [
            "item_id", "image", "proposition_id", "question", "answer", "image_sha256", "judge_fingerprint",
            "crc32",
        ]  # fmt: skip
        assert (line["item_id"], line["image"], line["proposition_id"]) == (
            prompt.item_id, image, question.proposition_id,
        )  # fmt: skip
        assert line["question"] == question.text
        assert line["answer"] == outcome.answers[prompt.item_id][image][question.proposition_id]
        assert line["judge_fingerprint"] == "f" * 64


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 8, 100])
def test_the_batch_size_changes_no_byte(
    *, prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path, undisturbed: bytes, batch_size: int
) -> None:
    judge = hash_judge(before_call=lambda _, images: _at_most(images, batch_size))
    judged(prompts, grids, judge, tmp_path / "out", batch_size=batch_size)
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == undisturbed


def _at_most(images: int, limit: int) -> None:
    assert images <= limit


def test_files_per_image_give_the_answers_of_the_grid(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    for prompt in prompts:
        (files / prompt.item_id).mkdir(parents=True)
        with Image.open(grids / f"{prompt.item_id}.png") as grid:
            for image, corner in enumerate([(0, 0), (6, 0), (0, 6), (6, 6)]):
                tile = grid.crop((*corner, corner[0] + 6, corner[1] + 6))
                tile.save(files / prompt.item_id / f"{image}.png")
    of_grids = judged(prompts, grids, hash_judge(), tmp_path / "1")
    assert judged(prompts, files, hash_judge(), tmp_path / "2").answers == of_grids.answers


@settings(max_examples=30, deadline=None)
@given(
    stops=st.lists(st.integers(0, 8), min_size=1, max_size=3),
    torn=st.integers(0, 600),
    batch_size=st.sampled_from([2, 4, 8]),
)
def test_an_interrupted_judgement_ends_with_the_bytes_of_an_undisturbed_one(
    *,
    stops: list[int],
    torn: int,
    batch_size: int,
    tmp_path_factory: pytest.TempPathFactory,
    hash_judge: Callable,
    prompts_of: Callable,
    grid_folder: Callable,
) -> None:
    root = tmp_path_factory.mktemp("interrupted")
    prompts = prompts_of(6)
    grids = grid_folder(root / "images", prompts)
    judged(prompts, grids, hash_judge(), root / "undisturbed")
    log = root / "out" / "answers.jsonl"

    def stop_at(number: int) -> Callable[[int, int], None]:
        def before_call(call: int, images: int) -> None:
            if call == number:
                raise KeyboardInterrupt

        return before_call

    for stop in stops:
        try:
            judged(prompts, grids, hash_judge(before_call=stop_at(stop)), root / "out", batch_size=batch_size)
        except KeyboardInterrupt:
            content = log.read_bytes()
            log.write_bytes(content[: len(content) - torn])
    outcome = judged(prompts, grids, hash_judge(), root / "out", batch_size=batch_size)
    assert log.read_bytes() == (root / "undisturbed" / "answers.jsonl").read_bytes()
    assert outcome.answers == judged(prompts, grids, hash_judge(), root / "undisturbed").answers
    names = {file.name for file in (root / "undisturbed").iterdir()}
    assert {file.name for file in (root / "out").iterdir()} == names


def test_nothing_is_asked_twice(prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path) -> None:
    def stop(call: int, images: int) -> None:
        if call == 3:
            raise KeyboardInterrupt

    first, second, third = hash_judge(before_call=stop), hash_judge(), hash_judge()
    with pytest.raises(KeyboardInterrupt):
        judged(prompts, grids, first, tmp_path / "out")
    outcome = judged(prompts, grids, second, tmp_path / "out")
    assert len(first.asked) + len(second.asked) == ANSWERS
    assert (outcome.asked, outcome.kept) == (len(second.asked), len(first.asked))
    judged(prompts, grids, third, tmp_path / "out")
    assert third.asked == []


def test_a_continued_judgement_calls_the_judge_with_the_same_images_together(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    def stop(call: int, images: int) -> None:
        if call == 1:
            raise KeyboardInterrupt

    whole, first, second = hash_judge(), hash_judge(before_call=stop), hash_judge()
    judged(prompts, grids, whole, tmp_path / "whole", batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        judged(prompts, grids, first, tmp_path / "out", batch_size=8)
    judged(prompts, grids, second, tmp_path / "out", batch_size=8)
    assert whole.calls == 3
    assert second.calls == 2
    assert first.asked + second.asked == whole.asked


def test_a_changed_image_is_asked_again_and_its_old_answers_are_gone(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    judged(prompts, grids, hash_judge(), tmp_path / "out")
    Image.open(grids / "item2.png").rotate(180).save(grids / "item2.png")
    judge = hash_judge()
    outcome = judged(prompts, grids, judge, tmp_path / "out")
    assert set(judge.asked) == {question.text for question in prompts[2].questions}
    judged(prompts, grids, hash_judge(), tmp_path / "anew")
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == (tmp_path / "anew" / "answers.jsonl").read_bytes()
    assert outcome.asked == 12


def test_a_changed_question_is_asked_again_with_the_others_of_its_images_and_a_removed_one_is_gone(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    judged(prompts, grids, hash_judge(), tmp_path / "out")
    first, second, _ = prompts[1].questions
    changed = Question(2, (), second.category_broad, second.category, "Is it new?")
    prompts[1] = Prompt(prompts[1].item_id, prompts[1].text, (first, changed))
    judge = hash_judge()
    judged(prompts, grids, judge, tmp_path / "out")
    assert judge.asked == [first.text, "Is it new?"] * 4
    judged(prompts, grids, hash_judge(), tmp_path / "anew")
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == (tmp_path / "anew" / "answers.jsonl").read_bytes()


def test_answers_about_other_items_are_kept(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path, undisturbed: bytes
) -> None:
    judged(prompts[3:], grids, hash_judge(), tmp_path / "out")
    judged(prompts[:3], grids, hash_judge(), tmp_path / "out")
    judge = hash_judge()
    judged(prompts, grids, judge, tmp_path / "out")
    assert judge.asked == []
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == undisturbed


def test_other_judge_settings_are_refused_with_both_values_unless_fresh(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    judged(prompts, grids, hash_judge(), tmp_path / "out")
    before = (tmp_path / "out" / "answers.jsonl").read_bytes()
    other = hash_judge(fingerprint="e" * 64, provenance={"source": "a hash", "dtype": "bfloat16"})
    with pytest.raises(BadInputError, match=r'dtype was "none", now "bfloat16".*fresh=True'):
        judged(prompts, grids, other, tmp_path / "out")
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == before
    outcome = judged(prompts, grids, other, tmp_path / "out", fresh=True)
    assert outcome.asked == ANSWERS
    assert {line["judge_fingerprint"] for line in read_jsonl(tmp_path / "out" / "answers.jsonl")} == {"e" * 64}


def test_a_judge_that_differs_in_its_fingerprint_alone_is_refused(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    judged(prompts, grids, hash_judge(), tmp_path / "out")
    with pytest.raises(BadInputError, match=f"fingerprint was {'f' * 64}, now {'e' * 64}"):
        judged(prompts, grids, hash_judge(fingerprint="e" * 64), tmp_path / "out")
    (tmp_path / "out" / "judgement.json").unlink()
    with pytest.raises(BadInputError, match=f"line 1 is by another judge.*{'f' * 64}"):
        judged(prompts, grids, hash_judge(fingerprint="e" * 64), tmp_path / "out")


def test_another_number_of_images_is_refused(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    judged(prompts, grids, hash_judge(), tmp_path / "out")
    images = find_images(grids, [prompt.item_id for prompt in prompts], images_per_prompt=1)
    with pytest.raises(BadInputError, match="images per prompt was 4, now 1"):
        judge_images(prompts, images, hash_judge(), folder=tmp_path / "out", batch_size=4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": 3}', "newer dpg-bench"),
        ('{"schema": 1}', "damaged at 'judge_fingerprint'"),
        ("no json", "is damaged: Invalid JSON"),
    ],
)
def test_a_damaged_or_newer_judgement_is_refused(
    *, prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "judgement.json").write_text(content)
    with pytest.raises(BadInputError, match=message):
        judged(prompts, grids, hash_judge(), tmp_path / "out")


@pytest.mark.parametrize(
    ("line", "where"), [("{}", "item_id"), ("[]", "should be an object"), ('{"item_id": 3}', "item_id")]
)
def test_a_damaged_line_is_refused_with_its_number(
    *, prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path, line: str, where: str
) -> None:
    judged(prompts, grids, hash_judge(), tmp_path / "out")
    log = tmp_path / "out" / "answers.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([lines[0], line + "\n", *lines[1:]]))
    with pytest.raises(BadInputError, match=rf"answers\.jsonl, line 2 is damaged.*{where}"):
        judged(prompts, grids, hash_judge(), tmp_path / "out")


def test_a_judgement_open_elsewhere_is_refused(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    def judge() -> None:
        with pytest.raises(BadInputError, match="out is in use by another process"):
            judged(prompts, grids, hash_judge(), tmp_path / "out")

    with lock_folder(tmp_path / "out"), ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(judge).result()


def test_progress_ends_with_everything_done(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    seen: list[JudgingProgress] = []
    judged(prompts[:2], grids, hash_judge(), tmp_path / "out")
    (grids / "item3.png").write_bytes(b"")
    judged(prompts, grids, hash_judge(), tmp_path / "out", progress=seen.append)
    assert seen[0] == JudgingProgress(items=6, items_done=0, failed=0, questions=ANSWERS, asked=0, kept=0)
    assert seen[-1] == JudgingProgress(items=6, items_done=6, failed=1, questions=ANSWERS, asked=36, kept=24)
    assert [p.items_done for p in seen] == sorted(p.items_done for p in seen)


def test_items_without_questions_need_no_image_read(
    prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path
) -> None:
    prompts[0] = Prompt("item0", "bare", ())
    (grids / "item0.png").write_bytes(b"")
    outcome = judged(prompts, grids, hash_judge(), tmp_path / "out")
    assert outcome.failed == {}
    assert "item0" not in outcome.answers
