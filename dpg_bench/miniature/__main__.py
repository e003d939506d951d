"""`python -m dpg_bench.miniature`: make the suite and the models, look at the world, and measure a judge against it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.errors import DpgBenchError, unknown_name

app = typer.Typer(
    help="The miniature world: its suite, its pictures, and the models that are trained on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def suite(out: Annotated[Path, typer.Option(help="The CSV file to write.")]) -> None:
    """Write the suite `miniature`."""
    from dpg_bench.files.durable import write_atomic
    from dpg_bench.miniature.suite import suite_csv

    write_atomic(out, suite_csv())


@app.command()
def sheet(
    out: Annotated[Path, typer.Option(help="The picture to write, .png.")],
    scenes: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 48,
    seed: Annotated[str, typer.Option(help="Another seed, other scenes.")] = "sheet",
) -> None:
    """Draw scenes side by side, to look at."""
    from dpg_bench.miniature.drawing.picture import draw
    from dpg_bench.miniature.sampling import draw_scene
    from dpg_bench.miniature.sheet import contact_sheet

    names = [f"{seed} {number}" for number in range(scenes)]
    contact_sheet([draw(draw_scene(name, held_out=False), name) for name in names], columns=12).save(out, format="png")


@app.command()
def grid(
    runs: Annotated[list[Path], typer.Argument(help="Run folders with images of the suite.")],
    out: Annotated[Path, typer.Option(help="The picture to write, .png.")],
    items: Annotated[str, typer.Option(help="Ids, separated by commas.")] = "mini001,mini002,mini003",
) -> None:
    """Put drawn scenes of the suite and what runs made of their prompts side by side."""
    from dpg_bench.miniature.sheet import side_by_side
    from dpg_bench.miniature.suite import suite_items

    known = {item.item_id: item for item in suite_items()}
    asked = items.split(",")
    for name in asked:
        if name not in known:
            raise unknown_name("item", name, known)
    side_by_side(runs, [known[name] for name in asked]).save(out, format="png")


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of all stages; a stage that was stopped goes on from there.")],
    stage: Annotated[list[str] | None, typer.Option(help="Make this stage alone (may be given again).")] = None,
    device: Annotated[str, typer.Option(help="As torch names it: cpu, cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(min=0, help="Processes that draw pictures beside the training.")] = 0,
) -> None:
    """Train the miniature's models, stage by stage."""
    from dpg_bench.device import resolve_device
    from dpg_bench.miniature.train.stages import Effort, make_stages

    effort = Effort(device=resolve_device(device), workers=workers)
    stopped = make_stages(out, tuple(stage or ()), effort=effort)
    if stopped is not None:
        typer.echo(f"Stopped in stage '{stopped}'; the same command goes on from there.", err=True)
        raise typer.Exit(3)


@app.command()
def ship(
    stages: Annotated[Path, typer.Option(help="The folder of all stages, each done.")],
    hardware: Annotated[str, typer.Option(help="What the cards say of the machine that trained them.")],
    out: Annotated[Path, typer.Option(help="Folder of the weights that ship.")] = Path("weights"),
) -> None:
    """Copy the finished models out of the stages' folders, each with a card."""
    from dpg_bench.miniature.shipping import ship as copy

    copy(stages, out, hardware=hardware)


@app.command()
def seen(
    first: Annotated[Path, typer.Argument(help="A judged run.")],
    second: Annotated[Path, typer.Argument(help="The other.")],
) -> None:
    """Say in two sentences which of two judged runs follows dense prompts better."""
    from dpg_bench.miniature.seen import what_was_seen

    typer.echo(what_was_seen(first, second))


@app.command()
def accuracy(
    judge: Annotated[Path, typer.Option(help="The folder of a judge's checkpoint.")],
    scenes: Annotated[int, typer.Option(min=1, help="How many held-out scenes to ask about.")] = 500,
    seed: Annotated[str, typer.Option(help="Another seed, other scenes.")] = "test",
) -> None:
    """Ask a judge about scenes it never saw: right answers by category, where yes is right and where no is."""
    from dpg_bench.judge.mplug.checkpoint import Checkpoint
    from dpg_bench.judge.mplug.judge import MplugJudge
    from dpg_bench.miniature.accuracy import accuracy_lines, judge_accuracy

    asked = MplugJudge(Checkpoint(judge, "folder", None, {}), device="cpu", dtype="float32")
    for line in accuracy_lines(judge_accuracy(asked, scenes=scenes, seed=seed)):
        typer.echo(line)


def main() -> None:
    """Run a command; an error is said in one line, and its exit code is the command's."""
    try:
        app()
    except DpgBenchError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from None
    except OSError as error:  # a folder that can't be written to, a full disk
        typer.echo(f"{error.filename or 'Failed'}: {error.strerror or error}.", err=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt as ended:  # before a training's first step, when there is nothing to save
        raise SystemExit(128 + getattr(ended, "number", signal.SIGINT)) from None


if __name__ == "__main__":
    main()
