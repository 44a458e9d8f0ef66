"""Every measure that applies to a trained model, one after the other, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae.evaluation.aggregate import aggregate_posterior
from npvae.evaluation.disentanglement import beta_vae_score, mutual_information_gap, sap_score
from npvae.evaluation.importance import log_p_by_importance
from npvae.evaluation.imputation import held_out_error
from npvae.evaluation.latent_space import completeness, continuity
from npvae.evaluation.rate import active_units, rate_distortion
from npvae.models.entrance import admit
from npvae.models.finite import check_result
from npvae.training import evaluate

_AT_A_TIME = 1000  # images
_MOST_SHOWN = 20  # numbers of a measure with one per latent


@dataclass(frozen=True)
class Measure:
    """One line of the table."""

    name: str
    value: float | list[float] | None  # None if it is not defined for this model
    unit: str
    error: float | None = None  # standard error of the value
    note: str = ""

    def __str__(self) -> str:
        values = self.value if isinstance(self.value, list) else [] if self.value is None else [self.value]
        # Rounded first, and 0 added, which turns -0 into 0.
        texts = [f"{round(value, 3) + 0:.3f}" if self.unit else f"{value:.4g}" for value in values]
        if len(values) > _MOST_SHOWN:  # a person reads the largest; --json has all of them
            largest = np.argsort(values)[::-1][:_MOST_SHOWN]
            texts = [*(texts[l] for l in largest), f"... (the {_MOST_SHOWN} largest of {len(values):,})"]
        text = " ".join(texts) or "not defined"
        error = "" if self.error is None else f" ± {self.error:.3f}"
        unit, note = f" {self.unit}" if self.unit else "", f"   {self.note}" if self.note else ""
        return f"{self.name:<28}{text}{error}{unit}{note}"


def measures(
    model: Any,
    test: np.ndarray,
    train: np.ndarray | None = None,
    *,
    factors: np.ndarray | None = None,
    categorical: tuple[int, ...] = (),
    samples: int = 500,
    seed: int = 0,
    units: str = "data units",
) -> Iterator[Measure]:
    """Measures of a model on test data (N, D), each as soon as it is known.

    train    (N', D): needed for completeness, left out without it
    factors  (N, F), levels of known factors of the test data, for MIG, SAP (`categorical`: those without an order) and
             the beta-VAE score
    samples  S, importance samples of -log p(x) for an input
    seed     of everything that is drawn; each measure has its own stream
    units    what 1 is in the test data, to be printed: those of a standardised table are not its columns'

    What each cannot tell stands with the function that computes it.

    Raises ValueError for data that training would refuse, NonFiniteError for a measure that is not finite.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> train, test = npvae.load_dataset("digits")
        >>> next(npvae.evaluation.measures(vae, test[:20])).name
        '-ELBO'
    """
    test = admit(model, test, "test")
    train = None if train is None else admit(model, train, "train")
    yield from looked_at(_all(model, test, train, factors, categorical, samples, seed, units), len(test))


def looked_at(found: Iterator[Measure], n: int) -> Iterator[Measure]:
    """Measures of n samples, as they are found. Raises NonFiniteError for one that is not finite."""
    for measure in found:
        name = measure.name.strip()
        check_result(**{name: [] if measure.value is None else measure.value})
        check_result(**{f"standard error of {name}": [] if measure.error is None else measure.error})
        # One sample has no spread from which an error could be taken.
        yield replace(measure, error=None) if n == 1 else measure


def _all(
    model: Any,
    test: np.ndarray,
    train: np.ndarray | None,
    factors: np.ndarray | None,
    categorical: tuple[int, ...],
    samples: int,
    seed: int,
    units: str,
) -> Iterator[Measure]:
    streams = iter(np.random.SeedSequence(seed).spawn(8))
    if model.has_posterior:
        yield from _bound(
            model, test, samples, np.random.default_rng(next(streams)), np.random.default_rng(next(streams))
        )
        yield from _codes(model, test, np.random.default_rng(next(streams)))
        if factors is not None:
            yield from _factors(model, test, factors, categorical, np.random.default_rng(next(streams)))
    else:
        loss = evaluate(model, test, np.random.default_rng(next(streams)))["nll"]
        yield Measure("reconstruction loss", loss, "nats", note=likelihood_note(model, test))
    rng = np.random.default_rng([seed, 1])
    if model.decodes_z_alone:
        moves = continuity(lambda z: _rows(model.decode(z)), model.latent_dim, rng)
        moved = bool(moves.movement.any())
        note = "1 for an affine decoder" if moved else "the decoder gives the same for every code"
        yield Measure("continuity", moves.share if moved else None, "", note=note)
        yield Measure(
            "movement of the decoding", moves.movement.tolist(), "", note=f"per unit of each latent, in {units}"
        )
    if model.has_posterior and getattr(model.likelihood, "inner", None) is not None:
        yield _imputation(model, test, np.random.default_rng(next(streams)), units)
    if train is not None and not (np.isnan(test).any() or np.isnan(train).any()):
        yield from _completeness(model, test, train, rng)


def likelihood_note(model: Any, x: np.ndarray) -> str:
    """What is to be said where nats are not those of a normalised likelihood; "" where they are."""
    if model.likelihood.name == "squared_error":
        return "half the squared distance: not a likelihood"
    if model.likelihood.name == "bernoulli" and not np.isin(x[:_AT_A_TIME], (0, 1)).all():
        return "cross-entropy on grey values: not a likelihood"
    return ""


def _bound(
    model: Any, x: np.ndarray, samples: int, noise: np.random.Generator, rng: np.random.Generator
) -> Iterator[Measure]:
    terms = rate_distortion(model, x, noise)
    note = likelihood_note(model, x)
    yield Measure("-ELBO", -terms.elbo, "nats", terms.elbo_error, note)
    yield Measure("  distortion", terms.distortion, "nats")
    yield Measure("  rate", terms.rate, "nats")
    estimate = log_p_by_importance(model, x, rng, samples=samples)
    own = float(np.sqrt((estimate.standard_error**2).sum()) / len(x))
    note = f"{samples} samples, {np.median(estimate.effective_samples):.0f} effective; sampling alone ± {own:.3f}"
    error = float(np.std(estimate.log_p) / np.sqrt(max(len(x) - 1, 1)))
    yield Measure("-log p(x)", -float(estimate.log_p.mean()), "nats", error, note)
    if terms.rate_per_latent is not None:
        yield Measure("KL of each latent", terms.rate_per_latent.tolist(), "nats")


def _codes(model: Any, x: np.ndarray, rng: np.random.Generator) -> Iterator[Measure]:
    mu, logvar = _encode(model, x)
    active: int | None = int(active_units(mu).sum())
    note = "the mean of the code varies by more than 0.01"
    if len(x) == 1:
        active, note = None, "one sample says nothing of how codes vary"
    yield Measure("active units", active, "", note=f"of {model.latent_dim}: {note}")
    found = aggregate_posterior(mu, logvar, rng)
    note = f"at most log N = {found.ceiling:.2f} can be seen"
    yield Measure("I(x; z)", found.mutual_information, "nats", found.mutual_information_error, note)
    yield Measure("total correlation", found.total_correlation, "nats", found.total_correlation_error)
    yield Measure("KL of q(z_l) from the prior", float(found.kl_per_latent.sum()), "nats", note="sum over latents")


def _factors(
    model: Any, x: np.ndarray, factors: np.ndarray, categorical: tuple[int, ...], rng: np.random.Generator
) -> Iterator[Measure]:
    mu, logvar = _encode(model, x)
    yield Measure("mutual information gap", mutual_information_gap(mu, factors, logvar, rng=rng).score, "")
    yield Measure("SAP", sap_score(mu, factors, categorical=categorical).score, "")
    yield Measure("beta-VAE score", beta_vae_score(mu, factors, rng), "", note=f"chance {1 / factors.shape[1]:.2f}")


def _imputation(model: Any, x: np.ndarray, rng: np.random.Generator, units: str) -> Measure:
    found = held_out_error(model, x, rng)
    note = f"{found.entries} entries hidden, a tenth; by column means {found.of_column_means:.4g}"
    return Measure("imputation error", found.of_model, f"{units}, rms", note=note)


def _completeness(model: Any, test: np.ndarray, train: np.ndarray, rng: np.random.Generator) -> Iterator[Measure]:
    pixels, known = test[:_AT_A_TIME, : model.data_dim], train[:, : model.data_dim]
    judged = completeness(_rows(model.sample(_AT_A_TIME, rng)), known, pixels)
    again = completeness(_rows(model.reconstruct(test[:_AT_A_TIME])), known, pixels)
    note = f"held-out images {judged.level:.2f}, their reconstructions {again.share:.2f}"
    yield Measure("completeness", judged.share, "", judged.standard_error, note)


def _rows(x: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) as rows (N, D)."""
    return x.reshape(len(x), -1)


def _encode(model: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes = [model.encode(x[i : i + _AT_A_TIME]) for i in range(0, len(x), _AT_A_TIME)]
    return np.concatenate([mu for mu, _ in codes]), np.concatenate([logvar for _, logvar in codes])
