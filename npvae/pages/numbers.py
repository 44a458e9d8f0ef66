"""Where the functions of the language come from: float64, or mpmath with as many digits as it is set to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


class Numbers:
    """One kind of number, by module: `math` for float64, `mpmath.mp` for more digits.

    Whole numbers stay Python's: they count and are indices. `/`, `**` and the functions make numbers of them, so that
    1 / 3 has all digits that there are.
    """

    def __init__(self, module: Any = math) -> None:
        self.exact = module is not math
        self.of: Callable[[Any], Any] = module.mpf if self.exact else float
        self.pi = +module.pi if self.exact else math.pi
        simple = {name: getattr(module, name) for name in ("exp", "tanh")}
        simple["lgamma"] = module.loggamma if self.exact else math.lgamma
        simple["digamma"] = module.digamma if self.exact else _digamma
        simple["log"], simple["sqrt"] = (self._real(name, getattr(module, name)) for name in ("log", "sqrt"))
        self.functions: dict[str, Callable[..., Any]] = {name: self._of_one(f) for name, f in simple.items()}
        self.functions |= {"abs": abs, "max": max, "min": min, "int": _whole}

    def _of_one(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: function(self.of(x))

    def _real(self, name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def real(x: Any) -> Any:
            if x < 0 or (x == 0 and name == "log"):
                raise ValueError(f"{name} of {float(x):g}")
            return function(x)

        return real

    def literal(self, text: str) -> Any:
        """The number that is written: whole ones as int."""
        return int(text) if text.isdigit() else self.of(text)

    def divide(self, a: Any, b: Any) -> Any:
        """A / b, never in whole numbers."""
        return self.of(a) / self.of(b)

    def power(self, a: Any, b: Any) -> Any:
        """A ** b for b a whole number or a >= 0."""
        if self.of(a) < 0 and b != int(b):
            raise ValueError(f"{float(a):g} ** {float(b):g}")
        return self.of(a) ** (b if isinstance(b, int) else self.of(b))

    def given(self, value: Any) -> np.ndarray:
        """An argument as an array: whole numbers stay such, others become numbers of this kind."""
        array = np.asarray(value)
        if array.dtype.kind in "biu":
            out = np.empty(array.shape, dtype=object)
            for index in np.ndindex(array.shape):
                out[index] = int(array[index])
            return out
        out = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            out[index] = self.of(array[index] if isinstance(array[index], self._own()) else float(array[index]))
        return out

    def _own(self) -> tuple[type, ...]:
        return (type(self.of(0)),)


def _whole(x: Any) -> int:
    """A count that came as a float, as a whole number: the end of a range, or an index."""
    if x != int(x):
        raise ValueError(f"int of {float(x):g}, which is no whole number")
    return int(x)


def _digamma(x: float) -> float:
    """The slope of lgamma for x > 0: moved up to x >= 10 by 1 / x, then the asymptotic series (Abramowitz 6.3.18)."""
    if not x > 0:
        raise ValueError(f"digamma of {x:g}, expected a number above 0")
    moved = 0.0
    while x < 10:
        moved, x = moved - 1 / x, x + 1
    square = 1 / (x * x)
    series = square * (
        1 / 12
        - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square * (1 / 132 - square * 691 / 32760))))
    )
    return moved + math.log(x) - 0.5 / x - series
