"""A model behind a server as users name it, `MODEL@URL`, and the key that the server may want."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from dpg_bench.errors import BadInputError

OPENAI_URL = "https://api.openai.com/v1"
KEY_HELP = (
    "environment variable that holds the server's key; for api.openai.com OPENAI_API_KEY, for other servers none if "
    "nothing is said"
)
"""Of the option by which a user names the variable."""

_OPENAI_KEY = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model's name at a server, and the address that the protocol's paths follow, such as `http://host:8000/v1`."""

    model: str
    url: str

    def __str__(self) -> str:
        """As users write it."""
        return f"{self.model}@{self.url}"

    @property
    def host(self) -> str:
        """The server's name or number."""
        return urlsplit(self.url).hostname or ""

    @property
    def local(self) -> bool:
        """Whether the server is on this machine, so that no proxy leads to it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_served_model(text: str, *, default_url: str | None = None) -> ServedModel:
    """`MODEL@URL` → model and address; `/v1` is added to an address without a path.

    `default_url` is the address of a model that is named without one; with None it must be named. Raises
    BadInputError if there is no model, or the address is none, or holds a user, a password, a query or a fragment,
    in which a key may stand and be written down.
    """
    found = re.fullmatch(r"(?P<model>.+?)@(?P<url>https?://.*)", text, re.IGNORECASE)
    if found is None and "://" not in text and text[1:].count("@") == 0 and text and default_url is not None:
        return ServedModel(text, default_url)
    if found is None:
        raise BadInputError(
            f"'{without_password(text)}' names no model of a server: write MODEL@URL, such as "
            "qwen2.5-vl@http://localhost:8000/v1."
        )
    try:
        parts = urlsplit(found["url"])
        port = parts.port
    except ValueError as error:
        raise BadInputError(f"'{without_password(found['url'])}' is no address of a server: {error}.") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadInputError(
            f"The address {parts.scheme}://{parts.hostname or ''}… holds a user, a password, a query or a fragment. "
            "Addresses are recorded, so none of these may be in one; a key comes from an environment variable."
        )
    if not parts.hostname or any(not character.isprintable() or character.isspace() for character in found["url"]):
        raise BadInputError(f"{found['url']!r:.200} is no address of a server.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    at = f"{parts.scheme.lower()}://{host}{'' if port is None else f':{port}'}"
    return ServedModel(found["model"], f"{at}{parts.path.rstrip('/') or '/v1'}")


def find_key(served: ServedModel, variable: str | None) -> SecretStr | None:
    """The key for the server: what the environment holds under `variable`; None if the server is asked without one.

    Without a `variable`, the key of OpenAI goes to OpenAI and nowhere else. Raises BadInputError if the variable is
    not set, has no name that one can have, or holds what can't be sent. No message holds the key.
    """
    if variable is None and served.host != urlsplit(OPENAI_URL).hostname:
        return None
    name = variable or _OPENAI_KEY
    if not _VARIABLE.fullmatch(name):
        raise BadInputError(
            "The key's place must be the name of an environment variable, such as MY_SERVER_KEY; the key itself "
            "belongs into the variable, where nothing writes it down."
        )
    value = os.environ.get(name, "").strip()
    if not value:
        raise BadInputError(f"{served.host} is asked with a key, but the environment variable {name} is not set.")
    if not _SENDABLE.fullmatch(value):
        raise BadInputError(f"The environment variable {name} holds no key: keys are printable ASCII without spaces.")
    return SecretStr(value)


def without_password(text: str) -> str:
    """`text` without what stands before the @ of an address."""
    return re.sub(r"(?<=://)[^/@]*@", "…@", text)
