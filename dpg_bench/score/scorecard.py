"""`scorecard.json`: both protocols' scores with everything needed to know what they mean.

A scorecard holds no time, path or machine, so the same answers give the same bytes. It ends in a checksum of its
content: a number that was changed by hand is not mistaken for a measured one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import LARGE, decoded, json_value, newer, read_content, validated
from dpg_bench.score.items import AnswerBits, Card, Count, ItemColumns, Percentage
from dpg_bench.score.soundness import unsound
from dpg_bench.score.stats import CONFIDENCE, RESAMPLES

if TYPE_CHECKING:
    import pandas

SCORECARD_SCHEMA: Literal[3] = 3
CORRECTED = "corrected"
OFFICIAL = "official"
CHECKSUM = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "description": "SHA-256 of the rest as JSON with sorted keys, without spaces, in ASCII",
}
NO_MEANING = "untrained weights: these scores mean nothing"


class SuiteCard(Card):
    """The suite that was asked: the size given is the whole suite's, however few of its items the run made.

    `mended` says of every odd place of its file what was made of it.
    """

    name: str
    source: str
    digest: str
    prompts: Count
    questions: Count
    mended: tuple[str, ...] = ()


class JudgeCard(Card):
    """Who answered. `fingerprint` is None where it isn't known, as for answers from elsewhere."""

    name: str
    fingerprint: str | None
    untrained: bool = False
    provenance: dict[str, JsonValue] = Field(default_factory=dict)


class TilesCard(Card):
    """How `files` of one size were cut into images, in words, and the name of one of them."""

    tiles: str
    files: Count
    example: str


class ImagesCard(Card):
    """How the images were read from their files: the most frequent sizes first, of `sizes`, and what was guessed.

    `square` is false if some image isn't: the official script would have judged squares cut out of it.
    """

    tiles: tuple[TilesCard, ...]
    sizes: Count
    guesses: tuple[str, ...] = ()
    square: bool = True


class RunCard(Card):
    """What was judged: the model and its settings where they are known, and how the answers were aggregated."""

    model: str | None
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    settings_fingerprint: str | None = None
    images_per_prompt: Annotated[int, Field(ge=1)]
    allow_missing: bool = False
    untrained: bool = False
    scored_by: str
    """The version of dpg-bench."""
    images: ImagesCard | None = None


class AnsweredCard(Card):
    """What the answers were, and how they became yes and no.

    Under the rule `official`, `yes` alone is a yes and everything else a no, as in the official script; it holds for
    our own judges and for that script's detail file. Under `read`, answers of other programs were read as yes or no,
    however spelled. `neither` of the answers to expected items were in other words than yes and no, and counted as no;
    `blank` ones were there but empty, and are missing. `sha256` is that of the file of answers beside the card, and
    `items_sha256` that of the run's list of items, so that a card is not taken for one of what came after it.
    """

    rule: Literal["official", "read"]
    neither: Count
    blank: Count = 0
    sha256: str | None = None
    items_sha256: str | None = None


class StatisticsCard(Card):
    """How the intervals were found: at which confidence, from how many resamples, drawn from which seed."""

    confidence: Annotated[float, Field(gt=0, lt=1)] = CONFIDENCE
    resamples: Annotated[int, Field(ge=1)] = RESAMPLES
    seed: Count = 0


class IntervalCard(Card):
    """A confidence interval in percent; see `score.stats.Interval` for `method`."""

    low: Percentage
    high: Percentage
    method: Literal["bca", "percentile", "no spread"]


class CategoryCard(Card):
    """A category: its score, and the prompts and questions behind it; null over no questions.

    `interval` is null without a score, and where the category occurs in a single prompt.
    """

    score: Percentage | None
    interval: IntervalCard | None = None
    prompts: Count
    questions: Count


class ExclusionCard(Card):
    """An expected item without a score. Cause `protocol` is no fault of the run: see `score.protocols.base.Cause`."""

    item_id: str
    reason: str
    cause: Literal["failed", "missing", "protocol"]


class ProtocolCard(Card):
    """The scores under one protocol.

    `overall` is null if nothing is scored, and also if the run is not `complete` and `allow_missing` was not
    given: the mean over what happens to be there is no result of the suite. `interval` is its confidence interval,
    over prompts; `image_sd` the standard deviation, over image index, of what `overall` would be by one image per
    prompt: the noise of the seeds, null for a single image. `partial` says how much of the suite
    the run set out to make ("8 of 1065 prompts"), null for all of it. `questions` are those behind `overall`,
    `items` the scores of the single items.
    """

    overall: Percentage | None
    interval: IntervalCard | None = None
    image_sd: Annotated[float, Field(ge=0)] | None = None
    prompts_scored: Count
    prompts_expected: Count
    questions: Count
    complete: bool
    partial: str | None
    l1: dict[str, CategoryCard]
    l2: dict[str, CategoryCard]
    excluded: tuple[ExclusionCard, ...]
    items: ItemColumns | None = None


