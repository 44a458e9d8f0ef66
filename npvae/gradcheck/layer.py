"""Layer objects: forward(x) -> y, backward(dy) -> dx, with parameters, their gradients and the cache inside.

A fresh layer has gain 1 and bias 0, where mistakes hide: a layer is checked as it stands, and then over the battery
with its parameters drawn like any other argument. Everything is put back bit for bit.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.battery.samples import battery
from npvae.gradcheck.check import DTYPES, check_samples
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import CHECKS
from npvae.gradcheck.pair.calls import undisturbed
from npvae.gradcheck.pair.layer_pairs import built_pair, in_symbols, layer_pair
from npvae.gradcheck.pair.layers import LayerParts, modes_of
from npvae.gradcheck.point import arg_of, arrays_of, between, parameter_names, without_none
from npvae.gradcheck.report.join import join
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.verdict.case import Settings, check_case
from npvae.spec import Arg, Op

__all__ = ["LayerOp", "check_layer"]


def check_layer(
    layer: Any,
    *inputs: Any,
    params: Any = None,
    grads: Any = None,
    accumulates: bool | None = None,
    update: float | None = None,
    seeded: bool = False,
    args: Mapping[str, Arg] | None = None,
    build: Callable[..., Any] | None = None,
    level: str = "default",
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: str = "lenient",
) -> Report:
    """Check a layer object as it stands, and over the whole battery with its parameters drawn at random.

        check_layer(LayerNorm(8), x)                                     # .params and .grads, or W and dW, are found
        check_layer(Dense(3, 5), x, params=("W", "b"), grads=("gW", "gb"))
        check_layer(Dense(3, 5), x, args={"x": Arg("N D")}, build=lambda N, D: Dense(D, 5))       # at many sizes

    layer        forward(*inputs) or layer(*inputs) -> y; backward(dy) -> dx, or a tuple of one for each input
    params       names of its parameter attributes; () for a layer without; by default `.params`, `.parameters` (an
                 attribute or a method, a dict or a list), or every attribute W that has a dW, grad_W or W_grad
    grads        names of the attributes of their gradients; by default `.grads`, `.gradients`, or dW for W
    accumulates  True if backward adds to the gradients: they are then set to zero before each. None: find it out
    update       for a backward(dy, update) that moves the parameters itself, by -update times their gradients
    seeded       it draws noise: NumPy's seed, and every generator it holds, are set before each forward
    args         name -> Arg, where domains or kinks are worth declaring; with `build`, the shapes by symbol
    build        makes a layer of given sizes, build(N=4, D=3): the battery then visits several
    level, seed, rtol, atol, dtype  as in `check_op`

    Without `build` the first axis of the inputs varies if the layer takes it, and the others stay as they are. A layer
    with train() and eval(), or a bool `training`, is checked in both modes.

    Raises ValueError if it is not to be seen what the parameters are, or where their gradients.

    Example:
        >>> from npvae.gradcheck import check_layer
        >>> class Scale:
        ...     def __init__(self):
        ...         self.W = np.array([1.0, 2.0, 3.0])
        ...     def forward(self, x):
        ...         self.x = x
        ...         return x * self.W
        ...     def backward(self, dy):
        ...         self.dW = (dy * self.x).mean(axis=0)  # a mean in place of the sum
        ...         return dy * self.W
        >>> report = check_layer(Scale(), np.random.default_rng(0).standard_normal((4, 3)))
        >>> bool(report), {finding.arg for finding in report.findings}
        (False, {'W'})
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
    if build is not None and not args:
        raise ValueError('build makes layers of several sizes: name the shapes by symbol, args={"x": Arg("N D")}')
    arrays = arrays_of(inputs)
    settings = Settings(rtol, atol, CHECKS, strict=dtype == "strict")
    parts = LayerParts(layer, params, grads, arrays, updates=update is not None)
    started = time.perf_counter()
    outcomes, op = [], None
    try:
        with undisturbed():
            notes = []
            if accumulates is None:
                accumulates = update is None and _adds_up(parts, arrays, update)
                notes += ["gradients add up from call to call: they are set to zero before each"] * accumulates
            names = parameter_names(parts.call, len(arrays))
            made = layer_pair(parts, len(arrays), accumulates, update, seeded)
            for mode, switch in modes_of(layer):
                switch()
                parts.put([np.array(kept) for kept in parts.kept.values()])
                given = {key: _narrow(arg_of(x), (args or {}).get(key)) for key, x in zip(names, arrays, strict=True)}
                given |= {key: arg_of(kept) for key, kept in parts.kept.items()}
                op = Op(*made, given, name=parts.kind, seeded=seeded)
                values = (*arrays, *(np.array(kept) for kept in parts.kept.values()))
                op, more = without_none(op, values, {}, seed)
                notes += more
                for label, point in (("given", values), ("drawn", _redrawn(values, len(arrays), seed))):
                    label = f"{label}-{mode}" if mode == "eval" else label
                    floats = [x.dtype for x in point if x.dtype.kind == "f"]
                    case = Case(op, label, point, {}, np.result_type(*floats) if floats else np.dtype("f8"), seed)
                    outcomes.append(check_case(case, between(case), settings))
                if mode != "eval":
                    varied = op
                    if build is not None and args:
                        varied = LayerOp(build=build, args=args, params=params, grads=grads, accumulates=accumulates,
                                         update=update, seeded=seeded, name=parts.kind)  # fmt: skip
                    elif _takes_any_length(op, arrays, seed):
                        varied = replace(op, args=_by_length(op.args, len(arrays[0]), len(arrays)))
                    known = battery(varied, level)
                    outcomes += check_samples(varied, known, known[0], seed, settings)
            outcomes[0].notes += list(dict.fromkeys(notes))
    finally:
        parts.restore()
    assert op is not None
    return join(op, seed, outcomes, time.perf_counter() - started)


