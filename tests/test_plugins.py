"""key=value options, and the errors of unknown names."""

from __future__ import annotations

import pytest

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.plugins import OptionSpec, check_options, parse_bool, parse_options

KNOWN = (OptionSpec("length", "T5 input length"), OptionSpec("scheduler", "the sampler"))


def test_pairs_become_options() -> None:
    assert parse_options("ella-sd15", ["length=fixed", "scheduler=a=b"]) == {"length": "fixed", "scheduler": "a=b"}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["length"], "'length' is not an option of ella-sd15: write it as key=value"),
        (["=x"], "write it as key=value"),
        (["length=a", "length=b"], "given twice, as 'a' and as 'b'"),
    ],
)
def test_wrong_pairs_are_named(pairs: list[str], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        parse_options("ella-sd15", pairs)


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="Did you mean 'length'\\? Known: length, scheduler"):
        check_options("ella-sd15", {"lenght": "fixed"}, KNOWN)


def test_truth_is_spelt_out() -> None:
    assert parse_bool("m", {"fixed_negative": "true"}, "fixed_negative")
    assert not parse_bool("m", {}, "fixed_negative")
    with pytest.raises(BadInputError, match="'yes'; it must be true or false"):
        parse_bool("m", {"fixed_negative": "yes"}, "fixed_negative")


def test_a_name_far_from_all_gets_no_guess() -> None:
    assert str(unknown_name("model", "zzz", ["sd15"])) == "Unknown model 'zzz'. Known: sd15."
