"""Which percentages can be shares k/n, to the digits they are printed with. All arithmetic is exact, on integers.

Ties count as possible whichever way they are rounded. More than nine decimals are taken as nine: what follows in a
log is the noise of floating point.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import lru_cache

MAX_DECIMALS = 9


def decimals(printed: Decimal) -> int:
    """How many decimals of `printed` are compared: 2 for 84.20."""
    return min(MAX_DECIMALS, max(0, -int(printed.as_tuple().exponent)))


def matching_share(printed: Decimal, n: int) -> int | None:
    """The k of the percentage 100 k/n that prints as `printed`, the lowest if there are several; None without one."""
    digits = decimals(printed)
    target, unit = _scaled(printed, digits), 100 * 10**digits
    nearest = target * n // unit
    return next((k for k in range(max(0, nearest - 1), min(n, nearest + 2) + 1) if target in _prints(k, n, unit)), None)


def nearest_shares(printed: Decimal, n: int) -> tuple[int, ...]:
    """The k of the two percentages 100 k/n around `printed`, lower first; one where it is 0 or 100 or equal."""
    digits = decimals(printed)
    below, remainder = divmod(_scaled(printed, digits) * n, 100 * 10**digits)
    return (below,) if not remainder else (below, below + 1)


@lru_cache(maxsize=256)
def chance(n: int, digits: int) -> Fraction:
    """How many of all numbers from 0 to 100 with so many decimals are a share of `n`: how often a random one is."""
    unit = 100 * 10**digits
    # A grid as fine as the shares or finer has gaps, a coarser one is full or nearly so; both are simply counted.
    return Fraction(len({number for k in range(n + 1) for number in _prints(k, n, unit)}), unit + 1)


def simplest_share(printed: Decimal) -> Fraction:
    """The share with the smallest denominator that prints as `printed`.

    For a number with all its digits this is the share it was made from, in lowest terms: 78.83435582822086 is 257/326.
    """
    digits = decimals(printed)
    centre, half = Fraction(_scaled(printed, digits)), Fraction(1, 2)
    return _simplest(max(Fraction(0), centre - half) / (100 * 10**digits), (centre + half) / (100 * 10**digits))


def as_printed(k: int, n: int, digits: int) -> str:
    """The percentage 100 k/n with so many decimals."""
    unit = Decimal(1).scaleb(-digits)
    return str((Decimal(100 * k) / n).quantize(unit, ROUND_HALF_EVEN))


def _scaled(printed: Decimal, digits: int) -> int:
    return int(printed.scaleb(digits).to_integral_value(ROUND_HALF_EVEN))


def _prints(k: int, n: int, unit: int) -> tuple[int, ...]:
    """What k/n becomes when counted in 1/`unit` and rounded: two numbers if it lies halfway."""
    whole, rest = divmod(k * unit, n)
    if 2 * rest == n:
        return whole, whole + 1
    return (whole + (2 * rest > n),)


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator from `low` to `high`, by their common continued fraction."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    whole -= 1
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))
