"""The examples for clusters: their scripts run as a scheduler would run them, and name nothing that isn't there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from dpg_bench.cli.app import app

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ROOT = EXAMPLES.parent
TOYS = {"MODEL": "tiny-sd15", "SUITE": "sample", "JUDGE": "tiny-mplug"}
SMALL = {"DPGBENCH_STEPS": "1", "DPGBENCH_LIMIT": "3", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
(JOB,) = [
    part
    for part in yaml.safe_load_all((EXAMPLES / "kubernetes/run.yaml").read_text(encoding="utf-8"))
    if part["kind"] == "Job"
]
SLURM = (EXAMPLES / "slurm/run.sbatch").read_text(encoding="utf-8")


def container() -> dict[str, object]:
    (one,) = JOB["spec"]["template"]["spec"]["containers"]
    return dict(one)


def pod_script() -> str:
    (script,) = container()["args"]  # type: ignore[misc]
    return str(script)


@pytest.mark.parametrize("script", [SLURM, pod_script()], ids=["slurm", "kubernetes"])
def test_the_commands_take_what_they_are_given(script: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = [line.strip() for line in script.splitlines() if re.match(r"(srun )?dpgbench ", line.strip())]
    assert [shlex.split(line.removeprefix("srun "))[1] for line in lines] == ["run", "score"]
    for line in lines:
        _, name, *words = shlex.split(line.removeprefix("srun ").partition("||")[0])
        known = {flag for parameter in commands[name].params for flag in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_pods_share_all_of_the_work_and_have_no_rights() -> None:
    count = JOB["spec"]["completions"]
    assert JOB["spec"]["completionMode"] == "Indexed"
    assert set(re.findall(r"JOB_COMPLETION_INDEX/(\d+)", pod_script())) == {str(count)}
    assert JOB["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    user = JOB["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    assert f"\nUSER {user}\n" in recipe
    mounted = {one["mountPath"] for one in container()["volumeMounts"]}  # type: ignore[attr-defined]
    assert set(re.findall(r'"(/[\w/]+)"', recipe[recipe.index("VOLUME") :].splitlines()[0])) <= mounted


@pytest.mark.nightly
@pytest.mark.parametrize("cluster", ["slurm", "kubernetes"])
def test_tasks_one_after_another_end_in_the_scorecard_of_a_single_process(tmp_path: Path, cluster: str) -> None:
    (tmp_path / "bin").mkdir()
    for name, script in (("srun", 'exec "$@"'), ("dpgbench", f'exec {shlex.quote(sys.executable)} -m dpg_bench "$@"')):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    environment = {**os.environ, **TOYS, **SMALL, "PATH": path}
    count = 2 if cluster == "slurm" else JOB["spec"]["completions"]
    for task in range(count):
        array = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(count), "SLURM_ARRAY_TASK_MIN": "0"}
        pod = {"JOB_COMPLETION_INDEX": str(task), "RUN": "runs/tiny-sd15-sample"}
        command = (
            ["bash", str(EXAMPLES / "slurm/run.sbatch")]
            if cluster == "slurm"
            else [*map(str, container()["command"]), pod_script()]  # type: ignore[call-overload]
        )
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment | (array if cluster == "slurm" else pod),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    alone = (
        ["run", "--model", TOYS["MODEL"], "--suite", TOYS["SUITE"], "--out", "runs/alone"],
        ["score", "runs/alone", "--judge", TOYS["JUDGE"]],
    )
    for words in alone:
        subprocess.run(["dpgbench", *words], cwd=tmp_path, env=environment, capture_output=True, check=True)
    together, single = (
        (tmp_path / "runs" / name / "judgements/tiny-mplug/scorecard.json").read_bytes()
        for name in ("tiny-sd15-sample", "alone")
    )
    assert together == single
