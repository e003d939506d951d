"""What `verify` finds: whether everything in a run folder is what its records say, recomputed and not believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.differences import find_differences
from dpg_bench.files.judgement_record import JudgementRecord, read_judgement_record
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.source_record import read_source
from dpg_bench.records import Suite
from dpg_bench.report.status.result import is_results
from dpg_bench.report.verify.asked import find_asked
from dpg_bench.report.verify.findings import Finding, Findings, Kind
from dpg_bench.report.verify.made import check_made
from dpg_bench.report.verify.rescored import check_judgement

_WEIGHTS = ("weights", "vocabulary", "config", "sha256")
"""What of a judge's provenance comes from its files."""


@dataclass(frozen=True, slots=True)
class Reload:
    """How weights are read again: a model's by its run, a judge's by the name of its folder and its judgement.

    Both give the provenance that was recorded, computed anew, and raise DpgBenchError where they can't.
    """

    model: Callable[[RunRecord], Mapping[str, Any]]
    judge: Callable[[str, JudgementRecord], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was held against what in one run folder.

    `checked` counts, by kind, what was recomputed; `differences` are all that were found, and `unchecked` says what
    could not be looked at, and why.
    """

    run: RunDir
    checked: Mapping[Kind, int]
    differences: tuple[Finding, ...]
    unchecked: tuple[Finding, ...]

    @property
    def verified(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify_runs(path: Path, *, suite: Suite | None = None, reload: Reload | None = None) -> tuple[Verification, ...]:
    """Verify the run at `path`, or every run right below it; see `verify_run`.

    Raises BadInputError if there is none.
    """
    if not path.is_dir():
        raise BadInputError(f"There is no folder {path}. Name a run folder, or a folder of runs.")
    places = [path] if is_results(path) else sorted(one for one in path.iterdir() if one.is_dir() and is_results(one))
    if not places:
        raise BadInputError(f"{path} holds no run and no results. `dpgbench runs` lists those under runs/.")
    return tuple(verify_run(RunDir(place), suite=suite, reload=reload) for place in places)


def verify_run(run: RunDir, *, suite: Suite | None = None, reload: Reload | None = None) -> Verification:
    """Recompute what can be of a run, or of results about images made elsewhere, and find everything that differs.

    These are the run's fingerprint, its suite's digest, each image's digest, seeds, size and text chunks, each answer's
    checksum, question, judge and image, and every scorecard, made again from its answers. `suite` is the suite itself,
    where the run names a file; `reload` has the digests of weights computed too.
    """
    findings = Findings()
    with findings.readable(run.path):
        record = run.read_record()
        if record is not None:
            asked = find_asked(
                findings, run.record_file, name=record.suite.name, digest=record.suite.digest, told=suite, kept=None
            )
            check_made(findings, run, record, asked)
            if reload is not None:
                with findings.possible(run.record_file):
                    now = reload.model(record)
                    _compare(findings, run.record_file, ("weights",), record.generator, now)
        else:
            read_source(run)
    for judgement in run.judged().values():
        if not judgement.begun:
            continue
        with findings.readable(judgement.path):
            check_judgement(findings, run, judgement, suite)
            if reload is not None:
                judged = read_judgement_record(judgement.record_file)
                with findings.possible(judgement.record_file):
                    now = reload.judge(judgement.path.name, judged)
                    _compare(findings, judgement.record_file, _WEIGHTS, judged.judge, now)
    return Verification(run, dict(findings.checked), tuple(findings.differences), tuple(findings.unchecked))


def _compare(
    findings: Findings, file: Path, names: Sequence[str], then: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    for change in find_differences(*({name: one.get(name) for name in names} for one in (then, now))):
        findings.differs(file, f"{change}, as it is loaded")
    findings.checked["weights"] += 1
