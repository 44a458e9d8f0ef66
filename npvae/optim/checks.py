"""What every optimiser asks of its arguments."""

from npvae.models.params import Params


def check_positive(who: str, **settings: float) -> None:
    """ValueError for a setting that is not a finite number above zero."""
    for name, value in settings.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{who}: {name} is {value}, expected a finite number above 0")


def check_gradients(who: str, params: Params, grads: Params) -> None:
    """ValueError if gradients are not laid out like the parameters: same size, same dtype."""
    if grads.flat.shape != params.flat.shape or grads.flat.dtype != params.flat.dtype:
        raise ValueError(
            f"{who}: gradients are {grads.flat.size:,} numbers of {grads.flat.dtype}, "
            f"parameters {params.flat.size:,} of {params.flat.dtype}: they must come from the same model"
        )
