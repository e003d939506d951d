"""What strangers' files may not do to the machine: sizes, depths and graphs are bounded before anything is built."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError, DamagedError, UnavailableError
from dpg_bench.files.answer_lines import read_answer_lines
from dpg_bench.files.durable import read_lines
from dpg_bench.files.reading import read_content, read_csv, read_json, read_yaml, text_lines
from dpg_bench.hub.pinned_files import fetch_files
from dpg_bench.judge.imported.by_model import parse_answers_file
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


MERGED = "\n".join(["a: &a {x: 1}", *(f"b{n + 1}: &b{n + 1} {{<<: [*b{n}, *b{n}]}}" for n in range(1, 40))])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MERGED.replace("*b1,", "*a,").replace("*b1]", "*a]"), "merges mappings"),
        (f"a: 0x{'f' * 5000}", "5002 characters"),
        ('a: "' + "\\x41" * 200_000 + '"', "800006|800005"),
    ],
)
def test_yaml_that_takes_time_or_numbers_without_end_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        read_yaml(text.encode(), "x")
    config = tmp_path / "train.yaml"
    config.write_text(text)
    with pytest.raises(EllaError, match=said):
        read_config(config)


def test_json_that_programs_read_differently_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="x: 'a' is there 2 times"):
        read_json(b'[{"a": 1, "a": 2}]', "x")
    with pytest.raises(BadInputError, match=r"x holds half a character, such as \\ud800"):
        read_json(b'{"a": "\\ud800"}', "x")
    assert read_json(b'{"a": "\\ud83e\\udd8a"}', "x") == {"a": "\N{FOX FACE}"}
    line = tmp_path / "answers.jsonl"
    line.write_text('{"item_id": "a", "image": 0, "proposition_id": 1, "answer": "yes", "answer": "no"}\n')
    with pytest.raises(DamagedError, match="line 1 is damaged: 'answer' is there 2 times"):
        list(read_answer_lines(line))


def test_a_table_is_read_a_line_at_a_time() -> None:
    table = read_csv('a,b\r\n1,"2\r3"\n4,5', "x")
    assert [dict(row.cells) for row in table.rows] == [{"a": "1", "b": "2\r3"}, {"a": "4", "b": "5"}]
    assert list(text_lines("a\u2028b\n\nc")) == ["a\u2028b\n", "\n", "c"]


def test_no_line_of_a_message_is_longer_than_can_be_read() -> None:
    message = str(BadInputError(f"It has {', '.join(f'c{number}' for number in range(100_000))}.\nMend it."))
    assert len(message) < 4000
    assert message.endswith("c99999.\nMend it.")
    assert " characters) … " in message


def test_a_file_with_a_thousand_models_is_not_read_a_thousand_times(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(f'{{"model": "m{number}", "item_id": "a"}}\n' for number in range(1001)))
    with pytest.raises(BadInputError, match="names 1001 models, more than the 1000"):
        parse_answers_file(answers)


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
