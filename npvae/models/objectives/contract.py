"""What an objective is: one row of the table OBJECTIVES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npvae.models.contract import LatentVariableModel, Ops
from npvae.params import Params


def _nothing(*arguments: Any) -> Any:
    """In place of a pair that an objective does not have."""
    raise NotImplementedError("this objective counts no analytic KL: it has a forward and a backward of its own")


@dataclass(frozen=True)
class Objective:
    """What is descended. This kind counts the analytic KL: loss = mean of nll + beta * counted.

    summary           one line, for tables and help
    loss              the loss as a formula, for the title of a curve
    counted_forward   (model, ops, kl, mu, logvar) -> counted, a Python float in nats; cache
    counted_backward  (model, ops, dkl, kl_cache, cache) -> dmu (N, L), dlogvar (N, L), where dkl (N,) is beta / N,
                      the gradient that kl would have if its mean were counted
    settings          names of model settings that only this objective reads
    least_samples     fewest draws of z per input with which it is defined
    bends_the_mean    True if the loss on a batch is not the mean of the losses on its parts
    scheduled         the setting that a schedule scales: "beta", or another of the model's attributes
    """

    summary: str
    loss: str = "loss = nll + beta · kl"
    counted_forward: Callable = _nothing
    counted_backward: Callable = _nothing
    settings: tuple[str, ...] = ()
    least_samples: int = 1
    bends_the_mean: bool = False
    scheduled: str = "beta"

    weighs_samples: ClassVar[bool] = False  # True: `forward` and `backward` below are the model's
    is_estimator: ClassVar[bool] = False  # True: the backward is right on average, and not the forward's derivative

    def forward(self, model: LatentVariableModel, ops: Ops, x: np.ndarray, eps: np.ndarray) -> tuple[float, Any]:
        """x (N, D), eps (N, L) or (K, N, L) -> loss in nats, trace: of objectives that weigh samples."""
        raise NotImplementedError

    def backward(self, model: LatentVariableModel, trace: Any, grads: Params) -> Params:
        """The gradients of `forward`, into their places in grads: of objectives that weigh samples."""
        raise NotImplementedError
