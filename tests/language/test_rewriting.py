"""Rewritten prompts: frozen, complete or not there at all, and never the original under another name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.jobs.rewrite import RewriteOutcome, RewriteRequest, execute_rewrite, plan_rewrite
from dpg_bench.language.base import Sampling, WriterSettings
from dpg_bench.language.recipe import DENSE, find_recipe
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.rewritten import COLUMNS, read_rewriting
from tests.openai_server import Asked, OpenAIServer, Reply, chat, fail
from tests.toy_language_model import save_language_model

LONG = "A wide valley with a river, two bridges and a mill."
SUITE = Suite("made", "made", (Prompt("owl", "an owl", ()), Prompt("fox", "a fox", ()), Prompt("mill", LONG, ())))
Rewrite = Callable[..., RewriteOutcome]


def answer(asked: Asked) -> Reply:
    return chat(f"Made dense:\n{asked.body['messages'][-1]['content']}.", model="toy-2026")


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer, models=["toy"]) as server:
        yield server


@pytest.fixture
def rewrite(toy: OpenAIServer, tmp_path: Path) -> Rewrite:
    def run(**changes: object) -> RewriteOutcome:
        writer = WriterSettings(f"toy@{toy.url}", concurrency=1)
        request = RewriteRequest(suite=SUITE, writer=writer, out=tmp_path / "new.csv")
        return execute_rewrite(plan_rewrite(replace(request, **changes)))  # type: ignore[arg-type]

    return run


def test_the_file_holds_texts_and_how_they_were_made(rewrite: Rewrite, tmp_path: Path) -> None:
    outcome = rewrite(pass_through=5)
    assert outcome.counts == {"rewritten": 2, "passed through": 1}
    with (tmp_path / "new.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["rewritten"] for row in rows] == ["Made dense: an owl.", "Made dense: a fox.", LONG]
    assert (rows[0]["revision"], rows[0]["how"]) == ("toy-2026", "rewritten")
    assert rows[0]["recipe"] == f"{DENSE.label}, up to 5 words"
    assert json.loads(rows[0]["sampling"]) == {"temperature": 0.0, "max_tokens": 512}
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_a_failure_is_named_and_never_the_original(rewrite: Rewrite, toy: OpenAIServer, tmp_path: Path) -> None:
    toy.first.extend([fail(400, "too rude", code="content_filter"), chat("<think>hm")])
    outcome = rewrite()
    assert outcome.rewriting is None
    assert outcome.failed.keys() == {"owl", "fox"}
    assert "refused the content" in outcome.failed["owl"]
    assert outcome.failed["fox"] == "the answer is a thought without an end"
    assert not (tmp_path / "new.csv").exists()
    asked = len(toy.posted)
    again = rewrite()
    assert again.rewriting is not None
    assert len(toy.posted) == asked + 2  # the third was kept


def test_work_begun_otherwise_is_not_mixed(rewrite: Rewrite, toy: OpenAIServer) -> None:
    toy.first.append(fail(400))
    rewrite()
    other = WriterSettings(f"toy@{toy.url}", Sampling(max_tokens=64))
    with pytest.raises(BadInputError, match=r"other settings: sampling.max_tokens was 512, now 64"):
        rewrite(writer=other)
    assert rewrite(writer=other, fresh=True).rewriting is not None
    asked = len(toy.asked)
    assert rewrite(writer=other).rewriting is not None
    assert len(toy.asked) == asked
    with pytest.raises(BadInputError, match="is there already"):
        rewrite()


def test_a_text_given_back_is_said_to_be_unchanged(tmp_path: Path) -> None:
    toy = save_language_model(tmp_path / "toy", {"owl": "an owl", "fox": "a red fox", "mill.": "a mill"})
    writer = WriterSettings(str(toy), device="cpu")
    request = RewriteRequest(suite=SUITE, writer=writer, out=tmp_path / "new.csv")
    assert execute_rewrite(plan_rewrite(request)).counts == {"unchanged": 1, "rewritten": 2}


def test_a_file_that_was_changed_mixed_or_is_another_suites_is_refused(rewrite: Rewrite, tmp_path: Path) -> None:
    rewrite()
    file = tmp_path / "new.csv"
    content = file.read_text(encoding="utf-8")
    rewriting = read_rewriting(file)
    assert [p.text for p in rewriting.applied(SUITE.prompts[:1], "x")] == ["Made dense: an owl."]
    with pytest.raises(BadInputError, match="is of other prompts: 'owl' was 'an owl'"):
        rewriting.applied([Prompt("owl", "two owls", ())], str(file))
    with pytest.raises(BadInputError, match="no rewritten prompt for 'cat'"):
        rewriting.applied([Prompt("cat", "a cat", ())], str(file))
    wrong = {
        content.replace("Made dense: a fox", "A fox", 1): r"row 3: 'fox' was changed",
        content.replace("digest", "sum", 1): "no column digest",
        content.splitlines()[0] + "\n": "no rewritten prompt below",
        content + content.splitlines()[1] + "\n": "'owl' is there twice",
        content.replace(",rewritten,toy", ",guessed,toy", 1): "how is 'guessed'",
    }
    for text, message in wrong.items():
        file.write_text(text, encoding="utf-8")
        with pytest.raises(BadInputError, match=message):
            read_rewriting(file)


def test_recipes_are_told_apart_by_their_words(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('instruction = "Write more."\n[[examples]]\nshort = "a cat"\nlong = "A grey cat."\n')
    mine = find_recipe(str(file))
    assert [turn.text for turn in mine.conversation("an owl")] == ["Write more.\n\na cat", "A grey cat.", "an owl"]
    file.write_text('instruction = "Write much more."\n')
    assert find_recipe(str(file)).label != mine.label
    assert len(DENSE.conversation("an owl")) == 9
    for text, message in {"instruction = ": "no TOML", "words = 3": "is damaged at"}.items():
        file.write_text(text)
        with pytest.raises(BadInputError, match=message):
            find_recipe(str(file))
    with pytest.raises(BadInputError, match="no recipe 'dens'"):
        find_recipe("dens")
