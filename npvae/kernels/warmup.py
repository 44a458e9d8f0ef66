"""Compiles every kernel for float32 and float64, so that no later call has to wait for it."""

from __future__ import annotations

from itertools import product

import numpy as np

from npvae.kernels import KERNELS, optimizers
from npvae.kernels.matmul.multiply import multiply
from npvae.kernels.threads import SHARED_FROM
from npvae.kernels.updates import sum_of_squares
from npvae.spec import Op

SIZES = {"N": 8, "I": 3, "O": 4}


def compile_all() -> None:
    """Call every kernel once with small arrays of either dtype, and the shared jobs with larger ones."""
    for op, dtype in product(KERNELS, (np.float32, np.float64)):
        for values in product(*op.params.values()):
            call(op, SIZES | {"D": 5}, dtype, dict(zip(op.params, values, strict=True)))
    call(next(op for op in KERNELS if op.name == "bernoulli_nll"), {"N": 8, "D": SHARED_FROM // 8}, np.float32, {})
    for size, dtype in ((1, np.float32), (1, np.float64), (SHARED_FROM, np.float32)):
        p, g, m, v = np.zeros((4, size), dtype)
        optimizers.adam_update(p, g, m, v, 1, 1e-3, (0.9, 0.999), 1e-8)
        optimizers.adagrad_update(p, g, v, 1e-2, 1e-10)
        sum_of_squares(g)
    for writeable in (True, False):
        x, y = np.ones((8, 3), np.float32), np.ones((8, 4), np.float32)
        x.flags.writeable = writeable  # data is often read-only, and another type to numba
        multiply(x, np.ones((3, 4), np.float32), y)
        multiply(x.T, y, np.empty((3, 4), np.float32))


def call(op: Op, sizes: dict[str, int], dtype: type, params: dict) -> None:
    """Forward and backward of one op, on zeros."""
    y, cache = op.forward(*(np.zeros(arg.sizes(sizes), dtype) for arg in op.args.values()), **params)
    op.backward(np.zeros_like(y), cache)
