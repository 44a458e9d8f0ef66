"""Fast twins of the ops: same names, same signatures, proven equal. The table KERNELS lists them as ops.

`backend="numba"` takes its ops from here. Where no twin was worth its lines the reference itself is exported, so every
name of `npvae.ops` is a name of this module. The mathematics stands in `npvae.ops` alone; a kernel's docstring says
what it fuses. What each one gains is measured in benchmarks/speed/kernels.py.

A twin takes arrays of any layout. Beyond the reference's arguments it may take `new` and `place`, which say where its
results are written: see `npvae.steps`. Where calls from Python would cost more than the arithmetic, a whole step is
compiled there.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from npvae import ops
from npvae.kernels.bernoulli_nll import bernoulli_nll_backward, bernoulli_nll_forward
from npvae.kernels.conv.twins import (
    conv2d_backward,
    conv2d_forward,
    conv2d_layer_backward,
    conv2d_layer_forward,
    conv2d_transpose_backward,
    conv2d_transpose_forward,
    conv2d_transpose_layer_backward,
    conv2d_transpose_layer_forward,
)
from npvae.kernels.count_nlls import (
    binomial_nll_backward,
    binomial_nll_forward,
    negative_binomial_nll_backward,
    negative_binomial_nll_forward,
    poisson_nll_backward,
    poisson_nll_forward,
)
from npvae.kernels.embedding import embedding_backward, embedding_forward
from npvae.kernels.gaussian_kl import gaussian_kl_backward, gaussian_kl_forward
from npvae.kernels.gaussian_nll import (
    gaussian_nll_backward,
    gaussian_nll_forward,
    squared_error_backward,
    squared_error_forward,
)
from npvae.kernels.graph.pairs import inner_product_nll_backward, inner_product_nll_forward
from npvae.kernels.graph.shifts import sampled_inner_product_nll_backward, sampled_inner_product_nll_forward
from npvae.kernels.graph.sparse import gcn_backward, gcn_forward, sparse_matmul_backward, sparse_matmul_forward
from npvae.kernels.gru import gru_backward, gru_forward
from npvae.kernels.layer import dense_backward, dense_forward, layer_backward, layer_forward
from npvae.kernels.masked_categorical_nll import masked_categorical_nll_backward, masked_categorical_nll_forward
from npvae.kernels.optimizers import adagrad_update, adam_update
from npvae.spec import Op

TWINS: dict[str, tuple[Callable, Callable]] = {
    "dense": (dense_forward, dense_backward),
    "layer": (layer_forward, layer_backward),
    "conv2d": (conv2d_forward, conv2d_backward),
    "conv2d_transpose": (conv2d_transpose_forward, conv2d_transpose_backward),
    "conv2d_layer": (conv2d_layer_forward, conv2d_layer_backward),
    "conv2d_transpose_layer": (conv2d_transpose_layer_forward, conv2d_transpose_layer_backward),
    "bernoulli_nll": (bernoulli_nll_forward, bernoulli_nll_backward),
    "binomial_nll": (binomial_nll_forward, binomial_nll_backward),
    "poisson_nll": (poisson_nll_forward, poisson_nll_backward),
    "negative_binomial_nll": (negative_binomial_nll_forward, negative_binomial_nll_backward),
    "squared_error": (squared_error_forward, squared_error_backward),
    "gaussian_nll": (gaussian_nll_forward, gaussian_nll_backward),
    "gaussian_kl": (gaussian_kl_forward, gaussian_kl_backward),
    "embedding": (embedding_forward, embedding_backward),
    "gru": (gru_forward, gru_backward),
    "masked_categorical_nll": (masked_categorical_nll_forward, masked_categorical_nll_backward),
    "sparse_matmul": (sparse_matmul_forward, sparse_matmul_backward),
    "gcn": (gcn_forward, gcn_backward),
    "inner_product_nll": (inner_product_nll_forward, inner_product_nll_backward),
    "sampled_inner_product_nll": (sampled_inner_product_nll_forward, sampled_inner_product_nll_backward),
}

KERNELS: tuple[Op, ...] = tuple(
    replace(op, forward=TWINS[name][0], backward=TWINS[name][1])
    for op in ops.OPS
    if (name := op.forward.__name__.removesuffix("_forward")) in TWINS
)
"""Every twin as an op with the arguments of its reference, so that whatever tests an op tests a kernel."""

__all__ = [*ops.__all__, "KERNELS", "adagrad_update", "adam_update"]


def __getattr__(name: str) -> Any:
    """The reference, for what has no twin here."""
    if name in ops.__all__:
        return getattr(ops, name)
    raise AttributeError(f"module 'npvae.kernels' has no attribute {name!r}")
