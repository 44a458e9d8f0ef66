"""The mathematics: one forward/backward pair a page, in NumPy and nothing else. OPS lists them all.

Every page has the same shape: what it is, its equations (which a test executes), the forward, the backward, and an
`Op` that says what goes in. To read the library, read these pages in the order of OPS.
"""

from npvae.ops import (
    bernoulli_nll,
    dense,
    elu,
    gaussian_kl,
    gaussian_log_density,
    gaussian_nll,
    layer,
    leaky_relu,
    relu,
    reparameterize,
    sigmoid,
    silu,
    softplus,
    squared_error,
    std_from_logvar,
    tanh,
)
from npvae.ops.bernoulli_nll import bernoulli_nll_backward, bernoulli_nll_forward
from npvae.ops.dense import dense_backward, dense_forward
from npvae.ops.elu import elu_backward, elu_forward
from npvae.ops.gaussian_kl import gaussian_kl_backward, gaussian_kl_forward
from npvae.ops.gaussian_log_density import gaussian_log_density_backward, gaussian_log_density_forward
from npvae.ops.gaussian_nll import gaussian_nll_backward, gaussian_nll_forward
from npvae.ops.layer import ACTIVATIONS, layer_backward, layer_forward
from npvae.ops.leaky_relu import leaky_relu_backward, leaky_relu_forward
from npvae.ops.relu import relu_backward, relu_forward
from npvae.ops.reparameterize import reparameterize_backward, reparameterize_forward
from npvae.ops.sigmoid import sigmoid_backward, sigmoid_forward
from npvae.ops.silu import silu_backward, silu_forward
from npvae.ops.softplus import softplus_backward, softplus_forward
from npvae.ops.squared_error import squared_error_backward, squared_error_forward
from npvae.ops.std_from_logvar import std_from_logvar_backward, std_from_logvar_forward
from npvae.ops.tanh import tanh_backward, tanh_forward
from npvae.spec import Op

OPS: tuple[Op, ...] = (
    dense.OP,
    relu.OP,
    leaky_relu.OP,
    elu.OP,
    silu.OP,
    tanh.OP,
    sigmoid.OP,
    softplus.OP,
    layer.OP,
    std_from_logvar.OP,
    reparameterize.OP,
    gaussian_kl.OP,
    gaussian_log_density.OP,
    bernoulli_nll.OP,
    squared_error.OP,
    gaussian_nll.OP,
    gaussian_nll.OP_PIXEL,
    gaussian_nll.OP_SCALAR,
)

__all__ = [
    "ACTIVATIONS",
    "OPS",
    "bernoulli_nll_backward",
    "bernoulli_nll_forward",
    "dense_backward",
    "dense_forward",
    "elu_backward",
    "elu_forward",
    "gaussian_kl_backward",
    "gaussian_kl_forward",
    "gaussian_log_density_backward",
    "gaussian_log_density_forward",
    "gaussian_nll_backward",
    "gaussian_nll_forward",
    "layer_backward",
    "layer_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "relu_backward",
    "relu_forward",
    "reparameterize_backward",
    "reparameterize_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softplus_backward",
    "softplus_forward",
    "squared_error_backward",
    "squared_error_forward",
    "std_from_logvar_backward",
    "std_from_logvar_forward",
    "tanh_backward",
    "tanh_forward",
]
