"""Looks at loss and gradients before a step is taken, so that no parameter is ever overwritten by NaN."""

import math
from typing import Any

import numpy as np

from npvae.models import Params


class NonFiniteError(ArithmeticError):
    """A loss or a gradient is inf or NaN: the message says at which step, in which term, and what to try."""


def check_finite(loss: float, trace: Any, grads: Params, *, epoch: int, step: int, saved: str) -> None:
    """NonFiniteError if the loss or a gradient is not finite. `saved` says where the last good model is.

    The squared norm is one pass over the gradients and is finite if they are (or it overflows: then each is looked at).
    """
    if math.isfinite(loss) and np.isfinite(grads.flat @ grads.flat):
        return
    where = f"epoch {epoch}, step {step}"
    for term in ("nll", "kl"):
        bad = np.flatnonzero(~np.isfinite(getattr(trace, term)))
        if bad.size:
            what = f"{term} is {getattr(trace, term)[bad[0]]} for {bad.size} samples of the batch, first {bad[0]}"
            raise NonFiniteError(f"{where}: {what}. {_MEND} {saved}")
    for name, grad in grads.items():
        if not np.isfinite(grad).all():
            raise NonFiniteError(f"{where}: the gradient of {name} is not finite. {_MEND} {saved}")


_MEND = "The step was not taken. Try a smaller lr, and look at the data's scale."
