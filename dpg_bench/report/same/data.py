"""Whether two runs drew the same, as data: JSON, and a row per image as CSV."""

from __future__ import annotations

from typing import Any

from dpg_bench.report.csv_form import csv_text
from dpg_bench.report.same.pixels import ImageDistance
from dpg_bench.report.same.result import Sameness, Scores
from dpg_bench.report.same.sides import Side
from dpg_bench.report.same.text import closing

SAMENESS_SCHEMA = 1
CSV_COLUMNS = ("item_id", "image", "identical", "psnr", "ssim", "largest")


def sameness_to_json(result: Sameness, *, top: int) -> dict[str, Any]:
    """Verdict and everything behind it, with the `top` images that differ most. What isn't known is null."""
    distances = result.distances
    return {
        "schema": SAMENESS_SCHEMA,
        "verdict": result.verdict,
        "passed": result.passed,
        "said": closing(result),
        "first": _side(result.first),
        "second": _side(result.second),
        "images": None
        if distances is None
        else {
            "compared": len(distances.images),
            "identical": distances.identical,
            "psnr_median": distances.median_psnr,
            "psnr_lowest": next((one.psnr for one in distances.farthest), None),
            "ssim_median": distances.median_ssim,
            "ssim_lowest": min((one.ssim for one in distances.images if one.ssim is not None), default=None),
            "farthest": [_image(one) for one in distances.farthest[:top]],
        },
        "limits": [
            {"name": limit.name, "least": limit.least, "found": limit.found, "held": limit.held}
            for limit in result.limits
        ],
        "scores": None if result.scores is None else _scores(result.scores),
        "settings": None
        if result.settings is None
        else [{"name": found.name, "first": found.before, "second": found.now} for found in result.settings],
        "missing": result.missing,
        "remarks": list(result.remarks),
    }


def distances_to_csv(result: Sameness) -> str:
    """One row per image that both have; a PSNR without end, of identical images, is an empty cell."""
    images = () if result.distances is None else result.distances.images
    return csv_text(CSV_COLUMNS, (_image(one) for one in images))


def _side(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "model": None if side.settings is None else side.settings.get("model"),
        "suite": side.suite_name,
        "images_per_prompt": side.images_per_prompt,
        "items": len(side.item_ids),
        "scored": side.judged is not None,
    }


def _image(one: ImageDistance) -> dict[str, Any]:
    return {
        "item_id": one.item_id,
        "image": one.image,
        "identical": one.identical,
        "psnr": one.psnr,
        "ssim": one.ssim,
        "largest": one.largest,
    }


def _scores(scores: Scores) -> dict[str, Any]:
    test = scores.test
    return {
        "judge": scores.judge,
        "protocol": scores.protocol,
        "numbers": [
            {
                "level": one.number.row.level,
                "category": one.number.row.name,
                "first": one.number.first,
                "second": one.number.second,
                "difference": one.paired.value,
                "low": None if one.paired.interval is None else one.paired.interval.low,
                "high": None if one.paired.interval is None else one.paired.interval.high,
                "p_value": one.paired.p_value,
                "prompts": one.paired.prompts,
            }
            for one in scores.numbers
        ],
        "flips": [
            {
                "category": one.category,
                "answers": one.answers,
                "share": one.share,
                "to_no": one.to_no,
                "to_yes": one.to_yes,
            }
            for one in scores.flips
        ],
        "equivalence": {
            "verdict": test.verdict,
            "margin": test.margin,
            "confidence": test.confidence,
            "above": None if test.bounds is None else test.bounds.low,
            "below": None if test.bounds is None else test.bounds.high,
            "p_value": test.p_value,
            "prompts": test.prompts,
            "prompts_needed": test.prompts_needed,
        },
    }
