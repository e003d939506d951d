"""The judge's training: it resumes to the same bytes, and computes what the product's judge computes."""

import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dpg_bench.errors import BadInputError
from dpg_bench.judge.mplug.checkpoint import Checkpoint
from dpg_bench.judge.mplug.judge import MplugJudge
from dpg_bench.judge.mplug.weights import load_model
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.judge import Asked, JudgeTask
from dpg_bench.miniature.train.judge_model import answer_logits, image_tokens
from dpg_bench.miniature.train.loop import Schedule, load_average, train
from dpg_bench.miniature.train.pictures import pixels_of
from dpg_bench.miniature.train.wordpiece import wordpiece_vocabulary

SCHEDULE = Schedule(seed=1, steps=5, learning_rate=1e-3, warmup=2, log_every=1)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge")
    task = JudgeTask(folder, images=3, questions=4)
    assert train(task, replace(SCHEDULE, log_every=2), folder)
    task.export(folder)
    return folder


def test_interrupted_training_comes_to_the_same_weights_byte_for_byte(trained: Path, tmp_path: Path) -> None:
    schedule = replace(SCHEDULE, log_every=2)
    for until in (1, 4, None):  # a new process each time, as far as the stage can tell
        task = JudgeTask(tmp_path, images=3, questions=4)
        assert train(task, schedule, tmp_path, until=until) == (until is None)
    task.export(tmp_path)
    for name in ("pytorch_model.bin", "vocab.txt"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()
    logs = [(folder / "log.csv").read_text(encoding="utf-8").splitlines() for folder in (tmp_path, trained)]
    rows, whole = [[re.sub(r",\d+,", ",", line, count=1) for line in log] for log in logs]  # seconds differ
    assert rows == whole


@pytest.mark.parametrize("other", [torch.nn.Linear(2, 2), torch.nn.Linear(3, 2, bias=False)])
def test_weights_of_another_make_are_told_and_not_taken(tmp_path: Path, other: torch.nn.Module) -> None:
    before = {name: weight.clone() for name, weight in other.state_dict().items()}
    torch.save({"average": [torch.ones(2, 2)]}, tmp_path / "state.pt")
    with pytest.raises(BadInputError, match="isn't of the make that is trained today"):
        load_average(other, tmp_path)
    assert all(torch.equal(weight, before[name]) for name, weight in other.state_dict().items())


def test_a_training_that_was_begun_with_another_schedule_is_not_gone_on_with(tmp_path: Path) -> None:
    task = JudgeTask(tmp_path, images=2, questions=2)
    assert not train(task, replace(SCHEDULE, steps=2), tmp_path, until=1)
    begun = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(BadInputError, match="begun with another schedule"):
        train(task, replace(SCHEDULE, steps=3), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == begun


def test_a_request_to_stop_ends_training_after_a_step_with_its_state_saved(tmp_path: Path) -> None:
    class Asking(JudgeTask):
        steps = 0

        def losses(self, shown: Asked) -> Mapping[str, torch.Tensor]:
            self.steps += 1
            if self.steps == 2:
                signal.raise_signal(signal.SIGTERM)
            return super().losses(shown)

    assert not train(Asking(tmp_path, images=2, questions=2), SCHEDULE, tmp_path)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 2


def test_the_log_has_a_row_for_each_step_also_after_an_interruption(tmp_path: Path) -> None:
    train(JudgeTask(tmp_path, images=2, questions=2), SCHEDULE, tmp_path, until=3)
    (tmp_path / "log.csv").write_text("lost", encoding="utf-8")
    train(JudgeTask(tmp_path, images=2, questions=2), SCHEDULE, tmp_path)
    lines = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("step,seconds,loss")
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3", "4", "5"]


def test_training_computes_what_the_products_judge_computes(trained: Path) -> None:
    task = JudgeTask(trained, images=1, questions=1)
    model = load_model(task.config, trained, device=torch.device("cpu"), precision="float32")
    pixels = pixels_of([draw(draw_scene(str(n), held_out=True), "a") for n in range(2)])
    questions = [[101, 150, 160, 102], [101, 151, 102], [101, 170, 180, 190, 102], [101, 200, 102]]
    answers = torch.tensor([110, 120, 130, 140])
    with torch.no_grad():
        logits = answer_logits(model, image_tokens(model, pixels), questions, answers)
        decoding = model.start(model.encode_images(pixels), questions, [0, 0, 1, 1])
        torch.testing.assert_close(logits[:, 0], decoding.step(torch.full((4,), 101)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(logits[:, 1], decoding.step(answers), rtol=1e-4, atol=1e-5)


def test_the_product_loads_what_training_leaves(trained: Path) -> None:
    judge = MplugJudge(Checkpoint(trained, "folder", None, {}), device="cpu", dtype="float32")
    picture = np.asarray(draw(draw_scene("1", held_out=True), "a"))
    answers = judge.answer([picture], [["Is there a star?", "Is the star red?"]])
    assert len(answers[0]) == 2


def test_every_word_of_a_question_is_a_token_and_the_vocabulary_is_the_same_every_time() -> None:
    words = wordpiece_vocabulary()
    assert words == wordpiece_vocabulary()
    assert words[100:104] == ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert {"glasses", "triangular", "beige", "yes", "no"} <= set(words)
