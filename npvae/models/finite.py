"""No NaN is reported as if it were a result: what a model gave is looked at before it is written, drawn or printed."""

from __future__ import annotations

from typing import Any

import numpy as np

_MEND = (
    "The model has come too far from its data: train it again with a smaller lr. "
    "Or these data are far from those it was trained on: look at their units."
)


class NonFiniteError(ArithmeticError):
    """A loss, a gradient, a parameter or a result is inf or NaN: the message says where, and what to try."""


def check_result(**results: Any) -> None:
    """Raises NonFiniteError for a result, a number or an array by its name, that is not finite."""
    for name, values in results.items():
        array = np.asarray(values)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            name = name.replace("_", " ")
            if array.ndim == 0:
                raise NonFiniteError(f"{name}: {array}, which is no result. {_MEND}")
            bad = np.argwhere(~np.isfinite(array))
            at = ", ".join(map(str, bad[0].tolist()))
            found = f"{len(bad)} of {array.size:,} numbers are not finite, first {array[tuple(bad[0])]} at [{at}]"
            raise NonFiniteError(f"{name}: {found}. {_MEND}")
