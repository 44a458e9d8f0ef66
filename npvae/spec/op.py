"""An op: a forward/backward pair, its arguments by name, and the sizes and settings worth testing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from npvae.spec.arg import Arg
from npvae.spec.axes import is_interval, is_list, parts_of_axis, symbol_of_end


@dataclass(frozen=True)
class Op:
    """A forward/backward pair and what goes into it.

    forward, backward  the pair, in the convention of npvae.spec
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

    Example:
        >>> from npvae.gradcheck import Arg, Op, check_op
        >>> def square_forward(x):
        ...     return x**2, x
        >>> def square_backward(dy, x):
        ...     return 2 * x * dy
        >>> bool(check_op(Op(square_forward, square_backward, args={"x": Arg("N D")})))
        True
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
            if not is_list(values) or not len(values):
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
            if isinstance(high, str) and symbol_of_end(high)[0] not in self.symbols:
                raise ValueError(
                    f"op {self.name}: the domain of {key} ends at {high!r}, which is the size of no axis; "
                    f"the symbols are {', '.join(self.symbols) or 'none'}"
                )

    def _check_ranges(self) -> None:
        for symbol, ends in self.ranges.items():
            if symbol not in self.symbols or not is_interval(ends) or not 1 <= ends[0] <= ends[1]:
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
