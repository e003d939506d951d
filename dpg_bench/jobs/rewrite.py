"""`dpgbench rewrite`: a suite's prompts written out by a language model, as a frozen file that `run` draws from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from dpg_bench.errors import BadInputError, check_positive, option
from dpg_bench.files.outputs import write_output
from dpg_bench.generate.plan import image_seed
from dpg_bench.hub.remarks import listening
from dpg_bench.language.answers import one_line, plain_answer
from dpg_bench.language.base import Asked, Said, Writer, WriterSettings
from dpg_bench.language.recipe import Recipe, find_recipe
from dpg_bench.language.registry import check_writer, load_writer
from dpg_bench.language.unfinished import check_result, continue_work, end_work
from dpg_bench.records import Prompt, Suite
from dpg_bench.remote.usage import Usage
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.rewritten import How, Rewriting, RewrittenPrompt, read_rewriting, rewriting_to_csv
from dpg_bench.suite.selection import select_prompts


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """What a user asks of `rewrite`.

    Prompts of more than `pass_through` words are left as they are (None: all are rewritten). `recipe` is a name or a
    TOML file.
    """

    suite: str | Suite
    writer: WriterSettings
    out: Path
    recipe: str | None = None
    pass_through: int | None = None
    limit: int | None = None
    items: tuple[str, ...] | None = None
    fresh: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """A request with nothing left open; no weights are loaded, nothing is written.

    `done` is the file's content if an earlier call made it from this very request.
    """

    request: RewriteRequest
    suite: Suite
    prompts: tuple[Prompt, ...]
    recipe: Recipe
    done: Rewriting | None = None

    @property
    def recipe_label(self) -> str:
        """The recipe as the file names it, with the length up to which prompts were rewritten."""
        most = self.request.pass_through
        return self.recipe.label if most is None else f"{self.recipe.label}, up to {most} words"

    @property
    def asked(self) -> tuple[Prompt, ...]:
        """Those that the model is asked about."""
        most = self.request.pass_through
        return tuple(p for p in self.prompts if most is None or len(p.text.split()) <= most)


@dataclass(frozen=True, slots=True)
class RewriteOutcome:
    """How it ended: the file's rows, or, where `failed` names items and why, none: then no file is written.

    `usage` is what a server counted of this process's requests.
    """

    rewriting: Rewriting | None
    failed: Mapping[str, str]
    usage: Usage

    @property
    def counts(self) -> Mapping[How, int]:
        """How many were rewritten, given back unchanged, and passed through."""
        prompts = self.rewriting.prompts.values() if self.rewriting is not None else ()
        return Counter(prompt.how for prompt in prompts)

    @property
    def words(self) -> tuple[float, float]:
        """The median number of words of a prompt before and after."""
        prompts = self.rewriting.prompts.values() if self.rewriting is not None else ()
        return (
            median(len(prompt.original.split()) for prompt in prompts),
            median(len(prompt.rewritten.split()) for prompt in prompts),
        )


def plan_rewrite(request: RewriteRequest) -> RewritePlan:
    """Resolve and check `request`.

    Raises BadInputError for anything that can't work: an unknown suite or recipe, numbers out of range, a file that is
    there with other prompts.
    """
    check_positive({"limit": request.limit})
    if request.pass_through is not None and request.pass_through < 0:
        raise BadInputError(f"{option('pass_through')} is {request.pass_through}; it must be a number of words from 0.")
    check_writer(request.writer)
    suite = load_suite(request.suite)
    prompts = select_prompts(suite, limit=request.limit, items=request.items)
    plan = RewritePlan(request, suite, prompts, find_recipe(request.recipe))
    done = _done(plan)
    if done is None:
        check_result(request.out, force=request.force)
    return replace(plan, done=done)


def _done(plan: RewritePlan) -> Rewriting | None:
    request = plan.request
    if request.force or request.fresh or not request.out.is_file():
        return None
    try:
        found = read_rewriting(request.out)
        found.applied(plan.prompts, str(request.out))
    except BadInputError:  # something else, which isn't replaced either
        return None
    made = (request.writer.name, request.writer.sampling.written, plan.recipe_label)
    first = next(iter(found.prompts.values()))
    same = (first.model, first.sampling, first.recipe) == made and len(found.prompts) == len(plan.prompts)
    return found if same else None


def execute_rewrite(
    plan: RewritePlan, *, progress: Callable[[int, int, int], None] | None = None, writer: Writer | None = None
) -> RewriteOutcome:
    """Ask for what isn't there yet, and write the file once every prompt has its text.

    A prompt without a good answer is a failure, never its original: then no file is written, what was answered is
    kept, and the same call tries the failed again. `progress` is told how many answers there are, of how many, and how
    many failed. `writer` is a language model that is loaded already.

    Raises BadInputError if the model can't be used or the work was begun with other settings, UnavailableError if a
    server can't be reached.
    """
    request = plan.request
    if plan.done is not None:
        return RewriteOutcome(plan.done, {}, Usage())
    with listening():
        writer = writer if writer is not None else load_writer(request.writer)
    seed = request.writer.sampling.seed
    asked = [Asked(p.item_id, plan.recipe.conversation(p.text), image_seed(seed, p.item_id, 0)) for p in plan.asked]
    with continue_work(request.out, writer, request.writer, recipe=plan.recipe.label, fresh=request.fresh) as work:
        said = work.ask(writer, asked, progress=progress)
        rows: list[RewrittenPrompt] = []
        failed: dict[str, str] = {}
        for prompt in plan.prompts:
            try:
                rows.append(_row(plan, writer, prompt, said.get(prompt.item_id)))
            except ValueError as error:
                failed[prompt.item_id] = str(error)
                work.forget(prompt.item_id)
        if failed:
            return RewriteOutcome(None, failed, work.usage)
        write_output(request.out, rewriting_to_csv(rows).encode(), force=True)
        usage = work.usage
    end_work(request.out)
    return RewriteOutcome(read_rewriting(request.out), {}, usage)


def _row(plan: RewritePlan, writer: Writer, prompt: Prompt, said: Said | None) -> RewrittenPrompt:
    """Raises ValueError, saying why, if there is no text."""
    how: How = "passed through"
    text, revision = prompt.text, writer.revision
    if said is not None:
        if said.text is None:
            raise ValueError(said.error or "there is no answer")
        text = one_line(plain_answer(said.text))
        how = "unchanged" if text == one_line(prompt.text) else "rewritten"
        revision = revision or said.answered_by or ""
    return RewrittenPrompt(
        item_id=prompt.item_id,
        original=prompt.text,
        rewritten=text,
        how=how,
        model=plan.request.writer.name,
        revision=revision,
        sampling=plan.request.writer.sampling.written,
        recipe=plan.recipe_label,
    )
