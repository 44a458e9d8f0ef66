"""The estimator: what is done with a fitted model. How it is fitted is `fitting.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from npvae.evaluation import impute
from npvae.models.finite import check_result
from npvae.sklearn.fitting import Fitting
from npvae.sklearn.settings import check_wholes, generator

ROWS = 1000  # samples that are looked at together outside training: bounds the memory that takes


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Fitting):
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
    batch_size    samples per step
    optimizer     "adam", "adagrad" or "sgd"
    lr            learning rate
    draws         noise samples per input behind `score_samples`; an even number is taken as pairs of opposite sign
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

    Example:
        >>> from npvae.sklearn import VAE
        >>> X = np.random.default_rng(0).standard_normal((60, 5))
        >>> estimator = VAE(latent_dim=2, hidden=(8,), epochs=2, random_state=0).fit(X)
        >>> estimator.transform(X).shape, estimator.score_samples(X).shape
        ((60, 2), (60,))

    Kingma & Welling (2014).
    """

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
        check_wholes(n_samples=n_samples)
        rng = generator(self.random_state if random_state is None else random_state)
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

        Raises ValueError if the estimator was not made with missing="ignore" or "mask", or for draws or samples
        that are no whole number of at least 1.

        Mattei & Frellsen (2019).
        """
        check_is_fitted(self)
        if self.missing == "error":
            raise ValueError('VAE: NaN in X is an error of this estimator: make it with missing="ignore" to impute')
        if draws is not None:
            check_wholes(draws=draws)
        check_wholes(samples=samples)
        rng = generator(self.random_state if random_state is None else random_state)
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

    def _chunks(self, X: Any) -> list[np.ndarray]:
        """X (N, D), checked, as the network takes it, a thousand rows at a time."""
        check_is_fitted(self)
        data = self._to_network(self._validated(X, reset=False))
        return [data[start : start + ROWS] for start in range(0, len(data), ROWS)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
