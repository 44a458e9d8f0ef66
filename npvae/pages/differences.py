"""The gradients of an op, or of a whole model, by central differences: all that this room asks of the checker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import Sample
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.numeric_loss import numeric_gradient
from npvae.spec import Law, Op


def by_differences(
    op: Op,
    inputs: Mapping[str, np.ndarray],
    dys: Mapping[str, np.ndarray],
    params: Mapping[str, Any],
    grads: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """{"dx": ...} for each differentiable argument; grads are what they should be, which settles the step."""
    drawn = build(op, Sample("explain", op.within_ranges(dict.fromkeys(op.symbols, 2)), params=dict(params)), 0)
    case, pair = replace(drawn, inputs=tuple(inputs.values())), Pair(op, dict(params))
    return {
        f"d{name}": numeric_gradient(pair, case, tuple(dys.values()), k, claim=grads[f"d{name}"])
        for k, name in enumerate(op.args)
        if f"d{name}" in grads
    }


def by_differences_of_loss(
    law: Law, inputs: Mapping[str, np.ndarray], loss: str, claims: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """{"dW": ...} for claims of the same names: how the loss that the code gives moves with each entry.

    Where a long step does not give what is claimed, a shorter one is tried, which does not reach over a kink nearby.
    """

    def slope(name: str, place: tuple[int, ...], h: float) -> float:
        values = []
        for by in (h, -h, 2 * h, -2 * h):
            array = np.array(inputs[name], dtype=float)
            array[place] += by
            values.append(float(law.run(**{**inputs, name: array})[loss]))
        return (8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * h)  # of fourth order

    found = {}
    for gradient, claim in claims.items():
        found[gradient] = grad = np.empty(claim.shape)
        for place in np.ndindex(claim.shape):
            for h in (1e-4, 1e-6):
                grad[place] = slope(gradient[1:], place, h)
                if abs(grad[place] - claim[place]) <= 1e-9 * max(1.0, abs(claim[place])):
                    break
    return found
