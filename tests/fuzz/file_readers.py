"""Readers of suites, answers, images, lists and run folders."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.image_content import open_image, png_texts
from dpg_bench.files.image_list import read_image_list
from dpg_bench.files.item_names import file_stem, item_id_of
from dpg_bench.files.judgement_record import read_judgement_record
from dpg_bench.files.kept_suite import kept_item_ids, read_kept_suite, write_kept_suite
from dpg_bench.files.mirror import Mirror
from dpg_bench.files.reading import read_yaml
from dpg_bench.files.run_folder import RunDir, ShardDir
from dpg_bench.files.run_record import read_run_record
from dpg_bench.files.shard_record import read_shard_record
from dpg_bench.files.source_record import read_source
from dpg_bench.generate.generation_log import last_lines
from dpg_bench.judge.imported.answers import read_answers
from dpg_bench.judge.imported.by_model import answers_by_model, asked_suite, parse_answers_file
from dpg_bench.judge.told import summed_usage
from dpg_bench.language.base import Asked, Said, WriterSettings
from dpg_bench.language.recipe import find_recipe
from dpg_bench.language.unfinished import continue_work
from dpg_bench.records import Suite
from dpg_bench.report.agree.ratings import read_ratings
from dpg_bench.report.audit.reading import parse_claims, parse_log
from dpg_bench.report.published import read_published
from dpg_bench.score.scorecard import JudgeCard, RunCard, read_scorecard, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard
from dpg_bench.suite.forms.file import load_file
from dpg_bench.suite.forms.text_folder import read_text_folder
from dpg_bench.suite.graph_csv import GraphRow, Origin, graphs_to_csv, read_graphs
from dpg_bench.suite.rewritten import RewrittenPrompt, read_rewriting, rewriting_to_csv
from tests.fuzz.reader import Reader

SUITE = """item_id,text,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language
fox,A red fox.,1,0,entity,whole,entity - whole (fox),Is there a fox?
fox,A red fox.,2,1,attribute,color,"attribute - color (fox, red)",Is the fox red?
"""
DETAIL = "images/fox.png, (0, 0, 32, 32), Is the fox red?, yes\nimages/fox.png, (32, 0, 64, 32), Is the fox red?, no\n"


def _load(path: Path) -> object:
    return load_file(str(path))


_ASKED = WriterSettings("m")


def readers(folder: Path) -> Mapping[str, Reader]:
    """All of them; what they need beside the file is put into `folder`."""
    (folder / "suite-of-the-fuzzer.csv").write_text(SUITE)
    suite = load_file(str(folder / "suite-of-the-fuzzer.csv"))
    answer = AnswerLine(item_id="fox", image=0, proposition_id=1, question="Is there a fox?", answer="yes", p_yes=0.9)
    line = json.dumps(answer.record()).encode() + b"\n"
    card = answers_to_scorecard(
        suite,
        {"fox": {0: {1: "yes", 2: "no"}}},
        judge=JudgeCard(name="judge", fingerprint=None),
        run=RunCard(model=None, images_per_prompt=1, scored_by="0"),
    )
    run = json.dumps(_RUN).encode()
    made = {
        "item_id": "fox",
        "seeds": [1],
        "seconds": 0.1,
        "image_sha256": "0",
        "prompt_sha256": "0",
        "fingerprint": "0",
    }
    write_kept_suite(folder / "suite.jsonl", suite)
    kept = (folder / "suite.jsonl").read_bytes()
    rewritten = RewrittenPrompt("fox", "A fox.", "A red fox.", "rewritten", "m", "r", "{}", "dense@0")
    graphs = graphs_to_csv(
        [GraphRow("fox", "A fox.", 1, (), "entity - whole", "entity - whole (fox)", "Is there a fox?")],
        Origin("m", "r", "{}", "dense@0"),
    )
    graph = {"fox": {"prompt": "A fox.", "question": {"1": "Is there a fox?"}, "dependency": {"1": [0]}}}
    by_model = (
        b"item_id,question_id,question,answer,t2i_model\nfox,1,Is there a fox?,yes,m\nfox,1,Is there a fox?,no,n\n"
    )
    recipe = b'instruction = "Write."\n[[examples]]\nshort = "a"\nlong = "b"\n'
    settings = {"model": {"name": _ASKED.name}, "sampling": _ASKED.sampling.record(), "recipe": "r"}
    for name in ("texts", "work.csv.work"):
        (folder / name).mkdir()
    (folder / "a.png").write_bytes(_images()[0])
    judged = b'{"schema": 2, "judge_fingerprint": "f", "judge": {"name": "x"}, "images_per_prompt": 1, "tiles": {}}'
    source = b'{"schema": 1, "images": "../mine", "suite": "suite.csv", "images_per_prompt": 1, "grid": [2, 2]}'

    def of_run(read: Callable[[RunDir], object]) -> Callable[[Path], object]:
        return lambda path: read(RunDir(path.parent))

    return {
        "suite, CSV": Reader("a.csv", _load, (SUITE.encode(), SUITE.encode("utf-16"))),
        "suite, TSV": Reader("a.tsv", _load, (SUITE.replace(",", "\t").encode(),)),
        "suite, JSON": Reader("a.json", _load, (b'{"a": "A fox."}', b'[{"id": 1, "prompt": "A fox."}]')),
        "suite, JSON lines": Reader("a.jsonl", _load, (b'{"id": "a", "prompt": "A fox."}\n',)),
        "suite, prompts": Reader("a.txt", _load, (b"A fox.\nA boat.\n", b"a\tA fox.\n")),
        "suite, kept": Reader(
            "suite.jsonl",
            lambda path: _kept(path, suite),
            (kept,),
        ),
        "suite, rewritten": Reader("b.csv", read_rewriting, (rewriting_to_csv([rewritten]).encode(),)),
        "suite, graphs of our own": Reader("made.csv", read_graphs, (graphs.encode(),)),
        "suite, graphs of OneIG-Bench": Reader("object.json", _load, (json.dumps(graph).encode(),)),
        "suite, folder of texts": Reader("texts/a.txt", lambda path: read_text_folder(path.parent), (b"A red fox.\n",)),
        "recipe of rewriting": Reader("recipe.toml", lambda path: find_recipe(str(path)), (recipe,)),
        "work of a language model": Reader("work.csv.work/said.jsonl", _go_on, (b'{"key": "a", "text": "b"}\n',)),
        "settings of that work": Reader("work.csv.work/settings.json", _go_on, (json.dumps(settings).encode(),)),
        "answers, JSON lines": Reader("c.jsonl", lambda path: read_answers(path, suite), (line, line * 2)),
        "answers, CSV": Reader(
            "c.csv", lambda path: read_answers(path, suite), (b"item_id,image,proposition_id,answer\nfox,0,1,yes\n",)
        ),
        "answers, several models": Reader("models.csv", _by_model, (by_model, line.replace(b"}", b', "model": "m"}'))),
        "answers, official detail": Reader("c.txt", lambda path: read_answers(path, suite), (DETAIL.encode(),)),
        "answers.jsonl": Reader("answers.jsonl", lambda path: list(read_answer_lines(path)), (line,)),
        "scorecard.json": Reader("scorecard.json", read_scorecard, (scorecard_json(card).encode(),)),
        "run.json": Reader("run.json", read_run_record, (run,)),
        "generation.jsonl": Reader("generation.jsonl", of_run(last_lines), (json.dumps(made).encode() + b"\n",)),
        "judgement.json": Reader("judgement.json", read_judgement_record, (judged,)),
        "source.json": Reader("source.json", of_run(read_source), (source,)),
        "shard.json": Reader(
            "shard.json", lambda path: read_shard_record(ShardDir(path.parent)), (b'{"schema": 1, "judge": {}}',)
        ),
        "usage.jsonl": Reader("usage.jsonl", lambda path: summed_usage(read_jsonl(path)), (b'{"requests": 1}\n',)),
        "index of a mirror": Reader(
            ".mirror.json",
            lambda path: Mirror("memory://fuzzed", path.parent),
            (b'{"there": {"a": "b"}, "here": {"a": [1, 2]}}',),
        ),
        "a log": Reader("d.jsonl", lambda path: list(read_jsonl(path)), (b'{"a": 1}\n{"b": 2}\n',)),
        "image": Reader("e.png", lambda path: open_image(path.read_bytes(), path), _images()),
        "text chunks": Reader("f.png", lambda path: png_texts(path.read_bytes()), _images()),
        "image list": Reader(
            "g.csv",
            lambda path: read_image_list(path, path.parent, {"fox"}),
            (b"item_id,file,image\nfox,a.png,0\n", b'{"fox": ["a.png"]}'),
        ),
        "image name": Reader("h", lambda path: _names(path.read_bytes()), (b"a%2Fb", b"COM1")),
        "published results": Reader("i.csv", read_published, (b"model,overall,source\nx,74.2,here\n",)),
        "official log": Reader(
            "j.txt",
            lambda path: (
                parse_log(path.read_text(errors="replace"), "j"),
                parse_claims(path.read_text(errors="replace"), "j"),
            ),
            (b"L1 category scores:\n\tentity: 80.5\nDPG-Bench score: 74.2\n",),
        ),
        "ratings": Reader("k.csv", read_ratings, (b"item_id,image,rater,rating\nfox,0,me,4\n",)),
        "YAML": Reader("l.yaml", lambda path: read_yaml(path.read_bytes(), "l"), (b"a: &x [1]\nb: *x\n",)),
    }


_RUN = {
    "schema": 1,
    "dpg_bench": "0",
    "command": [],
    "requested": {},
    "defaulted": {},
    "settings": {"model": "m", "images_per_prompt": 4, "size": 64},
    "fingerprint": "f",
    "suite": {"name": "s", "source": "", "digest": "d", "prompts": 1, "items": ["fox"]},
    "generator": {},
    "packages": {},
    "device": {"batch_size": 1},
    "git_commit": None,
    "started": "2024-01-01T00:00:00+00:00",
}


def _kept(path: Path, suite: Suite) -> None:
    list(kept_item_ids(path))
    read_kept_suite(path, name="x", source="", digest=suite.digest)


class _Nobody:
    """A language model that is asked nothing."""

    provenance: Mapping[str, Any] = {}
    revision = ""
    together = 1

    def write(self, asked: Sequence[Asked]) -> Iterator[Said]:
        return iter([Said(one.key, None) for one in asked])


def _go_on(path: Path) -> None:
    with continue_work(path.parent.with_suffix(""), _Nobody(), _ASKED, recipe="r", fresh=False) as work:
        work.said(Asked("a", "", ()))


def _by_model(path: Path) -> None:
    file = parse_answers_file(path)
    answers_by_model(file, asked_suite([file]))


def _images() -> tuple[bytes, ...]:
    found = []
    for form in ("PNG", "JPEG", "WEBP"):
        content = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(content, form)
        found.append(content.getvalue())
    return tuple(found)


def _names(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    item_id_of(text)
    assert item_id_of(file_stem(text)) == text
