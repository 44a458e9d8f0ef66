"""What a VAE loss really optimises: the beta and the variance that hide in its means, sums and factors.

A loss of the usual shape, reduced in whatever way, is for one batch

    loss = A * sum over samples and pixels of r + B * sum over samples and latents of k

with k the KL of one latent to N(0, 1) in nats, r the cross-entropy or the square of one pixel, and A, B made of the
weights, of 1 / D, 1 / L and 1 / N where a mean stands, and of the half. Only B / A matters for where training goes.
For a likelihood in nats it is beta. A square is the negative log-likelihood of a Gaussian less its constant,
(x_hat - x)**2 / (2 * variance), so there only beta * variance is fixed: it is a beta-VAE of variance 1, or, the
same thing, an ELBO (beta = 1) of another variance.

Kingma & Welling (2014), equation 10; Higgins et al. (2017) for beta; Lucas et al. (2019) for beta and variance.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["LossAudit", "audit_loss"]

REDUCTIONS = ("sum", "mean")
IN_NATS = ("bernoulli", "continuous_bernoulli", "discretized_logistic", "categorical")
SQUARES = ("squared_error", "gaussian_fixed")
INDENT = 14  # of the report, where its second column begins


@dataclass(frozen=True)
class LossAudit:
    """What `audit_loss` found. `str()` is the report; `nats(loss)` reads a printed number.

    beta      weight of the KL beside the likelihood as it stands (a Gaussian of `at_variance`)
    variance  for squares: the variance with which the same loss is an ELBO, beta = 1; None otherwise, or without a KL
    scale, constant   loss = scale * (loss of `npvae.VAE(D, latent_dim=L, **model)`) + constant, on every batch of N;
              so its gradient is scale times that model's
    model     the arguments of that model
    """

    likelihood: str
    beta: float
    at_variance: float | None
    variance: float | None
    scale: float
    constant: float
    model: dict[str, Any]
    data_dim: int
    latent_dim: int
    batch_size: int
    kl_weight: float
    terms: tuple[str, str]
    notes: tuple[str, ...]

    def nats(self, loss: float) -> float:
        """The printed loss in nats per sample: minus the ELBO if `model` has beta 1, else nll + beta * KL."""
        return (loss - self.constant) / self.scale

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return report(self)


def audit_loss(
    likelihood: str = "bernoulli",
    *,
    data_dim: int,
    latent_dim: int,
    batch_size: int,
    pixels: str = "sum",
    latents: str = "sum",
    batch: str = "mean",
    kl_batch: str | None = None,
    kl_weight: float = 1.0,
    reconstruction_weight: float = 1.0,
    half: bool = True,
    variance: float = 1.0,
) -> LossAudit:
    """Read a VAE loss from how it is reduced.

    likelihood   "squared_error", "gaussian_fixed" (a Gaussian nll with all its constants, of the given variance), or
                 one that is in nats as it stands: "bernoulli" (cross-entropy), "continuous_bernoulli",
                 "discretized_logistic", "categorical"
    data_dim, latent_dim, batch_size  D, L, N
    pixels, latents, batch            "sum" or "mean": how the reconstruction is reduced over pixels, the KL over
                 latents, both over the batch; `kl_batch` if the KL is reduced over the batch in another way
    kl_weight, reconstruction_weight  factors in front of the two terms
    half         for "squared_error": (x_hat - x)**2 / 2, or without the half

    Raises ValueError for a name, a reduction or a number that cannot be meant.

    Example:
        >>> audit = npvae.audit_loss("squared_error", half=False, data_dim=784, latent_dim=20, batch_size=128)
        >>> audit.beta
        0.5
    """
    kl_batch = batch if kl_batch is None else kl_batch
    _check(likelihood, {"pixels": pixels, "latents": latents, "batch": batch, "kl_batch": kl_batch})
    _check_numbers(data_dim, latent_dim, batch_size, kl_weight, reconstruction_weight, variance)
    D, L, N = data_dim, latent_dim, batch_size
    A = reconstruction_weight / (D if pixels == "mean" else 1) / (N if batch == "mean" else 1)
    B = kl_weight / (L if latents == "mean" else 1) / (N if kl_batch == "mean" else 1)

    constant, at_variance, elbo_variance = 0.0, None, None
    if likelihood in IN_NATS:
        beta, scale = B / A, A * N
        model: dict[str, Any] = {"likelihood": likelihood, "beta": beta}
    else:
        # A * square = A * 2 * c * at_variance * (square / (2 * at_variance)), with c the factor before the square
        at_variance = variance if likelihood == "gaussian_fixed" else 1.0
        c = 1 / (2 * variance) if likelihood == "gaussian_fixed" else (0.5 if half else 1.0)
        beta, scale = B / (2 * A * c * at_variance), 2 * A * c * at_variance * N
        model = {"likelihood": "squared_error", "beta": 0.0}
        if likelihood == "gaussian_fixed":
            constant += A * N * log_normaliser(D, variance)
        if B > 0:
            elbo_variance, scale = beta * at_variance, B * N
            constant -= scale * log_normaliser(D, elbo_variance)
            model = {"likelihood": "gaussian_fixed", "logvar": math.log(elbo_variance), "beta": 1.0}
    terms = _terms(likelihood, pixels, latents, batch, kl_batch, kl_weight, reconstruction_weight, half)
    notes = _notes(likelihood, pixels, latents, batch, kl_batch, beta, elbo_variance, D, L, N)
    return LossAudit(
        likelihood, beta, at_variance, elbo_variance, scale, constant, model, D, L, N, kl_weight, terms, tuple(notes)
    )  # fmt: skip


def log_normaliser(data_dim: int, variance: float) -> float:
    """The constant of a Gaussian nll over D pixels, D / 2 * log(2 pi variance), in nats."""
    return data_dim / 2 * math.log(2 * math.pi * variance)


def _terms(
    likelihood: str, pixels: str, latents: str, batch: str, kl_batch: str, kl_weight: float, weight: float, half: bool
) -> tuple[str, str]:
    """The two terms of the loss in words, as they were described."""
    term = {
        "squared_error": "(x_hat - x)**2" + (" / 2" if half else ""),
        "gaussian_fixed": "Gaussian nll",
        "bernoulli": "cross-entropy",
    }.get(likelihood, f"{likelihood} nll")
    reconstruction = f"{_factor(weight)}{batch} over batch, {pixels} over pixels of {term}"
    return reconstruction, f"{_factor(kl_weight)}{kl_batch} over batch, {latents} over latents of KL"


def _factor(weight: float) -> str:
    return "" if weight == 1 else f"{weight:g} * "


def _notes(
    likelihood: str, pixels: str, latents: str, batch: str, kl_batch: str,
    beta: float, variance: float | None, D: int, L: int, N: int,
) -> list[str]:  # fmt: skip
    """What deserves a sentence."""
    notes = []
    if pixels == "mean":
        notes.append(f"the mean over {D} pixels makes the KL {D} times heavier than a sum would")
    if latents == "mean":
        notes.append(f"the mean over {L} latents makes the KL {L} times lighter than a sum would")
    if batch != kl_batch:
        heavier = "heavier" if kl_batch == "sum" else "lighter"
        notes.append(
            f"the two terms are reduced over the batch in different ways: the KL is {N} times {heavier}, beta changes "
            "with the batch size, and a smaller last batch of an epoch has a beta of its own"
        )
    elif batch == "sum":
        notes.append(f"the sum over the batch makes gradients {N} times those of a mean: an SGD step that much longer")
    if beta == 0:
        notes.append("without a KL nothing holds the codes: an autoencoder with noise that it will remove")
    if variance is not None:
        notes.append(
            f"a variance of {variance:.4g} says that an error of {math.sqrt(variance):.3g} a pixel is noise; in a "
            "linear VAE every direction of the data that varies less than this is dropped"
        )
    if likelihood == "bernoulli":
        notes.append("on grey values cross-entropy is no density: see continuous_bernoulli")
    return notes


def _check(likelihood: str, reductions: dict[str, str]) -> None:
    if likelihood not in (*SQUARES, *IN_NATS):
        raise ValueError(f"likelihood {likelihood!r} is unknown, choose one of {', '.join((*SQUARES, *IN_NATS))}")
    for name, how in reductions.items():
        if how not in REDUCTIONS:
            raise ValueError(f"{name} is {how!r}, expected sum or mean")


def _check_numbers(
    data_dim: int, latent_dim: int, batch_size: int, kl_weight: float, reconstruction_weight: float, variance: float
) -> None:
    for name, size in (("data_dim", data_dim), ("latent_dim", latent_dim), ("batch_size", batch_size)):
        if size < 1:
            raise ValueError(f"{name} is {size}, expected at least 1")
    if not 0 <= kl_weight < math.inf:
        raise ValueError(f"kl_weight is {kl_weight}, expected a finite number of at least 0")
    for name, value in (("reconstruction_weight", reconstruction_weight), ("variance", variance)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}, expected a finite number above 0")


def report(audit: LossAudit) -> str:
    """One screen of plain text: what the loss is, what it optimises, what its number means, how to write it."""
    rows = [
        ("the loss", audit.terms[0]),
        ("", f"+ {audit.terms[1]}"),
        ("with", f"D = {audit.data_dim} pixels, L = {audit.latent_dim} latents, N = {audit.batch_size} a batch"),
        *_optimises(audit),
        ("in nats", _in_nats(audit)),
        ("gradients", f"{audit.scale:.6g} times those of the loss below: no matter to Adam, but to SGD's"),
        ("", "learning rate, to weight decay and to clipping"),
        *_weights(audit),
        *((("write it as" if i == 0 else ""), line) for i, line in enumerate(proper_lines(audit))),
        *(("note", note) for note in audit.notes),
    ]
    return "\n".join(_row(name, text) for name, text in rows)


def _optimises(audit: LossAudit) -> list[tuple[str, str]]:
    if audit.variance is None:
        kind = "the ELBO (beta = 1)" if audit.beta == 1 else f"a beta-VAE with beta = {audit.beta:.6g}"
        return [("optimises", "an autoencoder's reconstruction: beta = 0" if audit.beta == 0 else kind)]
    return [
        ("optimises", f"the ELBO (beta = 1) of a Gaussian with variance {audit.variance:.6g}"),
        (
            "or",
            f"the same thing: a beta-VAE with beta = {audit.beta:.6g}, variance {audit.at_variance:g};",
        ),
        ("", f"only beta * variance = {audit.variance:.6g} is fixed by this loss"),
    ]


def _in_nats(audit: LossAudit) -> str:
    zero = "" if audit.constant == 0 else f" {'+' if audit.nats(0) > 0 else '-'} {abs(audit.nats(0)):.6g}"
    number = f"loss * {1 / audit.scale:.6g}{zero}"
    if audit.model["beta"] == 1:
        return f"-ELBO = {number}, a sample: on average an upper bound on -log p(x)"
    if audit.beta == 0:
        return f"nll = {number}, a sample, up to a constant: no bound on anything"
    bound = "on average above -log p(x) too, more loosely" if audit.beta > 1 else "no bound on log p(x)"
    return f"nll + {audit.beta:.6g} * KL = {number}, a sample: {bound}"


def _weights(audit: LossAudit) -> list[tuple[str, str]]:
    """What to put in front of the KL, all else as it is, to get the ELBO."""
    if audit.kl_weight == 0 or (audit.variance is None and audit.beta == 1):
        return []
    if audit.variance is None:
        return [
            ("for the ELBO", f"(beta = 1) and all else as it is, weigh the KL with {audit.kl_weight / audit.beta:.6g}")
        ]
    weight = audit.kl_weight / audit.variance
    return [("for another", f"variance v, and all else as it is, weigh the KL with {weight:.6g} * v")]


def proper_lines(audit: LossAudit) -> list[str]:
    """The same objective with its beta and its variance in sight, in NumPy and as a model of npvae."""
    nll = {
        "bernoulli": "nll = (np.logaddexp(0, logits) - x * logits).sum(axis=1)",
        "gaussian_fixed": f"v = {audit.variance or 0:.6g}\n"
        "nll = ((x_hat - x)**2 / v + log(2 * pi * v)).sum(axis=1) / 2",
        "squared_error": "nll = ((x_hat - x)**2).sum(axis=1) / 2",
    }.get(audit.model["likelihood"], f"nll = -log p(x|z) of {audit.model['likelihood']}, summed over the pixels")
    beta = "" if audit.model["beta"] == 1 else f"{audit.model['beta']:.6g} * "
    arguments = ", ".join(f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value!r}"
                          for name, value in audit.model.items())  # fmt: skip
    return [
        *nll.split("\n"),
        "kl = (exp(logvar) + mu**2 - 1 - logvar).sum(axis=1) / 2",
        f"loss = (nll + {beta}kl).mean()",
        f"npvae.VAE({audit.data_dim}, latent_dim={audit.latent_dim}, {arguments})",
    ]


def _row(name: str, text: str) -> str:
    lines = textwrap.wrap(text, 106, break_long_words=False) if name == "note" else [text]
    return f"{name:<{INDENT}}" + f"\n{'':<{INDENT}}".join(lines)
