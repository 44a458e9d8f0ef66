"""The options of `npvae train` that say which model is trained: made from the models' settings.

A setting with an `Option` (see `npvae.models.settings`) is an option here, with its help, its default and the models
that take it; nothing about a setting is written down twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from npvae.models import LIKELIHOODS, MODELS, OBJECTIVES
from npvae.models.settings import OF_LIKELIHOOD, Option

MOST_GAPS = 10  # classes for each label that is there: above it, labels are numbers of another kind


def add_model_options(parser: Any) -> None:
    """--model and the options of its settings, on a parser or a group of one."""
    parser.add_argument("--model", default="vae", help=", ".join(MODELS))
    for name, option in options().items():
        default = option.default if option.default is None else _as_text(option.default)
        parser.add_argument(
            option.flag,
            dest=name,
            type=_read(option),
            default=default,
            metavar=option.metavar,
            help=_help(name, option),
        )
    what = "how beta grows (of the objective capacity: the capacity)"
    how = "constant, linear:E or cyclical:E, E in epochs"
    parser.add_argument("--beta-schedule", default="constant", metavar="S", help=f"{what}: {how}")


def options() -> dict[str, Option]:
    """The option of every setting of every model that has one, by the setting's name, in the order of the settings."""
    found: dict[str, Option] = {}
    for model in MODELS.values():
        for each in fields(model.Settings):
            if each.metadata["option"] is not None:
                found.setdefault(each.name, each.metadata["option"])
    return found


def defaults(name: str) -> dict[str, Any]:
    """The default of a setting in each model that takes it, by the model's name."""
    found = {}
    for kind, model in MODELS.items():
        own = {each.name: each.default for each in fields(model.Settings)}
        if name in own and (name not in OF_LIKELIHOOD or "likelihood" in own):
            found[kind] = own[name]
    return found


def check_options(args: argparse.Namespace) -> None:
    """ValueError for an option on the command line (`args.given`) that would have no effect."""
    names = {option.flag: name for name, option in options().items()}
    for flag in args.given:
        name = "beta" if flag == "--beta-schedule" else names.get(flag)
        if name is None:
            continue
        models = defaults(name)
        if args.model not in models:
            raise ValueError(f"{flag} is of {', '.join(models)}; {args.model} has no use for it: leave it out")
        for table, what in ((OBJECTIVES, "objective"), (LIKELIHOODS, "likelihood")):
            readers = [row_name for row_name, row in table.items() if name in row.settings]
            if not readers:
                continue
            chosen = getattr(args, what) or defaults(what)[args.model]
            if chosen not in readers:
                mend = f"add --{what} {' or '.join(readers)}, or leave it out"
                raise ValueError(f"{flag} has no effect with --{what} {chosen}: {mend}")
        if name == "alpha" and (args.samples or defaults("samples")[args.model]) == 1:
            raise ValueError("--alpha has no effect on one draw per input: add --samples 2 or more, or leave it out")


def model_settings(args: argparse.Namespace, train: Any) -> dict[str, Any]:
    """The keyword arguments of the model's class, for these training data.

    ValueError for an option that would have no effect (`check_options`), floats where grey levels are counted, or
    labels that do not count classes.

    The grey levels of the data set the floor of a learned variance: rounding to steps of delta is noise of variance
    delta**2 / 12.
    """
    import numpy as np

    check_options(args)
    own = [each.name for each in fields(MODELS[args.model].Settings)]
    known = options()
    given = {name: getattr(args, name) for name in known if name in own}
    if MODELS[args.model].takes == "sequences":  # the command line's own defaults are for small pictures
        given = {name: value for name, value in given.items() if known[name].flag in args.given}
        return given | {"seed": args.seed, "alphabet": train.alphabet, "max_length": train.longest}
    if MODELS[args.model].takes == "graph":
        given = {name: value for name, value in given.items() if known[name].flag in args.given}
        V, F = train.sample_shape
        return given | {"seed": args.seed, "vertices": V, "features": F}
    settings = {name: value for name, value in given.items() if value is not None}
    images = MODELS[args.model].takes == "images"
    settings |= {"image_shape": train.image_shape} if images else {"data_dim": train.shape[1]}
    settings["seed"] = args.seed
    if train.pixels.dtype == np.uint8:
        levels = int(train.max_value) + 1
        settings |= {"levels": levels, "logvar_floor": float(np.log((1 / (levels - 1)) ** 2 / 12))}
    elif args.likelihood in ("discretized_logistic", "categorical", "binomial"):
        check_grey_levels(args.likelihood, train)
    if "classes" in own and train.labels is not None:
        settings["classes"] = classes_of(train)
    return settings


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


def _read(option: Option) -> Callable[[str], Any]:
    """The option's reader, whose own words argparse shows."""

    def read(text: str) -> Any:
        try:
            return option.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return option.read if option.read in (int, float, str) else read


def _help(name: str, option: Option) -> str:
    """What it is, the names there are, and the models' defaults if the command line has none of its own."""
    text = f"{option.help}: {', '.join(option.choices)}" if option.choices else option.help
    if option.default is not None:
        return text
    if option.without:
        return f"{text} (default: {option.without})"
    by_value: dict[str, list[str]] = {}
    for kind, value in defaults(name).items():
        by_value.setdefault("" if value is None else _as_text(value), []).append(kind)
    if list(by_value) == [""]:
        return text
    usual, *others = sorted(by_value, key=lambda value: -len(by_value[value]))
    told = [usual, *(f"of {' and '.join(by_value[value])}: {value}" for value in others)]
    return f"{text} (default: {'; '.join(told)})"


def _as_text(value: Any) -> str:
    """A value as it is written on the command line."""
    return (
        ",".join(map(str, value))
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
