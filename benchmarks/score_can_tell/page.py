"""The page `What the score can tell`: its text, with every figure and table put in from the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpg_bench.report.markdown import markdown_table

Results = Mapping[str, Any]

TEXT = Path(__file__).with_name("page.md.in")


def rendered_page(results: Results) -> str:
    """The page. Raises KeyError where the text names a figure that the results don't have."""
    return TEXT.read_text(encoding="utf-8").format_map({**_figures(results), **_tables(results)})


def _figures(results: Results) -> dict[str, str]:
    rising, ends = results["rising"], results["ends"]
    drawn, spread = results["accuracy"]["as drawn"], results["seeds"]["kinds"]
    two = {row["judge"]: row for row in results["two models"]}
    worst = min(results["reworked"][1:], key=lambda row: row["difference"])
    right = [(cells["right"], name) for name, row in drawn.items() if name != "all" for cells in row.values()]
    lines = rising["lines"]
    paled = next(name for name in two if name.endswith("PaLI"))
    covered = {(row["judge"], row["prompts"]): row for row in results["coverage"]["rows"]}
    most = max(size for _, size in covered)
    return {
        "scenes": str(results["scenes"]),
        "right_true": _one(drawn["all"]["true"]["right"]),
        "right_false": _one(drawn["all"]["false"]["right"]),
        "right_least": _one(min(right)[0]),
        "right_least_name": min(right)[1],
        "truth_corrected": _one(ends["truth"]["corrected"]),
        "truth_official": _one(ends["truth"]["official"]),
        "truth_soft": _one(ends["truth"]["soft"]),
        "other_corrected": _one(ends["other prompts"]["corrected"]),
        "other_official": _one(ends["other prompts"]["official"]),
        "other_soft": _one(ends["other prompts"]["soft"]),
        "other_true": _one(ends["other prompts"]["true"]),
        "ends_prompts": str(ends["truth"]["prompts"]),
        "prompts": str(rising["prompts"]),
        "pictures": f"{rising['pictures']:,}",
        "held_out": _one(rising["held out"]),
        "exact": _one(rising["picture by picture"]["exact"]),
        "rms_corrected": _two(rising["picture by picture"]["corrected"]),
        "rms_soft": _two(rising["picture by picture"]["soft"]),
        "slope": _two(lines["mini-mplug, corrected"]["slope"]),
        "off_line": _two(lines["mini-mplug, corrected"]["most"]),
        "paled_slope": _two(lines[f"{paled}, corrected"]["slope"]),
        "paled_off": _one(lines[f"{paled}, corrected"]["most"]),
        "paled_zero": _one(rising["rows"][0]["erring"][-1]["corrected"]),
        "paled_zero_yes": _one(rising["rows"][0]["erring"][-1]["yes"]),
        "paled_all": _one(rising["rows"][-1]["erring"][-1]["corrected"]),
        "paled_all_yes": _one(rising["rows"][-1]["erring"][-1]["yes"]),
        "tenth_all": _one(rising["rows"][-1]["erring"][1]["corrected"]),
        "tenth_all_yes": _one(rising["rows"][-1]["erring"][1]["yes"]),
        "false_yes": _one(100 * rising["erring"][-1]["false_yes"]),
        "false_no": _one(100 * rising["erring"][-1]["false_no"]),
        "true_difference": _one(two["the truth"]["difference"]),
        "mini_difference": _one(two["mini-mplug"]["difference"]),
        "paled_difference": _one(two[paled]["difference"]),
        "paled_kept": _zero(two[paled]["kept"]),
        "detectable": _one(two["the truth"]["detectable"]),
        "paled_smallest": _one(two[paled]["smallest true"]) if two[paled]["smallest true"] else "none",
        "worst_name": worst["pictures"],
        "worst": _one(-worst["difference"]),
        "worst_false_no": _one(worst["false no"]),
        "worst_false_yes": _one(worst["false yes"]),
        "impossible": f"{results['gating']['questions']:,}",
        "impossible_yes": _two(results["gating"]["yes"]),
        "impossible_counted": _two(results["gating"]["yes and counted"]),
        "pool": str(results["coverage"]["pool"]),
        "draws": str(results["coverage"]["draws"]),
        "pool_true": _one(results["coverage"]["true"]),
        "most_prompts": str(most),
        "paled_truth_covered": _one(covered[paled, most]["truth"]),
        "seeds_prompts": str(results["seeds"]["prompts"]),
        "blur_image_sd": _two(spread["one scene, drawn anew"]["judged"]["image sd"]),
        "blur_within": _one(spread["one scene, drawn anew"]["judged"]["within prompts"]),
        "anew_image_sd": _two(spread["errors anew"]["judged"]["image sd"]),
        "anew_one": _two(spread["errors anew"]["judged"]["images"]["1"]["standard error"]),
        "anew_four": _two(spread["errors anew"]["judged"]["images"]["4"]["standard error"]),
        "machine": results["machine"],
        "minutes": _one(sum(results["times"].values()) / 60),
    }


