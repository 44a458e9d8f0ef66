"""How an estimator is trained: the library's own descent over the whole of X, one row of history per epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import validate_data

from npvae import models
from npvae.data import minibatches
from npvae.optim import OPTIMIZERS
from npvae.sklearn.settings import Settings, check_training, generator
from npvae.steps import Step
from npvae.training.descent import descend
from npvae.training.evaluate import evaluate
from npvae.training.guard import check_params
from npvae.training.state import means_of

LINES = 20  # that verbose=1 prints
FLOATS = (np.float64, np.float32)

Estimator = TypeVar("Estimator", bound="Fitting")


class Fitting(Settings):
    """`fit`, `partial_fit`, and the units in which the network sees X."""

    model_: Any

    def fit(self: Estimator, X: Any, y: Any = None) -> Estimator:
        """Train anew on X (N, D) for `epochs` passes. y is ignored.

        ValueError for settings or data out of range, NonFiniteError if the loss or a gradient stops being finite.
        """
        check_training(self)
        X = self._validated(X, reset=True)
        if self.patience is None:
            self._start(X)
            self._train(X, self.epochs)
        else:
            self._fit_with_patience(X, self.patience)
        return self

    def partial_fit(self: Estimator, X: Any, y: Any = None) -> Estimator:
        """One more pass over X (N, D), from where the last call ended: `epochs` of these calls are one `fit`.

        A new lr, beta or batch_size (`set_params`) holds from this pass on. Raises ValueError for any other setting of
        the model that has changed since it was fitted: that takes a `fit`.
        """
        check_training(self)
        first = not hasattr(self, "model_")
        X = self._validated(X, reset=first)
        if first:
            self._start(X)
        else:
            self._take_over_settings()
        self._train(X, 1)
        return self

    def _validated(self, X: Any, reset: bool) -> np.ndarray:
        """X as an array (N, D) of floats; with reset its width is the one that later calls expect."""
        return validate_data(
            self, X, dtype=FLOATS, reset=reset, ensure_all_finite=True if self.missing == "error" else "allow-nan"
        )

    def _start(self, X: np.ndarray) -> None:
        """New weights, optimiser, noise and units for data X."""
        rng = generator(self.random_state)
        model = self._new_model(X.shape[1], X.dtype.name, int(rng.integers(2**32)))
        if self.likelihood.startswith("gaussian"):
            self.mean_, self.scale_ = _centre_and_scale(X)
        else:
            self.mean_, self.scale_ = np.zeros(X.shape[1], X.dtype), 1.0
        noise = rng.standard_normal((self.draws, self.latent_dim), dtype=X.dtype)
        if self.draws % 2 == 0:  # what is odd in eps then cancels: the linear part of any decoder, for one
            noise[self.draws // 2 :] = -noise[: self.draws // 2]
        self.noise_, self._rng = noise, rng
        self.optimizer_ = OPTIMIZERS[self.optimizer](model.params, lr=self.lr, backend=self.backend)
        self.history_: list[dict[str, float]] = []
        self._n_features_out = self.latent_dim
        self.model_ = model
        self._fixed = self._fixed_settings()

    def _new_model(self, D: int, dtype: str, seed: int) -> Any:
        """The network for rows of D numbers."""
        return models.VAE(D, self.hidden, **self._settings(dtype, seed))

    def _take_over_settings(self) -> None:
        """Give the fitted model the settings of now. ValueError, before anything changes, if it cannot take one."""
        for name, value in self._fixed_settings().items():
            fitted = self._fixed.get(name, value)
            if value != fitted:
                raise ValueError(
                    f"VAE: {name} is {value!r}, the fitted model has {fitted!r}, which partial_fit cannot change: "
                    f"call fit, or set_params({name}={fitted!r})"
                )
        self.optimizer_.lr = self.lr
        self.model_.beta = self.model_.config["beta"] = self.beta

    def _train(self, X: np.ndarray, epochs: int, held_out: Callable[[], float] | None = None) -> None:
        """The loop of the library, over the whole of X; `held_out` gives the loss on other data after an epoch."""
        data, step = self._to_network(X), Step(self.model_, self.batch_size)
        for epoch in range(len(self.history_) + 1, len(self.history_) + epochs + 1):
            loss, nll, kl = self._train_epoch(data, step, epoch)
            volume = float(self._log_volume(data).mean())
            row = {"epoch": epoch, "loss": loss + volume, "nll": nll + volume, "kl": kl}
            if held_out is not None:
                row["valid_loss"] = held_out()
            self.history_.append(row)
            self._report(row, epoch)

    def _train_epoch(self, data: np.ndarray, step: Step, epoch: int) -> np.ndarray:
        """One pass over the data -> means of loss, nll and kl, in the network's units."""
        totals, steps = np.zeros(3), count(1)

        def place(n: int) -> dict[str, Any]:
            return {"epoch": epoch, "step": next(steps)}

        batches = ((len(x), x) for x in minibatches(data, self.batch_size, self._rng))
        with np.errstate(all="ignore"):  # the guard says it better
            for n, loss, trace in descend(self.model_, step, self.optimizer_, batches, self._rng, place):
                totals += np.multiply((loss, *means_of(trace)), n)
        check_params(self.model_.params, step=next(steps) - 1)
        return totals / len(data)

    def _fit_with_patience(self, X: np.ndarray, patience: int) -> None:
        """Train on a part of X until the loss on the rest, with the same noise each epoch, has stopped falling."""
        held_out = max(1, int(len(X) * self.validation_fraction))
        if held_out >= len(X):
            raise ValueError(
                f"VAE: validation_fraction is {self.validation_fraction} of {len(X)} samples, which leaves none to "
                "train on: give more samples, or patience=None"
            )
        self._start(X)
        order, seed = self._rng.permutation(len(X)), int(self._rng.integers(2**32))
        valid, train = self._to_network(X[order[:held_out]]), X[order[held_out:]]

        def held_out_loss() -> float:
            loss = evaluate(self.model_, valid, np.random.default_rng(seed))["loss"]
            return loss + float(self._log_volume(valid).mean())

        best_loss, best_epoch, best = np.inf, 0, self.model_.params.flat.copy()
        for epoch in range(1, self.epochs + 1):
            self._train(train, 1, held_out_loss)
            loss = self.history_[-1]["valid_loss"]
            if loss < best_loss:
                best_loss, best_epoch, best = loss, epoch, self.model_.params.flat.copy()
            elif epoch - best_epoch >= patience:
                break
        self.model_.params.flat[:] = best

    def _report(self, row: dict[str, float], epoch: int) -> None:
        """Print a row of the history, if it is among those that are wanted."""
        if self.verbose > 1 or (self.verbose and (epoch in (1, self.epochs) or epoch % -(-self.epochs // LINES) == 0)):
            terms = ", ".join(f"{name} {value:.3f}" for name, value in row.items() if name != "epoch")
            print(f"[VAE] epoch {epoch}/{self.epochs}: {terms} nats")

    def _to_network(self, X: np.ndarray) -> np.ndarray:
        self.model_.likelihood.check(X)
        return ((X - self.mean_) / self.scale_).astype(self.model_.dtype, copy=False)

    def _to_data(self, x: np.ndarray) -> np.ndarray:
        return (x * self.scale_ + self.mean_).astype(x.dtype, copy=False)

    def _log_volume(self, x: np.ndarray) -> np.ndarray:
        """A density in units of scale_ becomes one in the units of the data: log p(X) = log p(x) - D log(scale_).

        x (N, D) -> D log(scale_) of each row (N,), where D counts the entries that are seen.
        """
        return (~np.isnan(x)).sum(axis=1) * math.log(self.scale_)


def _centre_and_scale(X: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean of each feature (D,), and the root of the mean variance of all; 1.0 where there is nothing but rounding."""
    with np.errstate(over="ignore", invalid="ignore"):
        seen = ~np.isnan(X)
        count = np.maximum(seen.sum(axis=0), 1)  # of each column; one that is never seen has mean and variance 0
        mean = np.where(seen, X, 0).sum(axis=0, dtype=float) / count
        variance = np.where(seen, (X - mean) ** 2, 0).sum(axis=0, dtype=float) / count
        scale = float(np.sqrt(variance.mean()))
    if not math.isfinite(scale):
        largest = np.abs(X[seen]).max()
        raise ValueError(f"VAE: the variance of X overflows, its largest value is {largest:g}: rescale it")
    if scale <= 10 * np.finfo(X.dtype).eps * np.abs(mean).max(initial=0.0):
        scale = 1.0
    return mean.astype(X.dtype), scale
