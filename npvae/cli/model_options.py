"""The options of `npvae train` that say which model is trained, and what they mean to its class."""

from __future__ import annotations

import argparse
from typing import Any

VAES = ("vae", "conditional_vae", "iwae", "linear_vae", "two_layer_vae")
LAYERED = ("vae", "autoencoder", "denoising_autoencoder", "conditional_vae", "iwae", "two_layer_vae")
OF_MODELS = {  # option -> the models that take it, if not all do
    "--hidden": LAYERED,
    "--activation": LAYERED,
    "--beta": VAES,
    "--beta-schedule": VAES,
    "--objective": VAES,
    "--samples": VAES,
    "--alpha": VAES,
    "--free-bits": VAES,
    "--capacity": VAES,
    "--hidden2": ("two_layer_vae",),
    "--latent2": ("two_layer_vae",),
    "--corruption": ("denoising_autoencoder",),
    "--amount": ("denoising_autoencoder",),
}
WITH = {  # option -> another one and the values of that with which it has an effect
    "--alpha": ("--objective", ("renyi",)),
    "--free-bits": ("--objective", ("free_bits",)),
    "--capacity": ("--objective", ("capacity",)),
    "--logvar": ("--likelihood", ("gaussian_fixed", "gaussian_scalar", "gaussian_pixel")),
}
OF_ITS_OWN = (
    "beta",
    "objective",
    "samples",
    "alpha",
    "free_bits",
    "capacity",
    "hidden2",
    "latent_dim2",
    "corruption",
    "amount",
)
"""Settings whose defaults are the model's: they are passed on if they were given."""
MOST_GAPS = 10  # classes for each label that is there: above it, labels are numbers of another kind


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


def check_options(args: argparse.Namespace) -> None:
    """ValueError for an option on the command line (`args.given`) that would have no effect."""
    objective = args.objective or ("iwae" if args.model in ("iwae", "two_layer_vae") else "elbo")
    chosen = {"--objective": objective, "--likelihood": args.likelihood}
    for option in args.given:
        models = OF_MODELS.get(option, (args.model,))
        if args.model not in models:
            raise ValueError(f"{option} is of {', '.join(models)}; {args.model} has no use for it: leave it out")
        if option in WITH and chosen[WITH[option][0]] not in WITH[option][1]:
            other, values = WITH[option]
            mend = f"add {other} {' or '.join(values)}, or leave it out"
            raise ValueError(f"{option} has no effect with {other} {chosen[other]}: {mend}")
        if option == "--alpha" and (args.samples or (5 if args.model == "iwae" else 1)) == 1:
            raise ValueError("--alpha has no effect on one sample an input: add --samples 2 or more, or leave it out")


def model_settings(args: argparse.Namespace, train: Any) -> dict[str, Any]:
    """The keyword arguments of the model's class, for these training images.

    ValueError for an option that would have no effect (`check_options`), floats where grey levels are counted, or
    labels that do not count classes.

    The grey levels of the data set the floor of a learned variance: rounding to steps of delta is noise of variance
    delta**2 / 12.
    """
    import numpy as np

    check_options(args)
    settings = {"latent_dim": args.latent, "likelihood": args.likelihood, "logvar": args.logvar, "seed": args.seed}
    if args.model in LAYERED:
        settings |= {"hidden": args.hidden, "activation": args.activation}
    if train.pixels.dtype == np.uint8:
        levels = int(train.max_value) + 1
        settings |= {"levels": levels, "logvar_floor": float(np.log((1 / (levels - 1)) ** 2 / 12))}
    elif args.likelihood in ("discretized_logistic", "categorical"):
        check_grey_levels(args.likelihood, train)
    if args.model == "conditional_vae" and train.labels is not None:
        settings["classes"] = classes_of(train)
    return settings | {name: getattr(args, name) for name in OF_ITS_OWN if getattr(args, name) is not None}


def check_grey_levels(likelihood: str, train: Any) -> None:
    """ValueError if floats (of the first thousand images) are not k / 255: only of uint8 data the levels are known."""
    import numpy as np

    values = train[:1000]
    off = np.abs(255 * values - np.rint(255 * values))
    if off.max() > 1e-3:
        raise ValueError(
            f"--likelihood {likelihood} counts grey levels; {train.source} holds {train.pixels.dtype}, for instance "
            f"{values.flat[off.argmax()]:g}: store the grey levels as uint8, 0 to 255"
        )


def classes_of(train: Any) -> int:
    """The largest label and 1. ValueError if this is far more than there are labels: each class is an input."""
    import numpy as np

    there, classes = len(np.unique(train.labels)), int(train.labels.max()) + 1
    if classes > MOST_GAPS * there:
        raise ValueError(
            f"{train.source}: {there} different labels that go up to {classes - 1} would be {classes} classes: number "
            "them from 0 on without gaps, labels = np.unique(labels, return_inverse=True)[1]"
        )
    return classes
