"""The command `ella`: train a connector, precompute its data, caption images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from ella_models.errors import EllaError
from ella_models.training.console import say, show

Result = TypeVar("Result")
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="YAML file; `ella config` prints one to start from.")
]

app = typer.Typer(
    name="ella",
    help="Train ELLA connectors: caption images, precompute features, train.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("config")
def config_command() -> None:
    """Print the paper's training configuration as YAML, every name with its meaning."""
    from ella_models.training.config_file import preset_text

    show(preset_text().rstrip("\n"))


@app.command("train")
def train_command(
    config: ConfigOption,
    fresh: Annotated[
        bool, typer.Option(help="Delete what an earlier run wrote into the output, and start anew.")
    ] = False,
) -> None:
    """Train a connector, or go on with a run that was stopped.

    On several GPUs or nodes: `accelerate launch -m ella_models.training train --config FILE`.
    """
    from ella_models.training.config_file import read_config
    from ella_models.training.display import training_display

    settings = _stopping_at_errors(lambda: read_config(config))
    _quiet()
    from ella_models.training.loop import train

    with training_display(settings) as report:
        result = _stopping_at_errors(lambda: train(settings, report=report, fresh=fresh))
    if _main_process():
        show(result.connector)
        if result.skipped:
            say(f"{result.skipped} pairs were left out: see {settings.output / 'skipped.jsonl'}")
        if not result.finished:
            say(f"Stopped after step {result.steps} of {settings.steps}; run the same command again to go on.")
    if not result.finished:
        raise typer.Exit(130)


@app.command("precompute")
def precompute_command(config: ConfigOption) -> None:
    """Encode all images and captions once, so that an epoch of training costs the U-Net alone."""
    from ella_models.training.config_file import read_config
    from ella_models.training.display import counting_display

    settings = _stopping_at_errors(lambda: read_config(config))
    _quiet()
    from ella_models.training.precomputing import precompute

    with counting_display("pairs") as report:
        made = _stopping_at_errors(lambda: precompute(settings, report=report))
    if _main_process():
        show(made.folder)
        say(f"{made.pairs} pairs in {made.shards} shards; {made.skipped} left out{_see(made.folder, made.skipped)}")


def main() -> None:
    """Run the command line."""
    app()


def _see(folder: Path, skipped: int) -> str:
    return f": see {folder / 'skipped.jsonl'}" if skipped else ""


def _stopping_at_errors(job: Callable[[], Result]) -> Result:
    try:
        return job()
    except EllaError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        say("Stopped.")
        raise typer.Exit(130) from None


def _fail(message: str) -> NoReturn:
    say(f"error: {message}")
    raise typer.Exit(2)


def _main_process() -> bool:
    import os

    return int(os.environ.get("RANK", "0")) == 0


def _quiet() -> None:
    """Keep the libraries' own progress bars and advice off the display."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
