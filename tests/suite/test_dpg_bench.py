"""DPG-Bench is downloaded whole, verified, once, whatever the network and other processes do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.hub.pinned_files import fetch_files, git_blob_id, intact_files
from dpg_bench.suite.dpg_bench import load_official, pinned_manifest, read_manifest

Publish = Callable[[Mapping[str, bytes]], Any]

_LOAD = """
import sys
from pathlib import Path
from dpg_bench.suite.dpg_bench import load_official, read_manifest
print("ready", flush=True)
print(len(load_official(read_manifest(Path(sys.argv[1])))))
"""


def _start_loading(manifest: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _LOAD, str(manifest)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_whole_benchmark_arrives_as_it_is_and_is_fetched_once(
    publish: Publish, real_prompts: dict[str, bytes]
) -> None:
    copy = publish(real_prompts)
    manifest = read_manifest(copy.manifest)
    heard: list[tuple[int, int]] = []
    prompts = load_official(manifest, progress=lambda done, total: heard.append((done, total)))
    assert {f"{prompt.item_id}.txt": prompt.text.encode() for prompt in prompts} == real_prompts
    assert sum(len(prompt.questions) for prompt in prompts) == 2 * 1065
    assert heard == [(done, 1066) for done in range(1, 1067)]
    assert load_official(manifest) == prompts
    assert set(copy.server.requests.values()) == {1}
    assert len(copy.server.requests) == 1066


def test_the_shipped_manifest_pins_the_real_prompts(real_prompts: dict[str, bytes]) -> None:
    manifest = pinned_manifest()
    assert len(manifest.blobs) == 1066
    assert manifest.commit.startswith("3c228f1")
    pinned = {path.rpartition("/")[2]: blob for path, blob in manifest.blobs.items() if path != manifest.questions}
    assert {name: git_blob_id(content) for name, content in real_prompts.items()} == pinned


def test_the_shipped_manifest_names_the_question_file() -> None:
    manifest = read_manifest(shipped_folder("prompts") / "dpg_bench_manifest.json")
    assert manifest.blobs[manifest.questions] == "98457fc9901943f51ff9a30367250fc292533bed"
    assert manifest.source.endswith(f"/tree/{manifest.commit}/dpg_bench")


def test_items_without_a_prompt_file_keep_the_text_of_the_questions(
    publish: Publish, few_prompts: dict[str, bytes]
) -> None:
    copy = publish(few_prompts)
    manifest = copy.manifest.read_text().replace('"b2.txt"', '"other.txt"')
    copy.manifest.write_text(manifest)
    copy.server.files["dpg_bench/prompts/other.txt"] = few_prompts["b2.txt"]
    prompts = {prompt.item_id: prompt.text for prompt in load_official(read_manifest(copy.manifest))}
    assert prompts["b2"] == "A leading space."
    assert prompts["a1"] == "A line end.\n"
    assert "other" not in prompts


@pytest.mark.parametrize("fault", ["cut", "corrupt", 503, 429])
def test_a_passing_fault_is_tried_again(
    publish: Publish, few_prompts: dict[str, bytes], tmp_path: Path, fault: int | str
) -> None:
    copy = publish(few_prompts)
    copy.server.faults["dpg_bench/prompts/7.txt"] = [fault, fault]
    blobs = read_manifest(copy.manifest).blobs
    fetch_files(tmp_path / "files", blobs, base_url=os.environ["DPGBENCH_ELLA_URL"], pause=0.001)
    assert intact_files(tmp_path / "files", blobs) == copy.server.files
    assert copy.server.requests["dpg_bench/prompts/7.txt"] == 3


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([404], "the server answered 404"),
        ([403], "the server answered 403"),
        ([500] * 4, "the server answered 500"),
        (["cut"] * 4, "its 11 bytes have the git blob id"),
        (["corrupt"] * 4, "instead of the pinned"),
    ],
)
def test_a_lasting_fault_is_named_and_what_arrived_is_kept(
    publish: Publish, few_prompts: dict[str, bytes], tmp_path: Path, faults: list[int | str], message: str
) -> None:
    copy = publish(few_prompts)
    path = "dpg_bench/prompts/7.txt"
    copy.server.faults[path] = list(faults)
    blobs = read_manifest(copy.manifest).blobs
    folder, url = tmp_path / "files", os.environ["DPGBENCH_ELLA_URL"]
    with pytest.raises(UnavailableError, match=rf"{path} could not be downloaded: .*{message}"):
        fetch_files(folder, blobs, base_url=url, pause=0.001)
    assert copy.server.requests[path] == len(faults)
    kept = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert kept == intact_files(folder, blobs).keys()
    assert path not in kept

    before = copy.server.requests.copy()
    fetch_files(folder, blobs, base_url=url, pause=0.001)
    assert intact_files(folder, blobs) == copy.server.files
    assert (copy.server.requests - before).keys() == blobs.keys() - kept


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(publish: Publish, few_prompts: dict[str, bytes]) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    prompts = load_official(manifest)
    (manifest.folder / "dpg_bench/prompts/3.txt").write_bytes(b"A dense")
    (manifest.folder / "dpg_bench/dpg_bench.csv").unlink()
    assert manifest.count_missing() == 2
    assert load_official(manifest) == prompts
    again = {path for path, count in copy.server.requests.items() if count == 2}
    assert again == {"dpg_bench/prompts/3.txt", "dpg_bench/dpg_bench.csv"}


def test_a_killed_download_goes_on_where_it_stopped(publish: Publish, few_prompts: dict[str, bytes]) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    stuck, release = threading.Event(), threading.Event()

    def stall_after_ten() -> None:
        if copy.server.requests.total() > 10:
            stuck.set()
            release.wait()

    copy.server.before = stall_after_ten
    process = _start_loading(copy.manifest)
    assert stuck.wait(timeout=60)
    process.kill()
    process.communicate()
    release.set()
    present = intact_files(manifest.folder, manifest.blobs).keys()
    assert 0 < len(present) < len(manifest.blobs)

    before = copy.server.requests.copy()
    assert len(load_official(manifest)) == len(few_prompts)
    fetched = copy.server.requests - before
    assert fetched.keys() == manifest.blobs.keys() - present


def test_two_processes_at_once_download_each_file_once(publish: Publish, few_prompts: dict[str, bytes]) -> None:
    copy = publish(few_prompts)
    both_started = threading.Event()
    copy.server.before = lambda: both_started.wait(timeout=60)
    processes = [_start_loading(copy.manifest), _start_loading(copy.manifest)]
    both_started.set()
    assert [process.communicate(timeout=60)[0] for process in processes] == [f"{len(few_prompts)}\n"] * 2
    assert [process.returncode for process in processes] == [0, 0]
    assert set(copy.server.requests.values()) == {1}
    assert len(copy.server.requests) == len(few_prompts) + 1


def test_a_clone_on_disk_serves_as_well(
    publish: Publish, few_prompts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish(few_prompts)
    for path, content in copy.server.files.items():
        (tmp_path / "clone" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clone" / path).write_bytes(content)
    monkeypatch.setenv("DPGBENCH_ELLA_URL", (tmp_path / "clone").as_uri() + "/")
    assert len(load_official(read_manifest(copy.manifest))) == len(few_prompts)
    assert not copy.server.requests


def test_a_mirror_that_is_no_address_is_refused(
    publish: Publish, few_prompts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(publish(few_prompts).manifest)
    monkeypatch.setenv("DPGBENCH_ELLA_URL", "/home/me/ELLA")
    with pytest.raises(BadInputError, match="DPGBENCH_ELLA_URL is '/home/me/ELLA'"):
        load_official(manifest)


def test_offline_and_not_cached_says_how_to_get_it(
    publish: Publish, few_prompts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UnavailableError) as caught:
        load_official(manifest)
    for hint in ("23 of 23 files", "HF_HUB_OFFLINE", "dpgbench fetch dpg-bench", "suite='FILE.csv'", "someone/ELLA"):
        assert hint in str(caught.value)
    assert not copy.server.requests
    assert not manifest.folder.exists()


def test_offline_and_cached_asks_nobody(
    publish: Publish, few_prompts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    prompts = load_official(manifest)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = copy.server.requests.copy()
    assert load_official(manifest) == prompts
    assert copy.server.requests == asked


def test_a_failed_download_says_how_to_go_on(publish: Publish, few_prompts: dict[str, bytes]) -> None:
    copy = publish(few_prompts)
    del copy.server.files["dpg_bench/dpg_bench.csv"]
    with pytest.raises(UnavailableError, match=r"dpg_bench\.csv could not be downloaded.*404.*Run the same command"):
        load_official(read_manifest(copy.manifest))


def test_a_cache_that_cannot_be_written_is_named(
    publish: Publish, few_prompts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish(few_prompts)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(UnavailableError, match=r"can't be kept in .*file.*Not a directory.*DPGBENCH_CACHE"):
        load_official(read_manifest(copy.manifest))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_in_one_message(
    publish: Publish, few_prompts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = publish(few_prompts)

    def fsync_of_a_full_disk(_: int) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    monkeypatch.setattr("dpg_bench.files.durable.os.fsync", fsync_of_a_full_disk)
    manifest = read_manifest(copy.manifest)
    with pytest.raises(UnavailableError, match=r"No space left on device.*Make room"):
        load_official(manifest)
    assert not [path for path in manifest.folder.rglob("*") if path.is_file()]
