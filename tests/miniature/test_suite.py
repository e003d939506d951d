"""The suite `miniature` is what its command writes, reads as any suite, and shares no scene with training."""

from pathlib import Path

from typer.testing import CliRunner

from dpg_bench.miniature.__main__ import app
from dpg_bench.miniature.oracle import answer
from dpg_bench.miniature.sampling import draw_scene, is_held_out
from dpg_bench.miniature.suite import PROMPTS, suite_items
from dpg_bench.suite.registry import load_suite, suite_specs

SHIPPED = Path(__file__).parents[2] / "prompts" / "miniature.csv"
ITEMS = suite_items()


def test_the_command_writes_the_shipped_file_byte_for_byte(tmp_path: Path) -> None:
    out = tmp_path / "again.csv"
    result = CliRunner().invoke(app, ["suite", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == SHIPPED.read_bytes()


def test_it_reads_as_strictly_as_a_users_own_file_and_the_oracle_agrees_with_every_question() -> None:
    prompts = load_suite(str(SHIPPED), strict=True).prompts
    assert len(prompts) == len(ITEMS) == PROMPTS
    for prompt, item in zip(prompts, ITEMS, strict=True):
        assert prompt.item_id == item.item_id
        assert {answer(question.text, item.scene) for question in prompt.questions} == {"yes"}


def test_every_category_is_asked_in_at_least_20_questions() -> None:
    prompts = load_suite(str(SHIPPED), strict=True).prompts
    asked = [question.category for prompt in prompts for question in prompt.questions]
    assert len(set(asked)) == 13
    assert min(asked.count(category) for category in set(asked)) >= 20


def test_no_scene_of_the_suite_can_be_drawn_for_training() -> None:
    scenes = {item.scene for item in ITEMS}
    assert len(scenes) == PROMPTS
    assert all(is_held_out(scene) for scene in scenes)
    trained = [draw_scene(f"judge 12 {n} 0", held_out=False) for n in range(500)]
    assert not any(is_held_out(scene) for scene in trained)
    assert not scenes & set(trained)


def test_some_prompts_are_longer_than_clip_reads() -> None:
    assert sum(len(item.caption.text.split()) > 77 for item in ITEMS) >= 30


def test_the_listing_states_its_size() -> None:
    suite = load_suite("miniature")
    assert suite_specs()["miniature"].size == f"{len(suite.prompts)} prompts, {suite.question_count} questions"
