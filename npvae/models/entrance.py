"""Where data enters a model: one check, with one sentence, for every door from training to export.

Training, encode, reconstruct, evaluation, the estimator and the command line go through `check_data` or `admit`;
forward and backward do not, so that a step costs what its mathematics costs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npvae.data.contract import Data, Samples, as_data, mapped_array

_HEAD = 1000  # rows of a memory map that are looked at beforehand; its batches are checked as they are read


def check_model(model: Any) -> None:
    """Raises ValueError for what is no model, of npvae's or of the caller's own."""
    wanted = ("params", "forward", "backward")
    if any(not hasattr(model, name) for name in wanted):
        raise ValueError(
            f"model is a {type(model).__name__}, expected a model such as npvae.VAE, with {', '.join(wanted)}"
        )


def data_of(model: Any, x: Any) -> Any:
    """What a caller gives, as data of the kind that the model takes: its attribute `takes`.

    Each batch of a memory map is checked against the model's likelihood as it is read.
    """
    data = as_data(x, model.takes, model.dtype)
    if mapped_array(data) is not None and not hasattr(model, "check_data"):
        return Samples(data.x, data.kind, data.dtype, check=model.likelihood.check)
    return data


def admit(model: Any, x: Any, name: str = "x") -> Any:
    """All samples of x as one batch, checked, of the model's dtype: what its forward takes.

    A model that does not say what it takes gets x as it is. Raises ValueError as `check_data`.
    """
    check_model(model)
    if not hasattr(model, "takes"):
        return x
    if model.takes not in ("rows", "images"):  # such a batch is no array, and its model knows what it has to be
        model.check_batch(x)
        return x
    if model.takes == "images":
        x = _as_images(model, x)
    check_data(model, x, name)
    batch = data_of(model, x).batch(slice(None))
    return model.as_rows(batch) if hasattr(model, "as_rows") else batch


def _as_images(model: Any, x: Any) -> Any:
    """Rows (N, D) of a model of images as images (N, H, W, C), if they are an array of its width; else x."""
    shape = getattr(model, "image_shape", None)
    fits = shape is not None and isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] == math.prod(shape)
    return x.reshape(-1, *shape) if fits and shape else x


def check_data(model: Any, x: Any, name: str) -> None:
    """Raises ValueError if x is not data that the model and its likelihood can explain; `name` says what x is."""
    check_model(model)
    if not isinstance(x, Data):
        _check_array(model, x, name)
    try:
        data = data_of(model, x)
        width = getattr(model, "input_dim", None) if model.takes == "rows" else None
        expected = getattr(model, "sample_shape", data.sample_shape if width is None else (width,))
        if data.sample_shape != expected:
            raise ValueError(f"samples have shape {data.sample_shape}, the model was built for {expected}")
        if hasattr(model, "check_data"):
            model.check_data(data)
        elif isinstance(data, Samples):
            head = data.x if mapped_array(data) is None else data.batch(slice(_HEAD))
            model.likelihood.check(head)
            if getattr(model, "reads_labels", False) and isinstance(head, np.ndarray):
                _check_labels(head[:, model.data_dim :])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None


def _check_array(model: Any, x: Any, name: str) -> None:
    """Raises ValueError, with the mend, for what people pass in place of floats of the model's shape."""
    dtype = model.dtype.name
    if not isinstance(getattr(x, "dtype", None), np.dtype):
        mend = f"pass np.asarray({name}, {dtype!r})"
        raise ValueError(f"{name} is a {type(x).__name__}, expected an array or npvae.data.Images: {mend}")
    if hasattr(x, "toarray"):
        raise ValueError(f"{name} is a sparse {type(x).__name__}, expected an array: pass {name}.toarray()")
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        count = int(np.ma.count_masked(x))
        raise ValueError(f"{name} has {count} masked values, which the model would see: pass {name}.filled(value)")
    shape = tuple(x.shape)
    if model.takes == "rows" and (len(shape) != 2 or shape[0] == 0 or shape[1] != model.input_dim):
        mend = f": pass {name}.reshape(len({name}), -1)" if len(shape) > 2 else ""
        raise ValueError(f"{name} has shape {shape}, expected (N, D) with N >= 1 and D = {model.input_dim}{mend}")
    if x.dtype.kind == "f":
        return
    if x.dtype.kind in "biu" and model.takes == "rows":
        try:
            model.likelihood.check(x)  # of grey levels it says what to divide by
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
    images = f", or npvae.data.Images({name})" if x.dtype.kind in "biu" else ""
    raise ValueError(f"{name} holds {x.dtype}, expected floats: pass {name}.astype({dtype!r}){images}")


def _check_labels(labels: np.ndarray) -> None:
    """Raises ValueError if a row's label is not shares of the classes that add up to 1, such as a one-hot vector."""
    off = np.abs(labels.sum(axis=1) - 1) > 1e-3
    if off.any():
        row = int(off.argmax())
        found = " ".join(f"{value:g}" for value in labels[row][:5]) + (" ..." if labels.shape[1] > 5 else "")
        raise ValueError(
            f"row {row} ends in {found} where its label should stand, one-hot: npvae.models.with_labels(x, labels, "
            f"{labels.shape[1]}) puts it there"
        )
