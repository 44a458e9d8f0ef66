"""What a wrong gradient looks like: the name of the mistake, from the two gradients and a few experiments.

A diagnosis is a code and a few words. Patterns are read from the analytic gradient beside the numeric one; what no
pattern explains is tried again in float64, in C layout, with a small dy: what mends it names it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npvae.gradcheck.analytic import Analytic
from npvae.gradcheck.calls import Broken, Pair, Refused
from npvae.gradcheck.experiments import by_digits, by_experiment
from npvae.gradcheck.numeric import Comparison, Tolerance
from npvae.gradcheck.patterns import by_pattern
from npvae.gradcheck.places import by_place, everywhere
from npvae.gradcheck.reference import Reference
from npvae.gradcheck.side_by_side import Diagnosis, SideBySide

__all__ = ["diagnose"]


def diagnose(
    pair: Pair,
    analytic: Analytic,
    reference: Reference,
    k: int,
    compared: Comparison,
    failed: Sequence[int],
    alone: bool,
    tolerance: Tolerance,
) -> tuple[tuple[str, ...], str]:
    """Codes and words for the gradient of argument k, whose entries `failed` are wrong. Empty if nothing fits.

    alone  True if one entry is wrong and all others were seen to agree
    """
    name = tuple(analytic.case.op.args)[k]
    grad = analytic.grads[analytic.case.op.differentiable.index(name)]
    assert grad is not None, "only gradients that were compared come here"
    wrong = np.zeros(grad.size, dtype=bool)
    wrong[list(failed)] = True
    view = SideBySide(analytic, reference, k, name, grad.astype(np.float64), compared, wrong, alone, tolerance)
    found: list[Diagnosis] = []
    try:
        for pattern in (by_experiment, by_pattern, by_place, by_digits, everywhere):
            found = list(pattern(view, pair))
            if found:
                break
    except (Broken, Refused):
        pass
    return tuple(code for code, _ in found), "; ".join(words for _, words in found)
