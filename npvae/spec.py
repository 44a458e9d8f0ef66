"""What an op is, as plain data: a forward, a backward, and what may be put into them.

An `Op` says everything that a gradient check, a contract test, a kernel test or a reference page needs to
know about a forward/backward pair. It runs nothing and imports nothing but the standard library, so the
mathematics (`npvae.ops`) and the checker (`npvae.gradcheck`) can share it without knowing each other.

The convention of a pair, for an op called `f`:

    y, cache = f_forward(x, W, b, alpha=0.1)      args in order, params by keyword
    dx, dW, db = f_backward(dy, cache)            one gradient for each differentiable arg, in order; bare if there is
                                                  one; or a dict by name
    y = f_forward(x); dx = f_backward(dy)         the same for a pair that keeps its cache to itself
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from numbers import Real
from typing import Any

__all__ = ["Arg", "Law", "Op", "in_place"]


SETS = ("one-hot", "simplex", "sorted", "distinct", "positive definite", "invertible", "probability", "counts")
"""Domains that are no intervals, by name."""

MATRICES = ("positive definite", "invertible")


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
            if not (axis.isdecimal() or _is_axis(axis)):
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
        if not self.set and not _is_interval(self.domain):
            raise ValueError(
                f"Arg: domain is {self.domain!r}, expected (low, high) with low <= high; the high end of an integer "
                f'argument may be a symbol: (0, "C")'
            )
        for what, values in (("kinks", self.kinks), ("specials", self.specials)):
            if not _are_numbers(values):
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
        symbol, more = _end_symbol(high)
        return float(low), float(bound[symbol] + more - 1)


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


def _is_axis(axis: str) -> bool:
    """Whether an axis is a symbol, with a factor before it or a number after it or both."""
    rest, plus, more = axis.partition("+")
    factor, star, symbol = rest.rpartition("*")
    return symbol.isidentifier() and (factor.isdecimal() or not star) and (more.isdecimal() or not plus)


def _end_symbol(high: str) -> tuple[str, int]:
    """The symbol of an upper end, and what is added to it: ("T", 1) for "T+1", ("C", 0) for "C"."""
    symbol, _, more = high.partition("+")
    return symbol, int(more or 0)


def _is_interval(domain: Any) -> bool:
    try:
        low, high = domain
    except (TypeError, ValueError):
        return False
    if isinstance(high, str):
        symbol, plus, more = high.partition("+")
        return isinstance(low, Real) and symbol.isidentifier() and (more.isdecimal() if plus else True)
    return isinstance(low, Real) and isinstance(high, Real) and bool(low <= high)


def _are_numbers(values: Any) -> bool:
    try:
        return all(isinstance(value, Real) for value in values)
    except TypeError:
        return False


@dataclass(frozen=True)
class Op:
    """A forward/backward pair and what goes into it.

    forward, backward  the pair, in the convention of this module's first page
    args               the array arguments in order, by name
    params             keyword arguments that are not arrays, each with the values worth testing: {"alpha": [1.0, 0.3]}
    name               how reports call it; by default the forward's name without "_forward"
    seeded             True if the pair draws noise of its own: the checker then fixes the seed before each forward
    estimator          True if the backward is deliberately not the gradient of this forward (score function, DReG):
                       contracts are checked, numeric agreement is not
    pure               True if nothing may share memory: no gradient with dy, with an input or with another gradient.
                       The rule of npvae's own ops; other people's `return dy, dy` is legal unless it does harm.
                       A gradient then has the dtype of its argument, too.
    ranges             the least and the largest size of a symbol that not every size fits: {"P": (1, 3)} for a window
    detached           outputs that have no gradient, by place or by key; those of integers need not be named

    Raises ValueError for what is not of these forms, and for a domain that ends at a symbol of no argument.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    args: Mapping[str, Arg]
    params: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    name: str = ""
    seeded: bool = False
    estimator: bool = False
    pure: bool = False
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    detached: Sequence[Any] = ()

    def __post_init__(self) -> None:
        for what, function in (("forward", self.forward), ("backward", self.backward)):
            if not callable(function):
                raise ValueError(f"Op: {what} is a {type(function).__name__}, expected a function")
        if not self.name:
            name = getattr(self.forward, "__name__", type(self.forward).__name__)
            object.__setattr__(self, "name", name.removesuffix("_forward"))
        if not self.args:
            raise ValueError(f"op {self.name}: args is empty; name each array argument of the forward, in order")
        self._check_args()
        self._check_ranges()
        if not isinstance(self.params, Mapping):
            raise ValueError(f'op {self.name}: params is {self.params!r}, expected params={{"alpha": [1.0, 0.3]}}')
        for key, values in self.params.items():
            if not _is_list(values) or not len(values):
                raise ValueError(
                    f'op {self.name}: params["{key}"] is {values!r}, expected a list of the values worth testing: '
                    f'params={{"{key}": [...]}}'
                )

    def _check_args(self) -> None:
        if not isinstance(self.args, Mapping):
            raise ValueError(f'op {self.name}: args is {self.args!r}, expected args={{"x": Arg("N D")}}')
        for key, arg in self.args.items():
            if not isinstance(arg, Arg):
                meant = repr(arg) if isinstance(arg, str) else '"N D"'
                raise ValueError(
                    f'op {self.name}: args["{key}"] is {arg!r}, expected an Arg: args={{"{key}": Arg({meant})}}'
                )
        for key, arg in self.args.items():
            high = arg.interval[1]
            if isinstance(high, str) and _end_symbol(high)[0] not in self.symbols:
                raise ValueError(
                    f"op {self.name}: the domain of {key} ends at {high!r}, which is the size of no axis; "
                    f"the symbols are {', '.join(self.symbols) or 'none'}"
                )

    def _check_ranges(self) -> None:
        for symbol, ends in self.ranges.items():
            if symbol not in self.symbols or not _is_interval(ends) or not 1 <= ends[0] <= ends[1]:
                raise ValueError(
                    f"op {self.name}: ranges[{symbol!r}] is {ends!r}, expected the least and the largest size of one "
                    f"of the symbols {', '.join(self.symbols)}: ranges={{{self.symbols[0]!r}: (1, 3)}}"
                )

    def within_ranges(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Sizes of symbols, each the nearest that its range allows."""
        free = (1, math.inf)
        return {s: int(min(max(n, self.ranges.get(s, free)[0]), self.ranges.get(s, free)[1])) for s, n in sizes.items()}

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Names of the arguments that have a gradient, in the order in which the backward returns them."""
        return tuple(name for name, arg in self.args.items() if arg.differentiable)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of all argument shapes, in order of first appearance: ("N", "I", "O") for dense."""
        axes = (axis for arg in self.args.values() for axis in arg.axes)
        return tuple(dict.fromkeys(symbol for axis in axes if (symbol := parts_of_axis(axis)[1])))


@dataclass(frozen=True)
class Law:
    """Code that has a page of equations but no backward of its own: a recurrence, a schedule, a closed form, a wiring.

    run     the code: takes the args by name, gives {name on the page: value}. What it gives beyond the names that the
            page defines, the page may use: eigenvectors, say, of which the page says what they must fulfil.
    args    what goes in, by name. A float argument with `specials` is tried at those values, too.
    name    how reports call it
    module  the module whose docstring is the page; by default the one in which `run` stands
    page    an npvae.pages.Page, where the equations are not those of one docstring
    least   the smallest sizes for which it is defined: {"D": 2}

    Raises ValueError for a run that is no function, and for args that are not described by an Arg each.
    """

    run: Callable[..., Mapping[str, Any]]
    args: Mapping[str, Arg]
    name: str
    module: str = ""
    page: Any = None
    least: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.run):
            raise ValueError(f"Law: run is a {type(self.run).__name__}, expected a function")
        for key, arg in self.args.items():
            if not isinstance(arg, Arg):
                raise ValueError(f'law {self.name}: args["{key}"] is {arg!r}, expected an Arg')


def in_place(update: Callable[..., None], *changed: str) -> Callable[..., dict[str, Any]]:
    """The `run` of a law whose code writes into these arguments: it is called with copies, which are what it gives."""

    @wraps(update)
    def run(**given: Any) -> dict[str, Any]:
        given |= {name: given[name].copy() for name in changed}
        update(**given)
        return {name: given[name] for name in changed}

    return run


def _is_list(values: Any) -> bool:
    """Whether values come in an order and can be counted: a list, a tuple, an array; not a string or a dict."""
    ordered = hasattr(values, "__getitem__") and hasattr(values, "__len__")
    return ordered and not isinstance(values, (str, bytes, Mapping))
