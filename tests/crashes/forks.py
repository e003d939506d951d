"""Commands as real processes, without the seconds that importing the libraries takes: forks of one that has them.

Run as a program, it takes one JSON object a line (`command`, `cwd`, `log`, `probe`, `limits`) and answers with a line
for the process id and, later, one for how it ended.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_PROGRAMS = {"dpgbench": "dpg_bench.cli", "ella": "ella_models.training.cli"}
_AT_ONCE = ("dpg_bench.cli.app", "dpg_bench.jobs", "dpg_bench.jobs.partial_runs")
_AT_ONCE += ("ella_models.training.commands", "ella_models.training.loop")
_ENDINGS = (signal.SIGINT, signal.SIGTERM)  # wait until a fork has become the command


@dataclass
class Process:
    """A command that was started: `began` is when, by `time.monotonic`."""

    pid: int
    log: Path
    began: float
    server: Forks

    def send(self, number: int) -> None:
        """Send it a signal; one that has ended gets none."""
        if self.server.ended(self) is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float = 120) -> int:
        """Its exit code, negative for the signal that killed it; it is killed if it doesn't end in `timeout` s."""
        end = time.monotonic() + timeout
        while (code := self.server.ended(self)) is None:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.005)
        return code

    def until(self, happens: Callable[[], bool]) -> None:
        """Wait for something that it does, which fails if it ends before."""
        while not happens():
            assert self.server.ended(self) is None, self.output
            time.sleep(0.001)

    @property
    def output(self) -> str:
        """What it has printed, on both streams."""
        return self.log.read_text(errors="replace")


class Forks:
    """The server of this module, started; a context manager."""

    def __init__(self, logs: Path, **environment: str) -> None:
        self._logs = logs
        self._count = 0
        self._started: set[int] = set()
        self._codes: dict[int, int] = {}
        self._server = subprocess.Popen(
            [sys.executable, "-m", __spec__.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=logs,
        )
        assert self._server.stdout is not None
        os.set_blocking(self._server.stdout.fileno(), False)
        self._unread = b""

    def start(self, *command: str | Path, cwd: Path, **told: Any) -> Process:
        """Run `dpgbench …` or `ella …` in `cwd`; `probe` is a file for notes, `file_size` an RLIMIT_FSIZE."""
        self._count += 1
        log = self._logs / f"{self._count:04d}.log"
        asked = {"command": [str(word) for word in command], "cwd": str(cwd), "log": str(log)}
        asked |= {name: str(value) for name, value in told.items()}
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(asked).encode() + b"\n")
        self._server.stdin.flush()
        while (line := self._line()) is None or "pid" not in line:
            if line is not None:
                self._codes[line["ended"]] = line["code"]
            time.sleep(0.002)
        self._started.add(line["pid"])
        return Process(line["pid"], log, time.monotonic(), self)

    def ended(self, process: Process) -> int | None:
        """The exit code of a process that has ended."""
        while (line := self._line()) is not None:
            self._codes[line["ended"]] = line["code"]
        return self._codes.get(process.pid)

    def close(self) -> None:
        """End the server, and what a test that failed has left running or stopped."""
        while (line := self._line()) is not None:
            self._codes[line["ended"]] = line["code"]
        for pid in self._started - self._codes.keys():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(60)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def _line(self) -> dict[str, int] | None:
        assert self._server.stdout is not None
        self._unread += self._server.stdout.read() or b""
        line, newline, rest = self._unread.partition(b"\n")
        if not newline:
            assert self._server.poll() is None, "the server of forks is gone"
            return None
        self._unread = rest
        return json.loads(line)


def _serve() -> None:
    import torch  # noqa: F401 - what every fork has from the start
    from diffusers import StableDiffusionPipeline  # noqa: F401
    from transformers import T5EncoderModel  # noqa: F401

    for module in _AT_ONCE:
        import_module(module)

    reads, answers = os.dup(0), os.dup(1)
    os.set_blocking(reads, False)
    running: set[int] = set()
    unread, open_ = b"", True
    while open_ or running:
        try:
            part = os.read(reads, 65536)
            open_ = bool(part)
            unread += part
        except BlockingIOError:
            pass
        *lines, unread = unread.split(b"\n")
        for line in lines:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
            running.add(pid)
            os.write(answers, json.dumps({"pid": pid}).encode() + b"\n")
        for pid in list(running):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                running.remove(pid)
                code = os.waitstatus_to_exitcode(status)
                os.write(answers, json.dumps({"ended": pid, "code": code}).encode() + b"\n")
        time.sleep(0.003)


def _become(asked: dict[str, Any]) -> None:
    """Be the command that was asked for, as if it had just been started."""
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir(asked["cwd"])
        if "file_size" in asked:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(asked["file_size"]), int(asked["file_size"])))
        if "probe" in asked:
            _note_work(Path(asked["probe"]))
        program, *words = asked["command"]
        sys.argv = [program, *words]
        _let_in_when_handled()
        import_module(_PROGRAMS[program]).main()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - it ends here, whatever it is
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _let_in_when_handled() -> None:
    """A signal that came meanwhile is let in once the command has its handler for it."""
    set_handler = signal.signal

    def let_in(number: Any, handler: Any) -> Any:
        before = set_handler(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        return before

    signal.signal = let_in


def _note_work(probe: Path) -> None:
    """Have the work that is done written down, piece by piece: images that are judged, and steps of training."""
    from dpg_bench.judge.answer_log import AnswerLog
    from ella_models.training.run_folder import RunFolder

    append, log = AnswerLog.append, RunFolder.log

    def note(*words: object) -> None:
        with probe.open("a") as file:
            file.write(" ".join(map(str, words)) + "\n")

    def judged(self: Any, target: Any, answers: Any) -> None:
        for prompt, image, _ in answers:
            note("judged", prompt.item_id, image)
        append(self, target, answers)

    def trained(self: Any, line: Any) -> Any:
        note("trained", line.step)
        return log(self, line)

    AnswerLog.append, RunFolder.log = judged, trained  # type: ignore[method-assign]


if __name__ == "__main__":
    _serve()
    os._exit(0)  # taking the libraries down takes seconds, and nothing is left to do
