"""The loss and its two terms on data that is not trained on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.data import Links, as_data
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

    Of held-out links the mean over pairs, auc and ap (`npvae.models.GraphVAE.held_out`), at the mean of the posterior.

    Several processes take a share of each batch and all give the means over the whole.
    """
    data, totals, step = data_of(model, x), np.zeros(3), Step(model, batch_size)
    if isinstance(data, Links):
        return model.held_out(data)
    draw = getattr(model, "draw_test_eps", model.draw_eps)  # a model of one's own may know no difference
    for start in range(0, len(data), batch_size):
        n = min(batch_size, len(data) - start)
        own = processes.rows(start, n)
        eps = processes.share(draw(n, rng))
        loss, trace = step.forward(data.batch(own), eps)
        if processes.weight(n) > 0:
            samples = own.stop - own.start
            each = samples / len(trace.nll)  # of several draws per sample, or of the vertices of one graph
            totals += (loss * samples, each * trace.nll.sum(dtype=float), each * trace.kl.sum(dtype=float))
    return dict(zip(("loss", "nll", "kl"), (processes.sum(totals) / len(data)).tolist(), strict=True))
