"""One array argument of an op: its shape by symbols, the domain of its entries, and what its gradient is like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npvae.spec.axes import MATRICES, SETS, are_numbers, is_axis, is_interval, parts_of_axis, symbol_of_end


@dataclass(frozen=True)
class Arg:
    """One array argument of a forward.

    shape           axes by symbol, size, multiple of a symbol or a symbol and more, separated by blanks: "N D", "3 L",
                    "I 3*H", "N+1", "" for a 0-d array. The same symbol has the same size in every argument of an op.
    domain          closed interval in which the function is defined. For an integer argument the upper end may be a
                    symbol, below which it stays: `Arg("N", dtype=int, domain=(0, "C"))` holds labels 0 <= label < C,
                    and (1, "T+1") holds lengths 1 <= length < T + 1. Or the name of a set:
                    "one-hot", "simplex", "sorted", "distinct" (along the last axis), "positive definite", "invertible"
                    (the last two axes), "probability" (between 0 and 1, without them), "counts" (whole numbers of at
                    least 0, held as floats).
    kinks           values of an entry at which the slope jumps (0 for relu). The backward must give a subgradient
                    there: any slope between the one-sided ones.
    differentiable  False for what has no gradient: data, noise, labels.
    linear          True if the forward is linear (or affine) in this argument, all others held: finite differences
                    then have no truncation error and a dot-product test applies.
    dtype           None to follow the dtype under test; `int` for labels and indices.
    specials        further values worth a visit: thresholds of a stable formula, joins of a piecewise one.
    offsets         True for integers that ascend from one end of the domain to the other, both among them: where the
                    rows of a sparse matrix begin, and the last one ends.

    Raises ValueError for a shape, a domain, kinks or specials that are not of these forms.

    Example:
        >>> from npvae.gradcheck import Arg
        >>> x = Arg("N D", kinks=(0.0,))  # as for relu
        >>> label = Arg("N", dtype=int, domain=(0, "C"), differentiable=False)
        >>> x.kinks, label.domain
        ((0.0,), (0, 'C'))
    """

    shape: str = ""
    domain: tuple[float, float | str] | str = (-math.inf, math.inf)
    kinks: Sequence[float] = ()
    differentiable: bool = True
    linear: bool = False
    dtype: type | None = None
    specials: Sequence[float] = ()
    offsets: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.shape, str):
            raise ValueError(f'Arg: shape is {self.shape!r}, expected axes in one string: Arg("N D")')
        for axis in self.axes:
            if not (axis.isdecimal() or is_axis(axis)):
                raise ValueError(
                    f"Arg: shape {self.shape!r} has the axis {axis!r}, expected symbols (N), sizes (3), multiples "
                    f"(3*N) or sums (N+1), separated by blanks"
                )
        if self.offsets and (self.dtype is not int or len(self.axes) != 1):
            raise ValueError(f"Arg: offsets are integers along one axis, not {self.dtype} of shape {self.shape!r}")
        if self.set and self.set not in SETS:
            raise ValueError(f"Arg: domain is {self.set!r}, expected (low, high) or one of {', '.join(SETS)}")
        if self.set in MATRICES and (len(self.axes) < 2 or self.axes[-1] != self.axes[-2]):
            raise ValueError(f'Arg: shape {self.shape!r} with domain={self.set!r}, expected square matrices: "N D D"')
        if self.set and not self.axes:
            raise ValueError(f'Arg: a 0-d array cannot be {self.set}; give it a shape: Arg("N D", domain={self.set!r})')
        if not self.set and not is_interval(self.domain):
            raise ValueError(
                f"Arg: domain is {self.domain!r}, expected (low, high) with low <= high; the high end of an integer "
                f'argument may be a symbol: (0, "C")'
            )
        for what, values in (("kinks", self.kinks), ("specials", self.specials)):
            if not are_numbers(values):
                raise ValueError(f"Arg: {what} is {values!r}, expected a list of numbers: {what}=[0.0]")

    @property
    def set(self) -> str:
        """The name of the set that the domain is, "" for an interval."""
        return self.domain if isinstance(self.domain, str) else ""

    @property
    def interval(self) -> tuple[float, float | str]:
        """The interval in which the entries lie."""
        if isinstance(self.domain, str):
            return (0.0, 1.0) if self.domain == "probability" else (-math.inf, math.inf)
        return self.domain

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes as a tuple: ("N", "D") for "N D", () for ""."""
        return tuple(self.shape.split())

    def sizes(self, bound: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with every symbol replaced by its size: {"N": 4, "D": 3} makes "N 2*D" into (4, 6)."""
        parts = (parts_of_axis(axis) for axis in self.axes)
        return tuple(factor * bound[symbol] + more if symbol else more for factor, symbol, more in parts)

    def ends(self, bound: Mapping[str, int]) -> tuple[float, float]:
        """The closed domain in numbers: with {"T": 9}, (1, "T+1") is (1, 9)."""
        low, high = self.interval
        if not isinstance(high, str):
            return float(low), float(high)
        symbol, more = symbol_of_end(high)
        return float(low), float(bound[symbol] + more - 1)
