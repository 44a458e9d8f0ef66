"""The claim under examination: this array is the gradient of that loss with respect to this argument, to a tolerance.

Everything that compares, rules or diagnoses takes a `Claim`, so that the four never travel apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.first_run import FirstRun
from npvae.gradcheck.slopes.line import Line
from npvae.gradcheck.slopes.numeric_loss import NumericLoss

__all__ = ["Claim", "Comparison", "Tolerance", "tolerance_for"]


@dataclass(frozen=True)
class Tolerance:
    """|analytic - numeric| <= rtol * |numeric| + atol."""

    rtol: float
    atol: float


@dataclass(frozen=True)
class Claim:
    """That `grad` is the gradient of `loss` with respect to argument k, called `name`, to `tolerance`.

    first_run   the forward and backward that gave it
    finite      where grad was finite before what is not was replaced by zero; only those entries are compared
    rtol, atol  as the user gave them; the tolerance for inputs drawn afresh is made from them
    """

    first_run: FirstRun
    loss: NumericLoss
    k: int
    name: str
    grad: np.ndarray
    tolerance: Tolerance
    finite: np.ndarray
    rtol: float | None = None
    atol: float | None = None

    @property
    def position(self) -> int:
        """Which of the gradients returned it is."""
        return self.first_run.case.op.differentiable.index(self.name)

    @property
    def low(self) -> bool:
        """Whether the loss is computed in float32."""
        return self.loss.low

    def of_entry(self, i: int) -> float:
        """The gradient claimed for entry i (flat)."""
        return float(self.grad.flat[i])


@dataclass
class Comparison:
    """Entries of one gradient with their numeric slopes. NaN where an entry was not looked at.

    disagrees  entries (flat) whose slope was found and is another
    stopped    entries on a declared kink or on an end of the domain: they have no slope from both sides
    lines      what was seen along the first entries that disagree, for those who rule on them
    """

    numeric: np.ndarray
    error: np.ndarray
    disagrees: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    lines: dict[int, Line] = field(default_factory=dict)


def tolerance_for(
    grad: np.ndarray, dys: Sequence[np.ndarray], dtype: np.dtype, rtol: float | None, atol: float | None
) -> Tolerance:
    """The defaults: rtol 1e-8 in float64, 3e-5 in float32; atol 4 eps (max|g| + max|dy|), eps of the dtype."""
    low = dtype == np.float32
    eps = float(np.finfo(dtype).eps)
    if rtol is None:
        rtol = t.RTOL_LOW if low else t.RTOL
    if atol is None:
        largest = float(np.max(np.abs(grad), initial=0.0))
        most = max((float(np.max(np.abs(dy), initial=0.0)) for dy in dys), default=0.0)
        atol = t.ATOL_ULPS * eps * (largest + most)
    return Tolerance(rtol, atol)
