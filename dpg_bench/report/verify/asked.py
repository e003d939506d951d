"""The suite that a run or a scorecard is about, found without believing the folder where that can be."""

from __future__ import annotations

from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.kept_suite import read_kept_suite
from dpg_bench.records import Suite
from dpg_bench.report.verify.findings import Findings
from dpg_bench.suite.registry import load_suite, pending_download, suite_specs


def find_asked(
    findings: Findings, record: Path, *, name: str, digest: str, told: Suite | None, kept: Path | None
) -> Suite | None:
    """The suite that `record` calls `name`: the one that was `told`, the one of that name, or the copy that was `kept`.

    A name is looked up only among the suites that have names: what a stranger's folder calls a file is no file of
    yours. None if there is none of that digest, which is noted.
    """
    suite = told if told is not None else _named(name)
    if suite is not None:
        if suite.digest == digest:
            return suite
        findings.differs(
            record, f"its suite '{name}' has the digest {digest[:12]}, and '{suite.name}' {suite.digest[:12]}"
        )
        return None
    pending = pending_download(name) if _is_named(name) else None
    fetch = f"`dpgbench fetch {name}` brings it" if pending else f"name it with {option('suite')}"
    if kept is not None and kept.exists():
        findings.left(record, f"the suite '{name}' is not here, so its copy in {kept} was taken; {fetch}")
        return read_kept_suite(kept, name=name, source="", digest=digest)
    findings.left(record, f"the suite '{name}' is not here, so nothing was held against its questions; {fetch}")
    return None


def _is_named(name: str) -> bool:
    return any(spec.name == name and spec.matches is None for spec in suite_specs().values())


def _named(name: str) -> Suite | None:
    if not _is_named(name) or pending_download(name) is not None:
        return None
    try:
        return load_suite(name)
    except BadInputError:
        return None
