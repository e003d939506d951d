"""What a check found, as data: JSON, and the JUnit XML that CI systems show as test results."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from dpg_bench.report.check.result import CheckedNumber, CheckResult
from dpg_bench.report.check.text import closing, finding, heading, remarks

CHECK_SCHEMA = 2
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_to_json(result: CheckResult) -> dict[str, Any]:
    """Verdict, settings and every number."""
    return {
        "schema": CHECK_SCHEMA,
        "verdict": result.verdict,
        "run": result.run.name,
        "run_extent": result.run.extent(result.protocol),
        "run_texts": result.run.rewriting or None,
        "baseline": result.baseline.name,
        "baseline_texts": result.baseline.rewriting or None,
        "baseline_extent": result.baseline.extent(result.protocol),
        "protocol": result.protocol,
        "max_drop": result.max_drop,
        "confidence": result.confidence,
        "passed": result.passed,
        "strict": result.strict,
        "prompts": result.prompts,
        "prompts_missing": len(result.missing),
        "missing": dict(result.missing),
        "other_protocol": None
        if result.other is None
        else {"protocol": result.other.protocol, "baseline": result.other.first, "run": result.other.second},
        "remarks": list(remarks(result)),
        "scores": [
            {
                "level": one.number.row.level,
                "category": one.number.row.name,
                "verdict": one.verdict,
                "baseline": one.number.first,
                "run": one.number.second,
                "difference": one.difference,
                "confidence": one.confidence,
                "above": None if one.bounds is None else one.bounds.low,
                "below": None if one.bounds is None else one.bounds.high,
                "prompts": one.prompts,
                "prompts_needed": one.prompts_needed,
            }
            for one in result.numbers
        ],
    }


def check_to_junit(result: CheckResult) -> bytes:
    """One test per number: failed for a regression, skipped with the reason where these prompts can't tell."""
    counts = [one.verdict for one in result.numbers]
    incomplete = result.verdict == "incomplete"
    failing = {"regression", *(["unclear"] if result.strict else [])}
    suite = ET.Element(
        "testsuite",
        name=_text(f"dpgbench check {result.run.name}"),
        tests=str(len(counts) + incomplete),
        failures=str(sum(verdict in failing for verdict in counts) + incomplete),
        errors="0",
        skipped=str(counts.count("unclear") if not result.strict else 0),
    )
    for one in result.numbers:
        suite.append(_case(one, result))
    if incomplete:
        case = ET.SubElement(suite, "testcase", classname=f"dpgbench.check.{result.protocol}", name="all prompts")
        ET.SubElement(case, "failure", message=_text(closing(result)), type="incomplete")
    ET.SubElement(suite, "system-out").text = _text("\n".join([heading(result), *remarks(result)]))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(one: CheckedNumber, result: CheckResult) -> ET.Element:
    case = ET.Element("testcase", classname=f"dpgbench.check.{result.protocol}", name=_text(one.number.row.name))
    sentence = _text(finding(one, result))
    if one.verdict == "regression" or (one.verdict == "unclear" and result.strict):
        ET.SubElement(case, "failure", message=sentence, type=one.verdict).text = sentence
    elif one.verdict == "unclear":
        ET.SubElement(case, "skipped", message=sentence)
    else:
        ET.SubElement(case, "system-out").text = sentence
    return case


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
