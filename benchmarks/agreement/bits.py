"""Does a change leave every bit of training as it was?

Trains one short run per model, objective, likelihood, activation and optimiser, on both backends, through `npvae.train`
(the last batch smaller than the others) and through the README's own loop, and keeps a digest of the losses and the
parameters of each. Record before a change, compare after it, on the same machine with the same versions:

    python benchmarks/agreement/bits.py --write before.json
    python benchmarks/agreement/bits.py --compare before.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae.data import minibatches
from npvae.models import LIKELIHOODS, MODELS, OBJECTIVES
from npvae.models.small import kinds_that_take
from npvae.ops import ACTIVATIONS
from npvae.optim import OPTIMIZERS

SMALL = {"data_dim": 12, "latent_dim": 3}
OF_TWO_LAYERS = ("elbo_mc", "iwae", "renyi", "vr_max")


def cases() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Name, model, its settings, and the training's, of every run."""
    for backend in ("numba", "numpy"):
        both = {**SMALL, "backend": backend, "seed": 3}
        for model in kinds_that_take("rows"):
            yield f"{model} {backend}", model, both | hidden_of(model), {}
            yield f"{model} float64 {backend}", model, both | hidden_of(model) | {"dtype": "float64"}, {}
        for objective in OBJECTIVES:
            for samples in (2, 3):
                settings = {"objective": objective, "samples": samples, "hidden": (7,), "beta": 0.7}
                yield f"vae {objective} {samples} {backend}", "vae", both | settings, {}
                if objective in OF_TWO_LAYERS:
                    two = settings | {"hidden2": (5,), "latent_dim2": 2}
                    yield f"two_layer_vae {objective} {samples} {backend}", "two_layer_vae", both | two, {}
        for likelihood in LIKELIHOODS:
            settings = {"likelihood": likelihood, "levels": 5, "logvar_floor": -6.0, "hidden": (7,)}
            yield f"vae {likelihood} {backend}", "vae", both | settings, {}
            yield f"autoencoder {likelihood} {backend}", "autoencoder", both | settings, {}
        for activation in ACTIVATIONS:
            yield f"vae {activation} {backend}", "vae", both | {"activation": activation, "hidden": (9, 5)}, {}
        for optimizer in OPTIMIZERS:
            yield f"vae {optimizer} {backend}", "vae", both | {"hidden": (7,)}, {"optimizer": optimizer, "lr": 0.01}
        for schedule in ("linear:1", "cyclical:1"):
            for objective in ("elbo", "capacity", "iwae"):
                settings = {"objective": objective, "hidden": (7,)}
                yield f"vae {objective} {schedule} {backend}", "vae", both | settings, {"beta_schedule": schedule}
    wide = {"data_dim": 784, "hidden": (400,), "latent_dim": 20, "seed": 3}
    yield "vae 784-400-20", "vae", wide, {"batch_size": 128}
    yield "vae 784-400-20 iwae", "vae", wide | {"objective": "iwae", "samples": 2}, {"batch_size": 128}
    first = {"data_dim": 64, "hidden": (256, 128), "latent_dim": 2, "seed": 3}
    yield "vae 64-256-128-2", "vae", first, {"batch_size": 128}


def hidden_of(model: str) -> dict[str, Any]:
    """Small widths for a model's hidden layers, if it has any."""
    own: dict[str, Any] = {} if model == "linear_vae" else {"hidden": (7,)}
    if model == "two_layer_vae":
        own |= {"hidden2": (5,), "latent_dim2": 2}
    return own


def data_for(model: Any, n: int) -> np.ndarray:
    """n rows of grey levels k / 4, with one-hot labels where the model reads them."""
    rng = np.random.default_rng(11)
    x = (rng.integers(0, 5, (n, model.data_dim)) / 4).astype(model.dtype)
    if getattr(model.likelihood, "whole", False):
        x *= 4  # counts
    if model.reads_labels:
        x = npvae.models.with_labels(x, np.arange(n) % model.classes, model.classes)
    return x


def digest(*arrays: Any) -> str:
    """A digest of the bits of arrays."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:16]


def trained(name: str, settings: dict[str, Any], training: dict[str, Any]) -> str:
    """Digest of a run of `npvae.train`: its history but for the times, its parameters."""
    model = MODELS[name](**settings)
    options = {"batch_size": 16, "epochs": 2, "seed": 5, "progress": False} | training
    n = 2 * options["batch_size"] + 8
    x = data_for(model, n)
    npvae.train(model, x, x[: n // 2], **options)
    losses = [value for row in model.history for key, value in row.items() if key != "seconds" and value is not None]
    return digest(np.array(losses, float), model.params.flat)


def looped(name: str, settings: dict[str, Any]) -> str:
    """Digest of three steps of the README's loop, in which every array is new."""
    model = MODELS[name](**settings)
    adam = npvae.Adam(model.params, lr=0.01, backend=settings.get("backend", "numba"))
    rng, losses = np.random.default_rng(5), []
    for x in minibatches(data_for(model, 40), 16, rng):
        loss, trace = model.forward(x, model.draw_eps(len(x), rng))
        grads = model.backward(trace)
        losses.append(loss)
        adam.step(grads)
    return digest(np.array(losses), grads.flat, trace.output, trace.nll, trace.kl, model.params.flat)


def record() -> dict[str, str]:
    """The digests of all runs, by name."""
    found = {}
    for name, model, settings, training in cases():
        found[f"{name} | train"] = trained(model, settings, training)
        if not training:
            found[f"{name} | loop"] = looped(model, settings)
    return found


def main() -> int:
    """Write the digests, or compare them with those of a file; 1 if any differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the digests")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="compare with digests kept before")
    args = parser.parse_args()
    npvae.set_threads(1)
    now = record()
    if args.write:
        args.write.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    if args.compare:
        before = json.loads(args.compare.read_text(encoding="utf-8"))
        changed = [name for name in before if now.get(name) != before[name]]
        print(f"{len(before)} runs recorded, {len(before) - len(changed)} the same to the last bit, {len(now)} run now")
        for name in changed:
            print(f"  differs: {name}")
        return 1 if changed else 0
    print(f"{len(now)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
