"""The report of `npvae audit-loss`, in plain text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npvae.audit import LossAudit

__all__ = ["report"]

INDENT = 14


def report(audit: LossAudit) -> str:
    """One screen: what the loss is, what it optimises, what its number means, how to write it."""
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
