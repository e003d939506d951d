"""Which of a suite's prompts a command is about: `--limit` and `--items`."""

from __future__ import annotations

from collections.abc import Sequence

from dpg_bench.errors import BadInputError, option, unknown_name
from dpg_bench.records import Prompt, Suite


def select_prompts(suite: Suite, *, limit: int | None, items: Sequence[str] | None) -> tuple[Prompt, ...]:
    """The chosen prompts in suite order: the first `limit`, those named by `items`, or all.

    Raises BadInputError for both at once, an item named twice, or one that the suite doesn't have.
    """
    if items is None:
        return suite.prompts[:limit]
    if limit is not None:
        raise BadInputError(f"{option('limit')} and {option('items')} exclude each other; give one of them.")
    for item_id in items:
        if item_id not in suite.by_id:
            few = list(suite.by_id)[:8]
            near = unknown_name(f"item of suite '{suite.name}':", item_id, suite.by_id)
            guess = str(near).split(" Known:", maxsplit=1)[0]
            raise BadInputError(f"{guess} It has {len(suite.by_id)} items, such as {', '.join(few)}.")
    if len(set(items)) < len(items):
        twice = next(item_id for item_id in items if list(items).count(item_id) > 1)
        raise BadInputError(f"{option('items')} names '{twice}' twice.")
    wanted = set(items)
    return tuple(prompt for prompt in suite.prompts if prompt.item_id in wanted)
