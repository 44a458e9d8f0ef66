"""What every optimiser asks of its arguments, and how its state is put back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npvae.params import Params, writable
from npvae.scalars import is_number


def check_positive(who: str, **settings: float) -> None:
    """ValueError for a setting that is not a finite number above zero."""
    for name, value in settings.items():
        if not is_number(value) or not 0 < value < float("inf"):
            shown = value if is_number(value) else repr(value)
            raise ValueError(f"{who}: {name} is {shown}, expected a finite number above 0")


def check_fractions(who: str, name: str, values: Any) -> None:
    """ValueError if a setting is not two numbers, each at least 0 and below 1."""
    if not isinstance(values, (tuple, list)) or len(values) != 2 or not all(map(is_number, values)):
        raise ValueError(f"{who}: {name} are {values!r}, expected two numbers, such as (0.9, 0.999)")
    if not all(0 <= value < 1 for value in values):
        raise ValueError(f"{who}: {name} are {values}, expected 0 <= beta < 1 for both")


def check_params(who: str, params: Any) -> None:
    """ValueError if the parameters are not Params: a model, say."""
    if not isinstance(params, Params):
        raise ValueError(f"{who}: params are a {type(params).__name__}, expected Params: model.params")


def own_arrays(state: dict[str, Any]) -> dict[str, Any]:
    """What was pickled, with arrays that can be written to: joblib maps large ones read-only from a file."""
    return {name: writable(value) if isinstance(value, np.ndarray) else value for name, value in state.items()}


def check_gradients(who: str, params: Params, grads: Params) -> None:
    """ValueError if gradients are not Params laid out like the parameters: same size, same dtype."""
    if not isinstance(grads, Params):
        raise ValueError(f"{who}: gradients are a {type(grads).__name__}, expected Params: what model.backward gives")
    if grads.flat.shape != params.flat.shape or grads.flat.dtype != params.flat.dtype:
        raise ValueError(
            f"{who}: gradients are {grads.flat.size:,} numbers of {grads.flat.dtype}, "
            f"parameters {params.flat.size:,} of {params.flat.dtype}: they must come from the same model"
        )
    if not params.flat.flags.writeable:
        raise ValueError(f"{who}: the parameters are read-only: train a copy of the model, copy.deepcopy(model)")


def copy_state(who: str, own: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]) -> None:
    """Copy a state that `state` gave, here or in another process, into arrays of the same names.

    ValueError, before anything is copied, for other names, shapes or dtypes.
    """
    if set(own) != set(given):
        raise ValueError(f"{who}: the state holds {', '.join(sorted(given))}, expected {', '.join(sorted(own))}")
    for name, array in own.items():
        if given[name].shape != array.shape or given[name].dtype != array.dtype:
            raise ValueError(
                f"{who}: {name} in the state is {given[name].dtype} of shape {given[name].shape}, "
                f"expected {array.dtype} of shape {array.shape}"
            )
    for name, array in own.items():
        array[...] = given[name]
