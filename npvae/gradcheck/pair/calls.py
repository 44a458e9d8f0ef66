"""Call somebody's forward/backward pair, and say in plain words when what comes back has the wrong form."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.forms import Broken, ForwardResult, Refused, read_gradients, read_outputs
from npvae.spec import Op

__all__ = ["Broken", "ForwardResult", "Pair", "Refused", "call_backward", "keeps_its_cache", "undisturbed"]


@dataclass(frozen=True)
class _Recall:
    """The cache of a pair that keeps its own: which forward it belongs to, and the inputs to run that one again."""

    turn: int
    inputs: tuple[np.ndarray, ...]


@dataclass
class Pair:
    """A forward/backward pair and its parameters, called with every failure put into words.

    seed is given to a pair that draws noise of its own before each forward: as the keyword `rng` (a fresh
    numpy.random.Generator) or `seed` if the forward takes one, else to NumPy's global state.

    A backward that takes dy alone keeps its cache to itself: its forward gives y alone, and is run again before a
    backward if another forward came in between.

    Whoever calls it lets infinities pass without a warning (`undisturbed`, `np.errstate`): once, not once a call.

    forwards  how many forwards have been run
    """

    op: Op
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    forwards: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._noise_keyword = None
        self._inputs: Sequence[Any] = ()
        self.keeps_its_cache = keeps_its_cache(self.op.backward)
        if self.op.seeded:
            with contextlib.suppress(TypeError, ValueError):
                known = inspect.signature(self.op.forward).parameters
                self._noise_keyword = next((k for k in ("rng", "seed") if k in known), None)

    def forward(self, inputs: Sequence[Any]) -> ForwardResult:
        """Run the forward. Raises Broken or Refused."""
        params = dict(self.params)
        self._inputs = inputs
        self.forwards += 1
        if self.op.seeded:
            if self._noise_keyword == "rng":
                params["rng"] = np.random.default_rng(self.seed)
            elif self._noise_keyword == "seed":
                params["seed"] = self.seed
            else:
                np.random.seed(self.seed % t.SEEDS)  # noqa: NPY002 - the global state is what such a pair draws from
        kept = tuple(np.array(x) for x in inputs) if self.keeps_its_cache else ()
        try:
            result = self.op.forward(*inputs, **params)
        except Exception as error:
            raise _in_words("forward", error, self._mend(error)) from error
        if self.keeps_its_cache:
            try:
                return read_outputs(result, _Recall(self.forwards, kept), self.op.detached)
            except Broken as broken:
                hint = "; the backward takes dy alone, so all that the forward returns is taken for y"
                raise Broken(broken.code, f"{broken}{hint}") from broken
        if not isinstance(result, tuple) or len(result) != 2:
            got = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
            raise Broken(
                "forward-output",
                f"the forward returned {got}; it must return (y, cache), two things in a tuple "
                "(for a function and its gradient there is check_function)",
            )
        return read_outputs(*result, self.op.detached)

    def backward(self, dy: Any, cache: Any) -> tuple[np.ndarray | None, ...]:
        """Run the backward: one gradient for each differentiable argument, in order. Raises Broken or Refused."""
        if isinstance(cache, _Recall) and cache.turn != self.forwards:
            self.forward(cache.inputs)
        try:
            alone = isinstance(cache, _Recall)
            result = self.op.backward(dy) if alone else call_backward(self.op.backward, dy, cache)
        except Exception as error:
            raise _in_words("backward", error) from error
        dtypes = {name: x.dtype for name, x in zip(self.op.args, self._inputs, strict=True) if x.dtype.kind == "f"}
        return read_gradients(result, self.op, dtypes)

    def _mend(self, error: Exception) -> str:
        """What to declare where a forward raises what NumPy raises for shapes that do not fit and indices too large."""
        whole = [arg for arg in self.op.args.values() if arg.dtype is not None and np.dtype(arg.dtype).kind in "iu"]
        if isinstance(error, IndexError) and any(not isinstance(arg.interval[1], str) for arg in whole):
            return _WHERE_INTEGERS_END
        return _WHERE_SIZES_DEPEND if self.op.symbols and isinstance(error, (ValueError, IndexError)) else ""


def call_backward(backward: Callable[..., Any], dy: Any, cache: Any) -> Any:
    """Call a backward: with the dy of several outputs in one argument, or one by one if it has a place for each."""
    if isinstance(dy, (tuple, list)) and len(dy) > 1 and len(_positional(backward)) == len(dy) + 1:
        return backward(*dy, cache)
    return backward(dy, cache)


def keeps_its_cache(backward: Callable[..., Any]) -> bool:
    """Whether a backward takes dy and nothing else."""
    return len(_positional(backward)) == 1


def _positional(backward: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that a backward takes by position; none if that cannot be known, or is any number."""
    try:
        parameters = inspect.signature(getattr(backward, "py_func", backward), follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return []
    return [p for p in parameters if p.kind in positional]


_WHERE_SIZES_DEPEND = (
    '; sizes that depend on each other are written as numbers, Arg("N C 8"), or as multiples, Arg("I 3*H")'
)


_WHERE_INTEGERS_END = (
    "; integers reach the upper end of their domain, (0, 3) for a table of 4 rows, unless it is a symbol: "
    'domain=(0, "V") stays below V'
)


def _in_words(where: str, error: Exception, mend: str = "") -> Exception:
    words = f"the {where} raised {type(error).__name__}: {_first_line(error)}{_place(error)}"
    strides = "negative" in str(error) and "stride" in str(error)  # other libraries' arrays know no such layout
    if strides or isinstance(error, TypeError) or type(error).__name__ == "TypingError":
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
