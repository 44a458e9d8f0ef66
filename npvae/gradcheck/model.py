"""Whole models, through their flat parameter vector."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.report.join import join
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.verdict.case import Settings, check_case
from npvae.spec import Arg, Op

__all__ = ["check_model", "taylor_test"]


def check_model(
    model: Any,
    *inputs: Any,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    name: str = "",
) -> Report:
    """Check every gradient of a model with respect to its parameters.

        report = check_model(vae, x, eps)

    model   has `params.flat`, one array of all parameters; `forward(*inputs) -> (loss, trace)`;
            `backward(trace) -> grads` with `grads.flat`. If `params` is a mapping of named views into flat, each name
            has a row of its own. The parameters are moved while it runs and put back bit for bit.
    inputs  what forward takes; the noise, if any, is among them

    A model in float64 is checked with rtol 1e-8. One in float32 can only be compared with itself in float32: build it
    in float64 for checking. Up to 4,000 parameters every entry is compared, beyond that random directions for each
    name, and bisecting where one disagrees. Raises ValueError for what is no such model.

    Example:
        >>> vae = npvae.VAE(3, hidden=(4,), latent_dim=2, dtype="float64", backend="numpy")
        >>> x, eps = np.full((2, 3), 0.5), np.ones((2, 2))
        >>> bool(npvae.gradcheck.check_model(vae, x, eps))
        True
    """
    flat = getattr(getattr(model, "params", None), "flat", None)
    if not isinstance(flat, np.ndarray) or not hasattr(model, "forward") or not hasattr(model, "backward"):
        raise ValueError(
            f"model is a {type(model).__name__}, expected one with params.flat, an array, and with forward and backward"
        )
    kept = flat.copy()
    views = _views(model)

    def put(arrays: tuple[np.ndarray, ...]) -> None:
        for view, array in zip(views.values(), arrays, strict=True):
            view[...] = array

    def forward(*arrays: np.ndarray) -> tuple[float, Any]:
        put(arrays)
        loss, trace = model.forward(*inputs)
        return float(loss), (trace, arrays)

    def backward(dloss: float, cache: Any) -> tuple[np.ndarray, ...]:
        trace, arrays = cache
        put(arrays)  # a model's backward reads the parameters as they were in its forward
        grads = model.backward(trace)
        return tuple(_scaled(part, dloss) for part in _parts(grads, views))

    backward.__wrapped__ = model.backward  # type: ignore[attr-defined]
    args = {key: Arg(" ".join(map(str, view.shape))) for key, view in views.items()}
    op = Op(forward, backward, args, name=name or type(model).__name__)
    case = Case(op, "given", tuple(np.array(view) for view in views.values()), {}, flat.dtype, seed)
    rng = case.rng("between")
    other = Case(op, "between", tuple(x + x.dtype.type(0.01) * rng.random(x.shape, x.dtype) for x in case.inputs), {},
                 flat.dtype, seed)  # fmt: skip
    settings = Settings(
        rtol, atol, ("contract", "determinism", "isolation", "numeric"),
        entries=t.ENTRIES if flat.size <= t.MODEL_ENTRIES else 0,
        directions=t.DIRECTIONS if flat.size <= t.GIANT_MODEL else t.DIRECTIONS_OF_A_GIANT,
        low=flat.dtype == np.float32,
    )  # fmt: skip
    started = time.perf_counter()
    try:
        outcome = check_case(case, other, settings, (np.ones(()),))  # its gradient is shown as it was returned
    finally:
        flat[...] = kept
    return join(op, seed, [outcome], time.perf_counter() - started)


def _views(model: Any) -> dict[str, np.ndarray]:
    if isinstance(model.params, Mapping):
        return {key: view for key, view in model.params.items() if view.size}
    return {"flat": model.params.flat}


def _parts(grads: Any, views: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    if "flat" in views:
        return [np.asarray(grads.flat)]
    return [np.asarray(grads[key]) for key in views]


def _scaled(part: np.ndarray, dloss: float) -> np.ndarray:
    return part * part.dtype.type(dloss)


def taylor_test(
    loss: Callable[[np.ndarray], float],
    gradient: np.ndarray,
    theta: np.ndarray,
    direction: np.ndarray | None = None,
    *,
    seed: int = 0,
    steps: int = t.TAYLOR_STEPS,
    first_step: float = t.TAYLOR_FIRST_STEP,
) -> np.ndarray:
    """Orders of the Taylor remainder |loss(theta + h v) - loss(theta) - h <g, v>|, halving h: near 2 for a right g.

    loss       the flat parameter vector -> loss
    gradient   its claimed gradient at theta
    direction  v; by default Gaussian, and no longer than a vector of 64 such entries
    first_step the longest h

    Returns `steps - 1` observed orders, from the longest step to the shortest: about 2 means that the gradient is
    right, about 1 that it is wrong, inf that the remainder vanished. Where the remainder has sunk into rounding the
    order means nothing; the longer steps come first for that reason.

    Example:
        >>> from npvae.gradcheck import taylor_test
        >>> theta = np.array([0.5, -1.0, 2.0])
        >>> right = taylor_test(lambda t: np.exp(t).sum(), np.exp(theta), theta)
        >>> wrong = taylor_test(lambda t: np.exp(t).sum(), 1.1 * np.exp(theta), theta)
        >>> round(float(right[0])), round(float(wrong[-1]))
        (2, 1)
    """
    if direction is None:
        direction = np.random.default_rng(seed).standard_normal(theta.shape)
        direction = direction / max(1.0, math.sqrt(theta.size) / t.TAYLOR_LENGTH)
    here = float(loss(theta))
    slope = float(np.sum(gradient.astype(np.float64) * direction))
    remainders = np.array(
        [
            abs(float(loss(theta + h * direction)) - here - h * slope)
            for h in (first_step / 2.0**j for j in range(steps))
        ]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(remainders[1:] > 0, np.log2(remainders[:-1] / remainders[1:]), np.inf)
