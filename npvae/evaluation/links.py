"""What a model of one graph knows about edges that were held out, and what its points hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npvae.data import Links
from npvae.evaluation.measures import Measure
from npvae.evaluation.rate import active_units, kl_per_latent


def link_measures(model: Any, links: Links) -> Iterator[Measure]:
    """AUC and AP of held-out edges against pairs that are none, their cost, and of a VAE what the code holds."""
    found = model.held_out(links)
    counts = f"{len(links.edges):,} held-out edges, {len(links.non_edges):,} pairs that are none"
    yield Measure("AUC", found["auc"], "", note=counts)
    yield Measure("AP", found["ap"], "", note="average precision")
    yield Measure("cross-entropy", found["nll"], "nats per pair", note="unweighted; log 2 = 0.693 knows nothing")
    if model.has_posterior:
        mu, logvar = model.encode(links.graph)
        yield Measure(
            "KL", float(kl_per_latent(mu, logvar).sum(axis=1).mean()), "nats per vertex", note="mean over vertices"
        )
        yield Measure("active units", int(active_units(mu).sum()), "", note=f"of {model.latent_dim}")