def _tables(results: Results) -> dict[str, str]:
    ways = list(results["accuracy"])
    return {
        "table_accuracy": _table(
            ["", *(f"{way}, {answer}" for way in ways for answer in ("yes", "no"))],
            [
                [
                    name,
                    *(_right(results["accuracy"][way][name], answer) for way in ways for answer in ("true", "false")),
                ]
                for name in results["accuracy"][ways[0]]
            ],
        ),
        "table_sure": _table(
            [
                "pictures",
                "wrong, %",
                "P(yes) from 0.1 to 0.9, %",
                "wrong of these, %",
                "wrong of the others, %",
                "sure, of the wrong, %",
            ],
            [
                [
                    way,
                    _two(row["wrong"]),
                    _two(row["unsure"]),
                    _one(row["wrong where unsure"]),
                    _two(row["wrong where sure"]),
                    _one(row["sure of the wrong"]),
                ]
                for way, row in results["sureness"].items()
            ],
        ),
        "table_rising": _table(
            ["true, %", "corrected", "official", "soft", "share of yes"],
            [
                [_one(row[key]) for key in ("true", "corrected", "official", "soft", "yes")]
                for row in results["rising"]["rows"]
            ],
        ),
        "table_lines": _table(
            ["score", "slope", "at no truth", "root mean square off", "most off"],
            [
                [name, *(_two(line[key]) for key in ("slope", "start", "rms", "most"))]
                for name, line in results["rising"]["lines"].items()
            ],
        ),
        "table_two": _table(
            [
                "judge",
                "first",
                "second",
                "difference",
                "kept of it, %",
                "standard error",
                "found with 80 % power: true points",
            ],
            [
                [
                    row["judge"],
                    *(_one(row[key]) for key in ("worse", "better", "difference")),
                    _zero(row["kept"]),
                    _two(row["standard error"]),
                    _one(row["smallest true"]),
                ]
                for row in results["two models"]
            ],
        ),
        "table_reworked": _table(
            [
                "pictures",
                "true",
                "corrected",
                "official",
                "soft",
                "false yes, %",
                "false no, %",
                "difference",
                "95 %",
                "clear",
            ],
            [
                [
                    row["pictures"],
                    *(_one(row[key]) for key in ("true", "corrected", "official", "soft", "false yes", "false no")),
                    _one(row["difference"]),
                    f"{_one(row['low'])} to {_one(row['high'])}",
                    "yes" if row["clear"] else "no",
                ]
                for row in results["reworked"]
            ],
        ),
        "table_coverage": _table(
            ["judge", "prompts", "half the width", "overall, %", "categories, %", "the true score, %"],
            [
                [
                    row["judge"],
                    str(row["prompts"]),
                    *(_one(row[key]) for key in ("half width", "overall", "categories", "truth")),
                ]
                for row in results["coverage"]["rows"]
            ],
        ),
        "table_seeds": _table(
            ["images", "said by", "images a prompt", "corrected", "standard error", "official"],
            [
                [kind, who, count, _one(row["corrected"]), _two(row["standard error"]), _one(row["official"])]
                for kind, both in results["seeds"]["kinds"].items()
                for who, spread in both.items()
                for count, row in spread["images"].items()
            ],
        ),
        "table_times": _table(
            ["", "processor seconds"], [[name, _one(seconds)] for name, seconds in results["times"].items()]
        ),
    }


def _right(row: Mapping[str, Any], answer: str) -> str:
    return f"{_one(row[answer]['right'])} of {row[answer]['asked']}" if answer in row else "–"


def _table(columns: list[str], rows: list[list[str]]) -> str:
    return "\n".join(markdown_table(columns, rows, left=columns[:1]))


def _zero(value: float) -> str:
    return f"{value:.0f}"


def _one(value: float | None) -> str:
    return "–" if value is None else f"{value + 0.0:.1f}".replace("-0.0", "0.0")


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value + 0.0:.2f}".replace("-0.00", "0.00")
