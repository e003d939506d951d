"""What GitHub Actions is told of a check, where a command runs in it."""

from __future__ import annotations

import os
from pathlib import Path

from dpg_bench.cli.console import say
from dpg_bench.files.durable import disk_errors
from dpg_bench.report.check.result import CheckResult
from dpg_bench.report.check.text import check_markdown, workflow_commands


def report_to_actions(result: CheckResult) -> None:
    """Annotations where GITHUB_ACTIONS is `true`, a section of the job summary where GITHUB_STEP_SUMMARY names a file.

    Annotations go to stderr, which the runner reads as well as stdout: stdout may be JSON for another program.
    """
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in workflow_commands(result):
            say(line)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with (
            disk_errors(Path(summary), elsewhere="GITHUB_STEP_SUMMARY names it."),
            Path(summary).open("a", encoding="utf-8") as file,
        ):
            file.write(check_markdown(result) + "\n")
