"""What requests came to, in tokens and money, as a server counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests that were answered, the tokens in and out, and their cost where the server states it (OpenRouter)."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """What one answer states under `usage`; what isn't a number that can be is nothing."""
        stated = answer.get("usage")
        told = stated if isinstance(stated, dict) else {}
        return cls(
            1, _count(told.get("prompt_tokens")), _count(told.get("completion_tokens")), _money(told.get("cost"))
        )

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def record(self) -> dict[str, int | float]:
        """As records keep it; no cost where none was stated."""
        return {name: value for name, value in asdict(self).items() if name != "cost" or value}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _money(value: object) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if isinstance(value, (int, float)) and number else 0.0
