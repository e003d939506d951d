from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ella_models import EllaError
from ella_models.training import TrainingConfig, read_config
from ella_models.training.commands import app
from ella_models.training.config_file import preset_text
from ella_models.training.stopping import Ended, stop_requests

Configure = Callable[..., TrainingConfig]
RUNNER = CliRunner()
DOCS = Path(__file__).resolve().parents[3] / "docs" / "training.md"


def written(file: Path, config: TrainingConfig) -> str:
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    return str(file)


def test_precompute_then_train_then_train_again(configure: Configure, tmp_path: Path) -> None:
    file = written(
        tmp_path / "train.yaml", configure(tmp_path / "run", data={"precomputed": tmp_path / "features"}, steps=2)
    )
    early = RUNNER.invoke(app, ["train", "--config", file])
    assert early.exit_code == 2
    assert "run `ella precompute`" in early.stderr
    made = RUNNER.invoke(app, ["precompute", "--config", file])
    assert made.exit_code == 0, made.output
    assert made.stdout == f"{tmp_path / 'features'}\n"
    assert "16 pairs in 3 shards; 0 left out" in made.stderr
    for _ in range(2):
        trained = RUNNER.invoke(app, ["train", "--config", file])
        assert trained.exit_code == 0, trained.output
        assert trained.stdout == f"{tmp_path / 'run' / 'ella.safetensors'}\n"
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in log] == [1, 2]


def test_pictures_that_are_not_there_are_told_before_anything_is_downloaded(tmp_path: Path) -> None:
    config = TrainingConfig(output=tmp_path / "run", data={"folder": str(tmp_path / "pairs")}, device="cpu")
    done = RUNNER.invoke(app, ["train", "--config", written(tmp_path / "train.yaml", config)])
    assert done.exit_code == 2
    assert "There is no folder" in done.stderr
    assert "pairs" in done.stderr


def test_the_printed_preset_reads_back_as_the_papers(tmp_path: Path) -> None:
    printed = RUNNER.invoke(app, ["config"])
    assert printed.exit_code == 0
    file = tmp_path / "train.yaml"
    file.write_text(printed.stdout, encoding="utf-8")
    config = read_config(file)
    assert config == TrainingConfig(output=Path("runs/ella"), data={"folder": "pairs"})
    assert (config.steps, config.optimizer.learning_rate, config.optimizer.weight_decay) == (280_000, 1e-4, 0.01)
    assert (config.data.resolution, config.text.tokens, config.connector.preset) == (512, 128, "tsc")
    assert preset_text().count("unpublished") >= 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output: [", "is no YAML"),
        ("- 1", "must hold names with values"),
        ("output: a", "'data' is missing"),
        ("output: a\ndata: {folder: b}\nstep: 4", r"unknown name 'step' \(did you mean 'steps'\?\)"),
        ("output: a\ndata: {foldr: b}", r"unknown name 'data.foldr' \(did you mean 'folder'\?\)"),
        ("output: a\ndata: {folder: b, dataset: c}", "give one of dataset, shards and folder, not dataset and folder"),
        ("output: a\ndata: {}", "give dataset, shards or folder, or precomputed"),
        ("output: a\ndata: {folder: b, resolution: 500}", "must be multiples of 8"),
        ("output: a\ndata: {folder: b}\nsteps: 0", "steps: input should be greater than or equal to 1, not 0"),
        (
            "output: a\ndata: {folder: b}\noptimizer: {betas: [0.9, 1]}",
            "optimizer.betas.1: input should be less than 1",
        ),
        (
            "output: a\ndata: {folder: b}\nseed: 9223372036854775808",
            "seed: input should be less than 9223372036854775808",
        ),
        ("output: a\ndata: {folder: b}\nprecision: fp8", "precision: input should be 'float32', 'bfloat16' or"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(EllaError, match=message) as error:
        read_config(file)
    assert str(file) in str(error.value)
    done = RUNNER.invoke(app, ["train", "--config", str(file)])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""


def test_a_configuration_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["train", "--config", str(tmp_path / "none.yaml")])
    assert done.exit_code == 2
    assert "can't be read: No such file" in done.stderr


def test_a_place_that_cannot_be_written_to_is_said_without_a_traceback(
    configure: Configure, features: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    config = configure(tmp_path / "file" / "run", data={"precomputed": features})
    done = RUNNER.invoke(app, ["train", "--config", written(tmp_path / "train.yaml", config)])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert "Not a directory" in done.stderr


def test_the_documented_python_runs(
    configure: Configure, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    toy = configure(tmp_path).model_dump(mode="json", exclude={"output", "data", "steps"})
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pairs, tmp_path / "pairs")
    smaller = block.replace('"features"}, steps=1000', '"features", "resolution": 16}, steps=1, **toy')
    names: dict[str, object] = {"toy": toy}
    exec(compile(smaller, DOCS.name, "exec"), names)  # noqa: S102 - the documentation's own code
    assert Path("runs/mine/ella.safetensors").is_file()


def test_help_and_the_preset_load_no_torch() -> None:
    code = (
        "import sys\nfrom ella_models.training.commands import app\n"
        "for words in (['--help'], ['config'], ['train', '--help']):\n"
        "    app(words, standalone_mode=False)\n"
        "print('torch' in sys.modules or 'accelerate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\nFalse\n")
    module = subprocess.run(
        [sys.executable, "-m", "ella_models.training", "--help"], capture_output=True, text=True, check=True
    )
    assert "precompute" in module.stdout


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("ella_models.training.commands", signal.SIGINT),
        ("typer", signal.SIGTERM),
        ("torch", signal.SIGINT),
        ("options", signal.SIGINT),
    ],
)
def test_an_interruption_in_the_first_moments_leaves_no_traceback(
    where: str, number: signal.Signals, configure: Configure, tmp_path: Path
) -> None:
    code = f"""
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {where!r}:
            try:
                os.kill(os.getpid(), {int(number)})
            except BaseException:
                os.abort()  # as torch does where an import of its own is interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
sys.meta_path.insert(0, Interrupt())
sys.argv = ["ella", "train", "--config", sys.argv[1]]
if {where!r} == "options":
    from ella_models.training.commands import _Commands
    _Commands.parse_args = lambda *args: os.kill(os.getpid(), {int(number)})
from ella_models.training.cli import main
main()
"""
    file = written(tmp_path / "train.yaml", configure(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert done.stderr == "Stopped; run the same command again to go on.\n"
    assert not (tmp_path / "run").exists()


def test_a_signal_that_comes_in_an_import_stops_the_run_before_its_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slowly_imported.py").write_text("import signal\nsignal.raise_signal(signal.SIGTERM)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with stop_requests() as stop:
        import_module("slowly_imported")
        with pytest.raises(Ended) as stopped:
            stop.begin_steps()
    assert stopped.value.number == signal.SIGTERM