class SoftCard(Card):
    """An unofficial number beside the protocols: the judge's P(yes) in place of its answers.

    A question's value is the product of P(yes) over itself and all its ancestors, an item's the mean over questions
    and images, `overall` the mean over the items that the corrected protocol scores. Categories are the mean P(yes) of
    their questions, ungated, as under the corrected protocol.
    """

    overall: Percentage | None
    interval: IntervalCard | None
    prompts_scored: Count
    l1: dict[str, CategoryCard]
    l2: dict[str, CategoryCard]


class ProductCard(Card):
    """T2I-CompBench's own score, in percent: the mean over images of products of P(yes) over a prompt's phrases.

    `prompts_scored` are those that the corrected protocol scores; `image_sd` is as in `ProtocolCard`.
    """

    overall: Percentage | None
    interval: IntervalCard | None
    image_sd: Annotated[float, Field(ge=0)] | None
    prompts_scored: Count


class Scorecard(Card):
    """The content of `scorecard.json`, checksum aside.

    `protocols` holds `official` and `corrected`, and may hold others by name; `soft` is null where the judge gave no
    P(yes), `products` for any suite but T2I-CompBench's, `answered` for answers that were never in a file. Schema 2 had
    no `soft`; schema 1 had no `statistics`, `answers`, `items`, `interval` or `image_sd` either.

    >>> import dpg_bench as dpg
    >>> card = dpg.open_run("runs/demo").card
    >>> card["corrected"].overall, card.flat()["corrected/overall"]
    (75.0, 75.0)
    >>> card.to_frame("items")["score"].tolist()
    [50.0, 100.0, 50.0]
    """

    schema_version: Literal[1, 2, 3] = Field(default=SCORECARD_SCHEMA, alias="schema")
    suite: SuiteCard
    judge: JudgeCard
    run: RunCard
    statistics: StatisticsCard | None = None
    protocols: dict[str, ProtocolCard]
    soft: SoftCard | None = None
    products: dict[Literal["official", "corrected"], ProductCard] | None = None
    answers: AnswerBits | None = None
    answered: AnsweredCard | None = None

    @field_validator("protocols")
    @classmethod
    def _both_are_there(cls, protocols: dict[str, ProtocolCard]) -> dict[str, ProtocolCard]:
        for name in (OFFICIAL, CORRECTED):
            if name not in protocols:
                raise ValueError(f"the protocol '{name}' is missing")
        return protocols

    def __getitem__(self, protocol: str) -> ProtocolCard:
        """The scores under a protocol, such as `corrected`. Raises KeyError if the card has no such protocol."""
        return self.protocols[protocol]

    def flat(self, prefix: str = "") -> dict[str, float]:
        """Every number by a name, for a tracker: `corrected/overall`, `corrected/overall/low`, `official/entity`, …

        Scores and the bounds of their intervals, 0 to 100, and `prompts_scored` of each protocol; what is null is left
        out, and a category with the name of the one above it. Names begin with `prefix`.
        """
        parts: dict[str, ProtocolCard | SoftCard] = {**self.protocols}
        if self.soft is not None:
            parts["soft"] = self.soft
        found: dict[str, float] = {}
        for part, card in parts.items():
            for name, score, interval in _scores(card):
                if score is not None:
                    found[f"{prefix}{part}/{name}"] = score
                    if interval is not None:
                        found |= {
                            f"{prefix}{part}/{name}/low": interval.low,
                            f"{prefix}{part}/{name}/high": interval.high,
                        }
            found[f"{prefix}{part}/prompts_scored"] = card.prompts_scored
        return found

    def to_frame(self, table: Literal["scores", "items", "questions"] = "scores") -> pandas.DataFrame:
        """A table of the card as a pandas DataFrame; see `score.frames`.

        Raises BadInputError for another table, and for `items` or `questions` of a card of schema 1, which had none.
        """
        from dpg_bench.score.frames import card_frame

        return card_frame(self, table)

    def _repr_html_(self) -> str:
        from dpg_bench.score.notebook import card_html

        return card_html(self)

    @property
    def complete(self) -> bool:
        """Whether the protocols scored all they can score; the command line leaves with 3 otherwise."""
        return all(protocol.complete for protocol in self.protocols.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said beside the numbers."""
        untrained = [
            f"{role} '{name}'"
            for role, name, holds in (
                ("model", self.run.model, self.run.untrained),
                ("judge", self.judge.name, self.judge.untrained),
            )
            if holds
        ]
        said = [f"{' and '.join(untrained)}: {NO_MEANING}"] if untrained else []
        images = self.run.images
        if images is not None and images.sizes > 1:
            few = "; ".join(f"{one.tiles} in {one.files}, such as {one.example}" for one in images.tiles[:3])
            said.append(f"the images have {images.sizes} sizes, by files: {few}{' …' if images.sizes > 3 else ''}")
        if images is not None and not images.square:
            said.append(
                "images that are not square: the official script would have cut squares out of them, so the official "
                "number here is not the script's"
            )
        return tuple(said)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the answers behind the numbers."""
        answered = self.answered
        if answered is None:
            return ()
        notes = []
        if answered.neither:
            notes.append(
                f"{answered.neither} answers are neither yes nor no; they count as no, as in the official script."
            )
        if answered.rule == "read":
            notes.append("The answers are another program's, read as yes or no however they are spelled.")
        if answered.blank:
            notes.append(f"{answered.blank} answers are empty; they are missing, and count as neither.")
        return tuple(notes)


def overall_card(part: ProtocolCard | SoftCard, *, questions: int) -> CategoryCard:
    """The overall score as if it were a category's, so that one table can hold both."""
    return CategoryCard(score=part.overall, interval=part.interval, prompts=part.prompts_scored, questions=questions)


def plain_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read back from JSON: tuples as lists, all keys text."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return plain


def scorecard_json(card: Scorecard) -> str:
    """The text of `scorecard.json`, which `--json` prints too."""
    content = card.model_dump(mode="json", by_alias=True)
    return _card_text({**content, "checksum": _checksum(content)})


def read_scorecard(path: Path | str) -> Scorecard:
    """`scorecard.json` → card.

    Raises BadInputError if the file can't be read, is truncated, has missing, unknown or impossible values, was
    changed after it was written, or comes from a newer version.

    >>> import dpg_bench as dpg
    >>> dpg.read_scorecard("runs/demo/judgements/imported/scorecard.json").suite.name
    'suite.csv'
    """
    path = Path(path)
    again = "Make it again with `dpgbench score`."
    place = f"The scorecard {path}"
    try:
        content = json_value(decoded(read_content(path, most=LARGE), str(path)), place)
    except json.JSONDecodeError as error:
        raise BadInputError(f"{place} is truncated or no JSON: {error}. {again}") from None
    if not isinstance(content, dict) or type(content.get("schema")) is not int:
        raise BadInputError(f"{path} is no scorecard: it has no 'schema' number. {again}")
    if content["schema"] > SCORECARD_SCHEMA:
        raise BadInputError(newer(place, content["schema"], SCORECARD_SCHEMA))
    checksum = content.pop("checksum", None)
    card = validated(Scorecard, json.dumps(content), place, remedy=again)
    # What an older schema didn't have is unset, and was no part of its checksum.
    if checksum != _checksum(card.model_dump(mode="json", by_alias=True, exclude_unset=True)):
        raise BadInputError(
            f"The scorecard {path} was changed after it was written: its checksum is {checksum!r}, "
            f"which doesn't fit its content. {again}"
        )
    problem = unsound(card)
    if problem is not None:
        raise BadInputError(f"The scorecard {path} can't be right: {problem}. {again}")
    return card


def _scores(card: ProtocolCard | SoftCard) -> Iterator[tuple[str, float | None, IntervalCard | None]]:
    """Every score by a name of its own; where both levels have one of the same name, that is level 1's."""
    yield "overall", card.overall, card.interval
    for name, category in {**card.l1, **card.l2, **card.l1}.items():
        if name != "overall":
            yield name, category.score, category.interval


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _card_text(content: Mapping[str, Any]) -> str:
    """`content` as JSON: indented for people, but a list on one line, however long. NaN is refused."""
    return f"{_text(content, indent='')}\n"


def _text(value: Any, *, indent: str) -> str:
    if isinstance(value, dict) and value:
        inner = f"{indent}  "
        entries = (f"{inner}{_line(key)}: {_text(entry, indent=inner)}" for key, entry in value.items())
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        inner = f"{indent}  "
        return "[\n" + ",\n".join(f"{inner}{_line(entry, space=' ')}" for entry in value) + f"\n{indent}]"
    return _line(value)


def _line(value: Any, *, space: str = "") -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(f",{space}", f":{space}"))
