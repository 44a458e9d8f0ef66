"""What every optimiser asks of its arguments, and how its state is put back."""

from collections.abc import Mapping

import numpy as np

from npvae.params import Params


def check_positive(who: str, **settings: float) -> None:
    """ValueError for a setting that is not a finite number above zero."""
    for name, value in settings.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{who}: {name} is {value}, expected a finite number above 0")


def check_gradients(who: str, params: Params, grads: Params) -> None:
    """ValueError if gradients are not Params laid out like the parameters: same size, same dtype."""
    if not isinstance(grads, Params):
        raise ValueError(f"{who}: gradients are a {type(grads).__name__}, expected Params: what model.backward gives")
    if grads.flat.shape != params.flat.shape or grads.flat.dtype != params.flat.dtype:
        raise ValueError(
            f"{who}: gradients are {grads.flat.size:,} numbers of {grads.flat.dtype}, "
            f"parameters {params.flat.size:,} of {params.flat.dtype}: they must come from the same model"
        )


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
