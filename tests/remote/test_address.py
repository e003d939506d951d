"""A served model as users name it; its address is recorded, so no key may be in it."""

from __future__ import annotations

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.remote.address import OPENAI_URL, find_key, parse_served_model


@pytest.mark.parametrize(
    ("text", "model", "url"),
    [
        ("toy@http://localhost:8000/v1", "toy", "http://localhost:8000/v1"),
        ("toy@http://localhost:8000", "toy", "http://localhost:8000/v1"),
        ("toy@HTTPS://Host.Example/api/v1/", "toy", "https://host.example/api/v1"),
        ("Qwen/Qwen2.5-VL-7B-Instruct@http://[::1]:8000", "Qwen/Qwen2.5-VL-7B-Instruct", "http://[::1]:8000/v1"),
        ("@cf/meta/llama@https://host/v1", "@cf/meta/llama", "https://host/v1"),
        ("gpt-4o", "gpt-4o", OPENAI_URL),
    ],
)
def test_model_and_address_are_told_apart(text: str, model: str, url: str) -> None:
    found = parse_served_model(text, default_url=OPENAI_URL)
    assert (found.model, found.url) == (model, url)
    assert parse_served_model(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@http://host",
        "toy@localhost:8000",
        "toy@ftp://host",
        "toy@http://",
        "toy@http://host:port",
        "toy@http://a b",
    ],
)
def test_what_names_no_served_model_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_served_model(text, default_url=OPENAI_URL)


@pytest.mark.parametrize(
    "text", ["toy@https://me:secret@host/v1", "toy@https://host/v1?key=secret", "toy@http://host/#secret"]
)
def test_an_address_holds_no_key_and_no_message_either(text: str) -> None:
    with pytest.raises(BadInputError) as error:
        parse_served_model(text)
    assert "secret" not in str(error.value)


def test_the_key_of_openai_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OTHER_KEY", " other \n")
    openai, other = parse_served_model("gpt-4o", default_url=OPENAI_URL), parse_served_model("toy@http://host")
    found = find_key(openai, None)
    assert found is not None
    assert found.get_secret_value() == "sk-openai"
    assert find_key(other, None) is None
    own = find_key(other, "OTHER_KEY")
    assert own is not None
    assert own.get_secret_value() == "other"


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel"])
def test_what_can_be_no_key_is_refused_without_being_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", value)
    served = parse_served_model("toy@http://host")
    with pytest.raises(BadInputError, match="OTHER_KEY holds no key") as error:
        find_key(served, "OTHER_KEY")
    assert value not in str(error.value)
    monkeypatch.delenv("OTHER_KEY")
    with pytest.raises(BadInputError, match="OTHER_KEY is not set"):
        find_key(served, "OTHER_KEY")
    with pytest.raises(BadInputError, match="must be the name of an environment variable") as error:
        find_key(served, "sk-secret-key")
    assert "sk-secret" not in str(error.value)
