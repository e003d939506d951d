"""What commands print: on any encoding, into pipes that close and disks that are full, and without what acts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SUITE_HEADER, Dpgbench

COMMAND = [sys.executable, "-m", "dpg_bench"]
SUITE = f"""{SUITE_HEADER}
a,A fox.,,1,0,entity,whole,entity - whole (fox),Is there a fox?
b,A boat.,,1,0,entity,whole,entity - whole (boat),Is there a boat?
c,A hat.,,1,0,entity,whole,entity - whole (hat),Is there a hat?
"""
ANSWERS = "item_id,image,proposition_id,answer\n" + "".join(
    f"{item},{image},1,{'yes' if item != 'b' or image else 'no'}\n" for item in "abc" for image in range(4)
)
ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202eevil\x9b31m"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "suite–1.csv").write_text(SUITE, encoding="utf-8")
    (tmp_path / "answers.csv").write_text(ANSWERS)
    return tmp_path


SCORE = [*COMMAND, "score", "--answers", "answers.csv", "--suite", "suite–1.csv", "--out", "o"]


@pytest.mark.parametrize("encoding", ["cp932", "cp437", "ascii", "latin-1"])
def test_output_takes_any_encoding(folder: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    scored = subprocess.run([*SCORE, "--csv", "t.csv"], cwd=folder, env=environment, capture_output=True, check=False)
    assert scored.returncode == 0, scored.stderr
    assert b"Traceback" not in scored.stderr
    assert (folder / "t.csv").read_text(encoding="utf-8").count("suite–1.csv") > 4
    shown = scored.stdout.decode(encoding)
    assert "suite suite-1.csv, judge imported" in shown
    assert "91.67 75.0-100.0" in shown
    as_json = subprocess.run([*SCORE, "--json"], cwd=folder, env=environment, capture_output=True, check=True)
    assert json.loads(as_json.stdout.decode(encoding))["suite"]["name"] == "suite–1.csv"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [["models"], ["--help"], ["score", "--help"], ["audit", "--published", "--json"]])
def test_output_that_cannot_be_kept_is_an_error(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "Error: The output can't be written: No space left on device.\n"


def test_a_reader_that_leaves_ends_nothing(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        listed = subprocess.run([*COMMAND, "models"], stdout=write, stderr=subprocess.PIPE, check=False)
        scored = subprocess.run([*SCORE, "--csv", "t.csv"], cwd=folder, stdout=write, stderr=write, check=False)
    finally:
        os.close(write)
    assert listed.returncode == 0
    assert listed.stderr == b""
    assert scored.returncode == 0
    assert (folder / "t.csv").exists()


def test_closed_streams_end_nothing() -> None:
    closed = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m dpg_bench models >&- 2>&-"], capture_output=True, check=False
    )
    assert closed.returncode == 0


@pytest.mark.parametrize(
    "where", ["dpg_bench.cli.app", "typer", "rich.console", "dpg_bench.report.audit.result", "in between", "options"]
)
def test_an_interruption_in_the_first_moments_leaves_no_traceback(where: str) -> None:
    code = f"""
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {where!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException:
                os.abort()  # as torch does where an import of its own is interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
sys.meta_path.insert(0, Interrupt())
sys.argv = ["dpgbench", "audit", "--published"]
if {where!r} == "in between":
    import typer.main
    typer.main.get_command = lambda app: os.kill(os.getpid(), signal.SIGINT)
if {where!r} == "options":
    from dpg_bench.cli.exit_codes import Commands
    Commands.parse_args = lambda *args: os.kill(os.getpid(), signal.SIGINT)
from dpg_bench.cli import main
main()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 130
    assert "Interrupted." in result.stderr
    assert "Traceback" not in result.stderr


def write_names(folder: Path) -> None:
    (folder / "answers.csv").write_text(ANSWERS)
    (folder / "suite.csv").write_text(SUITE.replace("A fox", f"A fox{ESCAPES}"))


def test_names_cannot_act_on_the_terminal(dpgbench: Dpgbench, tmp_path: Path) -> None:
    write_names(tmp_path)
    name = f"x{ESCAPES}.csv"
    Path(name).write_text(SUITE)
    missing = dpgbench("score", "--answers", f"no{ESCAPES}.csv", "--suite", name)
    scored = dpgbench("score", "--answers", "answers.csv", "--suite", name, "--out", "o")
    assert missing.exit_code == 2
    assert scored.exit_code == 0
    for output in (missing.output, scored.output, *(dpgbench(*command).output for command in RESULTS)):
        assert not set(output) & set("\x1b\x07\u202e\x9b")
    assert "\\x1b]0;owned" in scored.stdout
    again = dpgbench("score", "--answers", "answers.csv", "--suite", name, "--out", "o", "--json")
    assert json.loads(again.stdout)["suite"]["name"] == name


RESULTS = (
    ("compare", "o", "o"),
    ("compare", "o", "o", "--markdown"),
    ("compare", "o", "o", "--json"),
    ("check", "o", "--baseline", "o"),
    ("leaderboard", "o"),
    ("leaderboard", "o", "--markdown"),
    ("baseline", "o", "-o", f"{ESCAPES}.json"),
)


def test_a_table_for_spreadsheets_holds_no_formula(dpgbench: Dpgbench) -> None:
    Path("=HYPERLINK(1).csv").write_text(SUITE)
    Path("answers.csv").write_text(ANSWERS)
    score = ("score", "--answers", "answers.csv", "--suite", "=HYPERLINK(1).csv", "--out", "o", "--csv", "t.csv")
    assert dpgbench(*score).exit_code == 0
    assert dpgbench("leaderboard", "o", "--csv", "l.csv").exit_code == 0
    for table in ("t.csv", "l.csv"):
        text = Path(table).read_text()
        assert "'=HYPERLINK" in text
        assert ",=" not in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dpgbench ch", "check"),
        ("dpgbench compare --protocol o", "official"),
        ("dpgbench run --model tiny-e", "tiny-ella-sd15"),
        ("dpgbench run --suite sam", "sample"),
        ("dpgbench score --judge tiny", "tiny-mplug"),
    ],
)
def test_a_shell_completes_commands_and_names(dpgbench: Dpgbench, words: str, found: str) -> None:
    environment = {
        "_DPGBENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    assert dpgbench(env=environment).stdout.split() == [found]
