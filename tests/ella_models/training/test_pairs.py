"""Where pairs come from: folders, WebDataset shards, `datasets`; and how their images are cropped."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import datasets
import pytest
import torch
from PIL import Image

from ella_models import EllaError
from ella_models.training.config import DataSection
from ella_models.training.images import Size, SkippedPair, bucket_sizes, picture_of
from ella_models.training.pairs import Pair, PairSource
from ella_models.training.sources import SkippedPairs, pair_source, pictures


def png(colour: str = "red", size: tuple[int, int] = (20, 16), **settings: str) -> bytes:
    file = io.BytesIO()
    Image.new(settings.get("mode", "RGB"), size, colour).save(file, "PNG")
    return file.getvalue()


def source_of(skipped: SkippedPairs | None = None, **data: object) -> PairSource:
    section = DataSection.model_validate({"resolution": 16, "workers": 2, **data})
    return pair_source(section, seed=0, skipped=SkippedPairs(None) if skipped is None else skipped)


def write_tar(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


@pytest.fixture
def shards(tmp_path: Path) -> str:
    """Two shards with three captions in a .txt, one in a .json, one missing."""
    write_tar(
        tmp_path / "pairs-0.tar",
        {"a/000.png": png(), "a/000.txt": b"one\n", "a/001.png": png(), "a/001.json": b'{"text": "two", "id": 7}'},
    )
    write_tar(
        tmp_path / "pairs-1.tar",
        {"002.txt": b"three", "002.png": png(), "003.jpg": png(), "003.0.txt": b"?", "004.png": png(), "004.txt": b"5"},
    )
    return str(tmp_path / "pairs-*.tar")


def table(size: int = 6) -> datasets.Dataset:
    rows = {"image": [{"bytes": png(), "path": None}] * size, "text": [f"caption {n}" for n in range(size)]}
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    return datasets.Dataset.from_dict(rows, features=features)


def test_a_folder_takes_captions_beside_its_images_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.png", "a.jpg", "in/c.PNG"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "b.txt").write_text(" beside \n", encoding="utf-8")
    found = {pair.key: pair.caption for pair in source_of(folder=tmp_path).pairs(None)}
    assert found == {"a.jpg": None, "b.png": "beside", "in/c.PNG": None}
    captions = tmp_path / "captions.jsonl"
    captions.write_text('{"image": "in/c.PNG", "caption": "dense", "model": "m"}\n', encoding="utf-8")
    found = {pair.key: pair.caption for pair in source_of(folder=tmp_path, captions=captions).pairs(None)}
    assert found == {"a.jpg": None, "b.png": None, "in/c.PNG": "dense"}
    captions.write_text('{"image": "b.png", "error": "none"}\n', encoding="utf-8")
    with pytest.raises(EllaError, match="holds no captions"):
        source_of(folder=tmp_path, captions=captions)


def test_shards_pair_members_of_one_stem(shards: str) -> None:
    found = {pair.key: pair.caption for pair in source_of(shards=[shards]).pairs(None)}
    assert found == {
        "pairs-0.tar/a/000": "one",
        "pairs-0.tar/a/001": "two",
        "pairs-1.tar/002": "three",
        "pairs-1.tar/003": None,
        "pairs-1.tar/004": "5",
    }


def test_a_shard_that_breaks_off_gives_what_came_before_and_is_named(shards: str, tmp_path: Path) -> None:
    broken = tmp_path / "pairs-0.tar"
    broken.write_bytes(broken.read_bytes()[:2600])
    skipped = SkippedPairs(tmp_path / "skipped.jsonl")
    keys = [pair.key for pair in source_of(skipped, shards=[shards]).pairs(None)]
    assert keys == ["pairs-0.tar/a/000", "pairs-1.tar/002", "pairs-1.tar/003", "pairs-1.tar/004"]
    (line,) = (tmp_path / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["key"] == str(broken)
    assert "breaks off" in json.loads(line)["reason"]


@pytest.mark.parametrize("form", ["folder", "saved", "streamed"])
def test_datasets_are_read_in_every_form(form: str, tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "parquet" / "train.parquet")
    table().save_to_disk(tmp_path / "saved")
    data = {
        "folder": {"dataset": str(tmp_path / "parquet")},
        "saved": {"dataset": str(tmp_path / "saved")},
        "streamed": {"dataset": str(tmp_path / "parquet"), "streaming": True},
    }[form]
    source = source_of(**data)
    assert [pair.caption for pair in source.pairs(None)] == [f"caption {n}" for n in range(6)]
    assert {pair.key for pair in source.pairs(3)} == {f"row {n}" for n in range(6)}
    picture = picture_of(next(source.pairs(None)), DataSection(folder=tmp_path, resolution=16))
    assert picture.size == Size(16, 16)


def test_a_wrong_column_or_dataset_is_one_clear_error(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    with pytest.raises(EllaError, match="no column 'caption'; set caption_column to one of: image, text"):
        source_of(dataset=str(tmp_path / "saved"), caption_column="caption")
    with pytest.raises(EllaError, match="could not be loaded"):
        source_of(dataset=str(tmp_path / "none"))
    with pytest.raises(EllaError, match="No WebDataset shard is there"):
        source_of(shards=[str(tmp_path / "*.tar")])
    with pytest.raises(EllaError, match="There is no folder"):
        source_of(folder=tmp_path / "none")


@pytest.mark.parametrize("kind", ["folder", "shards", "table", "stream"])
def test_an_epoch_has_an_order_of_its_own_that_can_be_entered_anywhere(kind: str, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02d}.png").write_bytes(png())
    members = {f"{number:02d}.{end}": png() for number in range(12) for end in ("png", "txt")}
    write_tar(tmp_path / "all.tar", members)
    table(12).to_parquet(tmp_path / "parquet" / "train.parquet")
    parquet = str(tmp_path / "parquet")
    source = {
        "folder": lambda: source_of(folder=tmp_path),
        "shards": lambda: source_of(shards=[str(tmp_path / "all.tar")], shuffle_buffer=5),
        "table": lambda: source_of(dataset=parquet),
        "stream": lambda: source_of(dataset=parquet, streaming=True, shuffle_buffer=5),
    }[kind]()
    order = [pair.key for pair in source.pairs(1)]
    assert len(set(order)) == 12
    assert order != [pair.key for pair in source.pairs(None)]
    assert order != [pair.key for pair in source.pairs(2)]
    assert [pair.key for pair in source.pairs(1, start=7)] == order[7:]


def test_the_shorter_side_covers_and_the_centre_is_kept() -> None:
    image = Image.new("RGB", (64, 32), "red")
    image.paste("blue", (16, 0, 48, 32))
    picture = picture_of(Pair("a", image, "text"), DataSection(folder=Path(), resolution=16))
    assert picture.pixels.shape == (3, 16, 16)
    assert (picture.pixels[2, :, 1:-1] == 255).all()


def test_transparent_pictures_stand_on_white_and_rotated_ones_upright() -> None:
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    data = DataSection(folder=Path(), resolution=32, crop="buckets", bucket_step=8, min_side=8)
    assert (picture_of(Pair("a", clear, "text"), data).pixels == 255).all()
    turned = Image.new("RGB", (32, 16))
    exif = turned.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    turned.save(file, "JPEG", exif=exif)
    picture = picture_of(Pair("a", file.getvalue(), "text"), data)
    assert picture.size.height > picture.size.width


def test_buckets_have_at_most_the_resolutions_area_and_the_nearest_aspect() -> None:
    sizes = bucket_sizes(512, 64)
    assert Size(512, 512) in sizes
    assert all(size.height * size.width <= 512**2 for size in sizes)
    assert all(size.height % 64 == size.width % 64 == 0 for size in sizes)
    assert {Size(size.width, size.height) for size in sizes} == set(sizes)
    data = DataSection(folder=Path(), resolution=512, crop="buckets", min_side=1)
    for pixels, expected in [((512, 512), Size(512, 512)), ((900, 600), Size(384, 640)), ((100, 900), Size(704, 320))]:
        assert picture_of(Pair("a", Image.new("RGB", pixels), "text"), data).size.height >= expected.height - 64
    square = picture_of(Pair("a", Image.new("RGB", (700, 700)), "text"), data)
    assert square.size == Size(512, 512)


def test_pictures_come_in_order_with_gaps_for_those_left_out() -> None:
    pairs = [Pair(str(n), png() if n % 3 else b"broken", "text") for n in range(20)]
    skipped = SkippedPairs(None)
    data = DataSection(folder=Path(), resolution=16, workers=3)
    found = list(pictures(enumerate(pairs), data, skipped=skipped))
    assert [number for number, _ in found] == list(range(20))
    assert [number for number, picture in found if picture is None] == list(range(0, 20, 3))
    assert len(skipped) == 7
    assert str(skipped).endswith("and 4 more")


@pytest.mark.parametrize("image", [b"", b"\x89PNG\r\n\x1a\n", None, Path("/no/such.png")])
def test_what_is_no_image_is_left_out_with_a_reason(image: object) -> None:
    with pytest.raises(SkippedPair):
        picture_of(Pair("a", image, "text"), DataSection(folder=Path(), resolution=16))
    with pytest.raises(SkippedPair, match="no caption"):
        picture_of(Pair("a", png(), "  "), DataSection(folder=Path(), resolution=16))


def test_pixels_are_what_the_file_holds() -> None:
    picture = picture_of(Pair("a", png("#102030", (16, 16)), "text"), DataSection(folder=Path(), resolution=16))
    assert torch.equal(picture.pixels[:, 3, 5], torch.tensor([0x10, 0x20, 0x30], dtype=torch.uint8))


def test_a_caption_that_is_no_utf_8_is_none_wherever_it_lies(tmp_path: Path) -> None:
    latin = "ein Bär".encode("latin-1")
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.txt").write_bytes(latin)
    write_tar(tmp_path / "a.tar", {"a.png": png(), "a.txt": latin})
    for source in (source_of(folder=tmp_path), source_of(shards=[str(tmp_path / "a.tar")])):
        assert [pair.caption for pair in source.pairs(None)] == [None]
