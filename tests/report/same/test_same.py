"""Two runs are called the same only where pixels or a test of equivalence show it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dpg_bench.errors import BadInputError
from dpg_bench.files.grid import make_grid
from dpg_bench.files.kept_suite import write_kept_suite
from dpg_bench.report.runs import JudgedRun
from dpg_bench.report.same.data import distances_to_csv, sameness_to_json
from dpg_bench.report.same.pixels import image_distance
from dpg_bench.report.same.result import Sameness, equivalence_test, hold_same
from dpg_bench.report.same.text import print_sameness, sameness_to_markdown
from tests.report.conftest import ScoredRun, draw_answers, make_suite

SEEDED = {"seed": 0, "seeds": None, "size": 16}
Drawn = Callable[..., JudgedRun]


@pytest.fixture
def drawn_run(scored_run: ScoredRun) -> Drawn:
    """A scored run with the grids of its items; `noise` is the deviation of what is added to each pixel."""

    def make(name: str, *, noise: float = 0.0, side: int = 16, prompts: int = 40, **scoring: object) -> JudgedRun:
        suite = make_suite(prompts)
        run = scored_run(name, suite=suite, settings=SEEDED, **scoring)
        assert run.run_dir is not None
        run.run_dir.images.mkdir(exist_ok=True)
        for place, prompt in enumerate(suite.prompts):
            pixels = np.random.default_rng(place).uniform(0, 255, (4, side, side, 3))
            pixels += np.random.default_rng(1000 + place).normal(0, noise, pixels.shape) if noise else 0
            tiles = [Image.fromarray(tile) for tile in pixels.clip(0, 255).astype(np.uint8)]
            make_grid(tiles).save(run.run_dir.image(prompt.item_id))
        write_kept_suite(run.file.parent / "suite.jsonl", suite)
        return run

    return make


def folder(run: JudgedRun) -> Path:
    assert run.run_dir is not None
    return run.run_dir.path


def hold(first: JudgedRun, second: JudgedRun, **options: object) -> Sameness:
    return hold_same(folder(first), folder(second), resamples=199, **options)  # type: ignore[arg-type]


def shown(result: Sameness) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_sameness(result, console, top=2)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_psnr_and_ssim_are_those_of_their_definitions() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    before = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    now = (before.astype(int) + rng.integers(-9, 10, before.shape)).clip(0, 255).astype(np.uint8)
    found = image_distance("owl", 1, before, now)
    assert found.psnr == pytest.approx(skimage.peak_signal_noise_ratio(before, now, data_range=255))
    flat, lighter = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 110, np.uint8)
    # of flat images, the luminance term alone is left: (2 a b + C1) / (a² + b² + C1) with C1 = (0.01 × 255)²
    c1 = (0.01 * 255) ** 2
    assert image_distance("owl", 0, flat, lighter).ssim == pytest.approx((22000 + c1) / (100**2 + 110**2 + c1))
    assert image_distance("owl", 0, flat, lighter).largest == 10
    same = image_distance("owl", 0, before, before)
    assert (same.identical, same.psnr, same.ssim) == (True, None, 1.0)
    assert image_distance("owl", 0, before[:8, :8], now[:8, :8]).ssim is None


def test_equal_pixels_are_identical_whatever_a_few_prompts_can_tell(drawn_run: Drawn) -> None:
    result = hold(drawn_run("a", prompts=3), drawn_run("b", prompts=3))
    assert (result.verdict, result.passed) == ("identical", True)
    assert result.scores is not None
    assert result.scores.test.verdict == "unclear"
    assert "every pixel is the same" in shown(result)


def test_other_pixels_with_equal_answers_are_equivalent(drawn_run: Drawn) -> None:
    result = hold(drawn_run("a"), drawn_run("b", noise=4))
    assert (result.verdict, result.passed) == ("equivalent", True)
    assert result.distances is not None
    assert result.distances.identical == 0
    assert len(result.distances.images) == 160
    assert 30 < (result.distances.median_psnr or 0) < 45


def test_flips_are_counted_by_category_and_direction(drawn_run: Drawn) -> None:
    answers = draw_answers(make_suite(), yes=0.7, seed=0)
    changed = {item: {k: dict(given) for k, given in images.items()} for item, images in answers.items()}
    flips = {"yes": 0, "no": 0}
    for item in ("item3", "item7", "item8"):
        flips[changed[item][1][3]] += 1
        changed[item][1][3] = "no" if changed[item][1][3] == "yes" else "yes"
    result = hold(drawn_run("a", answers=answers), drawn_run("b", noise=2, answers=changed))
    assert result.scores is not None
    by_name = {one.category: one for one in result.scores.flips}
    assert list(by_name) == ["overall", "global", "entity", "attribute", "relation", "other"]
    assert (by_name["relation"].to_no, by_name["relation"].to_yes) == (flips["yes"], flips["no"])
    assert by_name["relation"].share == 3 / 160
    assert by_name["overall"].share == 3 / 800
    assert by_name["entity"].share == 0


def test_scores_far_apart_are_different_and_those_in_doubt_do_not_pass(drawn_run: Drawn) -> None:
    base = drawn_run("a", yes=0.7)
    worse = hold(base, drawn_run("b", noise=9, yes=0.3, seed=1))
    assert (worse.verdict, worse.passed) == ("different", False)
    doubtful = hold(base, drawn_run("c", noise=9, yes=0.7, seed=1))
    assert (doubtful.verdict, doubtful.passed) == ("unclear", False)
    assert "are needed" in shown(doubtful)
    assert hold(base, drawn_run("c", noise=9, yes=0.7, seed=1), margin=60).verdict == "equivalent"


def test_the_test_of_equivalence_keeps_its_level() -> None:
    # the true difference is exactly the margin, so that at most 5 in 100 may be called equivalent
    rng = np.random.default_rng(0)
    called = [
        equivalence_test(rng.normal(1.0, 2.0, 60), margin=1.0, confidence=0.95, resamples=199, seed=n).verdict
        for n in range(200)
    ]
    assert called.count("equivalent") <= 20
    near = [
        equivalence_test(rng.normal(0.0, 1.0, 60), margin=1.0, confidence=0.95, resamples=199, seed=n).verdict
        for n in range(50)
    ]
    assert near.count("equivalent") >= 45


def test_limits_for_images_hold_without_scores_and_fail_with_them(drawn_run: Drawn) -> None:
    base, far = drawn_run("a"), drawn_run("b", noise=25)
    result = hold(base, far, min_psnr=30)
    assert (result.verdict, result.passed) == ("different", False)
    assert "the median PSNR is" in shown(result)
    near = hold(base, far, min_psnr=10, min_ssim=0.2)
    assert near.verdict == "equivalent"
    assert [limit.held for limit in near.limits] == [True, True]


def test_runs_of_other_seeds_or_sizes_are_refused(drawn_run: Drawn, scored_run: ScoredRun) -> None:
    base = drawn_run("a")
    reseeded = scored_run("seed", settings={**SEEDED, "seed": 7})
    with pytest.raises(BadInputError, match=r"not drawn alike: seed is 0 and 7.*dpgbench compare"):
        hold(base, reseeded)
    with pytest.raises(BadInputError, match=r"16 × 16 px in a and 8 × 8 px in small"):
        hold(base, drawn_run("small", side=8))
    with pytest.raises(BadInputError, match="different suites"):
        hold(base, drawn_run("few", prompts=3))
    for wrong in ({"margin": 0}, {"confidence": 0.2}, {"min_ssim": 2}, {"min_psnr": -1}):
        with pytest.raises(BadInputError, match=next(iter(wrong))):
            hold(base, base, **wrong)


def test_an_item_or_a_readable_image_that_one_lacks_is_incomplete(drawn_run: Drawn) -> None:
    base, second = drawn_run("a"), drawn_run("b", noise=2)
    assert second.run_dir is not None
    second.run_dir.image("item2").write_bytes(b"no image")
    second.run_dir.image("item5").unlink()
    result = hold(base, second)
    assert (result.verdict, result.passed) == ("incomplete", False)
    assert result.missing.keys() == {"item2", "item5"}
    allowed = hold(base, second, allow_missing=True)
    assert allowed.verdict == "equivalent"
    assert "over all but 2 items" in shown(allowed)


def test_a_scorecard_alone_is_compared_by_its_answers(drawn_run: Drawn, tmp_path: Path) -> None:
    run = drawn_run("a")
    kept = tmp_path / "kept.json"
    kept.write_bytes(run.file.read_bytes())
    result = hold_same(kept, folder(run), resamples=199)
    assert (result.verdict, result.distances) == ("equivalent", None)
    assert "only answers are compared" in result.remarks[0]
    with pytest.raises(BadInputError, match="those of both are not there"):
        hold_same(kept, folder(run), min_psnr=30)


def test_json_markdown_and_csv_say_the_same(drawn_run: Drawn) -> None:
    result = hold(drawn_run("a"), drawn_run("b", noise=4))
    data = json.loads(json.dumps(sameness_to_json(result, top=2), allow_nan=False))
    assert (data["verdict"], data["images"]["compared"], len(data["images"]["farthest"])) == ("equivalent", 160, 2)
    assert data["scores"]["equivalence"]["margin"] == 1
    rows = list(csv.DictReader(io.StringIO(distances_to_csv(result))))
    assert len(rows) == 160
    assert float(rows[0]["psnr"]) > data["images"]["psnr_lowest"] - 1e-9
    assert sameness_to_markdown(result, top=2).startswith("### DPG-Bench: Equivalent\n")
