"""Images as people have them, before they are judged: what is found, what is guessed, and what the user is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.files.grid import make_grid
from dpg_bench.jobs.score import execute_score
from dpg_bench.jobs.score_plan import Judging, ScorePlan, plan_score
from dpg_bench.jobs.score_request import ScoreRequest
from dpg_bench.judge.tiles import TileJob, read_tiles

RNG = np.random.default_rng(3)
SUITE = """item_id,text,proposition_id,dependency,category_broad,tuple,question_natural_language
fox,A red fox.,1,0,entity,entity - whole (fox),Is there a fox?
fox,A red fox.,2,1,attribute,"attribute - color (fox, red)",Is the fox red?
boat,A red boat.,1,0,entity,entity - whole (boat),Is there a boat?
boat,A red boat.,2,1,attribute,"attribute - color (boat, red)",Is the boat red?
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("suite.csv").write_text(SUITE)
    Path("images").mkdir()
    return tmp_path


def tiles(count: int = 4, size: tuple[int, int] = (8, 8)) -> list[Image.Image]:
    return [Image.fromarray(RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)) for _ in range(count)]


def save(name: str, image: Image.Image) -> None:
    path = Path("images") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def plan(**changes: Any) -> ScorePlan:
    request = ScoreRequest(path=Path("images"), suite="suite.csv", judge="tiny-mplug", out=Path("out"))
    return plan_score(replace(request, **changes))


def pixels(planned: ScorePlan, item: str) -> list[np.ndarray]:
    """What the judge would be shown of an item."""
    assert isinstance(planned.source, Judging)
    images = planned.source.images
    job = TileJob(images.items[item], images.images_per_prompt, images.resolution, np.asarray, None, images.cuts)
    return list(read_tiles(job).pixels)


def expect(planned: ScorePlan, item: str, wanted: list[Image.Image]) -> None:
    for found, one in zip(pixels(planned, item), wanted, strict=True):
        np.testing.assert_array_equal(found, np.asarray(one))


def strip(images: list[Image.Image]) -> Image.Image:
    return Image.fromarray(np.concatenate([np.asarray(image) for image in images], axis=1))


def test_images_side_by_side_are_read_from_left_to_right_and_this_is_said(here: Path) -> None:
    made = {item: tiles() for item in ("fox", "boat")}
    for item, images in made.items():
        save(f"{item}.png", strip(images))
    planned = plan()
    expect(planned, "fox", made["fox"])
    assert "files such as fox.png are 4 × 1 of 8 × 8 px" in " ".join(planned.remarks)
    expect(plan(grid=(4, 1)), "boat", made["boat"])
    assert not any("4 × 1" in remark for remark in plan(grid=(4, 1)).remarks)


def test_a_padded_grid_gives_the_images_that_were_put_into_it(here: Path) -> None:
    made = {item: tiles() for item in ("fox", "boat")}
    for item, images in made.items():
        canvas = Image.new("RGB", (22, 22))
        for image, place in zip(images, ((2, 2), (12, 2), (2, 12), (12, 12)), strict=True):
            canvas.paste(image, place)
        save(f"{item}.png", canvas)
    expect(plan(), "fox", made["fox"])
    expect(plan(border=2), "boat", made["boat"])
    expect(plan(resolution=8), "boat", made["boat"])
    assert "a border of 2 px" in " ".join(plan().remarks)


@pytest.mark.parametrize("form", ["{item}_{k}.png", "{item}/{k}.png", "{item}-{k:03d}.jpg", "{k}/{item}.webp"])
def test_a_file_per_image_in_the_usual_layouts_counted_from_0_or_1(here: Path, form: str) -> None:
    for first in (0, 1):
        for item in ("fox", "boat"):
            for k, image in enumerate(tiles(), start=first):
                save(form.format(item=item, k=k), image)
        assert isinstance(planned := plan().source, Judging)
        assert planned.images.images_per_prompt == 4 + first  # the second time there are five


@pytest.mark.parametrize(
    ("files", "guess"),
    [
        ({"fox.png": 4, "boat.png": 4}, "every file holds 4 images"),
        ({f"{item}_{k}.png": 1 for item, count in (("fox", 3), ("boat", 4)) for k in range(count)}, "taking 4 images"),
    ],
)
def test_what_was_guessed_is_said_whenever_it_is_scored_again(here: Path, files: dict[str, int], guess: str) -> None:
    for name, held in files.items():
        save(name, tiles(1)[0] if held == 1 else make_grid(tiles(held)))
    first = execute_score(plan())
    before = first.file.read_bytes()
    save("owl_0.png", tiles(1)[0])  # of no item, and no reason to guess anew
    again = execute_score(plan_score(ScoreRequest(path=Path("out"), judge="tiny-mplug")))
    assert again.file.read_bytes() == before
    assert again.scorecard.run.images is not None
    assert guess in " ".join(again.scorecard.run.images.guesses)
    told = execute_score(plan(images_per_prompt=4)).scorecard.run.images
    assert told is not None
    assert told.guesses == ()


