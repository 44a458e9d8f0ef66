"""The loss and its two terms on data that is not trained on."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def chunks(x: Any, size: int, dtype: np.dtype) -> Iterator[np.ndarray]:
    """x (N, D) in order, as float batches of at most `size` rows."""
    for start in range(0, len(x), size):
        yield np.asarray(x[start : start + size]).astype(dtype, copy=False)


def evaluate(model: Any, x: Any, rng: np.random.Generator, *, batch_size: int = 1000) -> dict[str, float]:
    """Means over x (N, D) of loss, nll and kl, in nats, with one noise sample an input drawn from rng."""
    totals = np.zeros(3)
    for batch in chunks(x, batch_size, model.dtype):
        loss, trace = model.forward(batch, model.draw_eps(len(batch), rng))
        totals += (loss * len(batch), trace.nll.sum(dtype=float), trace.kl.sum(dtype=float))
    return dict(zip(("loss", "nll", "kl"), (totals / len(x)).tolist(), strict=True))
