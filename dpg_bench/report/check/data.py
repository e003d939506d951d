"""What a check found, as data: JSON, and the JUnit XML that CI systems show as test results."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from dpg_bench.report.check.result import CheckedNumber, CheckResult
from dpg_bench.report.check.text import finding, heading, remarks

CHECK_SCHEMA = 1
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_to_json(result: CheckResult) -> dict[str, Any]:
    """Verdict, settings and every number."""
    return {
        "schema": CHECK_SCHEMA,
        "verdict": result.verdict,
        "run": result.run.name,
        "baseline": result.baseline.name,
        "protocol": result.protocol,
        "max_drop": result.max_drop,
        "confidence": result.confidence,
        "tested_confidence": result.tested_confidence,
        "prompts": result.prompts,
        "remarks": list(remarks(result)),
        "scores": [
            {
                "level": one.number.row.level,
                "category": one.number.row.name,
                "verdict": one.verdict,
                "baseline": one.number.first,
                "run": one.number.second,
                "difference": one.difference,
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
    suite = ET.Element(
        "testsuite",
        name=_text(f"dpgbench check {result.run.name}"),
        tests=str(len(counts)),
        failures=str(counts.count("regression")),
        errors="0",
        skipped=str(counts.count("unclear")),
    )
    for one in result.numbers:
        suite.append(_case(one, result))
    ET.SubElement(suite, "system-out").text = _text("\n".join([heading(result), *remarks(result)]))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(one: CheckedNumber, result: CheckResult) -> ET.Element:
    case = ET.Element("testcase", classname=f"dpgbench.check.{result.protocol}", name=_text(one.number.row.name))
    sentence = _text(finding(one, result))
    if one.verdict == "regression":
        ET.SubElement(case, "failure", message=sentence, type="regression").text = sentence
    elif one.verdict == "unclear":
        ET.SubElement(case, "skipped", message=sentence)
    else:
        ET.SubElement(case, "system-out").text = sentence
    return case


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
