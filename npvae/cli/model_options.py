"""The options of `npvae train` that say which model is trained, and what they mean to its class."""

from __future__ import annotations

import argparse
from typing import Any

VAES = ("vae", "conditional_vae", "iwae", "linear_vae", "two_layer_vae")
LAYERED = ("vae", "autoencoder", "denoising_autoencoder", "conditional_vae", "iwae", "two_layer_vae")
OF_MODELS = {  # options without a default of their own -> the models that take them
    "beta": VAES,
    "objective": VAES,
    "samples": VAES,
    "alpha": VAES,
    "free_bits": VAES,
    "capacity": VAES,
    "hidden2": ("two_layer_vae",),
    "latent_dim2": ("two_layer_vae",),
    "corruption": ("denoising_autoencoder",),
    "amount": ("denoising_autoencoder",),
}


class DefaultsThatSaySomething(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of an option, unless it is None or False."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        empty = action.default is None or action.default is False
        return action.help if empty else super()._get_help_string(action)


def add_model_options(parser: Any) -> None:
    """--model and what belongs to it, on a parser or a group of one."""
    add = parser.add_argument
    add("--model", default="vae", help="vae, autoencoder, denoising_autoencoder, conditional_vae, iwae, linear_vae, "
        "two_layer_vae")  # fmt: skip
    add("--latent", type=int, default=2, metavar="L", help="number of latents")
    add("--hidden", type=widths, default="256,128", metavar="H[,H...]", help="widths of the encoder's layers, which "
        "the decoder has in reverse")  # fmt: skip
    add("--activation", default="relu", metavar="A", help="relu, leaky_relu, elu, silu, tanh, sigmoid, softplus")
    add("--likelihood", default="bernoulli", metavar="P", help="bernoulli, continuous_bernoulli, squared_error, "
        "gaussian_fixed, gaussian_scalar, gaussian_pixel, gaussian_decoder, discretized_logistic, "
        "categorical")  # fmt: skip
    add("--logvar", type=float, default=0.0, metavar="V", help="log-variance of gaussian_fixed, or the start of a "
        "learned one")  # fmt: skip
    add("--objective", metavar="O", help="elbo, free_bits, capacity, elbo_mc, iwae, dreg, renyi, vr_max, score, "
        "score_baseline (default: elbo; of iwae and two_layer_vae: iwae)")  # fmt: skip
    add("--samples", type=int, metavar="K", help="latents drawn for an input in training (default: 1; of iwae: 5)")
    add("--beta", type=float, help="weight of the KL term (default: 1)")
    add("--beta-schedule", default="constant", metavar="S", help="how it grows: constant, linear:E or cyclical:E, "
        "E in epochs")  # fmt: skip
    add("--alpha", type=float, help="order of the Rényi bound (default: 0.5)")
    add("--free-bits", type=float, metavar="NATS", help="what a latent may cost for nothing (default: 0.5)")
    add("--capacity", type=float, metavar="NATS", help="what the KL term is drawn to (default: 10)")
    add("--hidden2", type=widths, metavar="H[,H...]", help="widths between the two latent layers (default: 100,100)")
    add("--latent2", type=int, metavar="L", dest="latent_dim2", help="number of latents on top (default: 50)")
    add(
        "--corruption", metavar="C", help="how a denoising autoencoder's input is spoilt: masking (default) or gaussian"
    )
    add("--amount", type=float, help="fraction masked, or standard deviation of the noise (default: 0.3)")


def widths(text: str) -> tuple[int, ...]:
    """Read "400" as (400,), "200,200" as (200, 200)."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths, write it like 400 or 200,200") from None


def model_settings(args: argparse.Namespace, train: Any) -> dict[str, Any]:
    """The keyword arguments of the model's class. ValueError for a model or option that does not exist for it.

    The grey levels of the data set the floor of a learned variance: rounding to steps of delta is noise of variance
    delta**2 / 12.
    """
    import numpy as np

    settings = {"latent_dim": args.latent, "likelihood": args.likelihood, "logvar": args.logvar, "seed": args.seed}
    if args.model in LAYERED:
        settings |= {"hidden": args.hidden, "activation": args.activation}
    if train.pixels.dtype == np.uint8:
        levels = int(train.max_value) + 1
        settings |= {"levels": levels, "logvar_floor": float(np.log((1 / (levels - 1)) ** 2 / 12))}
    if args.model == "conditional_vae" and train.labels is not None:
        settings["classes"] = int(train.labels.max()) + 1
    for name, models in OF_MODELS.items():
        value = getattr(args, name)
        if value is None:
            continue
        if args.model not in models:
            option = {"latent_dim2": "latent2"}.get(name, name).replace("_", "-")
            raise ValueError(f"--{option} is of {', '.join(models)}; {args.model} has no use for it: leave it out")
        settings[name] = value
    return settings
