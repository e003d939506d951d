"""What can go wrong with a server: one request, or the server itself."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from dpg_bench.errors import DpgBenchError, UnavailableError

_LONGEST = 300
_KEY = re.compile(r"\b(?:sk|key)[-_][\w*.-]{6,}|\bBearer\s+\S+")
_CONTENT = frozenset(
    {"content_policy_violation", "content_filter", "moderation_blocked", "ResponsibleAIPolicyViolation"}
)


class RequestError(DpgBenchError):
    """One request was refused, or failed as often as it was tried; others may do better.

    `status` is the HTTP status, None where no whole answer came; `code` is the server's own word for the reason.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def refused_content(self) -> bool:
        """Whether the server refused the content of the request, as its filter does."""
        return self.code in _CONTENT


class ServerUnavailableError(UnavailableError):
    """The server can't be reached, doesn't let us in, or has no such model: no request can do better."""


def said(text: str, key: SecretStr | None) -> str:
    """A server's text for a message or a record: short, on one line, and without anything like a key."""
    secret = key.get_secret_value() if key is not None else ""
    plain = text.replace(secret, "[key]") if secret else text
    plain = " ".join("".join(c if c.isprintable() else " " for c in _KEY.sub("[key]", plain)).split())
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def reason(content: Any) -> tuple[str, str | None]:
    """The message and the code of an error as servers of the protocol state it; the message is empty if there is none.

    OpenAI has `{"error": {"message", "code"}}`, vLLM had `{"message"}`, FastAPI has `{"detail"}`.
    """
    if not isinstance(content, dict):
        return "", None
    told = content.get("error", content)
    if not isinstance(told, dict):
        return str(told), None
    message = told.get("message") or told.get("detail") or ""
    code = told.get("code") or told.get("type")
    return str(message), code if isinstance(code, str) else None
