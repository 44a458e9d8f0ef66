"""What an op is, as plain data: a forward, a backward, and what may be put into them.

An `Op` says everything that a gradient check, a contract test, a kernel test or a reference page needs to
know about a forward/backward pair. It runs nothing and imports nothing but the standard library, so the
mathematics (`npvae.ops`) and the checker (`npvae.gradcheck`) can share it without knowing each other.

The convention of a pair, for an op called `f`:

    y, cache = f_forward(x, W, b, alpha=0.1)      args in order, params by keyword
    dx, dW, db = f_backward(dy, cache)            one gradient a differentiable arg, in order; bare if there is one
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Arg", "Op"]


@dataclass(frozen=True)
class Arg:
    """One array argument of a forward.

    shape           axes by symbol or size, separated by blanks: "N D", "3 L", "" for a 0-d array. The same symbol
                    has the same size in every argument of an op.
    domain          closed interval in which the function is defined. For an integer argument the upper end may be a
                    symbol: `Arg("N", dtype=int, domain=(0, "C"))` holds labels 0 <= label < C.
    kinks           values of an entry at which the slope jumps (0 for relu). The backward must give a subgradient
                    there: any slope between the one-sided ones.
    differentiable  False for what has no gradient: data, noise, labels.
    linear          True if the forward is linear (or affine) in this argument, all others held: finite differences
                    then have no truncation error and a dot-product test applies.
    dtype           None to follow the dtype under test; `int` for labels and indices.
    specials        further values worth a visit: thresholds of a stable formula, joins of a piecewise one.
    """

    shape: str = ""
    domain: tuple[float, float | str] = (-math.inf, math.inf)
    kinks: Sequence[float] = ()
    differentiable: bool = True
    linear: bool = False
    dtype: type | None = None
    specials: Sequence[float] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes as a tuple: ("N", "D") for "N D", () for ""."""
        return tuple(self.shape.split())

    def sizes(self, bound: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with every symbol replaced by its size: {"N": 4, "D": 3} makes "N D" into (4, 3)."""
        return tuple(int(axis) if axis.isdigit() else bound[axis] for axis in self.axes)


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
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    args: Mapping[str, Arg]
    params: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    name: str = ""
    seeded: bool = False
    estimator: bool = False
    pure: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            name = getattr(self.forward, "__name__", type(self.forward).__name__)
            object.__setattr__(self, "name", name.removesuffix("_forward"))
        if not self.args:
            raise ValueError(f"op {self.name}: args is empty; name each array argument of the forward, in order")

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Names of the arguments that have a gradient, in the order in which the backward returns them."""
        return tuple(name for name, arg in self.args.items() if arg.differentiable)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of all argument shapes, in order of first appearance: ("N", "I", "O") for dense."""
        axes = (axis for arg in self.args.values() for axis in arg.axes)
        return tuple(dict.fromkeys(axis for axis in axes if not axis.isdigit()))
