"""The gradients of an op by central differences: the only thing that this room asks of the checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import Sample
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.numeric_loss import numeric_gradient
from npvae.spec import Op


def by_differences(
    op: Op, inputs: Mapping[str, np.ndarray], dy: np.ndarray, params: Mapping[str, Any], grads: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """{"dx": ...} for each differentiable argument; grads are what they should be, which settles the step."""
    from dataclasses import replace

    drawn = build(op, Sample("explain", op.within_ranges(dict.fromkeys(op.symbols, 2)), params=dict(params)), 0)
    case, pair = replace(drawn, inputs=tuple(inputs.values())), Pair(op, dict(params))
    return {
        f"d{name}": numeric_gradient(pair, case, (dy,), k, claim=grads[f"d{name}"])
        for k, name in enumerate(op.args)
        if name in op.differentiable
    }
