"""The judge against the reference on this machine: seconds per question, peak memory, and whether the answers agree.

    make bench-env                               the reference's environment, once
    python -m benchmarks.judge.vs_modelscope     needs 8 GB of memory and about ten minutes on two cores

Both sides get the same full-size checkpoint of seeded random weights (ViT-L/14 at 504 px, BERT-base widths, six fusion
layers, stride 6; two decoding steps, as yes and no take), the same images and 14 questions each. The reference is
modelscope's model, asked as the official script asks: one call per question, the image encoded every time. Our side is
`dpgbench score`, from PNG files to the scorecard. Each side is a whole process, imports and loading included, and they
take turns; the figures are medians over the rounds. The reference's cost is per question, so it answers only some, and
its whole process is taken as its loading and imports plus that cost times as many questions as ours. Processor
seconds are given too: they depend less on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.judge.material import FULL, TOY, write_checkpoint, write_images, write_suite
from benchmarks.measuring import Ended, describe_machine, run_to_end

REFERENCE = Path(".venv-bench/bin/python")
QUESTIONS = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--reference-questions", type=int, default=4, help="how many the reference answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", nargs="+", default=None, help="float32, and bfloat16 where the processor has it")
    parser.add_argument("--work", type=Path, help="where the checkpoint goes (5 GB); a temporary folder by default")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="the reference's Python")
    parser.add_argument("--toy", action="store_true", help="a toy model, to try the script itself")
    arguments = parser.parse_args()
    if not arguments.reference.exists():
        sys.exit(f"{arguments.reference} is missing: run `make bench-env` first.")
    print(describe_machine())
    print(f"load average before the start: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        compare(Path(folder), arguments)


def compare(work: Path, arguments: argparse.Namespace) -> None:
    checkpoint = work / "checkpoint"
    if os.fork() == 0:  # so that this process stays small: a child's peak memory counts from its parent's
        write_checkpoint(checkpoint, TOY if arguments.toy else FULL)
        os._exit(0)
    if os.wait()[1]:
        sys.exit("the checkpoint could not be written")
    asked = write_suite(work / "suite.csv", [QUESTIONS] * arguments.images)
    write_images(work / "images", list(asked), tile=512, tiles=1)
    pairs = [(name, number) for name in asked for number in range(QUESTIONS)]
    step = max(1, len(pairs) // arguments.reference_questions)
    chosen = pairs[::step][: arguments.reference_questions]
    job = {
        "checkpoint": str(checkpoint),
        "device": "cpu",
        "asked": [(str(work / "images" / f"{name}.png"), asked[name][number]) for name, number in chosen],
    }
    (work / "job.json").write_text(json.dumps(job))
    dtypes = arguments.dtype or ["float32", *(["bfloat16"] if has_bfloat16() else [])]
    theirs: list[Ended] = []
    calls: list[float] = []
    said: list[str] = []
    ours: dict[str, list[Ended]] = {dtype: [] for dtype in dtypes}
    command = [str(arguments.reference), "-P", "benchmarks/judge/reference_mplug.py", str(work / "job.json")]
    for _ in range(arguments.rounds):
        for dtype in dtypes:
            ours[dtype].append(score(work, dtype))
        ended = run([*command, str(work / "reference.json")], work)
        record = json.loads((work / "reference.json").read_text())
        theirs.append(extrapolated(ended, record, len(pairs)))
        calls.append(statistics.mean(record["seconds"]))
        said = record["answers"]
    print(f"{'':20}{'s a question':>14}{'processor s':>14}{'peak GB':>10}")
    report("reference", theirs, len(pairs))
    print(f"  measured on {len(chosen)} questions a round, {statistics.median(calls):.2f} s each without loading")
    for dtype in dtypes:
        report(f"dpg-bench {dtype}", ours[dtype], len(pairs))
        wall, processor = (ratios(theirs, ours[dtype], field) for field in ("seconds", "processor"))
        print(f"  {statistics.median(wall):.1f} times as fast (rounds: {', '.join(f'{one:.1f}' for one in wall)}); by")
        print(f"  processor seconds {statistics.median(processor):.1f} times, over {len(pairs)} questions")
        answers = read_answers(work / dtype)
        same = sum(answers[pair] == text for pair, text in zip(chosen, said, strict=True))
        different = len(set(answers.values()))
        print(f"  answers that agree: {same} of {len(chosen)}; {different} different ones among all {len(pairs)}")
    if "bfloat16" not in dtypes:
        print("bfloat16: not measured, this processor has no bfloat16 instructions")


def extrapolated(ended: Ended, record: dict[str, list[float]], count: int) -> Ended:
    """The reference's process as it would be with `count` questions."""
    more = count - len(record["seconds"])
    return Ended(
        seconds=ended.seconds + more * statistics.mean(record["seconds"]),
        processor=ended.processor + more * statistics.mean(record["processor"]),
        gigabytes=ended.gigabytes,
    )


def ratios(theirs: list[Ended], ours: list[Ended], field: str) -> list[float]:
    return [getattr(their, field) / getattr(our, field) for their, our in zip(theirs, ours, strict=True)]


def report(name: str, ended: list[Ended], questions: int) -> None:
    seconds, processor, megabytes = (
        statistics.median(getattr(one, field) for one in ended) for field in Ended.__slots__
    )
    print(f"{name:20}{seconds / questions:14.2f}{processor / questions:14.2f}{megabytes / 1000:10.2f}")


def score(work: Path, dtype: str) -> Ended:
    command = [sys.executable, "-m", "dpg_bench", "score", str(work / "images"), "--suite", str(work / "suite.csv")]
    command += ["--judge", "mplug", "-J", f"path={work / 'checkpoint'}", "--images-per-prompt", "1", "--fresh"]
    return run([*command, "--device", "cpu", "--dtype", dtype, "--out", str(work / dtype)], work)


def read_answers(folder: Path) -> dict[tuple[str, int], str]:
    lines = (folder / "judgements/mplug/answers.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {(record["item_id"], record["proposition_id"] - 1): record["answer"] for record in records}


def run(command: list[str], work: Path) -> Ended:
    """Run to the end, with a cache of its own. Raises SystemExit with the output if it fails."""
    return run_to_end(command, environment={"DPGBENCH_CACHE": str(work / "cache")})


def has_bfloat16() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and any(flag in info.read_text() for flag in ("avx512_bf16", "amx_bf16", " bf16"))


if __name__ == "__main__":
    main()
