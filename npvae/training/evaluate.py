"""The loss and its two terms on data that is not trained on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.data import Links
from npvae.models.checks import check_generator
from npvae.models.entrance import check_data, data_of
from npvae.steps import Step
from npvae.training.guard import check_loss
from npvae.training.processes import ALONE, Processes
from npvae.training.settings import Settings
from npvae.training.state import TrainingState

_VALID_STREAM = 2  # of the seed; 0 is the order and the noise of training, 1 the noise of the test


def chunks(model: Any, x: Any, size: int, name: str = "x") -> Iterator[Any]:
    """The samples of x in order, at most `size` at a time, as the model takes them.

    Raises ValueError for data that training would refuse.
    """
    check_data(model, x, name)
    data = data_of(model, x)
    for start in range(0, len(data), size):
        yield data.batch(slice(start, start + size))


def evaluate(
    model: Any, x: Any, rng: np.random.Generator, *, batch_size: int = 250, processes: Processes = ALONE
) -> dict[str, float]:
    """Means over the N samples of x of loss, nll and kl, in nats, with one noise sample per input drawn from rng.

    Of held-out links the mean over pairs, auc and ap (`npvae.models.GraphVAE.held_out`), at the mean of the posterior.

    Several processes take a share of each batch and all give the means over the whole.

    Raises ValueError for data that training would refuse, NonFiniteError if a loss is not finite.
    """
    check_data(model, x, "x")
    check_generator(rng)
    with np.errstate(all="ignore"):  # the guard says it better
        return mean_losses(model, x, rng, of="x", batch_size=batch_size, processes=processes)


def mean_losses(
    model: Any,
    x: Any,
    rng: np.random.Generator,
    *,
    of: str,
    saved: str = "",
    batch_size: int = 250,
    processes: Processes = ALONE,
) -> dict[str, float]:
    """As `evaluate`, on data that has been checked; `of` and `saved` are for the message of a NonFiniteError."""
    data, totals, step = data_of(model, x), np.zeros(3), Step(model, batch_size)
    if isinstance(data, Links):
        return model.held_out(data)
    draw = getattr(model, "draw_test_eps", model.draw_eps)  # a user's model may have none
    for start in range(0, len(data), batch_size):
        n = min(batch_size, len(data) - start)
        own = processes.rows(start, n)
        eps = processes.share(draw(n, rng))
        loss, trace = step.forward(data.batch(own), eps)
        check_loss(loss, trace, of=of, rows=np.arange(own.start, own.stop), saved=saved)
        if processes.weight(n) > 0:
            samples = own.stop - own.start
            each = samples / len(trace.nll)  # of several draws per sample, or of the vertices of one graph
            totals += (loss * samples, each * trace.nll.sum(dtype=float), each * trace.kl.sum(dtype=float))
    return dict(zip(("loss", "nll", "kl"), (processes.sum(totals) / len(data)).tolist(), strict=True))


def held_out_losses(
    state: TrainingState, settings: Settings, x_test: Any, x_valid: Any, processes: Processes, saved: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Losses on the test data, with new noise each epoch, and on x_valid, with the same: epochs are compared by it."""

    def losses(x: Any, rng: np.random.Generator, part: str) -> dict[str, float]:
        of = f"the {part} data after epoch {state.epoch}"
        return mean_losses(state.model, x, rng, of=of, saved=saved, processes=processes)

    tested = {} if x_test is None else losses(x_test, state.test_rng, "test")
    if x_valid is None:
        return tested, {}
    seed = np.random.SeedSequence(settings.seed, spawn_key=(_VALID_STREAM,))
    return tested, losses(x_valid, np.random.default_rng(seed), "validation")
