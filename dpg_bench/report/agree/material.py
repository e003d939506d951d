"""Whose answers about whose images: sources put together by judge and by model, each judge's kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dpg_bench.errors import BadInputError
from dpg_bench.records import Question, Suite
from dpg_bench.report.agree.sources import Digests, Source, Sources

UNNAMED = "the images"
"""The model of answers that name none, where all are about one."""

YES, NO, UNANSWERED, ABSENT = 1, 0, -1, -2


@dataclass(frozen=True, slots=True)
class Place:
    """One question about one image: what every judge is asked."""

    model: str
    item_id: str
    image: int
    question: Question


@dataclass(frozen=True)
class Material:
    """All answers, by judge and model. `judges` and `models` are in the order in which they were named.

    `aliases` are the names under which others may speak of a model: that of its run, and of what made its images.
    """

    suite: Suite
    has_graph: bool
    judges: tuple[str, ...]
    models: tuple[str, ...]
    sources: Mapping[tuple[str, str], Source]
    aliases: Mapping[str, str]
    remarks: tuple[str, ...]

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every question about every image that any judge was asked: model by model, in suite order."""
        return tuple(
            Place(model, prompt.item_id, image, question)
            for model in self.models
            for prompt in self.suite.prompts
            for image in sorted(set().union(*(images.get(prompt.item_id, ()) for images in self._images[model])))
            for question in prompt.questions
        )

    @cached_property
    def groups(self) -> npt.NDArray[np.intp]:
        """The number of each place's item in the suite, [places]."""
        numbers = {prompt.item_id: number for number, prompt in enumerate(self.suite.prompts)}
        return np.array([numbers[place.item_id] for place in self.places], dtype=np.intp)

    @cached_property
    def _images(self) -> Mapping[str, Sequence[Mapping[str, set[int]]]]:
        """Which images of each item every source of a model has lines about."""
        return {model: [_answered_images(source) for source in self.about(model)] for model in self.models}

    def model_called(self, name: str) -> str | None:
        """The model of this name, or that is also called so; None if there is none."""
        return name if name in self.models else self.aliases.get(name)

    def about(self, model: str) -> Sequence[Source]:
        """What the judges said of one model's images."""
        return [self.sources[judge, model] for judge in self.judges if (judge, model) in self.sources]

    def said(self, judge: str) -> npt.NDArray[np.int8]:
        """What a judge said at every place, [places]: YES, NO, UNANSWERED (neither) or ABSENT (not asked)."""
        found = np.full(len(self.places), ABSENT, dtype=np.int8)
        for row, place in enumerate(self.places):
            source = self.sources.get((judge, place.model))
            if source is None:
                continue
            number = place.question.proposition_id
            answer = source.table.get(place.item_id, {}).get(place.image, {}).get(number)
            if answer is not None:
                found[row] = YES if answer == "yes" else NO
            elif (place.item_id, place.image, number) in source.unanswered:
                found[row] = UNANSWERED
        return found


def put_together(sources: Sources) -> Material:
    """Find out which sources are of one judge, and which are about one model's images.

    Runs in one folder, images of the same content and a model of the same name are one model. Judges are one if their
    names are, unless their fingerprints tell them apart.

    Raises BadInputError for fewer than two judges, for answers about images that nothing names while there are several
    models, and for two sources that are of one judge about one model.
    """
    remarks: list[str] = []
    groups = _models(sources.found, remarks)
    models = [group.name for group in groups]
    judges = _judges(sources.found)
    placed: dict[tuple[str, str], Source] = {}
    for source, judge, model in zip(sources.found, judges, models, strict=True):
        before = placed.setdefault((judge, model), source)
        if before is not source:
            raise BadInputError(
                f"{before.place} and {source.place} are both answers of '{judge}' about {_quoted(model)}. Give each "
                f"judge a name of its own, as NAME=PATH."
            )
    if len(dict.fromkeys(judges)) < 2:
        raise BadInputError(
            f"All answers here are of one judge, '{judges[0]}'. Name a run that several have judged, or the answers of "
            "another judge too; NAME=PATH gives a judge a name."
        )
    return Material(
        suite=sources.suite,
        has_graph=sources.has_graph,
        judges=tuple(dict.fromkeys(judges)),
        models=tuple(dict.fromkeys(models)),
        sources=placed,
        aliases={alias: group.name for group in reversed(groups) for alias in group.aliases},
        remarks=tuple(remarks),
    )


def _judges(sources: Sequence[Source]) -> list[str]:
    """Each source's judge. A fingerprint that a named judge's answers have makes others with it that judge's too."""
    names = {one.fingerprint: one.judge for one in reversed(sources) if one.fingerprint is not None and one.run}
    labels = []
    for one in sources:
        name = one.judge if one.named else names.get(one.fingerprint, one.judge) if one.fingerprint else one.judge
        prints = dict.fromkeys(
            other.fingerprint for other in sources if other.judge == name and other.fingerprint and not other.named
        )
        clash = len(prints) > 1 and one.fingerprint is not None and not one.named
        labels.append(f"{name} ({str(one.fingerprint)[:8]})" if clash else name)
    return labels


@dataclass(slots=True)
class _Group:
    """The sources about one model's images, as far as they are known."""

    name: str
    aliases: set[str]
    digests: dict[tuple[str, int], str]


def _models(sources: Sequence[Source], remarks: list[str]) -> list[_Group]:
    """The model that each source is about."""
    groups: list[_Group] = []
    chosen: list[_Group | None] = []
    for source in sources:
        group = _group_of(source, groups)
        if group is None and (source.model or source.digests):
            name = source.model or UNNAMED
            taken = any(one.name == name for one in groups)
            group = _Group(_folder(source) if taken else name, set(), {})
            groups.append(group)
        if group is not None:
            group.aliases |= _aliases(source)
            group.digests.update(source.digests)
        chosen.append(group)
    waiting = [source for source, group in zip(sources, chosen, strict=True) if group is None]
    if waiting and len(groups) > 1:
        raise BadInputError(
            f"{waiting[0].place} doesn't say about which model's images it is, and there are {len(groups)}: "
            f"{', '.join(group.name for group in groups[:8])}. Give it a column 'model', or name the answers about one "
            "model alone."
        )
    only = groups[0] if groups else _Group(UNNAMED, set(), {})
    if waiting and groups:
        remarks.append(f"{', '.join(one.place for one in waiting)}: taken to be about {_quoted(only.name)}.")
    return [group or only for group in chosen]


def _group_of(source: Source, groups: Sequence[_Group]) -> _Group | None:
    for group in groups:
        if source.run is not None and _folder(source) in group.aliases:
            return group
        if source.digests and group.digests:
            if _same_images(source.digests, group.digests):
                return group
        elif source.run is None and source.model and source.model in {group.name, *group.aliases}:
            return group
    return None


def _aliases(source: Source) -> set[str]:
    """The names under which others may mean the same images."""
    if source.run is None:
        return {source.model} if source.model else set()
    return {_folder(source), source.run.name, source.run.card.run.model or source.run.name}


def _folder(source: Source) -> str:
    run = source.run
    return str(run.run_dir.path.resolve() if run is not None and run.run_dir is not None else source.place)


def _same_images(one: Digests, other: Digests) -> bool:
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[key] == other[key] for key in shared)


def _answered_images(source: Source) -> dict[str, set[int]]:
    found = {
        item_id: {image for image, answers in images.items() if answers} for item_id, images in source.table.items()
    }
    for item_id, image, _ in source.unanswered:
        found.setdefault(item_id, set()).add(image)
    return found


def _quoted(model: str) -> str:
    return model if model == UNNAMED else f"'{model}'"
