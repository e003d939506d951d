"""T2I-CompBench's validation prompts (arXiv 2307.06350) with the questions that its own scores are made of.

The prompts are `examples/dataset/*_val.txt` of Karine-Huang/T2I-CompBench (MIT) at a pinned commit, a prompt a line.
Colour, shape and texture are judged phrase by phrase: each noun phrase that spaCy finds is asked as phrase + "?"
(`BLIPvqa_eval/BLIP_vqa.py` there). Which phrases are found depends on the parser's version, so they are frozen: what
ships is where they begin and end, `prompts/t2i_compbench_phrases.json`, with the versions that found them.

The parser loses objects: it takes "a red apple and yellow bananas" for one phrase, and in "a green acorn and a brown
leaf" it overlooks the first. Where a prompt is two things joined by "and" and the parser has found fewer phrases, these
two are asked for the corrected score. A question's category says which of the two scores it is for.

Non-spatial prompts are compared with their images whole, so that the prompt itself is what is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from dpg_bench.hub.cache import shipped_folder
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.pinned import PinnedSuite
from dpg_bench.suite.rows import broad_category

FAMILY = "t2i-compbench"
IMAGES_PER_PROMPT = 10
"""What T2I-CompBench draws of every prompt."""
MOST_PHRASES = 8
"""What it asks of an image; further phrases are left out."""
PARSER_ALONE, RESTORED = ", parser's", ", restored"
"""The ends of the categories of phrases for the original score alone, and for the corrected one alone."""

SPATIAL = (
    "T2I-CompBench's spatial and complex prompts are no suites here: their scores need a detector (UniDet) that no "
    "package offers."
)

_COMMIT = "1b7094991a57f3c22abdd4f6e8ba6c1a15517073"
_FOLDER = "examples/dataset"
_ATTRIBUTES = {
    "color": "700badf7bd0989c45eb307ff3573f127ecee0a53",
    "shape": "b82835d72b25c2aa2962736f091fe04ee6a39a21",
    "texture": "61d35c8e7127e530f221780fd117c905315ce00a",
}
_NON_SPATIAL = {"non-spatial": "046d5689c35fb1270fdce8aa003c068e4a360726"}


@dataclass(frozen=True, slots=True)
class OwnJudge:
    """The judge that T2I-CompBench's own numbers are of, and the side in pixels at which it sees images."""

    name: str
    side: int

    def is_meant(self, name: str, provenance: Mapping[str, Any]) -> bool:
        """Whether a judge is this one, as far as what is recorded of it tells: the Hub has a copy at another side."""
        return name.partition(" ")[0] == self.name and provenance.get("image_size", self.side) == self.side


OWN_JUDGES: Mapping[str, OwnJudge] = {
    **{f"{FAMILY}/{part}": OwnJudge("blip-vqa", 480) for part in _ATTRIBUTES},
    **{f"{FAMILY}/{part}": OwnJudge("clip", 224) for part in _NON_SPATIAL},
}
"""By the suite's name."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Where the noun phrases of a file's prompts begin and end, prompt by prompt, and which parser found them."""

    parser: str
    spans: tuple[tuple[Span, ...], ...]


def pinned_file(part: str) -> PinnedSuite:
    """The file of `color`, `shape`, `texture` or `non-spatial`."""
    path = f"{_FOLDER}/{part.replace('-', '_')}_val.txt"
    return PinnedSuite(
        name=f"{FAMILY}/{part}",
        repository="Karine-Huang/T2I-CompBench",
        commit=_COMMIT,
        questions=path,
        blobs={path: {**_ATTRIBUTES, **_NON_SPATIAL}[part]},
        mirror_variable="DPGBENCH_T2I_COMPBENCH_URL",
    )


@cache
def frozen_phrases(part: str) -> Phrases:
    """The phrases of `color`, `shape` or `texture` as they ship."""
    content: Mapping[str, Any] = json.loads((shipped_folder("prompts") / "t2i_compbench_phrases.json").read_bytes())
    versions = content["parser"]
    spans = tuple(tuple((begin, end) for begin, end in one) for one in content["prompts"][part]["spans"])
    return Phrases(f"spaCy {versions['spacy']} with {versions['model']}", spans)


def attribute_prompts(content: bytes, part: str, phrases: Phrases) -> tuple[Prompt, ...]:
    """The lines of a file as prompts that ask for their phrases.

    Raises ValueError if there are not as many lines as `phrases` has prompts.
    """
    texts = _lines(content)
    return tuple(
        Prompt(f"{part}{number:03}", text, _questions(text, spans, f"attribute - {part}"))
        for number, (text, spans) in enumerate(zip(texts, phrases.spans, strict=True))
    )


def joined_things(text: str) -> tuple[str, ...]:
    """The two things of a prompt that is "one thing and another", without a full stop; nothing for other prompts."""
    parts = tuple(part.strip() for part in text.rstrip(". ").split(" and "))
    return parts if len(parts) == 2 and all(parts) and "," not in text else ()


def is_for(question: Question, protocol: str) -> bool:
    """Whether a question counts in the `official` score (the original's), or in the `corrected` one."""
    return not question.category.endswith(RESTORED if protocol == "official" else PARSER_ALONE)


def is_compbench(suite: Suite) -> bool:
    """Whether a suite is one of these, whole or in part."""
    return suite.name.startswith(f"{FAMILY}/")


def _questions(text: str, spans: Sequence[Span], category: str) -> tuple[Question, ...]:
    found = [text[begin:end] for begin, end in spans][:MOST_PHRASES]
    things = joined_things(text)
    more = things if len(things) > len(found) else ()
    asked = [(one, category if not more or one in more else category + PARSER_ALONE) for one in found]
    asked += [(one, category + RESTORED) for one in more if one not in found]
    return tuple(
        Question(number, (), broad_category(name), name, f"{one}?") for number, (one, name) in enumerate(asked, start=1)
    )


def _lines(content: bytes) -> list[str]:
    return [line.strip() for line in content.decode().splitlines() if line.strip()]


def _load(name: str, *, part: str, strict: bool = False, progress: Progress | None = None) -> Suite:
    del strict  # its content is verified
    file = pinned_file(part)
    content = file.contents(progress=progress)[file.questions]
    if part in _NON_SPATIAL:
        asked = (
            Prompt(f"{part}{number:03}", text, (Question(1, (), "relation", f"relation - {part}", text),))
            for number, text in enumerate(_lines(content))
        )
        return Suite(name, file.source, tuple(asked))
    phrases = frozen_phrases(part)
    source = f"{file.source}, phrases by {phrases.parser}"
    return Suite(name, source, attribute_prompts(content, part, phrases))


def _pending(name: str) -> str | None:
    return pinned_file(Path(name).name).pending()


def _spec(part: str) -> SuiteSpec:
    what = {
        "non-spatial": "relations that are no place; its own score is CLIP's, --judge clip",
    }.get(part, f"{part}s bound to objects; its own score is BLIP-VQA's, --judge blip-vqa")
    return SuiteSpec(
        name=f"{FAMILY}/{part}",
        summary=f"T2I-CompBench's {what}; downloaded once and verified",
        source=pinned_file(part).source,
        licence="MIT",
        size="300 prompts",
        load=partial(_load, part=part),
        pending=_pending,
        images_per_prompt=IMAGES_PER_PROMPT,
    )


T2I_COMPBENCH_SPECS: tuple[SuiteSpec, ...] = tuple(map(_spec, (*_ATTRIBUTES, *_NON_SPATIAL)))