def test_a_layout_of_ones_own_is_told_by_a_pattern_and_remembered(here: Path) -> None:
    made = tiles(3)
    for k, image in enumerate(made):
        save(f"out/{k:02d}__fox__final.png", image)
        save(f"out/{k:02d}__boat__final.png", image)
    with pytest.raises(BadInputError, match=r"give pattern, such as"):
        plan()
    planned = plan(pattern="out/{k:02d}__{item}__*.png")
    expect(planned, "fox", made)
    execute_score(planned)
    again = plan_score(ScoreRequest(path=Path("out"), judge="tiny-mplug"))
    expect(again, "boat", made)


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "grids"])
def test_a_list_of_files_says_whose_they_are(here: Path, form: str) -> None:
    made = tiles(4)
    for k, image in enumerate(made):
        save(f"{k}ab.png", image)
    save("grid.png", make_grid(made))
    names = [f"{k}ab.png" for k in range(4)]
    content = {
        "csv": "item_id,image,file\n" + "".join(f"fox,{k},{name}\n" for k, name in enumerate(names)),
        "json": json.dumps({"fox": names}),
        "jsonl": "".join(json.dumps({"item_id": "fox", "path": name}) + "\n" for name in names),
        "grids": json.dumps({"fox": "grid.png", "elsewhere": "grid.png"}),
    }[form]
    Path("list").write_text(content)
    expect(plan(files=Path("list"), images_per_prompt=4), "fox", made)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("item_id,file\nfox,none.png\n", "row 2: there is no file images/none.png"),
        ("item,file\nfox,a.png\n", "row 2: found item, file. A list has the columns item_id, file"),
        ('{"fox": [1]}', r"'fox': \[1\] is neither a file"),
        ('[{"item_id": "fox"}]', "record 0: found item_id"),
        ("[3]", "record 0: 3 is no record"),
        ("[" * 100_000, "can't be read as JSON|no JSON"),
        ("item_id,file,image\nfox,a.png,first\n", "the image is 'first'"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_by_its_place(here: Path, content: str, message: str) -> None:
    save("a.png", tiles(1)[0])
    Path("list").write_text(content)
    with pytest.raises(BadInputError, match=message):
        plan(files=Path("list"))


def test_images_that_are_not_square_are_judged_and_the_card_says_what_the_script_would_do(here: Path) -> None:
    made = tiles(1, (12, 8))
    for item in ("fox", "boat"):
        save(f"{item}.png", made[0])
    planned = plan(images_per_prompt=1)
    expect(planned, "fox", made)
    card = execute_score(planned).scorecard
    assert card.complete
    assert card.run.images is not None
    assert not card.run.images.square
    assert [one.tiles for one in card.run.images.tiles] == ["12 × 8 px"]
    assert any("not the script's" in warning for warning in card.warnings)


def test_two_sizes_are_warned_of_with_an_example_each_and_guesses_are_recorded(here: Path) -> None:
    save("fox.png", make_grid(tiles()))
    save("boat.png", make_grid(tiles(4, (4, 4))))
    card = execute_score(plan()).scorecard
    (warning,) = (warning for warning in card.warnings if "sizes" in warning)
    for part in ("8 × 8 px", "fox.png", "4 × 4 px", "boat.png"):
        assert part in warning
    assert card.run.images is not None
    assert card.run.images.guesses == ("every file holds 4 images",)
    assert card.run.images.sizes == 2


def test_a_stray_image_is_named_and_costs_no_item(here: Path) -> None:
    for item in ("fox", "boat"):
        for k, image in enumerate(tiles()):
            save(f"{item}/{k}.png", image)
    save("fox/4.png", tiles(1)[0])
    planned = plan()
    said = " ".join(message.on_command_line for message in planned.remarks)
    assert "'fox' has 5" in said
    assert "--images-per-prompt 4" in said
    assert isinstance(planned.source, Judging)
    assert planned.source.images.missing == {}


def test_items_and_limit_choose_what_is_scored(here: Path) -> None:
    save("boat.png", make_grid(tiles()))
    planned = plan(items=("boat",))
    card = execute_score(planned).scorecard
    assert card.complete
    assert card["corrected"].partial == "1 of 2 prompts"
    assert not any("no image that is judged" in remark for remark in plan(limit=2).remarks)
    with pytest.raises(BadInputError, match=r"holds images of 1 other items, such as 'boat', and none of the 1 asked"):
        plan(limit=1)
    with pytest.raises(BadInputError, match="Did you mean 'boat'"):
        plan(items=("boot",))


def test_the_result_of_a_part_replaces_none_of_more(here: Path) -> None:
    for item in ("fox", "boat"):
        save(f"{item}.png", make_grid(tiles()))
    execute_score(plan(items=("boat",)))
    execute_score(plan())
    with pytest.raises(BadInputError, match="is about 2 items, and a result of 1 would replace it, without 'fox'"):
        plan(items=("boat",))
    assert execute_score(plan(items=("boat",), out=Path("part"))).scorecard.complete


def test_answers_are_not_kept_when_files_are_cut_another_way(here: Path) -> None:
    for item in ("fox", "boat"):
        save(f"{item}.png", strip(tiles()))
    execute_score(plan())
    with pytest.raises(BadInputError, match="files of 32x8 px were 4 × 1 of 8 × 8 px, now 2 × 2 of 16 × 4 px"):
        execute_score(plan(grid=(2, 2)))


def test_a_folder_without_images_is_told_before_a_suite_is_fetched(here: Path) -> None:
    Path("images/notes.txt").write_text("nothing to see")
    with pytest.raises(BadInputError, match="images holds no image"):
        plan_score(ScoreRequest(path=Path("images"), judge="tiny-mplug"))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"grid": (1, 1), "images_per_prompt": 4}, "no place for 4 images"),
        ({"border": -1}, "border is -1"),
        ({"pattern": "{item}.png", "files": Path("list")}, "exclude each other"),
    ],
)
def test_what_cannot_be_is_refused(here: Path, told: dict[str, Any], message: str) -> None:
    save("fox.png", make_grid(tiles()))
    with pytest.raises(BadInputError, match=message):
        plan(**told)
