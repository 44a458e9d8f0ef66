"""Looks at losses, gradients and parameters before a step is taken, so that no parameter is overwritten by NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npvae.models.finite import NonFiniteError
from npvae.params import Params

_SHOWN = 5  # rows that a message names
_MEND = "Try a smaller lr, and look at the data's scale."


def check_finite(
    loss: float,
    trace: Any,
    grads: Params,
    *,
    epoch: int,
    step: int,
    rows: np.ndarray | None = None,
    saved: str = "",
    square_norm: float | None = None,
) -> None:
    """NonFiniteError if the loss is not finite, or a gradient, or the square of one, which optimisers need.

    `square_norm`, taken here if not given, is finite only if all gradients are, and their squares. `epoch` and
    `step` say where training is, `rows` which rows of the training data are in the batch, `saved` where the last good
    checkpoint is.
    """
    if square_norm is None and math.isfinite(loss):
        with np.errstate(over="ignore", invalid="ignore"):
            square_norm = float(grads.flat @ grads.flat)
    if math.isfinite(loss) and square_norm is not None and math.isfinite(square_norm):
        return
    found = _in_the_backward(grads) if math.isfinite(loss) else _in_the_forward(loss, trace, rows)
    if found:
        raise NonFiniteError(f"epoch {epoch}, step {step}: {found}. The step was not taken. {_MEND} {saved}".strip())


def check_loss(loss: float, trace: Any, *, of: str, rows: np.ndarray, saved: str = "") -> None:
    """Raises NonFiniteError if a loss is not finite on data that is not trained on: `of` names it."""
    if not math.isfinite(loss):
        found = _in_the_forward(loss, trace, rows, of)
        raise NonFiniteError(f"on {of}, {found}. {_MEND} {saved}".strip())


def check_params(params: Params, *, step: int | None = None, saved: str = "") -> None:
    """NonFiniteError if a parameter is not finite: a step with finite gradients can do that if lr is very large."""
    for name, values in params.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            found = f"{name} holds {bad.size} numbers that are not finite, first {values.flat[bad[0]]}"
            when = "" if step is None else f"after step {step}: "
            raise NonFiniteError(f"{when}{found}. {_MEND} {saved}".strip())


def _in_the_forward(loss: float, trace: Any, rows: np.ndarray | None, of: str = "the training data") -> str:
    """What is not finite first, in the order of the forward, for which term, and for which samples."""
    arrays = {name: value for name, value in vars(trace).items() if isinstance(value, np.ndarray) and value.ndim}
    broken = {name: ~np.isfinite(value).reshape(len(value), -1) for name, value in arrays.items()}
    broken = {name: bad for name, bad in broken.items() if bad.any()}
    if not broken:
        return f"the loss is {loss}, though nll and kl of every sample are finite: their sum is too large"
    terms = [term for term in ("nll", "kl") if term in broken]
    name, bad = next(iter(broken.items()))
    value = arrays[name].reshape(len(bad), -1)[bad][0]
    first = "" if name in terms else f", and {name} is the first array that is not finite: {value}"
    samples = np.unique(np.concatenate([np.flatnonzero(broken[term].any(axis=1)) for term in terms or [name]]))
    because = f"the loss is {loss} because of its {' and '.join(terms)}{first}"
    found = f"{because}, for {len(samples)} samples of the batch, {_listed(samples)}"
    if rows is None:
        return found
    return f"{found}: rows {_listed(rows[samples % len(rows)])} of {of}"  # % for K draws per input


def _in_the_backward(grads: Params) -> str:
    """Which gradient is not finite: the one that the backward came to first, that of the last layer.

    Empty if only the sum of the squares is not finite, and not one of them: many large gradients, but usable ones.
    """
    broken = [name for name, grad in grads.items() if not np.isfinite(grad).all()]
    if broken:
        others = f" (and {len(broken) - 1} more before it)" if len(broken) > 1 else ""
        return f"the gradient of {broken[-1]}{others} is not finite"
    name = max(grads, key=lambda name: float(np.abs(grads[name]).max(initial=0)))
    largest = np.abs(grads[name]).max()
    with np.errstate(over="ignore"):
        return (
            ""
            if np.isfinite(largest * largest)
            else f"the gradient of {name} reaches {largest:.3g}, too large to square"
        )


def _listed(rows: np.ndarray) -> str:
    return ", ".join(map(str, rows[:_SHOWN].tolist())) + (", ..." if len(rows) > _SHOWN else "")
