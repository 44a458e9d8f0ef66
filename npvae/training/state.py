"""The complete state of a run: everything that changes from step to step, so that it can be saved and resumed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npvae.data import epoch_order, minibatches
from npvae.models.entrance import data_of
from npvae.optim import OPTIMIZERS
from npvae.training.history import History
from npvae.training.processes import Processes
from npvae.training.settings import Settings

TERMS = ("loss", "nll", "kl")


@dataclass
class Best:
    """The epoch with the lowest held-out loss so far."""

    epoch: int
    loss: float
    params: np.ndarray  # a copy of the flat parameters


@dataclass
class TrainingState:
    """Model, optimiser, random numbers, and the position in the epoch. A checkpoint is this, written down."""

    model: Any
    optimizer: Any
    rng: np.random.Generator  # of the order of the samples and of the noise
    test_rng: np.random.Generator
    epoch: int = 1  # the one that is being trained on
    order: np.ndarray | None = None  # its rows, in the order of training; None before its first batch
    seen: int = 0  # how many of them are done
    step: int = 0  # steps taken since the start of training; schedules are functions of it
    totals: list[float] = field(default_factory=lambda: [0.0] * 3)  # sums of loss, nll, kl over the epoch's samples
    seconds: float = 0.0  # that this epoch took before `_since`
    best: Best | None = None
    history: History = field(default_factory=History)
    _since: float = field(default_factory=time.perf_counter)

    @classmethod
    def start(cls, model: Any, settings: Settings) -> TrainingState:
        """The state before the first step. ValueError for a learning rate that the optimiser refuses."""
        rng, test_rng = (np.random.default_rng(seed) for seed in np.random.SeedSequence(settings.seed).spawn(2))
        return cls(model, make_optimizer(model, settings), rng, test_rng)

    def batches(self, x: Any, batch_size: int, processes: Processes) -> Iterator[tuple[int, Any]]:
        """The remaining batches of this epoch: their sizes n, and this process's part of each.

        Raises ValueError for a batch of a memory map that the likelihood cannot explain: other data is checked
        beforehand.
        """
        data = data_of(self.model, x)
        if self.order is None:
            self.order = epoch_order(data, self.rng)
        own, share_size = processes.share_of_batches(self.order[self.seen :], batch_size)
        for batch in minibatches(data, share_size, order=own):
            yield min(batch_size, len(self.order) - self.seen), batch

    def position(self, rows: int) -> float:
        """How far training has come, in epochs of so many rows: 2.5 in the middle of the third."""
        return self.epoch - 1 + self.seen / rows

    def place(self, n: int, processes: Processes) -> dict[str, Any]:
        """Where the step on the next n samples is: its epoch, its number from 1, this process's rows of the data."""
        rows = None if self.order is None else processes.share(self.order[self.seen : self.seen + n])
        return {"epoch": self.epoch, "step": self.step + 1, "rows": rows}

    def count(self, n: int, loss: float, trace: Any, processes: Processes) -> tuple[float, ...]:
        """A step on n samples was taken; its loss, nll and kl, means over the batch, are returned."""
        terms = processes.mean((loss, *means_of(trace)), n)
        self.totals = [total + n * term for total, term in zip(self.totals, terms, strict=True)]
        self.seen += n
        self.step += 1
        return terms

    def end_epoch(self, tested: dict[str, float], valid: dict[str, float]) -> dict[str, Any]:
        """Close the epoch and return its row. `tested` and `valid` are losses on data not trained on, or empty."""
        row: dict[str, Any] = {"epoch": self.epoch}
        row |= {f"train_{term}": total / self.seen for term, total in zip(TERMS, self.totals, strict=True)}
        row |= {f"test_{term}": tested.get(term) for term in TERMS}
        row |= {f"test_{term}": value for term, value in tested.items() if term not in TERMS}  # auc of links, say
        row |= {f"valid_{term}": value for term, value in valid.items()}
        row["seconds"] = round(self.elapsed(), 4)
        held_out = (valid or tested).get("loss")
        if held_out is not None and held_out < (np.inf if self.best is None else self.best.loss):  # NaN is never best
            self.best = Best(self.epoch, held_out, self.model.params.flat.copy())
        self.history.append(row)
        self.epoch, self.order, self.seen, self.totals = self.epoch + 1, None, 0, [0.0] * 3
        self.seconds, self._since = 0.0, time.perf_counter()
        return row

    def elapsed(self) -> float:
        """Seconds that this epoch has taken, all sittings together."""
        return self.seconds + time.perf_counter() - self._since

    def finished(self, settings: Settings) -> bool:
        """True after the last epoch, or once `patience` epochs in a row have brought no lower held-out loss."""
        done = self.epoch - 1
        tired = settings.patience and self.best and done - self.best.epoch >= settings.patience
        return done >= settings.epochs or bool(tired)


def means_of(trace: Any) -> tuple[float, float]:
    """The means of nll and kl over a batch, in nats: as a compiled step took them, or taken here."""
    return getattr(trace, "means", None) or (mean_of(trace.nll), mean_of(trace.kl))


def mean_of(values: np.ndarray) -> float:
    """values.mean(), to the last bit, without the Python around it: slow where a step has emptied the caches."""
    return float(values.dtype.type(np.add.reduce(values, axis=None) / values.size))


def make_optimizer(model: Any, settings: Settings) -> Any:
    """The optimiser of the settings, at its start, stepping with the model's backend."""
    lr = {} if settings.lr is None else {"lr": settings.lr}
    return OPTIMIZERS[settings.optimizer](model.params, **lr, backend=model.config["backend"])
