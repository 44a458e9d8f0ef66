"""What every optimiser does alike: it checks gradients, gives its state, takes one back, and is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npvae.optim.checks import check_gradients, copy_state, own_arrays
from npvae.params import Params


class Optimizer:
    """The base of all optimisers, which add settings, a start and what a step does."""

    params: Params
    kept: tuple[str, ...]  # names of the arrays that change from step to step

    def step(self, grads: Params) -> None:
        """Change params in place. ValueError if grads are not laid out like params."""
        check_gradients(type(self).__name__, self.params, grads)
        self.step_by(grads.flat)

    def step_by(self, g: np.ndarray) -> None:
        """Change params in place, by gradients (P,) that are laid out like them."""
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        """All that changes from step to step, as arrays: what the optimiser holds, not copies."""
        return {name: getattr(self, name) for name in self.kept}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where another optimiser of the same kind stood. ValueError if its state does not fit."""
        copy_state(type(self).__name__, self.state(), state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(own_arrays(state))
