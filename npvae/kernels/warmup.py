"""Calls that compile every kernel for float32 and float64, so that no later call has to wait for it.

To numba a read-only array, as data often is, has another type than a writable one; so has a part of an array, as mu and
logvar are parts of the encoder's output. Kernels are called here with the arrays that training passes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np

from npvae.kernels import KERNELS, optimizers
from npvae.kernels.multiply import by_lists, multiply
from npvae.kernels.team import pools
from npvae.kernels.team.pools import SHARED_FROM
from npvae.kernels.updates import sum_of_squares
from npvae.spec import Op

SIZES = {
    "N": 8,
    "I": 3,
    "O": 4,
    "D": 5,
    "L": 2,
    "T": 3,
    "E": 3,
    "H": 4,
    "V": 5,
    "C": 5,
    "J": 3,
    "P": 2,
    "Q": 2,
    "F": 4,
    "M": 3,
    "K": 2,
}
SHARED = SIZES | {"D": SHARED_FROM // SIZES["N"]}  # large enough for a job of the team


def calls() -> list[Callable[[], object]]:
    """Calls of every kernel with small arrays of either dtype, and of the shared jobs with larger ones."""
    bernoulli = next(op for op in KERNELS if op.name == "bernoulli_nll")
    found: list[Callable[[], object]] = []
    for op, dtype, read_only in product(KERNELS, (np.float32, np.float64), (True, False)):
        for values in product(*op.params.values()):
            params = dict(zip(op.params, values, strict=True))
            found.append(partial(call, op, SIZES, dtype, read_only, params))
    for read_only in (True, False):
        found.append(partial(call, bernoulli, SHARED, np.float32, read_only, {}))
        found.append(partial(multiply_all, read_only))
    sizes = ((1, np.float32), (1, np.float64), (optimizers.ADAM_SHARED_FROM, np.float32))
    return [*found, *(partial(update, size, dtype) for size, dtype in sizes)]


def update(size: int, dtype: type) -> None:
    """A step of each optimiser, and the norm of its gradients."""
    four: np.ndarray = np.zeros((4, size), dtype)
    p, g, m, v = four
    optimizers.adam_update(p, g, m, v, 1, 1e-3, (0.9, 0.999), 1e-8)
    optimizers.adagrad_update(p, g, v, 1e-2, 1e-10)
    sum_of_squares(g)


def call(op: Op, sizes: dict[str, int], dtype: type, read_only: bool, params: dict) -> None:
    """Forward and backward of one op, on zeros; x may be read-only."""
    arrays: dict[str, np.ndarray] = {
        name: np.zeros(arg.sizes(sizes), arg.dtype or dtype) for name, arg in op.args.items()
    }
    for name, arg in op.args.items():
        if arg.offsets:
            arrays[name][-1] = arg.ends(sizes)[1]
    if "lengths" in arrays:
        arrays["lengths"][:] = sizes["T"]
    if op.name == "gaussian_kl":
        head: np.ndarray = np.zeros((sizes["N"], 2 * sizes["L"]), dtype)
        arrays["mu"], arrays["logvar"] = head[:, : sizes["L"]], head[:, sizes["L"] :]
    if "x" in arrays:
        arrays["x"].flags.writeable = not read_only
    y, cache = op.forward(*arrays.values(), **params)
    op.backward(np.zeros_like(y), cache)


def multiply_all(read_only: bool) -> None:
    """The three products of a layer in float32, large enough for tiles; x may be read-only."""
    x, W, y = np.zeros((64, 128), np.float32), np.zeros((128, 64), np.float32), np.zeros((64, 64), np.float32)
    x.flags.writeable = not read_only
    multiply(x, W, y)
    if pools.PRODUCTS == "tiles":
        by_lists(x, W, y)
    multiply(x.T, y, W)
    multiply(y, W.T, np.zeros(x.shape, np.float32))
