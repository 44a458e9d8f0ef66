"""The loss as one entry moves: outputs that are computed once a point, their quotient, and how much they tremble."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from npvae.gradcheck.battery.sets import THIN
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Broken, Refused
from npvae.gradcheck.slopes.differences import noise_level
from npvae.gradcheck.slopes.numeric_loss import Along, NumericLoss

__all__ = ["Line"]


class Line:
    """The outputs with entry i of argument k moved by a distance, all else as it is in the case.

    Those who compare the entry, and those who rule on it, look at the same distances: each is computed once, and kept
    where outputs are not large.
    """

    def __init__(self, loss: NumericLoss, k: int, i: int) -> None:
        self.loss, self.k, self.i = loss, k, i
        self.centre = float(loss.inputs[k].item(i))
        self._moved = loss.at_entry(k, i)
        self._kept = {0.0: loss.here}

    def __call__(self, distance: float) -> tuple[np.ndarray, ...]:
        """The outputs there."""
        outputs = self._kept.get(distance)
        if outputs is None:
            outputs = self._moved(distance)
            if self.loss.small:
                self._kept[distance] = outputs
        return outputs

    def quotient(self) -> Along:
        """The central quotient of the loss."""
        if self.loss.args[self.k].set in THIN:
            return Along(self.loss, self, 0.0, np.dtype(np.float64))
        return Along(self.loss, self, self.centre, self.loss.inputs[self.k].dtype)

    @cached_property
    def rounding(self) -> float:
        """The trembling of the loss to expect from the outputs that the entry has a part in.

        Which these are is asked with a NaN: those that are large may hide the entry wholly.
        """
        loss = self.loss
        try:
            probed = self._moved(math.nan)
            part = [~np.isfinite(p) | (p != y) for p, y in zip(probed, loss.here, strict=True)]
        except (Broken, Refused):
            part = [np.ones(y.shape, dtype=bool) for y in loss.here]
        squares = sum(float(np.sum((dy * y * of) ** 2)) for dy, y, of in zip(loss.dys, loss.here, part, strict=True))
        # What is inside the forward may be as large as what goes in, and leave no trace outside but its rounding.
        weight = max(
            (float(np.max(np.abs(dy[of]), initial=0.0)) for dy, of in zip(loss.dys, part, strict=True)), default=0.0
        )
        inner = loss.eps * weight * max(1.0, float(np.max(np.abs(loss.inputs[self.k]), initial=0.0)))
        return max(t.ENTRY_ULPS * loss.eps * math.sqrt(squares), inner)

    def noise_nearby(self, side: int = 0) -> float:
        """The trembling of the loss: what rounding allows, or more if more is measured over the shortest spacing."""
        spacing = (t.NOISE_SPACING_LOW if self.loss.low else t.NOISE_SPACING) * self.loss.eps
        return max(self.rounding, self._measured(spacing, side))

    def noise_further(self, side: int = 0) -> float:
        """The trembling measured over longer spacings: what is quantised inside may stand still over the shortest.

        Points beyond a kink would see it, not rounding: there, and in float32, nothing is measured and this is 0.
        """
        if self.loss.low:
            return 0.0
        scale = max(1.0, abs(self.centre))
        room = math.inf if side else self.loss.reach(self.k).item(self.i) / t.NOISE_POINTS
        spacings = [spacing for spacing in t.NOISE_SPACINGS_MORE if spacing * scale <= room]
        return max((self._measured(spacing, side) for spacing in spacings), default=0.0)

    def _measured(self, spacing: float, side: int) -> float:
        """The trembling at points so far apart relative to the size of the entry."""
        loss, scale = self.loss, max(1.0, abs(self.centre))
        return noise_level(lambda distance: loss.dot(self(distance), loss.here), spacing=spacing * scale, side=side)
