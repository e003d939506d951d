"""The names that a shell completes."""

from __future__ import annotations


def complete_models(incomplete: str) -> list[str]:
    """Models that `--model` can name."""
    from dpg_bench.generate.registry import model_specs

    return [name for name in (*model_specs(), "diffusers:", "openai:") if name.startswith(incomplete)]


def complete_judges(incomplete: str) -> list[str]:
    """Judges that `--judge` can name."""
    from dpg_bench.judge.registry import PREFIXES, judge_specs

    return [name for name in (*judge_specs(), *PREFIXES) if name.startswith(incomplete)]


def complete_suites(incomplete: str) -> list[str]:
    """Suites that `--suite` can name; a file's name the shell knows itself."""
    from dpg_bench.suite.registry import suite_specs

    # A form, such as FILE, is no name; it is told from one by what it matches.
    return [spec.name for spec in suite_specs().values() if spec.matches is None and spec.name.startswith(incomplete)]
