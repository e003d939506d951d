"""`dpgbench graph`: question graphs for a user's own prompts, made by a language model in three steps and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from dpg_bench.errors import BadInputError, check_positive, option
from dpg_bench.files.outputs import write_output
from dpg_bench.generate.plan import image_seed
from dpg_bench.hub.remarks import listening
from dpg_bench.language.answers import plain_answer
from dpg_bench.language.base import Asked, Turn, Writer, WriterSettings
from dpg_bench.language.graph_answers import Fact, read_dependencies, read_facts, read_questions
from dpg_bench.language.graph_steps import (
    Step,
    corrected_conversation,
    graph_recipe,
    step_conversation,
)
from dpg_bench.language.registry import check_writer, load_writer
from dpg_bench.language.unfinished import Unfinished, check_result, continue_work, end_work
from dpg_bench.records import Prompt, Suite
from dpg_bench.remote.usage import Usage
from dpg_bench.suite.graph_csv import GraphRow, MadeGraphs, Origin, graphs_to_csv, read_graphs
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.selection import select_prompts

ReadT = TypeVar("ReadT")

_TRIES = 3


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """What a user asks of `graph`.

    `leave_out_failed` writes the suite without the prompts that no graph could be made of.
    """

    prompts: str | Suite
    writer: WriterSettings
    out: Path
    limit: int | None = None
    items: tuple[str, ...] | None = None
    leave_out_failed: bool = False
    fresh: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class GraphPlan:
    """A request with nothing left open; no weights are loaded, nothing is written.

    `done` is the suite that is there if an earlier call made it from this very request.
    """

    request: GraphRequest
    suite: Suite
    prompts: tuple[Prompt, ...]
    done: MadeGraphs | None = None


@dataclass(frozen=True, slots=True)
class GraphProgress:
    """How far a step is: prompts with an answer that can be used, of those in it, and how many failed so far."""

    step: Step
    done: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class GraphOutcome:
    """How it ended: the suite that was written and what each question is about, by item and number.

    `failed` says of the other prompts in which step and why; as long as there are any, nothing is written unless they
    may be left out. `usage` is what a server counted of this process's requests.
    """

    suite: Suite | None
    facts: Mapping[tuple[str, int], str]
    origin: Origin
    failed: Mapping[str, str]
    usage: Usage


def plan_graph(request: GraphRequest) -> GraphPlan:
    """Resolve and check `request`.

    Raises BadInputError for anything that can't work: unknown prompts, numbers out of range, a file that is there.
    """
    check_positive({"limit": request.limit})
    check_writer(request.writer)
    suite = load_suite(request.prompts)
    if request.out.suffix.lower() != ".csv":
        raise BadInputError(f"{option('out')} is {request.out}; the suite is a CSV file, so call it NAME.csv.")
    plan = GraphPlan(request, suite, select_prompts(suite, limit=request.limit, items=request.items))
    done = _done(plan)
    if done is None:
        check_result(request.out, force=request.force)
    return replace(plan, done=done)


def _done(plan: GraphPlan) -> MadeGraphs | None:
    request = plan.request
    if request.force or request.fresh or not request.out.is_file():
        return None
    try:
        found = read_graphs(request.out)
    except BadInputError:  # something else, which isn't replaced either
        return None
    made = (request.writer.name, request.writer.sampling.written, graph_recipe())
    if (found.origin.model, found.origin.sampling, found.origin.recipe) != made:
        return None
    texts = {prompt.item_id: prompt.text for prompt in found.suite.prompts}
    return found if texts == {prompt.item_id: prompt.text for prompt in plan.prompts} else None


def execute_graph(
    plan: GraphPlan, *, progress: Callable[[GraphProgress], None] | None = None, writer: Writer | None = None
) -> GraphOutcome:
    """Ask for what isn't there yet, step by step, and write the suite.

    An answer that can't be used is told why and asked again, twice at most; a prompt that is left without is a failure.
    `writer` is a language model that is loaded already.

    Raises BadInputError if the model can't be used or the work was begun with other settings, UnavailableError if a
    server can't be reached.
    """
    request = plan.request
    if plan.done is not None:
        return GraphOutcome(plan.done.suite, plan.done.facts, plan.done.origin, {}, Usage())
    with listening():
        writer = writer if writer is not None else load_writer(request.writer)
    with continue_work(request.out, writer, request.writer, recipe=graph_recipe(), fresh=request.fresh) as work:
        steps = _Steps(plan, work, writer, progress)
        facts = steps.take("tuples", {prompt.item_id: () for prompt in plan.prompts}, lambda said, _: read_facts(said))
        questions = steps.take("questions", facts, read_questions)
        asked = {item_id: facts[item_id] for item_id in questions}
        parents = steps.take("dependencies", asked, read_dependencies)
        rows = [
            GraphRow(
                prompt.item_id,
                prompt.text,
                fact.number,
                parents[prompt.item_id][fact.number],
                fact.category,
                fact.written,
                questions[prompt.item_id][fact.number],
            )
            for prompt in plan.prompts
            if prompt.item_id in parents
            for fact in facts[prompt.item_id]
        ]
        origin = Origin(
            request.writer.name,
            writer.revision or ", ".join(sorted(steps.answered_by)),
            request.writer.sampling.written,
            graph_recipe(),
        )
        usage = work.usage
        if not rows or (steps.failed and not request.leave_out_failed):
            return GraphOutcome(None, {}, origin, steps.failed, usage)
        write_output(request.out, graphs_to_csv(rows, origin).encode(), force=True)
    if not steps.failed:
        end_work(request.out)
    made = read_graphs(request.out)
    return GraphOutcome(made.suite, made.facts, origin, steps.failed, usage)


class _Steps:
    """Takes prompts through the steps; `failed` are those that got stuck."""

    def __init__(
        self, plan: GraphPlan, work: Unfinished, writer: Writer, progress: Callable[[GraphProgress], None] | None
    ) -> None:
        self.failed: dict[str, str] = {}
        self.answered_by: set[str] = set()
        self._plan = plan
        self._work = work
        self._writer = writer
        self._progress = progress

    def take(
        self, step: Step, facts: Mapping[str, tuple[Fact, ...]], read: Callable[[str, Sequence[int]], ReadT]
    ) -> dict[str, ReadT]:
        """What the answers to a `step` say, by item, about the `facts` of each; items without are `failed`.

        `read` takes an answer and the facts' numbers, and raises ValueError for one that can't be used.
        """
        prompts = [prompt for prompt in self._plan.prompts if prompt.item_id in facts]
        talks = {p.item_id: step_conversation(step, p.text, facts[p.item_id]) for p in prompts}
        found: dict[str, ReadT] = {}
        faults: dict[str, str] = {}
        for attempt in range(_TRIES):
            asked = [self._asked(step, attempt, item_id, turns) for item_id, turns in talks.items()]
            said = self._work.ask(self._writer, asked, progress=self._telling(step, len(found), len(prompts)))
            again: dict[str, tuple[Turn, ...]] = {}
            for one, (item_id, turns) in zip(asked, talks.items(), strict=True):
                answer = said[one.key]
                if answer.answered_by is not None:
                    self.answered_by.add(answer.answered_by)
                if answer.text is None:
                    faults[item_id] = answer.error or "there is no answer"
                    continue
                try:
                    found[item_id] = read(plain_answer(answer.text), [fact.number for fact in facts[item_id]])
                    faults.pop(item_id, None)
                except ValueError as error:
                    faults[item_id] = str(error)
                    again[item_id] = corrected_conversation(turns, answer.text, str(error))
            talks = again
            if not talks:
                break
        for item_id in talks:  # these answers are of no use to a later call either
            for attempt in range(_TRIES):
                self._work.forget(_key(step, attempt, item_id))
        self.failed |= {item_id: f"{step}: {fault}" for item_id, fault in faults.items()}
        return found

    def _asked(self, step: Step, attempt: int, item_id: str, turns: tuple[Turn, ...]) -> Asked:
        seed = image_seed(self._plan.request.writer.sampling.seed, f"{item_id}/{step}", attempt)
        return Asked(_key(step, attempt, item_id), turns, seed)

    def _telling(self, step: Step, before: int, total: int) -> Callable[[int, int, int], None]:
        def tell(done: int, _: int, failed: int) -> None:
            if self._progress is not None:
                self._progress(GraphProgress(step, min(before + done, total), total, failed))

        return tell


def _key(step: Step, attempt: int, item_id: str) -> str:
    return f"{step}/{attempt}/{item_id}"
