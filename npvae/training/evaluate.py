"""The loss and its two terms on data that is not trained on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.training.processes import ALONE, Processes


def chunks(x: Any, size: int, dtype: np.dtype) -> Iterator[np.ndarray]:
    """x (N, D) in order, as float batches of at most `size` rows."""
    for start in range(0, len(x), size):
        yield np.asarray(x[start : start + size]).astype(dtype, copy=False)


def evaluate(
    model: Any, x: Any, rng: np.random.Generator, *, batch_size: int = 250, processes: Processes = ALONE
) -> dict[str, float]:
    """Means over x (N, D) of loss, nll and kl, in nats, with one noise sample an input drawn from rng.

    Several processes take a share of each batch and all give the means over the whole.
    """
    totals, workspace = np.zeros(3), model.workspace()
    for batch in chunks(x, batch_size, model.dtype):
        own, eps = processes.share(batch), processes.share(model.draw_eps(len(batch), rng))
        loss, trace = model.forward(own, eps, workspace)
        if processes.weight(len(batch)) > 0:
            totals += (loss * len(own), trace.nll.sum(dtype=float), trace.kl.sum(dtype=float))
    return dict(zip(("loss", "nll", "kl"), (processes.sum(totals) / len(x)).tolist(), strict=True))
