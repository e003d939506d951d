"""What strangers' files may not do to the machine: sizes, depths and graphs are bounded before anything is built."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.files.durable import read_lines
from dpg_bench.files.reading import read_content, read_json, read_yaml
from dpg_bench.hub.pinned_files import fetch_files
from dpg_bench.records import Prompt, Question
from dpg_bench.score.protocols.corrected import held_with_ancestors, with_ancestors
from dpg_bench.score.protocols.soft import soft_scores
from ella_models.errors import EllaError
from ella_models.training.config_file import read_config

LAUGHS = "\n".join(["a: &a [x]", *(f"b{number}: [*a, *a]" for number in range(700))])


def test_a_file_larger_than_is_read_at_once_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.touch()
    os.truncate(file, 1 << 40)
    with pytest.raises(BadInputError, match="1099511627776 bytes, more than"):
        read_content(file)
    with pytest.raises(BadInputError, match="line 1 has more than"):
        list(read_lines(file))


def test_nesting_digits_and_aliases_are_one_message(tmp_path: Path) -> None:
    for content in (b"[" * 100_000, b"1" * 5000, b"{"):
        with pytest.raises(BadInputError, match="x can't be read as JSON"):
            read_json(content, "x")
    with pytest.raises(BadInputError, match="more than 1000 aliases"):
        read_yaml(LAUGHS.encode(), "x")
    with pytest.raises(BadInputError, match="can't be read as YAML"):
        read_yaml(b"!!python/object/apply:os.system ['true']", "x")
    config = tmp_path / "train.yaml"
    config.write_text(LAUGHS)
    with pytest.raises(EllaError, match="more than 1000 aliases"):
        read_config(config)


def chain(length: int) -> Prompt:
    asked = (Question(n, (n - 1,) if n > 1 else (), "entity", "entity - whole", "?") for n in range(1, length + 1))
    return Prompt("item", "text", tuple(asked))


def test_deep_graphs_are_scored_by_one_walk_and_never_written_out() -> None:
    prompt = chain(100_000)
    everything = range(1, 100_001)
    assert len(held_with_ancestors(prompt, everything)) == 100_000
    assert held_with_ancestors(prompt, set(everything) - {5}) == {1, 2, 3, 4}
    with pytest.raises(BadInputError, match="depend on each other in more than 1000000 ways"):
        with_ancestors(prompt)
    assert soft_scores([prompt], {"item": {0: dict.fromkeys(everything, 0.5)}}, images_per_prompt=1) is None


def test_a_million_edges_and_cycles_are_no_trouble() -> None:
    parents = tuple(range(1, 1001))
    prompt = Prompt("item", "text", tuple(Question(n, parents, "entity", "entity - whole", "?") for n in parents))
    assert len(held_with_ancestors(prompt, parents)) == 1000
    assert held_with_ancestors(prompt, parents[1:]) == set()


def test_the_walk_finds_what_the_sets_of_ancestors_say() -> None:
    prompt = Prompt(
        "item",
        "text",
        tuple(
            Question(n, parents, "entity", "entity - whole", "?")
            for n, parents in ((1, ()), (2, (1, 9)), (3, (2, 4)), (4, (3,)), (5, (5,)), (6, (1, 5)))
        ),
    )
    for bits in range(64):
        yes = {n for n in range(1, 7) if bits >> (n - 1) & 1}
        assert held_with_ancestors(prompt, yes) == {n for n, needed in with_ancestors(prompt).items() if needed <= yes}


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A server that sends everybody to a plain http address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/other")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_is_redirected_to_https_alone(elsewhere: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="which is not https"):
        fetch_files(tmp_path / "there", {"a.txt": "0" * 40}, base_url=elsewhere, pause=0)
