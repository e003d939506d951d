"""Judges that err at stated rates: the true answers, each turned around by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.score_can_tell.material import Answers

DSG_AGREEMENT, DSG_MPLUG_YES, DSG_PALI_YES = 0.871, 0.890, 0.822
"""How often mPLUG-large and PaLI-17B agree on 11,858 questions of DSG-1k, and say yes: docs/agreement.md."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a judge says yes where no is right, and no where yes is right; 0 to 1, independently of all else."""

    name: str
    false_yes: float
    false_no: float


def mplug_beside_pali() -> Rates:
    """mPLUG-large's rates if PaLI-17B were always right, which it isn't: so they are rather too high."""
    only_mplug = (1 - DSG_AGREEMENT + DSG_MPLUG_YES - DSG_PALI_YES) / 2
    only_pali = (1 - DSG_AGREEMENT - DSG_MPLUG_YES + DSG_PALI_YES) / 2
    return Rates("as mPLUG errs beside PaLI", only_mplug / (1 - DSG_PALI_YES), only_pali / DSG_PALI_YES)


ERRING = (
    Rates("wrong in 1 of 50", 0.02, 0.02),
    Rates("wrong in 1 of 10", 0.10, 0.10),
    mplug_beside_pali(),
)


def with_errors(truth: Answers, rates: Rates, seed: int) -> Answers:
    """The answers of a judge that errs at `rates`."""
    rng = np.random.default_rng(seed)
    said: Answers = {}
    for item_id, images in truth.items():
        for k, given in images.items():
            errs = rng.random(len(given))
            said.setdefault(item_id, {})[k] = {
                n: _answer(right == "yes", rates, float(chance))
                for (n, right), chance in zip(given.items(), errs, strict=True)
            }
    return said


def _answer(right: bool, rates: Rates, chance: float) -> str:
    wrong = chance < (rates.false_no if right else rates.false_yes)
    return "yes" if right != wrong else "no"
