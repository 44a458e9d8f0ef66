"""Call somebody's forward/backward pair, and say in plain words when what comes back has the wrong form."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.spec import Op

__all__ = ["Broken", "ForwardResult", "Pair", "Refused", "undisturbed"]


class Broken(Exception):
    """The pair broke its contract so badly that nothing further can be checked. `code` is stable."""

    def __init__(self, code: str, message: str, arg: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.arg = arg


class Refused(Exception):
    """The pair does not take arrays of this dtype or layout (numba with explicit signatures, for one)."""


@dataclass(frozen=True)
class ForwardResult:
    """What one forward gave: the outputs as arrays, the cache, and the form in which the outputs came."""

    outputs: tuple[np.ndarray, ...]
    cache: Any
    y: Any

    def in_form_of_y(self, arrays: Sequence[np.ndarray]) -> Any:
        """Cotangents in the form of y: an array, a scalar, or a tuple or list of them."""
        if isinstance(self.y, (tuple, list)):
            return type(self.y)([_like(a, y) for a, y in zip(arrays, self.y, strict=True)])
        return _like(arrays[0], self.y)


@dataclass
class Pair:
    """A forward/backward pair and its parameters, called with every failure put into words.

    seed is given to a pair that draws noise of its own before each forward: as the keyword `rng` (a fresh
    numpy.random.Generator) or `seed` if the forward takes one, else to NumPy's global state.
    """

    op: Op
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self._noise_keyword = None
        if self.op.seeded:
            with contextlib.suppress(TypeError, ValueError):
                known = inspect.signature(self.op.forward).parameters
                self._noise_keyword = next((k for k in ("rng", "seed") if k in known), None)

    def forward(self, inputs: Sequence[Any]) -> ForwardResult:
        """Run the forward. Raises Broken or Refused."""
        params = dict(self.params)
        if self.op.seeded:
            if self._noise_keyword == "rng":
                params["rng"] = np.random.default_rng(self.seed)
            elif self._noise_keyword == "seed":
                params["seed"] = self.seed
            else:
                np.random.seed(self.seed % t.SEEDS)  # noqa: NPY002 - the global state is what such a pair draws from
        try:
            with np.errstate(all="ignore"):
                result = self.op.forward(*inputs, **params)
        except Exception as error:
            raise _in_words("forward", error, _WHERE_SIZES_DEPEND if self.op.symbols else "") from error
        if not isinstance(result, tuple) or len(result) != 2:
            got = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
            raise Broken(
                "forward-output",
                f"the forward returned {got}; it must return (y, cache), two things in a tuple "
                "(for a function and its gradient there is check_function)",
            )
        y, cache = result
        several = isinstance(y, (tuple, list))
        return ForwardResult(tuple(_real(v) for v in (y if several else (y,))), cache, y)

    def backward(self, dy: Any, cache: Any) -> tuple[np.ndarray | None, ...]:
        """Run the backward: one gradient a differentiable argument, in order. Raises Broken or Refused."""
        try:
            with np.errstate(all="ignore"):
                result = self.op.backward(dy, cache)
        except Exception as error:
            raise _in_words("backward", error) from error
        wanted = self.op.differentiable
        if isinstance(result, (tuple, list)):
            grads = list(result)
        elif result is None or isinstance(result, (np.ndarray, np.generic, float, int)):
            grads = [result]
        else:
            raise Broken(
                "gradient-type",
                f"the backward returned {type(result).__name__}; it must return an array, or a tuple of arrays "
                f"for ({', '.join(wanted)})",
            )
        if len(grads) == len(self.op.args) != len(wanted):  # the other convention: None for those without
            grads = [g for g, arg in zip(grads, self.op.args.values(), strict=True) if arg.differentiable]
        if len(grads) != len(wanted):
            raise Broken(
                "gradient-count",
                f"the backward returned {len(grads)} gradient{'s' * (len(grads) != 1)}, expected {len(wanted)}: "
                f"one for each of ({', '.join(wanted)}), in that order",
            )
        return tuple(_gradient(g, name) for g, name in zip(grads, wanted, strict=True))


def _gradient(found: Any, name: str) -> np.ndarray | None:
    if found is None:
        return None
    if not isinstance(found, (np.ndarray, np.generic, float, int)):
        raise Broken(
            "gradient-type", f"the gradient d/d{name} is a {type(found).__name__}, expected a NumPy array", name
        )
    array = np.asarray(found)
    if array.dtype.kind != "f":
        raise Broken("gradient-dtype", f"the gradient d/d{name} has dtype {array.dtype}, expected a float", name)
    return array


def _real(value: Any) -> np.ndarray:
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        raise Broken(
            "forward-output",
            f"the forward's y is a {type(value).__name__}; it must be a NumPy array, a number, or a tuple of them",
        )
    array = np.asarray(value)
    if array.dtype.kind == "c":
        raise Broken("complex", "the forward returned complex values; complex-valued functions are out of scope")
    if array.dtype.kind != "f":
        raise Broken(
            "forward-output",
            f"the forward's y has dtype {array.dtype}; there is a gradient only if it is float32 or float64",
        )
    return array


def _like(array: np.ndarray, y: Any) -> Any:
    if isinstance(y, np.ndarray):
        return array
    return float(array) if isinstance(y, float) and not isinstance(y, np.generic) else array.dtype.type(array)


_WHERE_SIZES_DEPEND = (
    '; sizes that depend on each other are written as numbers, Arg("N C 8"), or as multiples, Arg("I 3*H")'
)


def _in_words(where: str, error: Exception, mend: str = "") -> Exception:
    words = f"the {where} raised {type(error).__name__}: {_first_line(error)}{_place(error)}"
    if isinstance(error, TypeError) or type(error).__name__ == "TypingError":
        refusal = Refused(words)
        refusal.__cause__ = error
        return refusal
    return Broken(f"{where}-raises", words + mend)


def _place(error: Exception) -> str:
    """The line that raised, in the caller's own code: not in here, and not inside NumPy."""
    inside = str(Path(np.__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if not f.filename.startswith(inside)]
    return f" (line {own[-1].lineno} of {own[-1].filename})" if own else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["(no message)"])[0]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Leave NumPy's global random state as it was found, and let infinities pass without a warning."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
