"""The loss and its two terms on data that is not trained on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.data import as_data
from npvae.steps import Step
from npvae.training.processes import ALONE, Processes
from npvae.training.training_data import data_of


def chunks(x: Any, size: int, dtype: np.dtype, takes: str = "rows") -> Iterator[Any]:
    """The samples of x in order, at most `size` at a time, as a model that takes this kind of data takes them."""
    data = as_data(x, takes, dtype)
    for start in range(0, len(data), size):
        yield data.batch(slice(start, start + size))


def evaluate(
    model: Any, x: Any, rng: np.random.Generator, *, batch_size: int = 250, processes: Processes = ALONE
) -> dict[str, float]:
    """Means over the N samples of x of loss, nll and kl, in nats, with one noise sample per input drawn from rng.

    Several processes take a share of each batch and all give the means over the whole.
    """
    data, totals, step = data_of(model, x), np.zeros(3), Step(model, batch_size)
    draw = getattr(model, "draw_test_eps", model.draw_eps)  # a model of one's own may know no difference
    for start in range(0, len(data), batch_size):
        n = min(batch_size, len(data) - start)
        own = processes.rows(start, n)
        eps = processes.share(draw(n, rng))
        loss, trace = step.forward(data.batch(own), eps)
        if processes.weight(n) > 0:
            totals += (loss * (own.stop - own.start), trace.nll.sum(dtype=float), trace.kl.sum(dtype=float))
    return dict(zip(("loss", "nll", "kl"), (processes.sum(totals) / len(data)).tolist(), strict=True))
