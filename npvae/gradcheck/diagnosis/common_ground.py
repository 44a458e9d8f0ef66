"""What the samples that fail have in common and the ones that pass have not, and what they say against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.ground import thresholds as t

__all__ = ["contradicted", "in_common"]

_REGIMES = {
    "kink": "exactly on a kink or on zero",
    "near": "just off a kink",
    "ties": "at ties and round numbers",
    "edge": "on the ends of the domain",
    "special": "at or beside special values and the values of parameters",
    "pos40": "at entries of +40",
    "neg40": "at entries of -40",
    "far800": "at entries of +-800",
    "tiny": "at tiny values",
    "x30": "at values thirty times larger",
}


def in_common(failing: Sequence[Case], passing: Sequence[Case]) -> tuple[str, str]:
    """A code and words for the plainest property that tells failing samples from passing ones; ("", "") if none."""
    if not failing or not passing:
        return "", ""
    # Few entries pass by chance: that is no evidence, except about the sizes themselves.
    telling = [case for case in passing if max((x.size for x in case.inputs), default=0) >= t.TELLING_ENTRIES]
    for code, words, holds in _properties(failing):
        others = passing if code == "shape-only" else telling
        if others and all(map(holds, failing)) and not any(map(holds, others)):
            return code, words
    return "", ""


def contradicted(codes: Sequence[str], failing: Sequence[Case], counts: Sequence[int]) -> bool:
    """Whether a diagnosis of one sample is ruled out by the other samples in which the same gradient is wrong.

    counts  how many entries were found wrong in each of those samples
    """
    rules = {
        "float32-only": any(case.dtype != "float32" for case in failing),
        "layout-only": any(case.layout == "C" for case in failing),
        "kink-only": any(case.regime == "generic" for case in failing),  # ordinary values are never on a kink
        "edge-only": any(case.regime == "generic" for case in failing),
        "one-entry": any(count > 1 for count in counts),
    }
    return any(rules.get(code, False) for code in codes)


_KINDS = {
    "at zeros, ties and round numbers": ("kink", "ties"),
    "at entries of +-40 and beyond": ("pos40", "neg40", "far800"),
}
"""Regimes that show the same mistake."""

Property = Callable[[Case], bool]


def _properties(failing: Sequence[Case]) -> Iterator[tuple[str, str, Property]]:
    first = failing[0]
    for symbol in first.sizes:
        yield "shape-only", f"only where {symbol} = 1", _sized(symbol, 1, 1)
        yield "shape-only", f"only where {symbol} > 1", _sized(symbol, 2)
    yield "float32-only", "only in float32", lambda case: case.dtype == "float32"
    yield "layout-only", f"only for {first.layout} arrays", lambda case: case.layout == first.layout != "C"
    yield "layout-only", "only for arrays that are not C-contiguous", lambda case: case.layout != "C"
    for key, value in first.params.items():
        yield "parameter-only", f"only for {key} = {value}", _with(key, value)
    for symbol in [s for s in first.sizes if all(s in case.sizes for case in failing)]:
        least = min(case.sizes[symbol] for case in failing)
        if least > 2:
            yield "shape-only", f"only where {symbol} is {least} or more", _sized(symbol, least)
    for symbol in first.sizes:
        yield "shape-only", f"only where {symbol} is even", _sized_as(symbol, lambda n: n % 2 == 0)
        yield "shape-only", f"only where {symbol} is odd and more than 1", _sized_as(symbol, lambda n: n % 2 == 1 < n)
    for a, b in itertools.combinations(first.sizes, 2):
        yield "shape-only", f"only where {a} and {b} differ", _pair_of_sizes(a, b, lambda m, n: m != n)
        yield "shape-only", f"only where {a} = {b}", _pair_of_sizes(a, b, lambda m, n: m == n > 1)
    if first.regime in _REGIMES:
        yield "regime-only", f"only {_REGIMES[first.regime]}", lambda case: case.regime == first.regime
    for words, regimes in _KINDS.items():
        if first.regime in regimes:
            yield "regime-only", f"only {words}", _of_regimes(regimes)


def _sized(symbol: str, least: int, most: float = float("inf")) -> Property:
    return lambda case: symbol in case.sizes and least <= case.sizes[symbol] <= most


def _with(key: str, value: object) -> Property:
    return lambda case: case.params[key] == value


def _of_regimes(regimes: Sequence[str]) -> Property:
    return lambda case: case.regime in regimes


def _sized_as(symbol: str, holds: Callable[[int], bool]) -> Property:
    return lambda case: symbol in case.sizes and holds(case.sizes[symbol])


def _pair_of_sizes(a: str, b: str, holds: Callable[[int, int], bool]) -> Property:
    return lambda case: a in case.sizes and b in case.sizes and holds(case.sizes[a], case.sizes[b])
