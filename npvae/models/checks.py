"""What models and trainings ask of widths, generators and batches. Data is checked in `npvae.models.entrance`."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.scalars import check_whole

__all__ = ["check_batch", "check_generator", "check_noise", "check_rows", "check_whole", "check_widths"]


def check_widths(name: str, widths: Any) -> tuple[int, ...]:
    """The widths of hidden layers as a tuple. ValueError if they are not whole numbers of at least 1."""
    if not hasattr(widths, "__iter__") or isinstance(widths, str):
        raise ValueError(f"{name} is {widths!r}, expected the widths of its layers, such as (400,) or (256, 128)")
    for width in (widths := tuple(widths)):
        check_whole(**{f"a width in {name}": width})
    return tuple(int(width) for width in widths)


def check_generator(rng: Any) -> None:
    """ValueError if rng is not a numpy.random.Generator: a seed, say."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}, expected a generator: np.random.default_rng(0)")


def check_batch(model: Any, x: Any) -> None:
    """ValueError if x is not (N, D) of the model's dtype. Its values are checked where data enters, not here."""
    who, dtype = type(model).__name__, model.dtype
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{who}: x is a {type(x).__name__}, expected an array: np.asarray(x, {dtype.name!r})")
    if x.ndim != 2 or x.shape[1] != model.input_dim or len(x) == 0:
        raise ValueError(f"{who}: x has shape {np.shape(x)}, expected (N, D) with N >= 1, D = {model.input_dim}")
    if x.dtype != dtype:
        scale = " / 255" if x.dtype == np.uint8 else ""
        raise ValueError(f"{who}: x is {x.dtype}, the model computes in {dtype}: pass x.astype({dtype.name!r}){scale}")


def check_noise(model: Any, x: Any, eps: Any, *, one_draw_of: int | None = None) -> np.ndarray:
    """eps as it came. ValueError if x or eps has not the shape or dtype that a forward of the model needs.

    one_draw_of  noise of this many latents, and one draw per input: (N, L) alone is taken
    """
    model.check_batch(x)
    who, wanted = type(model).__name__, (len(x), one_draw_of or model.noise_dim)
    if eps is not None and not isinstance(eps, np.ndarray):
        raise ValueError(f"{who}: eps is a {type(eps).__name__}, expected an array of shape (N, L) = {wanted}")
    axes, several = ((2,), "") if one_draw_of else ((2, 3), " or (K, N, L)")
    if eps is None or eps.ndim not in axes or eps.shape[-2:] != wanted or len(eps) == 0:
        raise ValueError(
            f"{who}: eps has shape {getattr(eps, 'shape', None)}, expected (N, L) = {wanted}{several}: "
            f"draw it with rng.standard_normal({wanted}, dtype={model.dtype.name!r})"
        )
    if eps.dtype != model.dtype:
        raise ValueError(
            f"{who}: eps is {eps.dtype}, the model computes in {model.dtype}: draw it with dtype={model.dtype.name!r}"
        )
    return eps


def check_rows(model: Any, array: Any, name: str, symbol: str, width: int) -> np.ndarray:
    """The array in the model's dtype. ValueError if it is not (N, width) of finite numbers."""
    who = type(model).__name__
    try:
        if np.iscomplexobj(array):
            raise TypeError("it is complex")
        array = np.asarray(array, model.dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{who}: {name} is not an array of numbers ({error}): pass floats (N, {symbol})") from None
    if array.ndim != 2 or array.shape[1] != width:
        wanted = f"(N, {symbol}) with {symbol} = {width}"
        raise ValueError(f"{who}: {name} has shape {array.shape}, expected {wanted}")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise ValueError(f"{who}: {name} holds numbers that are not finite, first in row {row}: leave such rows out")
    return array
