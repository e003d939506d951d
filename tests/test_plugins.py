"""key=value options, read once into a typed model that help and messages come from; the errors of unknown names."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.plugins import NoOptions, OptionHelp, Options, split_pairs


class Painter(Options):
    length: Literal["fixed", "flexible"] = Field(default="fixed", description="how prompts are read")
    scale: float | None = Field(default=None, description="how strongly")
    steps: int = 3
    fixed_negative: bool = False
    sigmas: list[float] = Field(default=[])
    style: tuple[str, ...] = ()


def read(*pairs: str) -> Painter:
    return Painter.read("painter", split_pairs("painter", pairs))


def test_pairs_become_typed_options() -> None:
    read_options = read("length=flexible", "scale=2", "steps=4", "fixed_negative=true", "sigmas=1,0.5", "style=a=b")
    assert read_options == Painter(
        length="flexible", scale=2.0, steps=4, fixed_negative=True, sigmas=[1.0, 0.5], style=("a=b",)
    )
    assert read("style=a", "style=b,c").style == ("a", "b,c")
    assert Painter.read("painter", {"scale": 2.0, "style": ["a"]}) == Painter(scale=2.0, style=("a",))
    assert read() == Painter()


def test_what_was_given_is_recorded_and_nothing_else() -> None:
    assert read("scale=2", "fixed_negative=false").recorded() == {"fixed_negative": False, "scale": 2.0}
    assert read().recorded() == {}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["length"], "'length' is not an option of painter: write it as key=value"),
        (["=x"], "write it as key=value"),
        (["length=fixed", "length=flexible"], "given twice, as 'fixed' and as 'flexible'"),
        (["length=flex"], "Option 'length' of painter is 'flex'; it must be fixed or flexible"),
        (["fixed_negative=yes"], "'yes'; it must be true or false"),
        (["fixed_negative=1"], "'1'; it must be true or false"),
        (["steps=2.5"], "'2.5'; it must be a whole number"),
        (["scale=much"], "'much'; it must be a number"),
        (["sigmas=a,b"], "'a,b'; it must be a list of floats"),
        (["lenght=fixed"], "Unknown option of painter 'lenght'. Did you mean 'length'"),
    ],
)
def test_wrong_pairs_are_named(pairs: list[str], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(*pairs)


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="Known: fixed_negative, length, scale, sigmas, steps, style"):
        read("colour=red")
    with pytest.raises(BadInputError, match=r"Unknown option of m 'a'\. There are none"):
        NoOptions.read("m", {"a": "b"})


def test_a_wrong_type_from_python_is_named_too() -> None:
    with pytest.raises(BadInputError, match=r"Option 'steps' of painter is '2\.5'"):
        Painter.read("painter", {"steps": 2.5})


def test_help_choices_and_default_come_from_the_fields() -> None:
    described = {option.key: option for option in Painter.described()}
    assert described["length"] == OptionHelp("length", "how prompts are read", ("fixed", "flexible"), "fixed")
    assert described["scale"] == OptionHelp("scale", "how strongly", (), "")
    assert described["fixed_negative"].choices == ("true", "false")
    assert described["fixed_negative"].default == "false"


def test_a_name_far_from_all_gets_no_guess() -> None:
    assert str(unknown_name("model", "zzz", ["sd15"])) == "Unknown model 'zzz'. Known: sd15."
