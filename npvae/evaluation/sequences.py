"""What a model of sequences costs on held-out lines, per sequence and per letter, and what its code holds.

A letter is a prediction: the letters of a line, and its end. Nats per letter are all nats over all letters, so that a
long line counts for as many letters as it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.evaluation.importance import ImportanceEstimate, log_p_by_importance
from npvae.evaluation.measures import Measure
from npvae.evaluation.rate import active_units, kl_per_latent

AT_A_TIME = 500  # sequences


class _Slices:
    """Data whose slices are batches, as `log_p_by_importance` takes them."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, rows: slice) -> Any:
        return self.data.batch(rows)


def log_p_of_sequences(model: Any, data: Any, rng: np.random.Generator, *, samples: int = 200) -> ImportanceEstimate:
    """Estimate log p(x) of every sequence with `samples` draws of q(z|x) each (see `npvae.evaluation.importance`)."""
    return log_p_by_importance(model, _Slices(data), rng, samples=samples)  # type: ignore[arg-type]


def nll_and_kl(model: Any, data: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """-log p(x|z) at one draw of z, and the KL divergence, (N,) each, in nats: of a language model -log p(x) and 0."""
    parts = []
    for start in range(0, len(data), AT_A_TIME):
        x = data.batch(slice(start, min(start + AT_A_TIME, len(data))))
        _, trace = model.forward(x, model.draw_test_eps(len(x), rng))
        parts.append((trace.nll, trace.kl))
    nll, kl = (np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True))
    return nll, kl


def codes_of(model: Any, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """mu, logvar (N, L) of every sequence."""
    batches = (data.batch(slice(i, min(i + AT_A_TIME, len(data)))) for i in range(0, len(data), AT_A_TIME))
    mu, logvar = zip(*(model.encode(x) for x in batches), strict=True)
    return np.concatenate(mu), np.concatenate(logvar)


def per_letter(nats: np.ndarray, letters: np.ndarray) -> tuple[float, float]:
    """Nats of N sequences, letters of each -> nats per letter, and its standard error (that of a ratio)."""
    ratio = float(nats.sum() / letters.sum())
    spread = np.std(nats - ratio * letters) / letters.mean()
    return ratio, float(spread / np.sqrt(max(len(nats) - 1, 1)))


def sequence_measures(model: Any, data: Any, *, samples: int = 200, seed: int = 0) -> Iterator[Measure]:
    """Measures of a model on held-out sequences, each as soon as it is known.

    samples  S, importance samples of -log p(x) for each sequence
    seed     of everything that is drawn; each measure has its own stream
    """
    first, second = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(2))
    letters = data.lengths + 1
    nll, kl = nll_and_kl(model, data, first)
    if not model.has_posterior:
        yield from _both("-log p(x)", nll, letters, "exact")
        return
    yield from _both("-ELBO", nll + kl, letters, "")
    yield Measure("  distortion", float(nll.mean()), "nats")
    yield Measure("  rate", float(kl.mean()), "nats")
    estimate = log_p_of_sequences(model, data, second, samples=samples)
    effective = np.median(estimate.effective_samples)
    yield from _both("-log p(x)", -estimate.log_p, letters, f"{samples} samples, {effective:.0f} effective")
    mu, logvar = codes_of(model, data)
    note = f"of {model.latent_dim}: the mean of the code varies by more than 0.01"
    yield Measure("active units", int(active_units(mu).sum()), "", note=note)
    yield Measure("KL of each latent", kl_per_latent(mu, logvar).mean(axis=0).tolist(), "nats")


def _both(name: str, nats: np.ndarray, letters: np.ndarray, note: str) -> Iterator[Measure]:
    error = float(np.std(nats) / np.sqrt(max(len(nats) - 1, 1)))
    yield Measure(name, float(nats.mean()), "nats", error, note)
    each, error = per_letter(nats, letters)
    yield Measure(f"{name} per letter", each, "nats", error, f"{letters.mean():.3f} letters per sequence, with its end")
