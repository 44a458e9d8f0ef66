"""What a wrong gradient looks like: the name of the mistake, from the two gradients and a few experiments.

A diagnosis is a code and a few words. Patterns are read from the analytic gradient beside the numeric one; what no
pattern explains is tried again in float64, in C layout, with a small dy: what mends it names it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npvae.gradcheck.diagnosis.afresh import Afresh
from npvae.gradcheck.diagnosis.experiments import by_digits, by_experiment
from npvae.gradcheck.diagnosis.outputs import by_output
from npvae.gradcheck.diagnosis.patterns import by_factor, by_pattern
from npvae.gradcheck.diagnosis.places import by_place, everywhere
from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.diagnosis.structure import by_structure
from npvae.gradcheck.pair.calls import Broken, Refused
from npvae.gradcheck.slopes.claim import Claim, Comparison

__all__ = ["diagnose"]


def diagnose(claim: Claim, compared: Comparison, failed: Sequence[int], alone: bool) -> tuple[tuple[str, ...], str]:
    """Codes and words for a gradient whose entries `failed` are wrong. Empty if nothing fits.

    alone  True if one entry is wrong and all others were seen to agree
    """
    wrong = np.zeros(claim.grad.size, dtype=bool)
    wrong[list(failed)] = True
    view = SideBySide(claim, compared, wrong, alone)
    found: list[Diagnosis] = []
    afresh = Afresh(claim)
    try:
        for pattern in _PATTERNS:
            found = [one for one in pattern(view, claim.first_run.pair) if afresh.confirms(pattern, one)]
            if found:
                break
    except (Broken, Refused):
        pass
    return tuple(code for code, _ in found), "; ".join(words for _, words in found)


_PATTERNS = (by_structure, by_experiment, by_pattern, by_factor, by_place, by_digits, by_output, everywhere)
"""The first that says anything which other samples confirm is believed."""
