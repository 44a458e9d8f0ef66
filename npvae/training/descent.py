"""The training loop itself: five lines, which every training here goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from npvae.steps import Step
from npvae.training.guard import check_finite
from npvae.training.processes import ALONE, Processes


def descend(
    model: Any,
    step: Step,
    optimizer: Any,
    batches: Iterable[tuple[int, Any]],
    rng: np.random.Generator,
    place: Callable[[int], dict[str, Any]],
    processes: Processes = ALONE,
) -> Iterator[tuple[int, float, Any]]:
    """Take a step on each batch and yield its size n, its loss in nats, and its trace, valid until the next step.

    batches  (n, x): the size of the whole batch, and this process's part of it
    rng      draws the noise, after each batch was drawn
    place    n -> where training is, as `check_finite` tells it

    Raises NonFiniteError, before the step is taken, if the loss or a gradient is not finite.
    """
    for n, x in batches:
        eps = processes.share(model.draw_eps(n, rng))
        loss, trace = step.forward(x, eps)
        grads = step.backward(trace)
        check_finite(loss, trace, grads, square_norm=step.square_norm(grads), **place(n))
        processes.average(grads, n)
        optimizer.step(grads)
        yield n, loss, trace
