"""A scorecard as the Hugging Face Hub takes it: evaluation results, a model card's metadata, a dataset card.

Formats: https://huggingface.co/docs/hub/eval-results (`.eval_results/*.yaml`), `model-index` of
https://huggingface.co/docs/hub/model-cards, and `configs` of https://huggingface.co/docs/hub/datasets-manual-configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dpg_bench.errors import DpgBenchError
from dpg_bench.report.coverage import prompts_behind
from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.rows import score_rows
from dpg_bench.report.runs import PROTOCOLS, JudgedRun, Protocol
from dpg_bench.score.scorecard import CategoryCard

_DPG_BENCH = "Jialuo21/DPG-Bench"
_DECIMALS = 4

DATASET_COLUMNS = {
    "scores": "the overall score (level 0) and every category's under both protocols, with 95 % intervals and counts; "
    "`complete` says whether they are of the whole suite",
    "items": "every scored item under both protocols: its score and those of its images",
    "answers": "every answer: item, image (from 0), question, whether it was exactly `yes`, and the "
    "judge's probability of yes",
}


def hub_dataset(run: JudgedRun) -> str | None:
    """The dataset on the Hub that holds the suite; None if there is none."""
    name = run.card.suite.name
    if name == "dpg-bench":
        return _DPG_BENCH
    dataset = name.removeprefix("hf:")
    return dataset if dataset != name and is_dataset_name(dataset) else None


def is_dataset_name(name: str) -> bool:
    """Whether `name` could be a dataset's on the Hub: OWNER/NAME."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name, re.ASCII) is not None


def run_to_eval_results(run: JudgedRun, dataset: str) -> str:
    """The YAML for `.eval_results/` of the model's repository: the overall score, once per protocol that has one.

    Raises DpgBenchError if huggingface_hub is too old to know the format.
    """
    import yaml

    try:
        from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    except ImportError:
        raise DpgBenchError(
            "This huggingface_hub knows no evaluation results yet. Upgrade it: pip install -U huggingface_hub."
        ) from None
    entries = [
        EvalResultEntry(
            dataset_id=dataset,
            task_id=f"dpg_bench_{protocol}",
            value=_rounded(run.protocol(protocol).overall),
            date=_date(run),
            notes=_notes(run, protocol),
        )
        for protocol in PROTOCOLS
        if run.protocol(protocol).overall is not None
    ]
    text: str = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=1000)
    return text


def run_to_model_card(run: JudgedRun, dataset: str | None) -> str:
    """A README.md for the model's repository: `model-index` metadata, and the scores as a table."""
    from huggingface_hub import EvalResult, ModelCardData

    card = run.card
    results = [
        EvalResult(
            task_type="text-to-image",
            dataset_type=dataset or _suite_name(run),
            dataset_name=_suite_name(run),
            dataset_args={"digest": card.suite.digest},
            metric_type=f"{_metric(run, protocol)}_{'score' if level == 0 else name}",
            metric_name=f"{'DPG-Bench score' if level == 0 else name} ({_under(run, protocol)})",
            metric_value=_rounded(side.score),
            metric_args={
                "protocol": protocol,
                "judge": card.judge.name,
                "images_per_prompt": card.run.images_per_prompt,
                "prompts": side.prompts,
                "prompts_in_suite": card.suite.prompts,
                "complete": not prompts_behind(run, protocol),
                "interval_95": [side.interval.low, side.interval.high] if side.interval else None,
            },
        )
        for protocol, level, name, side in _sides(run)
        if side.score is not None
    ]
    metadata = ModelCardData(model_name=_model(run), pipeline_tag="text-to-image", eval_results=results)
    return f"---\n{metadata.to_yaml()}\n---\n\n{_scores_text(run)}"


def run_to_dataset_card(run: JudgedRun, tables: Sequence[str]) -> str:
    """A README.md for the folder of Parquet files, by which `datasets.load_dataset(folder, "answers")` finds them."""
    from huggingface_hub import DatasetCardData

    metadata = DatasetCardData(
        pretty_name=f"DPG-Bench results of {_model(run)}",
        configs=[{"config_name": name, "data_files": f"{name}.parquet"} for name in tables],
    )
    parts = "\n".join(f"- `{name}`: {DATASET_COLUMNS[name]}" for name in tables)
    return f"---\n{metadata.to_yaml()}\n---\n\n{_scores_text(run)}\n{parts}\n"


def _sides(run: JudgedRun) -> Iterator[tuple[Protocol, int, str, CategoryCard]]:
    """The overall score and the level-1 categories under each protocol."""
    for protocol in PROTOCOLS:
        for row in score_rows(run.card):
            if row.level < 2:
                yield protocol, row.level, row.name, row.cards[protocol]


def _scores_text(run: JudgedRun) -> str:
    rows = [
        [
            _under(run, protocol),
            name,
            "" if side.score is None else f"{side.score:.2f}",
            f"{side.interval.low:.2f} to {side.interval.high:.2f}" if side.interval else "",
            str(side.prompts),
        ]
        for protocol, _, name, side in _sides(run)
    ]
    headings = ("protocol", "score", "value", "95 % interval", "prompts")
    table = markdown_table(headings, rows, left=("protocol", "score", "95 % interval"))
    about = f"Suite {_suite_name(run)}; {_conditions(run)}."
    return "\n".join([f"# DPG-Bench results of {escaped(_model(run))}", "", *table, "", escaped(about), ""])


def _notes(run: JudgedRun, protocol: Protocol) -> str:
    scores = run.protocol(protocol)
    interval = f"95 % interval {scores.interval.low:.2f} to {scores.interval.high:.2f}" if scores.interval else ""
    prompts = f"{scores.prompts_scored} of {run.card.suite.prompts} prompts"
    return "; ".join(part for part in (f"{protocol} protocol", prompts, interval, _conditions(run)) if part)


def _conditions(run: JudgedRun) -> str:
    """What holds for both protocols."""
    card = run.card
    fingerprint = f" {card.judge.fingerprint[:12]}" if card.judge.fingerprint else ""
    images = f"{card.run.images_per_prompt} images per prompt"
    return "; ".join(
        [f"judge {card.judge.name}{fingerprint}", images, f"dpg-bench {card.run.scored_by}", *card.warnings]
    )


def _suite_name(run: JudgedRun) -> str:
    name = run.card.suite.name
    return "DPG-Bench" if name == "dpg-bench" else Path(name).name  # of a file, the path is nobody else's business


def _model(run: JudgedRun) -> str:
    return run.card.run.model or run.name


def _date(run: JudgedRun) -> str | None:
    record = run.run_dir.read_record() if run.run_dir is not None else None
    return record.finished if record is not None else None


def _metric(run: JudgedRun, protocol: Protocol) -> str:
    # Another name, so that nothing puts a part of the suite among whole ones.
    return "dpg_bench_part" if prompts_behind(run, protocol) else "dpg_bench"


def _under(run: JudgedRun, protocol: Protocol) -> str:
    return ", ".join(filter(None, (f"{protocol} protocol", prompts_behind(run, protocol))))


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, _DECIMALS)
