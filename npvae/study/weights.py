"""Trained parameters for the page: its own example, or those of somebody's run.

The example is a file, so that the page is the same bytes on every machine. It was written by

    python -c "from npvae.study import weights; weights.write_example()"
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from npvae import optim, training
from npvae.data.digits import load_digits
from npvae.data.split import joined
from npvae.models.vae import VAE
from npvae.models.wiring import PLACES

EXAMPLE = Path(__file__).with_name("trained.json")
MOST_HIDDEN, MOST_LATENTS = 64, 16  # more would make the file too large, and its pictures too small
_FITS = "npvae train --dataset digits --model vae --hidden 16 --latent 2 --activation relu --likelihood bernoulli"
_DIGITS = 4


def example() -> dict[str, Any]:
    """The parameters that come with the page, 64-16-2-16-64, after 1,500 steps."""
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))


def of_run(folder: str | Path) -> dict[str, Any]:
    """The parameters of a run. ValueError says why they do not fit the page, and what fits."""
    model = training.load(folder)
    reason = why_not(model)
    if reason:
        raise ValueError(
            f"{folder} does not fit the study page: {reason}. The page shows a VAE of 8 x 8 pixels with one hidden "
            f"layer of at most {MOST_HIDDEN} ReLU units, at most {MOST_LATENTS} latents, the bernoulli likelihood and "
            f"the objective elbo: {_FITS}"
        )
    return weights_of(model) | {"run": Path(folder).name}


def why_not(model: Any) -> str:
    """What keeps a model from being the one that the page describes; "" if it is that one."""
    if type(model) is not VAE:
        return f"it is a {type(model).__name__}, not a VAE"
    settings = model.settings
    wanted = {"data_dim": 64, "activation": "relu", "likelihood": "bernoulli", "objective": "elbo", "samples": 1}
    for name, value in wanted.items():
        found = getattr(settings, name)
        if found != value:
            return f"its {name} is {found!r}, not {value!r}"
    if len(settings.hidden) != 1 or max(settings.hidden) > MOST_HIDDEN:
        return f"its hidden layers are {settings.hidden}"
    if settings.latent_dim > MOST_LATENTS:
        return f"it has {settings.latent_dim} latents"
    if not np.isfinite(model.params.flat).all():
        return "its parameters are not finite"
    return ""


def weights_of(model: VAE) -> dict[str, Any]:
    """Parameters under the names of the page, as lists of numbers with four digits, row by row."""
    found: dict[str, Any] = {"L": model.latent_dim, "H": max(model.hidden), "beta": float(model.beta)}
    for k, place in enumerate(PLACES, start=1):
        for letter in "Wb":
            flat = model.params[f"{place}.{letter}"].reshape(-1)
            found[f"{letter}{k}"] = [float(f"{value:.{_DIGITS}g}") for value in flat]
    return found


def train_example() -> VAE:
    """1,500 steps of Adam, lr 0.01, batches of 100 of all digits; NumPy alone, in float64."""
    x = joined(*load_digits()).numpy().astype(float)
    model, rng = VAE(64, (16,), 2, dtype="float64", backend="numpy", seed=1), np.random.default_rng(1)
    adam = optim.Adam(model.params, lr=0.01, backend="numpy")
    for step in range(1500):
        if step % 17 == 0:
            order = rng.permutation(len(x))
        rows = order[step % 17 * 100 :][:100]
        _, trace = model.forward(x[rows], rng.standard_normal((100, 2)))
        adam.step(model.backward(trace))
    return model


def write_example() -> None:
    """Train the example and put it where `example` finds it."""
    EXAMPLE.write_text(json.dumps(weights_of(train_example()), separators=(",", ":")) + "\n", encoding="utf-8")
