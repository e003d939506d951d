"""Runs behind a URL, on moto's S3 server on loopback: whole objects, lists instead of locks, the same bytes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpg_bench.files.mirror import Mirror
from tests.cli.conftest import Dpgbench

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

SMALL = ("--model", "tiny-sd15", "--suite", "sample", "--limit", "3", "--steps", "1", "--size", "32")
JUDGE = ("--judge", "tiny-mplug")
NOT_COMPARED = ("run.json", "generation.jsonl", ".lock")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket's URL; this machine's cache is empty too."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"bucket-{abs(hash(tmp_path))}"
    s3fs.S3FileSystem().mkdir(name)
    _machine(monkeypatch, tmp_path / "first")
    return f"s3://{name}"


def _machine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on, the commands run on a machine that has the toy weights and nothing else."""
    shared = Path(os.environ["DPGBENCH_CACHE"])
    folder.mkdir()
    for cached in shared.iterdir() if shared.is_dir() else ():
        if cached.name != "mirrors":
            (folder / cached.name).symlink_to(cached)
    monkeypatch.setenv("DPGBENCH_CACHE", str(folder))


def objects(url: str) -> dict[str, bytes]:
    import s3fs

    files = s3fs.S3FileSystem()
    root = url.removeprefix("s3://")
    files.invalidate_cache()
    return {path.removeprefix(f"{root}/"): files.cat_file(path) for path in files.find(root)}


def contents(run: Path) -> dict[str, bytes]:
    files = (file for file in run.rglob("*") if file.is_file() and file.name not in NOT_COMPARED)
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


def test_shares_on_machines_that_see_nothing_but_the_bucket_give_the_bytes_of_one_process(
    bucket: str, dpgbench: Dpgbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{bucket}/runs/shared"
    first = dpgbench("run", *SMALL, "--out", url, "--shard", "0/2")
    assert first.exit_code == 0, first.output
    assert f"→ {url}" in first.output
    _machine(monkeypatch, tmp_path / "second")
    last = dpgbench("run", *SMALL, "--out", url, "--shard", "1/2")
    assert f"Next: dpgbench score {url}" in last.output
    judged = dpgbench("score", url, *JUDGE, "--shard", "1/2")
    assert (judged.exit_code, "items are left to others" in judged.output) == (0, True), judged.output
    _machine(monkeypatch, tmp_path / "third")
    end = dpgbench("score", url, *JUDGE, "--shard", "0/2")
    assert f"Scorecard: {url}/judgements/tiny-mplug/scorecard.json" in end.output

    dpgbench("run", *SMALL, "--out", "alone")
    dpgbench("score", "alone", *JUDGE)
    there = objects(url)
    assert {name: content for name, content in there.items() if name not in NOT_COMPARED} == contents(
        tmp_path / "alone"
    )
    assert {"run.json", "generation.jsonl"} <= there.keys()


def test_one_process_goes_on_where_another_machine_stopped(
    bucket: str, dpgbench: Dpgbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{bucket}/run"
    assert dpgbench("run", *SMALL, "--out", url).exit_code == 0
    before = objects(url)
    _machine(monkeypatch, tmp_path / "second")
    again = dpgbench("run", *SMALL, "--out", url)
    assert "3 of them before" in again.output
    images = {name: content for name, content in objects(url).items() if name.startswith("images/")}
    assert images == {name: content for name, content in before.items() if name.startswith("images/")}
    refused = dpgbench("run", *SMALL, "--out", url, "--seed", "5")
    assert (refused.exit_code, "made with other settings: seed was 0, now 5" in refused.output) == (2, True)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--fresh",), 2, "Nothing is deleted behind a URL"),
        (("--steal", "--shard", "0/2"), 2, "no lock tells who is at work"),
        (("--engine", "ray", "--workers", "2"), 2, "needs a folder that all machines of the cluster share"),
    ],
)
def test_what_a_url_can_not_do_is_told(
    options: tuple[str, ...], code: int, said: str, bucket: str, dpgbench: Dpgbench
) -> None:
    refused = dpgbench("run", *SMALL, "--out", f"{bucket}/run", *options)
    assert (refused.exit_code, said in refused.output) == (code, True), refused.output


