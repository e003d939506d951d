"""What ships of the stages' folders: the finished models, each with its logs and a card, or nothing at all."""

import json
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.miniature.shipping import SHIPPED, ship
from dpg_bench.miniature.train import connector
from dpg_bench.miniature.train.stages import DONE

CSV = "step,seconds,loss,right\n50,9,0.5,0.75\n100,17,0.25,0.875\n"


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    folder = tmp_path / "stages"
    for shipped in SHIPPED:
        made = folder / shipped.stage / shipped.folder
        made.mkdir(parents=True, exist_ok=True)
        (folder / shipped.stage / DONE).touch()
        for pattern in shipped.patterns:
            file = made / pattern.replace("*", "some")
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{shipped.name} {file.name}")
        (made / "state.pt").write_text("not for others")
        for log in shipped.logs:
            path = folder / log.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(CSV)
    rate = connector.BATCH / 2  # so a step takes two seconds
    rows = [{"step": step, "loss": 0.5, "grad_norm": None, "images_per_second": rate} for step in (10, 20, 25)]
    (folder / "connector" / "run" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_what_ships_is_the_models_their_logs_and_cards_and_nothing_else(stages: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    (weights / "mini-t5").mkdir(parents=True)
    (weights / "mini-t5" / "old.safetensors").touch()
    ship(stages, weights, hardware="a slide rule")
    for shipped in SHIPPED:
        files = {path.relative_to(weights / shipped.name).as_posix() for path in (weights / shipped.name).rglob("*.*")}
        models = {pattern.replace("*", "some") for pattern in shipped.patterns}
        assert files == models | {log.name for log in shipped.logs} | {"README.md"}
        card = (weights / shipped.name / "README.md").read_text()
        assert "Hardware: a slide rule." in card
        for log in shipped.logs:
            assert f"Stage `{log.stage}`, seed {log.seed}: " in card


def test_a_card_has_the_end_of_each_log_and_counts_what_a_rate_says(stages: Path, tmp_path: Path) -> None:
    ship(stages, tmp_path / "weights", hardware="a slide rule")
    t5 = (tmp_path / "weights" / "mini-t5" / "README.md").read_text()
    assert "100 steps in 17 s; at the end loss 0.25, right 0.875 (`log-t5.csv`)" in t5
    ella = (tmp_path / "weights" / "mini-ella" / "README.md").read_text()
    assert "25 steps in 50 s; at the end loss 0.5 (`log-connector.jsonl`)" in ella


def test_before_all_stages_are_done_nothing_is_replaced(stages: Path, tmp_path: Path) -> None:
    (stages / "final-judge" / DONE).unlink()
    weights = tmp_path / "weights"
    with pytest.raises(BadInputError, match="'final-judge' isn't done"):
        ship(stages, weights, hardware="a slide rule")
    assert not weights.exists()


def test_more_than_25_megabytes_do_not_ship(stages: Path, tmp_path: Path) -> None:
    with (stages / "t5" / "model" / "some.safetensors").open("wb") as file:
        file.truncate(26_000_000)
    weights = tmp_path / "weights"
    with pytest.raises(BadInputError, match=r"has 26\.0 MB; it may have 25\."):
        ship(stages, weights, hardware="a slide rule")
    assert not weights.exists()
