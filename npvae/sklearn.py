"""The VAE as a scikit-learn estimator: a transformer to and from latent codes, and a density with a score.

    codes = make_pipeline(StandardScaler(), npvae.sklearn.VAE(latent_dim=8, random_state=0)).fit_transform(X)

It needs scikit-learn 1.6 or later: the extra `sklearn`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f'npvae.sklearn needs scikit-learn 1.6 or later ({error}): pip install "scikit-learn>=1.6"'
    ) from error

from npvae import models
from npvae.data import minibatches
from npvae.evaluation import impute
from npvae.models.finite import check_result
from npvae.models.settings import check_at_least_zero
from npvae.optim import OPTIMIZERS
from npvae.optim.checks import check_positive
from npvae.scalars import check_whole
from npvae.steps import Step
from npvae.training.descent import descend
from npvae.training.evaluate import evaluate
from npvae.training.guard import check_params

LINES = 20  # that verbose=1 prints
ROWS = 1000  # samples that are looked at together outside training: bounds the memory that takes
FREE = ("lr", "beta", "batch_size", "epochs", "patience", "validation_fraction", "verbose", "random_state")
"""The settings that may change between two calls of `partial_fit`; the others are the model."""
FLOATS = (np.float64, np.float32)


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Variational autoencoder: `transform` gives posterior means, `score_samples` a lower bound on log p(x), in nats.

    N samples, D features, L latents. float64 data is computed in float64, float32 in float32, anything else in float64.

    latent_dim    L, length of a code
    hidden        widths of the encoder's hidden layers, input side first; the decoder has them in reverse
    activation    a name in npvae.ops.ACTIVATIONS
    likelihood    a name in npvae.models.LIKELIHOODS. By default a Gaussian with one learned variance, which takes any
                  numbers; "bernoulli" wants data in [0, 1]
    logvar        log-variance of gaussian_fixed, or the one at which a learned one starts, for data of variance 1
    levels        grey levels k / (levels - 1) of the data, for discretized_logistic, categorical and binomial
    offset        "row": counts are relative to the mean count of their row, for poisson and the negative binomials
    missing       what NaN in X is: "error", "ignore", or "mask", ignored and the encoder sees which are. See `impute`
    beta          weight of the KL term in training; scores always use 1, so that models of different beta compare
    epochs        passes over the data that `fit` makes; `partial_fit` makes one
    batch_size    samples a step
    optimizer     "adam", "adagrad" or "sgd"
    lr            learning rate
    draws         noise samples an input behind `score_samples`; an even number is taken as pairs of opposite sign
    patience      hold out `validation_fraction` of X in `fit`, stop once this many epochs in a row have not lowered the
                  loss on it, and keep the best epoch; None trains all epochs on all of X
    validation_fraction  share of X held out for `patience`, at least one sample
    verbose       0 prints nothing, 1 about twenty lines in all, 2 one line per epoch
    backend       "numba", compiled kernels, or "numpy", the pages themselves
    random_state  int, RandomState or None: weights, order, noise

    With a Gaussian likelihood the network sees (X - mean_) / scale_: the mean of each feature, one scale for all, both
    of the data first fitted. So units do not matter, the features' relative sizes do (StandardScaler evens them out),
    and what comes back (scores, samples, reconstructions) is in the units of X.

    Fitted: model_ (a npvae.VAE), history_ (a dict per epoch: epoch, loss, nll, kl, with patience also valid_loss; nats
    per sample), mean_ (D,), scale_,
    noise_ (draws, L), optimizer_, n_features_in_, and feature_names_in_ if X had names.

    Kingma & Welling (2014).
    """

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        hidden: Sequence[int] = (128,),
        activation: str = "relu",
        likelihood: str = "gaussian_scalar",
        logvar: float = 0.0,
        levels: int = 256,
        offset: str = "none",
        missing: str = "error",
        beta: float = 1.0,
        epochs: int = 100,
        batch_size: int = 64,
        optimizer: str = "adam",
        lr: float = 1e-3,
        draws: int = 16,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        verbose: int = 0,
        backend: str = "numba",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.activation = activation
        self.likelihood = likelihood
        self.logvar = logvar
        self.levels = levels
        self.offset = offset
        self.missing = missing
        self.beta = beta
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.draws = draws
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.verbose = verbose
        self.backend = backend
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> VAE:
        """Train anew on X (N, D) for `epochs` passes. y is ignored.

        ValueError for settings or data out of range, NonFiniteError if the loss or a gradient stops being finite.
        """
        X = self._validated(X)
        _check_whole(epochs=self.epochs)
        if self.patience is None:
            self._start(X)
            self._train(X, self.epochs)
        else:
            self._fit_with_patience(X, self.patience)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> VAE:
        """One more pass over X (N, D), from where the last call ended: `epochs` of these calls are one `fit`.

        A new lr, beta or batch_size (`set_params`) holds from this pass on. Raises ValueError for any other setting of
        the model that has changed since it was fitted: that takes a `fit`.
        """
        first = not hasattr(self, "model_")
        X = self._validated(X, reset=first)
        if first:
            self._start(X)
        else:
            self._take_over_settings()
        self._train(X, 1)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """X (N, D) -> the means of the posteriors q(z|x), (N, L)."""
        codes = np.concatenate([self.model_.encode(x)[0] for x in self._chunks(X)])
        check_result(codes=codes)
        return codes

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Codes (N, L) -> the decoder's means (N, D), in the units of the data."""
        check_is_fitted(self)
        codes = check_array(X, dtype=self.model_.dtype, input_name="X")
        return self._to_data(self.model_.decode(codes))

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None, *, draw_pixels: bool = False
    ) -> np.ndarray:
        """New data (n_samples, D): the decoder's means at z ~ N(0, I), or with draw_pixels one draw x ~ p(x|z) each.

        random_state  None takes the estimator's own: if that is an int, every call gives the same samples.
        """
        check_is_fitted(self)
        _check_whole(n_samples=n_samples)
        rng = _generator(self.random_state if random_state is None else random_state)
        return self._to_data(self.model_.sample(n_samples, rng, draw_pixels=draw_pixels))

    def impute(
        self,
        X: Any,
        *,
        draws: int | None = None,
        samples: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """X (N, D) with its gaps (NaN) filled: by the mean of what they may have been, (N, D), or by draws.

        draws         M: give M ways of filling them in, (M, N, D), drawn from p(x_missing | x_seen)
        samples       latents per row that are weighed for it, see npvae.evaluation.impute
        random_state  as for `sample`

        Raises ValueError if the estimator was not made with missing="ignore" or "mask".

        Mattei & Frellsen (2019).
        """
        check_is_fitted(self)
        if self.missing == "error":
            raise ValueError('VAE: NaN in X is an error of this estimator: make it with missing="ignore" to impute')
        rng = _generator(self.random_state if random_state is None else random_state)
        found = [impute(self.model_, x, rng, samples=samples, draws=draws or 0) for x in self._chunks(X)]
        if draws is None:
            return self._to_data(np.concatenate([part.mean for part in found]))
        return self._to_data(np.concatenate([part.draws for part in found], axis=1))

    def score_samples(self, X: Any) -> np.ndarray:
        """X (N, D) -> the evidence lower bound on log p(x) of each sample, (N,), in nats.

        The mean over `noise_` of log p(x|z) - KL(q(z|x) || N(0, I)), z = mu + std * eps: one set of noise, drawn with
        the weights and shared by all samples, so that a sample's score does not depend on what stands beside it.
        """
        scores = []
        for x in self._chunks(X):
            bound = np.zeros(len(x), x.dtype)
            for eps in self.noise_:
                _, trace = self.model_.forward(x, np.tile(eps, (len(x), 1)))
                bound -= (trace.nll + trace.kl) / len(self.noise_)
            scores.append(bound - self._log_volume(x).astype(x.dtype))
        found = np.concatenate(scores)
        check_result(scores=found)
        return found

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples` over X (N, D). y is ignored."""
        return float(np.mean(self.score_samples(X)))

    def _start(self, X: np.ndarray) -> None:
        """New weights, optimiser, noise and units for data X."""
        _check_whole(batch_size=self.batch_size, draws=self.draws)
        if not isinstance(self.optimizer, str) or self.optimizer not in OPTIMIZERS:
            raise ValueError(f"VAE: optimizer {self.optimizer!r} is unknown, choose one of {', '.join(OPTIMIZERS)}")
        rng = _generator(self.random_state)
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

    def _fixed_settings(self) -> dict[str, Any]:
        """The settings that a fitted model cannot take over."""
        fixed = {name: value for name, value in self.get_params().items() if name not in FREE}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in fixed.items()}

    def _take_over_settings(self) -> None:
        """Give the fitted model the settings of now. ValueError, before anything changes, if it cannot take one."""
        for name, value in self._fixed_settings().items():
            fitted = self._fixed.get(name, value)
            if value != fitted:
                raise ValueError(
                    f"VAE: {name} is {value!r}, the fitted model has {fitted!r}, which partial_fit cannot change: "
                    f"call fit, or set_params({name}={fitted!r})"
                )
        _check_whole(batch_size=self.batch_size)
        check_at_least_zero("beta", self.beta)
        check_positive("VAE", lr=self.lr)
        self.optimizer_.lr = self.lr
        self.model_.beta = self.model_.config["beta"] = self.beta

    def _new_model(self, D: int, dtype: str, seed: int) -> Any:
        """The network for rows of D numbers."""
        return models.VAE(D, self.hidden, **self._settings(dtype, seed))

    def _settings(self, dtype: str, seed: int) -> dict[str, Any]:
        """What networks of any kind take."""
        names = ("latent_dim", "activation", "likelihood", "beta", "logvar", "levels", "offset", "missing", "backend")
        return {name: getattr(self, name) for name in names} | {"dtype": dtype, "seed": seed}

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

    def _fit_with_patience(self, X: np.ndarray, patience: int) -> None:
        """Train on a part of X until the loss on the rest, with the same noise each epoch, has stopped falling."""
        held_out = max(1, int(len(X) * self.validation_fraction))
        _check_whole(patience=patience)
        if not 0 < self.validation_fraction < 1 or held_out >= len(X):
            raise ValueError(
                f"VAE: validation_fraction is {self.validation_fraction} of {len(X)} samples, expected a share between "
                "0 and 1 that leaves samples on both sides"
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

    def _train_epoch(self, data: np.ndarray, step: Step, epoch: int) -> np.ndarray:
        """One pass over the data -> means of loss, nll and kl, in the network's units."""
        totals, steps = np.zeros(3), count(1)

        def place(n: int) -> dict[str, Any]:
            return {"epoch": epoch, "step": next(steps)}

        batches = ((len(x), x) for x in minibatches(data, self.batch_size, self._rng))
        with np.errstate(all="ignore"):  # the guard says it better
            for n, loss, trace in descend(self.model_, step, self.optimizer_, batches, self._rng, place):
                totals += np.multiply((loss, trace.nll.mean(), trace.kl.mean()), n)
        check_params(self.model_.params, step=next(steps) - 1)
        return totals / len(data)

    def _chunks(self, X: Any) -> list[np.ndarray]:
        """X (N, D), checked, as the network takes it, a thousand rows at a time."""
        check_is_fitted(self)
        data = self._to_network(self._validated(X, reset=False))
        return [data[start : start + ROWS] for start in range(0, len(data), ROWS)]

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

    def _validated(self, X: Any, reset: bool = True) -> np.ndarray:
        return validate_data(
            self, X, dtype=FLOATS, reset=reset, ensure_all_finite=True if self.missing == "error" else "allow-nan"
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_whole(**settings: Any) -> None:
    """ValueError, with the estimator's name, for a setting that is not a whole number of at least 1."""
    try:
        check_whole(**settings)
    except ValueError as error:
        raise ValueError(f"VAE: {error}") from None


class ConvVAE(VAE):
    """The estimator for images: X is (N, H, W, C), or (N, H, W) for grey ones, and images come back.

    channels  of the encoder's convolutions, each of which halves height and width; the rest as for VAE
    """

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        channels: Sequence[int] = (16, 32),
        hidden: Sequence[int] = (128,),
        activation: str = "relu",
        likelihood: str = "gaussian_scalar",
        logvar: float = 0.0,
        levels: int = 256,
        beta: float = 1.0,
        epochs: int = 100,
        batch_size: int = 64,
        optimizer: str = "adam",
        lr: float = 1e-3,
        draws: int = 16,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        verbose: int = 0,
        backend: str = "numba",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            latent_dim, hidden=hidden, activation=activation, likelihood=likelihood, logvar=logvar, levels=levels,
            beta=beta, epochs=epochs, batch_size=batch_size, optimizer=optimizer, lr=lr, draws=draws, patience=patience,
            validation_fraction=validation_fraction, verbose=verbose, backend=backend, random_state=random_state,
        )  # fmt: skip
        self.channels = channels

    def fit(self, X: Any, y: Any = None) -> ConvVAE:
        """Train anew on images for `epochs` passes. y is ignored."""
        self.image_shape_ = _image_shape(X)
        super().fit(self._as_rows(X))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> ConvVAE:
        """One more pass over images, from where the last call ended."""
        if not hasattr(self, "model_"):
            self.image_shape_ = _image_shape(X)
        super().partial_fit(self._as_rows(X))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Images -> the means of the posteriors q(z|x), (N, L)."""
        return super().transform(self._as_rows(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Images -> the evidence lower bound on log p(x) of each, (N,), in nats."""
        return super().score_samples(self._as_rows(X))

    def _new_model(self, D: int, dtype: str, seed: int) -> Any:
        """The network for images of the shape of those first fitted."""
        return models.ConvVAE(self.image_shape_, self.channels, self.hidden, **self._settings(dtype, seed))

    def _as_rows(self, X: Any) -> np.ndarray:
        """Images (N, H, W, C) or (N, H, W) -> rows (N, D). ValueError for another shape than those first fitted."""
        check_is_fitted(self, "image_shape_")
        X = np.asarray(X)
        if _image_shape(X) != self.image_shape_:
            raise ValueError(f"ConvVAE: images of shape {X.shape[1:]}, expected {self.image_shape_} as those fitted")
        return X.reshape(len(X), -1)

    def _to_data(self, x: np.ndarray) -> np.ndarray:
        rows = super()._to_data(x.reshape(len(x), -1))
        return rows.reshape(-1, *self.image_shape_)


def _image_shape(X: Any) -> tuple[int, ...]:
    """(H, W, C) of X. ValueError for what are no images."""
    shape = np.shape(X)
    if len(shape) not in (3, 4) or 0 in shape:
        raise ValueError(f"ConvVAE: X has shape {shape}, expected images (N, H, W, C), or (N, H, W) for grey ones")
    return (*shape[1:], 1)[:3]


def _generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """NumPy's present generator, seeded as scikit-learn's users seed."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))


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
