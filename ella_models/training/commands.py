"""The command `ella`: train a connector, precompute its data, caption images."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from ella_models.errors import EllaError
from ella_models.training.console import say, show
from ella_models.training.stopping import CONTINUES, put_in_order

if TYPE_CHECKING:
    from ella_models.training.captioning import Captioned, Captioner
    from ella_models.training.config import DataSection

Result = TypeVar("Result")
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="YAML file; `ella config` prints one to start from.")
]


class _Commands(TyperGroup):
    """The group of all commands; an interruption outside of the work itself is one message too."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            _stopped(stop)


app = typer.Typer(
    name="ella",
    cls=_Commands,
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

    with put_in_order(), training_display(settings) as report:
        result = _stopping_at_errors(lambda: train(settings, report=report, fresh=fresh))
    if _main_process():
        show(result.connector)
        if result.skipped:
            say(f"{result.skipped} pairs were left out: see {settings.output / 'skipped.jsonl'}")
        if not result.finished:
            say(f"Stopped after step {result.steps} of {settings.steps}; run the same command again to go on.")
    if not result.finished:
        raise typer.Exit(_ended_by(result.stopped_by))


@app.command("precompute")
def precompute_command(config: ConfigOption) -> None:
    """Encode all images and captions once, so that an epoch of training costs the U-Net alone."""
    from ella_models.training.config_file import read_config
    from ella_models.training.display import counting_display

    settings = _stopping_at_errors(lambda: read_config(config))
    _quiet()
    from ella_models.training.precomputing import precompute

    with put_in_order(), counting_display("pairs") as report:
        made = _stopping_at_errors(lambda: precompute(settings, report=report))
    if _main_process():
        show(made.folder)
        shards = f"{made.shards} shard{'s' if made.shards != 1 else ''}"
        say(f"{made.pairs} pairs in {shards}; {made.skipped} left out{_see(made.folder, made.skipped)}")


@app.command("caption")
def caption_command(
    out: Annotated[Path, typer.Option(help="JSONL file to write, or go on with.")],
    model: Annotated[str, typer.Option(help="Vision-language model: repository or folder, or its name on the server.")],
    folder: Annotated[Path | None, typer.Option(help="Folder of images.")] = None,
    shards: Annotated[list[str] | None, typer.Option(help="WebDataset shards of images (repeatable).")] = None,
    dataset: Annotated[str | None, typer.Option(help="`datasets` dataset with a column of images.")] = None,
    image_column: Annotated[str, typer.Option(help="The dataset's column of images.")] = "image",
    server: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server; without: here.")] = None,
    prompt: Annotated[str | None, typer.Option(help="What the model is asked; default: 50 dense words.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest caption, in the model's tokens.")] = 160,
    max_side: Annotated[int, typer.Option(min=16, help="Larger images are shrunk to this longer side.")] = 1024,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 8,
) -> None:
    """Caption images densely through a vision-language model. Run again, it goes on; failures are tried again."""
    from ella_models.training.display import counting_display

    _quiet()
    from ella_models.training.captioning import caption, failures

    def work(report: Callable[[int], None]) -> Captioned:
        captioner = _captioner(model, server, prompt, max_tokens)
        data = _images(folder=folder, shards=tuple(shards or ()), dataset=dataset, image_column=image_column)
        return caption(data, captioner, out, batch_size=batch_size, max_side=max_side, report=report)

    with put_in_order(), counting_display("images") as report:
        done = _stopping_at_errors(lambda: work(report))
    show(out)
    say(f"{done.captions} captions, {done.new} of them new; {done.failed} images failed")
    for image, reason in islice(failures(out), 5):
        say(f"  {image}: {reason}")
    if done.failed:
        raise typer.Exit(3)


def _captioner(model: str, server: str | None, prompt: str | None, max_tokens: int) -> Captioner:
    from ella_models.training.captioning import PROMPT

    asked = prompt or PROMPT
    if server is not None:
        from ella_models.training.caption_server import ServerCaptioner

        return ServerCaptioner(server, model, prompt=asked, max_tokens=max_tokens)
    from ella_models.training.caption_models import LocalCaptioner

    return LocalCaptioner(model, prompt=asked, max_tokens=max_tokens)


def _images(**named: object) -> DataSection:
    from pydantic import ValidationError

    from ella_models.training.config import DataSection

    try:
        return DataSection.model_validate(named)
    except ValidationError as error:
        raise EllaError("Give one of --folder, --shards and --dataset.") from error


def run() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "ella_models"):
            raise
        say(f"error: this needs the package {error.name}, which is not installed: pip install 'dpg-bench[full]'.")
        sys.exit(1)


def _see(folder: Path, skipped: int) -> str:
    return f": see {folder / 'skipped.jsonl'}" if skipped else ""


def _stopping_at_errors(job: Callable[[], Result]) -> Result:
    try:
        return job()
    except EllaError as error:
        _fail(str(error))
    except OSError as error:
        say(f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}.")
        raise typer.Exit(1) from None
    except KeyboardInterrupt as stop:
        _stopped(stop)


def _stopped(stop: KeyboardInterrupt) -> NoReturn:
    say(CONTINUES)
    raise typer.Exit(_ended_by(getattr(stop, "number", None)))


def _ended_by(number: int | None) -> int:
    """The exit code, as shells count: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (number or signal.SIGINT)


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

    of_both: tuple[Any, ...] = (diffusers_logging, transformers_logging)
    for logging in of_both:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
