"""What a score can tell: measured in the miniature world, where the truth is known.

    python -m benchmarks.score_can_tell [--out docs] [--prompts 100] [--draw-again]

Renders scenes for the suite `miniature`, judges them by `mini-mplug`, scores them by the product's own code, and writes
the page `what_the_score_can_tell.md` into DIR, its plots and `results.json` into `DIR/images/score_can_tell/`.
`--draw-again` makes page and plots anew from the results that lie there. One core is enough: it takes some minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import describe_machine
from benchmarks.score_can_tell.accuracy import ask_true_and_false, by_category, sureness
from benchmarks.score_can_tell.coverage import coverage
from benchmarks.score_can_tell.differences import mixed, one_model_reworked, two_models
from benchmarks.score_can_tell.page import rendered_page
from benchmarks.score_can_tell.plots import draw_plots
from benchmarks.score_can_tell.reworking import reworkings
from benchmarks.score_can_tell.seeds import seeds
from benchmarks.score_can_tell.truth import ends_of_the_scale, gating, judged_levels, rising
from dpg_bench.files.durable import write_atomic
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.judge.in_memory import load_judge
from dpg_bench.miniature.suite import suite_items
from dpg_bench.suite.registry import load_suite

JUDGE = "mini-mplug"
PAGE = "what_the_score_can_tell.md"
FOLDER = Path("images") / "score_can_tell"
WORSE, BETTER = 0.4, 0.6
"""The least shares of two models whose mean shares are thus about 0.7 and 0.8."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs"), help="where the page goes")
    parser.add_argument("--prompts", type=int, default=100, help="of the suite's 200 in most experiments")
    parser.add_argument("--draw-again", action="store_true", help="judge nothing; page and plots from results.json")
    arguments = parser.parse_args()
    folder = arguments.out / FOLDER
    if not arguments.draw_again:
        found = measured(arguments.prompts)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "results.json", (json.dumps(found, indent=1) + "\n").encode())
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    draw_plots(results, folder)
    write_atomic(arguments.out / PAGE, rendered_page(results).encode())


def measured(prompts: int) -> dict[str, Any]:
    """All results, from seeds: only `times` and `machine` differ from one run to the next."""
    clock = _Clock()
    judge = load_judge(JUDGE, device="cpu")
    suite = load_suite("miniature")
    items = suite_items()
    chosen = suite.select(prompts, seed=0)
    few = [item for item in items if item.item_id in chosen.by_id]
    more = suite.select(2 * prompts, seed=0)
    many = [item for item in items if item.item_id in more.by_id]
    ways = reworkings()
    scenes = 4 * prompts  # in ten there are two or three of the rarest questions
    asked = clock.time(
        "accuracy of the judge",
        lambda: {name: ask_true_and_false(judge, rework, scenes=scenes) for name, rework in ways.items()},
    )
    ends = clock.time("truth and other prompts", lambda: ends_of_the_scale(judge, more, many))
    levels = clock.time("scenes of a known share, judged", lambda: judged_levels(judge, chosen, few))
    rows = clock.time("scores at each share", lambda: rising(chosen, levels, JUDGE))
    worse, better = mixed(levels, WORSE, "worse"), mixed(levels, BETTER, "better")
    return {
        "inputs": inputs_digest(),
        "accuracy": {name: by_category(one) for name, one in asked.items()},
        "scenes": scenes,
        "sureness": {name: sureness(one) for name, one in asked.items()},
        "ends": ends,
        "rising": rows,
        "gating": gating(chosen, levels),
        "two models": clock.time("two models", lambda: two_models(chosen, worse, better, JUDGE)),
        "reworked": clock.time("one model, reworked", lambda: one_model_reworked(judge, chosen, worse, ways)),
        "coverage": clock.time(
            "coverage of intervals", lambda: coverage(judge, pool=6 * prompts, draws=4 * prompts, judge_name=JUDGE)
        ),
        "seeds": clock.time("seeds", lambda: seeds(judge, chosen, few)),
        "times": clock.seconds,
        "machine": "; ".join(describe_machine().split("; ")[:2]),  # processor and versions
    }


def inputs_digest() -> str:
    """SHA-256 of the suite, the judge's weights and the autoencoder's: what the results depend on beside the code."""
    weights = shipped_folder("weights")
    files = [
        shipped_folder("prompts") / "miniature.csv",
        *sorted(path for path in (weights / "mini-mplug").iterdir() if path.suffix != ".md"),
        weights / "mini-sd15" / "vae" / "config.json",
        weights / "mini-sd15" / "vae" / "diffusion_pytorch_model.safetensors",
    ]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


class _Clock:
    """Processor seconds by what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        done = work()
        self.seconds[name] = round(time.process_time() - start, 1)
        print(f"{name}: {self.seconds[name]} s", flush=True)
        return done


if __name__ == "__main__":
    main()
