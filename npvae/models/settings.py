"""A model's settings: one frozen dataclass, from which everything else that names them is made.

config.json is its fields; a constructor's arguments and checks are its fields and their checks; the options of `npvae
train` and their help are its fields' options. A model's own settings are composed below from five parts.

A field that is added needs a default that builds the model as before: older runs do not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, MISSING, asdict, dataclass, field, fields
from typing import Any

import numpy as np

from npvae.backend import BACKENDS
from npvae.models.checks import check_whole, check_widths
from npvae.models.likelihoods import LIKELIHOODS, OFFSETS, WHEN_MISSING
from npvae.models.objectives import OBJECTIVES
from npvae.ops import ACTIVATIONS
from npvae.scalars import check_number, plain


@dataclass(frozen=True)
class Option:
    """How a setting is given to `npvae train`."""

    flag: str  # such as "--hidden"
    help: str  # what it is; the default is added
    metavar: str | None = None
    read: Callable[[str], Any] = str  # text -> value
    default: Any = None  # the command line's own default; without one, the model's own holds
    choices: Collection[str] = ()  # names that the help lists
    without: str = ""  # what holds if the option is not given, where that is no value


def setting(
    default: Any = MISSING, check: Callable[[str, Any], Any] | None = None, option: Option | None = None
) -> Any:
    """A field with its option, and the check of its value: check(name, value) raises, or may give it a normal form."""
    return field(default=default, metadata={"check": check, "option": option})


def widths(text: str) -> tuple[int, ...]:
    """Read "400" as (400,), "200,200" as (200, 200). ValueError says how it is written."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of widths, write it like 400 or 200,200") from None


def whole(least: int = 1) -> Callable[[str, Any], None]:
    """A check for whole numbers of at least `least`."""
    return lambda name, value: check_whole(least, **{name: value})