def LayerOp(
    layer: Any = None,
    *,
    args: Mapping[str, Arg],
    params: Any = None,
    grads: Any = None,
    build: Callable[..., Any] | None = None,
    accumulates: bool = False,
    update: float | None = None,
    seeded: bool = False,
    name: str = "",
) -> Op:
    """An Op made of a layer, for a module's OPS, `op_test` and the command line; arguments as in `check_layer`.

        dense = LayerOp(build=lambda I, **_: Dense(I, 5), args={"x": Arg("N I")}, params=("W", "b"))
        dense = LayerOp(build=lambda I, O, **_: Dense(I, O), args={"x": Arg("N I"), "W": Arg("I O")}, params=("W", "b"))

    args   of the inputs, in order; parameters may be among them where a domain or a shape is worth declaring
    build  makes a layer of given sizes. It gets every symbol in `args` by name, and no other: a size that no input has,
           such as O above, is fixed in build or named by the shape of a parameter. Without build `layer` is used, and
           shapes other than a symbol for the batch are written as numbers: Arg("N 3")

    Raises ValueError for neither or both of `layer` and `build`, for a build that needs other names than the symbols in
    `args`, and for a parameter whose shape cannot be made out.

    Example:
        >>> from npvae.gradcheck import Arg, LayerOp, check_op
        >>> class Half:
        ...     def forward(self, x):
        ...         return x / 2
        ...     def backward(self, dy):
        ...         return dy / 2
        >>> half = LayerOp(build=lambda **_: Half(), args={"x": Arg("N D")}, params=(), name="half")
        >>> bool(check_op(half))
        True
    """
    if (layer is None) == (build is None):
        raise ValueError("LayerOp takes a layer or build=, one of the two")
    if layer is not None:
        parts = LayerParts(layer, params, grads, updates=update is not None)
        every = dict(args) | {key: arg_of(x) for key, x in parts.kept.items() if key not in args}
        count = len(every) - len(parts.names)
        made = layer_pair(parts, count, accumulates, update, seeded)
        return Op(*made, every, name=name or parts.kind, seeded=seeded)
    assert build is not None
    symbols = Op(print, print, args).symbols
    _check_takes(build, symbols)
    bindings = [dict(zip(symbols, sizes, strict=False)) for sizes in t.TRIAL_SIZES]
    built = [LayerParts(build(**sizes), params, grads, updates=update is not None) for sizes in bindings]
    inputs = {key: arg for key, arg in args.items() if key not in built[0].names}
    shapes = {key: [parts.get(key).shape for parts in built] for key in built[0].names}
    every = inputs | {key: args.get(key) or Arg(in_symbols(key, s, bindings)) for key, s in shapes.items()}
    made = built_pair(build, every, len(inputs), (params, grads), accumulates, update, seeded)
    return Op(*made, every, name=name or built[0].kind, seeded=seeded)


