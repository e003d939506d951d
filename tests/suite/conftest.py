"""A file server on localhost that can misbehave, and question files made on the spot."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from dpg_bench.hub.pinned_files import git_blob_id

COLUMNS = [
    *("item_id", "text", "keywords", "proposition_id", "dependency"),
    *("category_broad", "category_detailed", "tuple", "question_natural_language"),
]
_ROWS = [
    ["one", "A red car, parked.", "", "1", "0", "entity", "whole", "entity - whole (car)", "Is there a car?"],
    ["one", "A red car, parked.", "", "2", "1", "attribute", "color", "attribute - color (car, red)", "Is it red?"],
    ["two", "An oil painting.", "", "1", "0", "global", "", "global - (oil painting)", "Is this an oil painting?"],
]


@pytest.fixture
def rows() -> list[list[str]]:
    """Three sound rows of two items, free to be spoilt."""
    return [list(row) for row in _ROWS]


@pytest.fixture
def to_csv() -> Callable[..., bytes]:
    """Rows, and a header that is the official one unless given, as the content of a CSV file."""
    return _csv_bytes


def _csv_bytes(rows: Sequence[Sequence[str]], header: Sequence[str] = COLUMNS) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    return buffer.getvalue().encode()


@dataclass
class FileServer:
    """Serves `files` by path. `faults` holds, by path, what to do instead on the first requests, one after another:
    an HTTP status, `cut` (half of the body) or `corrupt` (other bytes of the same length). `before` is called
    ahead of every answer, on the request's own thread, so it can hold the answer back."""

    files: dict[str, bytes]
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None
    requests: Counter[str] = field(default_factory=Counter)

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(handler.path).removeprefix("/")
        self.requests[path] += 1
        self.before()
        planned = self.faults.get(path, [])
        fault = planned.pop(0) if planned else None
        content = self.files.get(path)
        if isinstance(fault, int) or content is None:
            handler.send_error(fault if isinstance(fault, int) else 404)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if fault == "cut":
            content = content[: len(content) // 2]
        elif fault == "corrupt":
            content = bytes(255 - byte for byte in content)
        handler.wfile.write(content)


@dataclass(frozen=True)
class OfficialCopy:
    """A server with a repository like ELLA's, and the manifest file that pins its content."""

    server: FileServer
    manifest: Path


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[dict[str, bytes]], OfficialCopy]]:
    """Serves prompt files, with made-up questions about them, in ELLA's place, and allows downloads."""
    running: list[ThreadingHTTPServer] = []

    def start(prompts: dict[str, bytes]) -> OfficialCopy:
        files = FileServer(_repository(prompts))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    files.respond(self)
                except ConnectionError:  # the client was killed
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64

        server = Server(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("DPGBENCH_ELLA_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        return OfficialCopy(files, _write_manifest(tmp_path / "manifest.json", files.files))

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def _repository(prompts: dict[str, bytes]) -> dict[str, bytes]:
    rows: list[list[str]] = []
    for name, content in prompts.items():
        item_id, text = name.removesuffix(".txt"), content.decode().strip()
        rows += [
            [item_id, text, "", "1", "0", "global", "", "global - (scene)", f"Is {item_id} there?"],
            [item_id, text, "", "2", "1", "entity", "state", "entity - state (scene)", f"Is {item_id}, too, fine?"],
        ]
    files = {"dpg_bench/dpg_bench.csv": _csv_bytes(rows)}
    return files | {f"dpg_bench/prompts/{name}": content for name, content in prompts.items()}


def _write_manifest(path: Path, files: dict[str, bytes]) -> Path:
    prompts = {name.rpartition("/")[2]: git_blob_id(content) for name, content in files.items() if "prompts/" in name}
    questions = "dpg_bench/dpg_bench.csv"
    content = {
        "repository": "someone/ELLA",
        "commit": "0123abcd",
        "questions": {"path": questions, "git_blob": git_blob_id(files[questions])},
        "prompts": {"folder": "dpg_bench/prompts", "git_blob": prompts},
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def few_prompts() -> dict[str, bytes]:
    """Prompt files of 22 items, among them one that begins with a space and one that ends in a line end."""
    plain = {f"{name}.txt": f"A dense prompt about {name}.".encode() for name in range(20)}
    return plain | {"b2.txt": b" A leading space.", "a1.txt": b"A line end.\n"}
