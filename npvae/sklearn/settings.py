"""The settings of the estimators, and the random numbers that a user's `random_state` stands for.

scikit-learn reads the names of settings from the signature of the constructor and expects it to do nothing but keep
them: that is a dataclass, so each setting stands here once and a kind of estimator adds its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from npvae.models.settings import check_at_least_zero
from npvae.optim import OPTIMIZERS
from npvae.optim.checks import check_positive
from npvae.scalars import check_share, check_whole

FREE = ("lr", "beta", "batch_size", "epochs", "patience", "validation_fraction", "verbose", "random_state")
"""The settings that may change between two calls of `partial_fit`; the others are the model."""


@dataclass(eq=False, repr=False)
class Settings(BaseEstimator):
    """The settings of every estimator; `npvae.sklearn.VAE` says what each is."""

    latent_dim: int = 2
    _: KW_ONLY
    hidden: Sequence[int] = (128,)
    activation: str = "relu"
    likelihood: str = "gaussian_scalar"
    logvar: float = 0.0
    levels: int = 256
    offset: str = "none"
    missing: str = "error"
    beta: float = 1.0
    epochs: int = 100
    batch_size: int = 64
    optimizer: str = "adam"
    lr: float = 1e-3
    draws: int = 16
    patience: int | None = None
    validation_fraction: float = 0.1
    verbose: int = 0
    backend: str = "numba"
    random_state: int | np.random.RandomState | None = None

    def _settings(self, dtype: str, seed: int) -> dict[str, Any]:
        """What networks of any kind take."""
        names = ("latent_dim", "activation", "likelihood", "beta", "logvar", "levels", "offset", "missing", "backend")
        return {name: getattr(self, name) for name in names} | {"dtype": dtype, "seed": seed}

    def _fixed_settings(self) -> dict[str, Any]:
        """The settings that a fitted model cannot take over."""
        fixed = {name: value for name, value in self.get_params().items() if name not in FREE}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in fixed.items()}


def check_training(settings: Settings) -> None:
    """Raises ValueError for a setting of the training of the wrong kind, or out of its range."""
    with with_name():
        check_whole(epochs=settings.epochs, batch_size=settings.batch_size, draws=settings.draws)
        if settings.patience is not None:
            check_whole(patience=settings.patience)
        if not isinstance(settings.verbose, (bool, np.bool_)):
            check_whole(0, verbose=settings.verbose)
        check_share("validation_fraction", settings.validation_fraction)
        check_at_least_zero("beta", settings.beta)
        if not isinstance(settings.optimizer, str) or settings.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {settings.optimizer!r} is unknown, choose one of {', '.join(OPTIMIZERS)}")
    check_positive("VAE", lr=settings.lr)


@contextmanager
def with_name() -> Iterator[None]:
    """Put the estimator's name before what is said of a setting."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"VAE: {error}") from None


def check_wholes(**settings: Any) -> None:
    """ValueError, with the estimator's name, for a setting that is not a whole number of at least 1."""
    with with_name():
        check_whole(**settings)


def generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """NumPy's present generator, seeded as scikit-learn's users seed."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