def one_of(names: Collection[str], wrong: str = "is unknown") -> Callable[[str, Any], None]:
    """A check for a name of a table; one that a program has added is there too."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"{name} {value!r} {wrong}, choose one of {', '.join(names)}")

    return check


def check_at_least_zero(name: str, value: Any) -> None:
    """ValueError for anything but a finite number of at least 0."""
    check_number(0, expected="expected a finite number of at least 0", **{name: value})


def check_alpha(name: str, value: Any) -> None:
    """ValueError for anything but a finite number."""
    check_number(expected="expected a finite number (the limit at -inf is the objective vr_max)", **{name: value})


def check_finite(name: str, value: Any) -> None:
    """ValueError for anything but a finite number."""
    check_number(**{name: value})


def check_finite_or_none(name: str, value: Any) -> None:
    """ValueError for anything but a finite number or None."""
    if value is not None:
        check_number(expected="expected a finite number, or None for no floor", **{name: value})


def check_float_dtype(name: str, value: Any) -> str:
    """The name of a dtype. ValueError for another than float32 and float64."""
    with suppress(TypeError):
        if value is not None and np.dtype(value) in (np.float32, np.float64):
            return np.dtype(value).name
    raise ValueError(f"{name} {value!r} is not supported, choose float32 or float64")


def hidden_setting(default: tuple[int, ...]) -> Any:
    """Widths of hidden layers."""
    what = "widths of the encoder's layers, which the decoder has in reverse"
    return setting(default, check_widths, Option("--hidden", what, "H[,H...]", widths, (256, 128)))


def latent_dim_setting(default: int) -> Any:
    """Length of a code."""
    return setting(default, whole(), Option("--latent", "number of latents", "L", int, 2))


def activation_setting(default: str) -> Any:
    """The name of an activation."""
    option = Option("--activation", "after every hidden layer", "A", default="relu", choices=ACTIVATIONS)
    return setting(default, one_of(ACTIVATIONS), option)


def likelihood_setting(default: str) -> Any:
    """The name of a likelihood."""
    option = Option("--likelihood", "what the decoder's output means", "P", default="bernoulli", choices=LIKELIHOODS)
    return setting(default, one_of(LIKELIHOODS), option)


def objective_setting(default: str, check: Callable[[str, Any], None] = one_of(OBJECTIVES)) -> Any:  # noqa: B008
    """The name of an objective."""
    return setting(default, check, Option("--objective", "what is descended", "O", choices=OBJECTIVES))


def samples_setting(default: int) -> Any:
    """Draws of z per input in training."""
    return setting(default, whole(), Option("--samples", "draws of z per input in training", "K", int))


@dataclass(frozen=True)
class Mlp:
    """Data, code, and the layers between them."""

    data_dim: int = setting(check=whole())
    hidden: Sequence[int] = hidden_setting((400,))
    latent_dim: int = latent_dim_setting(20)
    activation: str = activation_setting("relu")
    likelihood: str = likelihood_setting("bernoulli")


@dataclass(frozen=True)
class Affine:
    """Data and code with one affine map each way."""

    data_dim: int = setting(check=whole())
    latent_dim: int = latent_dim_setting(2)
    likelihood: str = likelihood_setting("gaussian_scalar")


OF_LIKELIHOOD = ("logvar", "offset", "missing")
"""Settings that a model has no use for unless its likelihood can be chosen."""


@dataclass(frozen=True)
class Settings:
    """What every model takes."""

    _: KW_ONLY
    logvar: float = setting(
        0.0,
        check_finite,
        Option(
            "--logvar",
            "log-variance of gaussian_fixed, or the start of a learned one",
            "V",
            float,
            without="0; of a learned one: the data's",
        ),
    )
    logvar_floor: float | None = setting(None, check_finite_or_none)
    levels: int = setting(256, whole(2))
    offset: str = setting(
        "none",
        one_of(OFFSETS),
        Option("--offset", "row: counts are relative to the mean count of their row", "O", choices=OFFSETS),
    )
    missing: str = setting(
        "error",
        one_of(WHEN_MISSING),
        Option("--missing", "what NaN in the data is; mask: the encoder sees which are", "M", choices=WHEN_MISSING),
    )
    dtype: str = setting("float32", check_float_dtype)
    backend: str = setting("numba", one_of(BACKENDS))
    seed: int = setting(0, whole(0))

    def __post_init__(self) -> None:
        for each in fields(self):
            check, value = each.metadata["check"], getattr(self, each.name)
            normal = None if check is None else check(each.name, value)
            object.__setattr__(self, each.name, plain(value if normal is None else normal))
            if each.name in OF_LIKELIHOOD and value != each.default and not hasattr(self, "likelihood"):
                what = f"{each.name} is {value!r}, which is for models whose likelihood can be chosen"
                raise ValueError(f"{what}: leave it out")

    def config(self) -> dict[str, Any]:
        """The settings as config.json keeps them: what the model's class is called with to build it again."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class KLTerm:
    """The weight and the kind of the KL term, and the objective that is minimised."""

    beta: float = setting(1.0, check_at_least_zero, Option("--beta", "weight of the KL term", read=float))
    _: KW_ONLY
    objective: str = objective_setting("elbo")
    samples: int = samples_setting(1)
    alpha: float = setting(0.5, check_alpha, Option("--alpha", "order of the Rényi bound", read=float))
    free_bits: float = setting(
        0.5, check_at_least_zero, Option("--free-bits", "what a latent may cost for nothing", "NATS", float)
    )
    capacity: float = setting(
        10.0, check_at_least_zero, Option("--capacity", "what the KL term is drawn to", "NATS", float)
    )

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]
        least = OBJECTIVES[self.objective].least_samples
        if self.samples < least:
            raise ValueError(
                f"samples is {self.samples}, {self.objective} needs at least {least}: each is compared with the others"
            )


@dataclass(frozen=True)
class AutoencoderSettings(Settings, Mlp):
    """Those of the autoencoder."""


@dataclass(frozen=True)
class VAESettings(KLTerm, Settings, Mlp):
    """Those of the VAE."""
