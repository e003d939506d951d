"""Fetching the checkpoint from a hub on localhost: verified, recorded, found again offline, or one clear error."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.judge.base import JudgeSettings
from dpg_bench.judge.mplug.checkpoint import FILES, PINNED, WEIGHTS_FILE, Checkpoint
from dpg_bench.judge.mplug.spec import MPLUG
from dpg_bench.judge.mplug.tiny import write_tiny_checkpoint


@dataclass
class Hub:
    """What the server has, and what it was asked for."""

    files: dict[str, bytes]
    stated: dict[str, str | None]
    served: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-mplug")
    write_tiny_checkpoint(folder)
    return folder


@pytest.fixture
def hub(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    files = {name: (tiny_folder / name).read_bytes() for name in FILES}
    content = Hub(files, {name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    content.files["training_data.zip"] = b"not needed"
    content.stated["training_data.zip"] = hashlib.sha256(b"not needed").hexdigest()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url, asked = urlparse(self.path), {k: v[0] for k, v in parse_qs(urlparse(self.path).query).items()}
            if url.path == f"/api/v1/models/{PINNED.name}/repo/files" and asked["Revision"] == PINNED.revision:
                listing = [
                    {"Path": name, "Name": name, "Type": "blob", "Size": len(data), "Sha256": content.stated[name]}
                    for name, data in content.files.items()
                ]
                self._send(json.dumps({"Code": 200, "Success": True, "Data": {"Files": listing}}).encode())
            elif url.path == f"/api/v1/models/{PINNED.name}/repo" and asked["Revision"] == PINNED.revision:
                content.served.append(asked["FilePath"])
                self._send(content.files[asked["FilePath"]])
            else:
                self.send_error(404)

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield content
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_the_needed_files_are_fetched_once_and_verified(hub: Hub, tmp_path: Path) -> None:
    assert PINNED.downloaded() is None
    checkpoint = PINNED.download()
    assert sorted(hub.served) == sorted(FILES)
    assert checkpoint.folder.is_relative_to(tmp_path / "modelscope")
    assert checkpoint.digests == {name: hub.stated[name] for name in FILES}
    assert {name: (checkpoint.folder / name).read_bytes() for name in FILES} == {
        name: hub.files[name] for name in FILES
    }
    assert PINNED.download() == checkpoint
    assert len(hub.served) == len(FILES)


def test_what_was_fetched_is_used_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    MPLUG.fetch(MPLUG.options())
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    judge = MPLUG.load(JudgeSettings("mplug", MPLUG.options(), "cpu", "float32"))
    assert judge.provenance["source"] == f"modelscope:{PINNED.name}"
    assert judge.provenance["revision"] == PINNED.revision
    assert judge.provenance["weights"] == hub.stated[WEIGHTS_FILE]


def test_a_file_that_changed_its_size_in_the_cache_is_fetched_again(hub: Hub) -> None:
    folder = PINNED.download().folder
    (folder / WEIGHTS_FILE).write_bytes(b"torn")
    assert PINNED.downloaded() is None
    assert (PINNED.download().folder / WEIGHTS_FILE).read_bytes() == hub.files[WEIGHTS_FILE]
    assert PINNED.downloaded() is not None


def test_weights_changed_in_place_after_the_download_are_refused(hub: Hub) -> None:
    file = PINNED.download().folder / WEIGHTS_FILE
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(BadInputError, match=r"was changed or damaged\. Delete it"):
        Checkpoint.pinned().digest(WEIGHTS_FILE)


def test_a_corrupted_file_is_refused_and_not_kept(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelscope_hub._download.DOWNLOAD_INTEGRITY_RETRY_BACKOFF", 0)
    hub.files["vocab.txt"] = hub.files["vocab.txt"].replace(b"yes", b"yep")
    with pytest.raises(UnavailableError, match=r"could not be downloaded.*-J path=FOLDER"):
        PINNED.download()
    assert PINNED.downloaded() is None


@pytest.mark.parametrize("missing", ["digest", "file"])
def test_a_hub_without_the_file_or_its_digest_is_refused(hub: Hub, missing: str) -> None:
    if missing == "file":
        del hub.files["vocab.txt"]
    hub.stated["vocab.txt"] = None
    with pytest.raises(UnavailableError, match=r"vocab\.txt"):
        PINNED.download()
    assert not hub.served


def test_without_a_connection_the_error_says_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelscope_hub._legacy_api.REPO_TREE_PAGE_MAX_ATTEMPTS", 1)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"dpgbench fetch mplug.*-J path=FOLDER"):
        MPLUG.load(JudgeSettings("mplug", MPLUG.options(), "cpu", "float32"))