def _check_takes(build: Callable[..., Any], symbols: Sequence[str]) -> None:
    """Raise ValueError if build cannot be called with the symbols by name."""
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):  # some callables written in C have none
        return
    try:
        signature.bind(**dict.fromkeys(symbols, 1))
    except TypeError as error:
        raise ValueError(
            f"build{signature} does not take the symbols in args, {', '.join(symbols)}: {error}. Let it ignore some "
            "with **_; fix a size that no input has, or name it by the shape of a parameter: "
            'args={..., "W": Arg("I O")}'
        ) from None


def _narrow(arg: Arg, declared: Arg | None) -> Arg:
    """An argument of given shape, with the domain, kinks and so on that were declared for it."""
    return arg if declared is None else replace(declared, shape=arg.shape, dtype=arg.dtype or declared.dtype)


def _redrawn(values: Sequence[np.ndarray], count: int, seed: int) -> tuple[np.ndarray, ...]:
    """The same inputs, with parameters at which no gain is 1 and no bias 0."""
    rng = np.random.default_rng(seed)
    return (*values[:count], *(x + rng.standard_normal(x.shape).astype(x.dtype) for x in values[count:]))


def _by_length(args: Mapping[str, Arg], length: int, count: int) -> dict[str, Arg]:
    """The first axis of every input that has this length becomes N."""
    changed = dict(args)
    for name in list(args)[:count]:
        axes = args[name].axes
        if axes and axes[0] == str(length):
            changed[name] = replace(args[name], shape=" ".join(("N", *axes[1:])))
    return changed


def _takes_any_length(op: Op, arrays: Sequence[np.ndarray], seed: int) -> bool:
    """Whether the layer takes inputs with a longer first axis, and a shorter one."""
    if not arrays or not arrays[0].ndim or not len(arrays[0]):
        return False
    length = len(arrays[0])
    for rows in (np.arange(length + 1) % length, np.arange(1)):
        longer = [x[rows] if x.ndim and len(x) == length else x for x in arrays]
        try:
            with np.errstate(all="ignore"):
                op.forward(*longer, *_parameters_of(op, len(arrays)))
        except Exception:
            return False
    return True


def _parameters_of(op: Op, count: int) -> list[np.ndarray]:
    return [np.ones(arg.sizes({})) for arg in list(op.args.values())[count:]]


def _adds_up(parts: LayerParts, arrays: Sequence[np.ndarray], update: float | None) -> bool:
    """Whether a second backward doubles the gradients of the first."""
    if not parts.names:
        return False
    forward, backward = layer_pair(parts, len(arrays), False, update, True)
    values = [np.array(kept) for kept in parts.kept.values()]
    try:
        y = forward(*[np.array(x) for x in arrays], *values)
        parts.clear()
        first, second = (backward(_ones_like(y))[-len(values) :] for _ in range(2))
    except Exception:
        return False  # the check itself will say so
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    return any(np.any(a) for a, _ in pairs) and all(np.allclose(np.multiply(a, 2), b) for a, b in pairs)


def _ones_like(y: Any) -> Any:
    return type(y)(_ones_like(part) for part in y) if isinstance(y, (tuple, list)) else np.ones_like(y)