def test_a_bucket_that_is_not_there_and_a_url_of_no_known_kind_are_one_message(bucket: str, dpgbench: Dpgbench) -> None:
    gone = dpgbench("run", *SMALL, "--out", f"{bucket}-gone/run")
    assert (gone.exit_code, "can't be written" in gone.output or "can't be listed" in gone.output) == (1, True)
    odd = dpgbench("run", *SMALL, "--out", "nonsense://x/y")
    assert (odd.exit_code, "is of no known kind" in odd.output) == (2, True), odd.output


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s3://", "names no place"),
        ("gs:/bucket/run", "has one slash; write gs://…"),
        ("zip://run::a.zip", "A run can't lie at zip://run::a.zip: "),
        ("reference://x", "A run can't lie at reference://x: "),
    ],
)
def test_what_names_no_place_that_a_run_can_lie_at_is_refused(place: str, said: str, dpgbench: Dpgbench) -> None:
    refused = dpgbench("run", *SMALL, "--out", place)
    assert (refused.exit_code, said in refused.output) == (2, True), refused.output


@pytest.mark.parametrize(
    ("package", "place"), [("gcsfs", "gs://bucket/run"), ("adlfs", "abfs://c/run"), ("paramiko", "sftp://host/run")]
)
def test_a_package_that_is_not_installed_is_named(
    package: str, place: str, dpgbench: Dpgbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it weren't, on a machine that has it
    refused = dpgbench("run", *SMALL, "--out", place)
    assert (refused.exit_code, f"`pip install {package}`" in refused.output) == (2, True), refused.output


def test_a_place_that_can_be_read_alone_is_told_before_anything_is_drawn(dpgbench: Dpgbench, tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    refused = dpgbench("run", *SMALL, "--out", f"zip://run::{tmp_path}/data.zip")
    assert (refused.exit_code, "can't be written to" in refused.output) == (1, True), refused.output
    assert "Drawing" not in refused.output


def test_a_file_url_is_a_folder(dpgbench: Dpgbench, tmp_path: Path) -> None:
    made = dpgbench("run", *SMALL, "--out", f"file://{tmp_path}/run")
    assert (made.exit_code, len(list((tmp_path / "run" / "images").iterdir()))) == (0, 3), made.output
    assert dpgbench("score", f"file://{tmp_path}/run", *JUDGE).exit_code == 0


def test_a_store_with_folders_gets_them(tmp_path: Path) -> None:
    (tmp_path / "here" / "images").mkdir(parents=True)
    (tmp_path / "here" / "images" / "a.png").write_bytes(b"a")
    mirror = Mirror(f"dir::file://{tmp_path}/there/run", tmp_path / "here")
    with mirror.kept_up():
        pass
    assert [file.name for file in (tmp_path / "there").rglob("*") if file.is_file()] == ["a.png"]


def test_what_a_server_does_not_take_for_a_while_is_there_in_the_end(
    bucket: str, dpgbench: Dpgbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    url, taken = f"{bucket}/run", 0
    write = s3fs.S3FileSystem._pipe_file

    async def refuse(self: object, path: str, *more: object, **options: object) -> object:
        nonlocal taken
        taken += 1
        if taken > 2:
            raise OSError(errno.EBUSY, "Service Unavailable")
        return await write(self, path, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(s3fs.S3FileSystem, "_pipe_file", refuse)
        s3fs.S3FileSystem.clear_instance_cache()
        failed = dpgbench("run", *SMALL, "--out", url)
    assert (failed.exit_code, "Service Unavailable. What was finished is kept in" in failed.output) == (1, True)
    s3fs.S3FileSystem.clear_instance_cache()
    again = dpgbench("run", *SMALL, "--out", url)
    assert (again.exit_code, "3 of them before" in again.output) == (0, True), again.output
    dpgbench("run", *SMALL, "--out", "alone")
    there = objects(url)
    assert {name: content for name, content in there.items() if name not in NOT_COMPARED} == contents(
        tmp_path / "alone"
    )
