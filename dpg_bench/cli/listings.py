"""`dpgbench models`, `judges` and `suites`: what can be named, with defaults, and where it comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dpg_bench.cli.console import show

_ANY = "any other text-to-image pipeline that diffusers can load, from the hub or a folder"

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dpg_bench.plugins import OptionHelp


def models() -> None:
    """The models that --model can name, with their options and defaults."""
    from dpg_bench.generate.models.diffusers import any_pipeline_spec
    from dpg_bench.generate.models.served.spec import served_spec
    from dpg_bench.generate.registry import model_specs

    any_other = replace(any_pipeline_spec("diffusers:OWNER/NAME"), name="diffusers:REPO_OR_FOLDER", summary=_ANY)
    served = replace(served_spec("openai:MODEL@http://URL"), name="openai:MODEL@URL")
    for spec in (*model_specs().values(), any_other, served):
        defaults = spec.defaults
        known = (("px", defaults.size), ("steps", defaults.steps), ("guidance", defaults.guidance))
        sampler = ", ".join(f"{name} {value:g}" for name, value in known if value is not None)
        _entry(
            spec.name,
            spec.summary,
            [
                f"defaults: {sampler}" if sampler else f"defaults: the {'server' if spec.remote else 'pipeline'}'s own",
                *(f"downloads: {download}" for download in spec.downloads),
                *spec.notes,
            ],
            "-M",
            spec.options.described(),
        )


def judges() -> None:
    """The judges that --judge can name, with their options."""
    from dpg_bench.judge.registry import judge_forms, judge_specs

    for spec in (*judge_specs().values(), *judge_forms()):
        size = f", about {spec.gigabytes:g} GB" if spec.gigabytes else ""
        _entry(
            spec.name,
            spec.summary,
            [f"{'asks' if spec.remote else 'weights'}: {spec.source}{size}", *spec.notes],
            "-J",
            spec.options.described(),
        )


def suites() -> None:
    """The suites that --suite can name."""
    from dpg_bench.suite.registry import suite_specs

    for spec in suite_specs().values():
        facts = {"source": spec.source, "licence": spec.licence, "size": spec.size}
        _entry(spec.name, spec.summary, [f"{name}: {fact}" for name, fact in facts.items() if fact], "", ())


def _entry(name: str, summary: str, facts: Iterable[str], flag: str, options: Sequence[OptionHelp]) -> None:
    show(f"{name}\n  {summary}")
    for fact in facts:
        show(f"  - {fact}")
    for option in options:
        default = f" (default: {option.default})" if option.default else ""
        show(f"  {flag} {option.key}={'|'.join(option.choices) or '…'}  {option.help}{default}")
    show("")
