"""The main job at real scale on toy models: all prompts × 4 images, undisturbed and killed twice, byte for byte.

    python -m benchmarks.full_scale                      the suite dpg-bench itself, downloaded if need be
    python -m benchmarks.full_scale --prompts FOLDER     a folder of prompt files, with made-up questions

Prints, for `run` and for `score`, seconds and peak memory of the undisturbed process, peak memory of one over ten
items, and whether the killed and continued one left the same bytes.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.material import Row, write_question_file
from benchmarks.measuring import Ended, describe_machine, run_to_end

CATEGORIES = ("entity - whole", "attribute - color", "relation - spatial", "global - ", "other - count")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=Path, help="a folder of <item_id>.txt; the suite dpg-bench by default")
    parser.add_argument("--model", default="tiny-ella-sd15")
    parser.add_argument("--limit", type=int, help="only so many items, to try the script itself")
    parser.add_argument("--work", type=Path, help="where the runs go; a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        measure(Path(folder), arguments.model, arguments.prompts, arguments.limit)


def measure(work: Path, model: str, prompts: Path | None, limit: int | None) -> None:
    suite = "dpg-bench" if prompts is None else str(write_questions(prompts, work / "questions.csv", limit))
    run = ["run", "--model", model, "--suite", suite]
    score = ["score", "--judge", "tiny-mplug"]
    whole, torn, ten = work / "whole", work / "torn", work / "ten"
    print(describe_machine())
    few = command([*run, "--out", str(ten), "--limit", "10"])
    ended = command([*run, "--out", str(whole)])
    images = len(list((whole / "images").iterdir()))
    killed = [kill_when([*run, "--out", str(torn)], at_files(torn / "images", images * part // 3)) for part in (1, 2)]
    command([*run, "--out", str(torn)])
    same = contents(whole / "images", "*.png") == contents(torn / "images", "*.png")
    report("run", f"{images} items", ended, few, killed, same)

    few = command([*score[:1], str(ten), *score[1:]])
    ended = command([*score[:1], str(whole), *score[1:]])
    log = "judgements/tiny-mplug/answers.jsonl"
    size = (whole / log).stat().st_size
    again = [*score[:1], str(torn), *score[1:]]
    killed = [kill_when(again, at_size(torn / log, size * part // 3)) for part in (1, 2)]
    command(again)
    same = all(
        (whole / name).read_bytes() == (torn / name).read_bytes()
        for name in (log, log.replace("answers.jsonl", "scorecard.json"))
    )
    answers = sum(1 for _ in (whole / log).open("rb"))
    report("score", f"{answers} answers", ended, few, killed, same)


def report(stage: str, amount: str, ended: Ended, few: Ended, killed: list[bool], same: bool) -> None:
    print(
        f"{stage}: {amount} in {ended.seconds:.0f} s, peak {ended.megabytes:.0f} MB ({few.megabytes:.0f} MB over ten "
        f"items); killed {sum(killed)} times and continued: {'the same bytes' if same else 'DIFFERENT BYTES'}"
    )
    if not same or not all(killed):
        sys.exit(1)


def write_questions(prompts: Path, path: Path, limit: int | None) -> Path:
    """A question file over real prompts; the questions are made up, 13 or 14 an item."""
    rng = random.Random(0)
    rows = []
    for prompt in sorted(prompts.glob("*.txt"))[:limit]:
        text = prompt.read_text(encoding="utf-8")
        words = text.split()
        for number in range(1, rng.choice((13, 14)) + 1):
            category = rng.choice(CATEGORIES)
            parent = 0 if number == 1 or rng.random() < 0.5 else rng.randrange(1, number)
            rows.append(Row(prompt.stem, text, number, parent, category, f"Is there {' '.join(rng.sample(words, 3))}?"))
    write_question_file(path, rows)
    return path


def command(arguments: list[str]) -> Ended:
    """Run `dpgbench` to its end. Raises SystemExit with its output if it fails."""
    return run_to_end([sys.executable, "-m", "dpg_bench", *arguments])


def kill_when(arguments: list[str], reached: Callable[[], bool]) -> bool:
    """Start `dpgbench` and kill it with SIGKILL as soon as `reached`; whether it was still running then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dpg_bench", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not reached():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def at_files(folder: Path, count: int) -> Callable[[], bool]:
    return lambda: folder.is_dir() and sum(1 for _ in folder.iterdir()) >= count


def at_size(file: Path, size: int) -> Callable[[], bool]:
    return lambda: file.exists() and file.stat().st_size >= size


def contents(folder: Path, pattern: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob(pattern))}


if __name__ == "__main__":
    main()
