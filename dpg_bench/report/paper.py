"""What goes into a paper: tables in LaTeX, a sentence on how the scores were made, and whom to cite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dpg_bench.report.plain_text import visible
from dpg_bench.report.rows import CATEGORIES
from dpg_bench.report.runs import JudgedRun, Protocol

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "→": r"$\to$",
    "▲": r"$\uparrow$",
    "▼": r"$\downarrow$",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}

_BIBLIOGRAPHY = {
    "hu2024ella": """@article{hu2024ella,
  title   = {{ELLA}: Equip Diffusion Models with {LLM} for Enhanced Semantic Alignment},
  author  = {Hu, Xiwei and Wang, Rui and Fang, Yixiao and Fu, Bin and Cheng, Pei and Yu, Gang},
  journal = {arXiv preprint arXiv:2403.05135},
  year    = {2024}
}""",
    "li2022mplug": """@inproceedings{li2022mplug,
  title     = {{mPLUG}: Effective and Efficient Vision-Language Learning by Cross-modal Skip-connections},
  author    = {Li, Chenliang and Xu, Haiyang and Tian, Junfeng and Wang, Wei and Yan, Ming and Bi, Bin and Ye, Jiabo and
               Chen, Hehong and Xu, Guohai and Cao, Zheng and Zhang, Ji and Huang, Songfang and Huang, Fei and
               Zhou, Jingren and Si, Luo},
  booktitle = {Proceedings of EMNLP},
  year      = {2022}
}""",
    "cho2024dsg": """@inproceedings{cho2024dsg,
  title     = {Davidsonian Scene Graph: Improving Reliability in Fine-grained Evaluation for Text-to-Image Generation},
  author    = {Cho, Jaemin and Hu, Yushi and Baldridge, Jason and Garg, Roopal and Anderson, Peter and Krishna, Ranjay
               and Bansal, Mohit and Pont-Tuset, Jordi and Wang, Su},
  booktitle = {International Conference on Learning Representations},
  year      = {2024}
}""",
}

_PROTOCOLS = {
    "official": "of the official script, run as one process (the first question left out, categories over the last "
    "image of each prompt)",
    "corrected": "of dpg-bench (every prompt, questions gated by all their ancestors, categories over all images)",
}


def latex(text: str) -> str:
    """`text` on one line, with nothing in it that LaTeX would take for a command."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(visible(text).split()))


def latex_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[str]) -> Iterator[str]:
    r"""The lines of a `tabular` with the rules of `booktabs`; the columns that `left` names are set to the left."""
    yield f"\\begin{{tabular}}{{{''.join('l' if name in left else 'r' for name in headings)}}}"
    yield "\\toprule"
    yield f"{' & '.join(map(latex, headings))} \\\\"
    yield "\\midrule"
    for row in rows:
        yield f"{' & '.join(map(latex, row))} \\\\"
    yield "\\bottomrule"
    yield "\\end{tabular}"


def paper_headings() -> tuple[str, ...]:
    """The columns of DPG-Bench's tables in papers, and how many prompts the numbers are over."""
    return ("model", *CATEGORIES, "overall", "prompts")


def paper_row(run: JudgedRun, protocol: Protocol, *, name: str) -> list[str]:
    """A run's line under `paper_headings`; prompts that are missing stand beside the number of those scored."""
    card = run.protocol(protocol)
    scores = [card.l1[name].score if name in card.l1 else None for name in CATEGORIES]
    extent = "" if card.complete else f" of {card.prompts_expected}, incomplete"
    numbers = ["--" if score is None else f"{score:.2f}" for score in (*scores, card.overall)]
    return [name, *numbers, f"{card.prompts_scored}{extent}"]


def methods(run: JudgedRun, protocols: Sequence[Protocol]) -> Iterator[str]:
    """How the scores were made, in sentences that a paper can take over."""
    card = run.card
    fingerprint = card.judge.fingerprint
    answered = f"answered by {card.judge.name} (fingerprint {fingerprint[:12]})" if fingerprint else "answered"
    images = card.run.images_per_prompt
    yield (
        f"The questions of {card.suite.name} ({card.suite.prompts} prompts, {card.suite.questions} questions, digest "
        f"{card.suite.digest[:12]}) were {answered} about {images} image{'s' if images > 1 else ''} per prompt and "
        f"scored with dpg-bench {card.run.scored_by}."
    )
    if run.rewriting:
        yield f"The images were drawn from prompts {run.rewriting}; the questions are about the original prompts."
    for protocol in protocols:
        extent = run.extent(protocol)
        over = f"over {extent}" if extent else f"over {run.protocol(protocol).prompts_scored} prompts"
        yield f"The {protocol} score is that {_PROTOCOLS[protocol]}, {over}."
    if card.statistics is not None:
        yield (
            f"Intervals are {card.statistics.confidence:.0%} BCa bootstrap intervals over prompts "
            f"({card.statistics.resamples} resamples)."
        )
    yield from (f"{warning[0].upper()}{warning[1:]}." for warning in card.warnings)


def bibliography(runs: Iterable[JudgedRun]) -> list[str]:
    """BibTeX entries of the benchmark, and of the judges and suites that the runs used."""
    keys = ["hu2024ella"]
    for run in runs:
        if run.card.judge.name.startswith("mplug"):
            keys.append("li2022mplug")
        if run.card.suite.name.startswith("dsg"):
            keys.append("cho2024dsg")
    return [_BIBLIOGRAPHY[key] for key in dict.fromkeys(keys)]


def latex_document(table: Iterable[str], sentences: Iterable[str], entries: Iterable[str]) -> str:
    r"""A table (for `\usepackage{booktabs}`), the sentences as text, and the entries as comments for the .bib file."""
    lines = [*table, "", *map(latex, sentences), "", "% BibTeX:"]
    lines += [f"% {line}" for entry in entries for line in entry.splitlines()]
    return "\n".join(lines)
