"""An audit as data: CSV and JSON."""

from __future__ import annotations

from typing import Any

from dpg_bench.report.audit.arithmetic import as_printed, decimals
from dpg_bench.report.audit.result import IMAGES, Audit, CategoryAudit
from dpg_bench.report.csv_form import csv_text
from dpg_bench.report.reproductions import Reproduction

CSV_COLUMNS = (
    *("row", "model", "kind", "source", "verdict", "cause", "detail"),
    *("category", "printed", "questions", "category_verdict", "share", "nearest_below", "nearest_above"),
)


def audit_to_csv(audit: Audit) -> str:
    """One row per result and category. `share` is the possible k/n; the nearest stand with their scores."""
    return csv_text(
        CSV_COLUMNS,
        (
            {
                "row": one.result.row,
                "model": one.result.model,
                "kind": one.result.kind,
                "source": one.result.source,
                "verdict": one.verdict,
                "cause": one.cause,
                "detail": one.detail,
                "category": category.category,
                "printed": category.printed,
                "questions": category.questions,
                "category_verdict": category.verdict,
                "share": share(category),
                "nearest_below": _nearest(category, category.nearest[0]),
                "nearest_above": _nearest(category, category.nearest[-1]),
            }
            for one in audit.results
            for category in one.categories
        ),
    )


def audit_to_json(audit: Audit) -> dict[str, Any]:
    """Everything; the chances are probabilities."""
    return {
        "questions": dict(audit.counts.questions),
        "questions_source": audit.counts.source,
        "pairs": {
            "count": audit.pairs.pairs,
            "verdicts": dict(audit.pairs.verdicts),
            "expected_by_chance": float(audit.pairs.expected),
            "expected_by_chance_four_images": float(audit.pairs.expected_four),
        },
        "unchecked": audit.unchecked,
        "reproductions": [_reproduction(one) for one in audit.reproductions],
        "results": [
            {
                "row": one.result.row,
                "model": one.result.model,
                "kind": one.result.kind,
                "source": one.result.source,
                "verdict": one.verdict,
                "cause": one.cause,
                "detail": one.detail,
                "categories": [_category(category) for category in one.categories],
            }
            for one in audit.results
        ],
    }


def share(category: CategoryAudit) -> str:
    """The share that the score is, as `299/329`; empty if it is none."""
    if category.share is None:
        return ""
    n = category.questions * (IMAGES if category.verdict == "four-image mean" else 1)
    return f"{category.share}/{n}"


def _reproduction(one: Reproduction) -> dict[str, Any]:
    return {
        "model": one.result.model,
        "reproduces": one.claim.model,
        "published": str(one.published),
        "published_kind": one.claim.kind,
        "published_source": one.claim.source,
        "reproduced": str(one.reproduced),
        "reproduced_source": one.result.source,
        "published_minus_reproduced": str(one.gap),
        "note": one.result.note,
    }


def _category(category: CategoryAudit) -> dict[str, Any]:
    return {
        "category": category.category,
        "printed": str(category.printed),
        "questions": category.questions,
        "verdict": category.verdict,
        "share": share(category) or None,
        "nearest": [_nearest(category, k) for k in category.nearest],
        "chance": float(category.chance),
        "chance_four_images": float(category.chance_four),
    }


def _nearest(category: CategoryAudit, k: int) -> str:
    return f"{k}/{category.questions} = {as_printed(k, category.questions, decimals(category.printed))}"
