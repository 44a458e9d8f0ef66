"""The language in which an Arg says its shape and its domain: axes such as "3*H" and "N+1", intervals, sets by name."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

SETS = ("one-hot", "simplex", "sorted", "distinct", "positive definite", "invertible", "probability", "counts")
"""Domains that are no intervals, by name."""

MATRICES = ("positive definite", "invertible")


def parts_of_axis(axis: str) -> tuple[int, str, int]:
    """An axis as a factor, a symbol and what is added: "3*H" is (3, "H", 0), "N+1" (1, "N", 1), and "3" (0, "", 3)."""
    if axis.isdecimal():
        return 0, "", int(axis)
    rest, _, more = axis.partition("+")
    factor, _, symbol = rest.rpartition("*")
    return int(factor or 1), symbol, int(more or 0)


def as_offsets(drawn: Any, first: int, last: int) -> Any:
    """Whole numbers, put in order in place, with these ends: what an Arg with `offsets` holds."""
    drawn.sort()
    drawn[:1], drawn[-1:] = first, last
    return drawn


def is_axis(axis: str) -> bool:
    """Whether an axis is a symbol, with a factor before it or a number after it or both."""
    rest, plus, more = axis.partition("+")
    factor, star, symbol = rest.rpartition("*")
    return symbol.isidentifier() and (factor.isdecimal() or not star) and (more.isdecimal() or not plus)


def symbol_of_end(high: str) -> tuple[str, int]:
    """The symbol of an upper end, and what is added to it: ("T", 1) for "T+1", ("C", 0) for "C"."""
    symbol, _, more = high.partition("+")
    return symbol, int(more or 0)


def is_interval(domain: Any) -> bool:
    """Whether a domain is (low, high) with low <= high, or with a symbol, T or T+1, as its upper end."""
    try:
        low, high = domain
    except (TypeError, ValueError):
        return False
    if isinstance(high, str):
        symbol, plus, more = high.partition("+")
        return isinstance(low, Real) and symbol.isidentifier() and (more.isdecimal() if plus else True)
    return isinstance(low, Real) and isinstance(high, Real) and bool(low <= high)


def are_numbers(values: Any) -> bool:
    """Whether values are a list of real numbers."""
    try:
        return all(isinstance(value, Real) for value in values)
    except TypeError:
        return False


def is_list(values: Any) -> bool:
    """Whether values come in an order and can be counted: a list, a tuple, an array; not a string or a dict."""
    ordered = hasattr(values, "__getitem__") and hasattr(values, "__len__")
    return ordered and not isinstance(values, (str, bytes, Mapping))
