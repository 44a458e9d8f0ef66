"""What is said when there is not enough memory: how many parameters there are, and what makes them fewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def memory_named(who: str, parameters: int, dtype: np.dtype) -> Iterator[None]:
    """Within this context a MemoryError says what the model needs, and what to do.

    who         the model in words
    parameters  how many numbers it has
    """
    try:
        yield
    except MemoryError as error:
        if "parameters of" in str(error):  # it was said already
            raise
        gigabytes = parameters * dtype.itemsize / 1e9
        raise MemoryError(
            f"{who}: there is not enough memory for {parameters:,} parameters of {dtype}, {gigabytes:.3g} GB, and "
            "training needs four times as much: take smaller images (--resize H,W), fewer columns, or narrower layers "
            "(hidden, --hidden)"
        ) from error
