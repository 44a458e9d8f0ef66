"""The mathematics: one forward/backward pair per page, in NumPy and nothing else. OPS lists them all.

Every page has the same shape: what it is, its equations (which a test executes), how the backward follows from the
forward, the code of both, and an `Op` that says what goes in. To read the library, read them in the order of OPS.
The update formulas of the optimisers are pages too, recurrences without a backward: LAWS lists them.

All derivations use one rule. `dx` is the gradient of the loss: the sum, over all paths that lead on from x, of what
comes back on the path times the slope of the step that x takes on it (the chain rule).
"""

from npvae.ops import (
    adagrad,
    adam,
    bernoulli_nll,
    binomial_nll,
    categorical_nll,
    continuous_bernoulli_nll,
    conv2d,
    conv2d_layer,
    conv2d_transpose,
    conv2d_transpose_layer,
    dense,
    discretized_logistic_nll,
    elu,
    embedding,
    floored_logvar,
    free_bits,
    gaussian_kl,
    gaussian_log_density,
    gaussian_nll,
    gcn,
    gru,
    gru_cell,
    inner_product_nll,
    last_state,
    layer,
    leaky_relu,
    log_mean_exp,
    masked_categorical_nll,
    masked_fill,
    negative_binomial_nll,
    normalised_adjacency,
    poisson_nll,
    relu,
    renyi_bound,
    reparameterize,
    repeat,
    sampled_inner_product_nll,
    sgd,
    sigmoid,
    silu,
    softplus,
    sparse_matmul,
    squared_error,
    std_from_logvar,
    tanh,
    vr_max,
    word_dropout,
)
from npvae.ops.adagrad import adagrad_update
from npvae.ops.adam import adam_update
from npvae.ops.bernoulli_nll import bernoulli_nll_backward, bernoulli_nll_forward
from npvae.ops.binomial_nll import binomial_nll_backward, binomial_nll_forward
from npvae.ops.categorical_nll import categorical_nll_backward, categorical_nll_forward
from npvae.ops.continuous_bernoulli_nll import (
    continuous_bernoulli_mean,
    continuous_bernoulli_nll_backward,
    continuous_bernoulli_nll_forward,
)
from npvae.ops.conv2d import conv2d_backward, conv2d_forward
from npvae.ops.conv2d_layer import conv2d_layer_backward, conv2d_layer_forward
from npvae.ops.conv2d_transpose import conv2d_transpose_backward, conv2d_transpose_forward
from npvae.ops.conv2d_transpose_layer import conv2d_transpose_layer_backward, conv2d_transpose_layer_forward
from npvae.ops.dense import dense_backward, dense_forward
from npvae.ops.discretized_logistic_nll import discretized_logistic_nll_backward, discretized_logistic_nll_forward
from npvae.ops.elu import elu_backward, elu_forward
from npvae.ops.embedding import embedding_backward, embedding_forward
from npvae.ops.floored_logvar import floored_logvar_backward, floored_logvar_forward
from npvae.ops.free_bits import free_bits_backward, free_bits_forward
from npvae.ops.gaussian_kl import gaussian_kl_backward, gaussian_kl_forward
from npvae.ops.gaussian_log_density import gaussian_log_density_backward, gaussian_log_density_forward
from npvae.ops.gaussian_nll import gaussian_nll_backward, gaussian_nll_forward
from npvae.ops.gcn import gcn_backward, gcn_forward
from npvae.ops.gru import gru_backward, gru_forward
from npvae.ops.gru_cell import gru_cell_backward, gru_cell_forward
from npvae.ops.inner_product_nll import inner_product_nll_backward, inner_product_nll_forward
from npvae.ops.last_state import last_state_backward, last_state_forward
from npvae.ops.layer import ACTIVATIONS, layer_backward, layer_forward
from npvae.ops.leaky_relu import leaky_relu_backward, leaky_relu_forward
from npvae.ops.log_mean_exp import log_mean_exp_backward, log_mean_exp_forward
from npvae.ops.masked_categorical_nll import masked_categorical_nll_backward, masked_categorical_nll_forward
from npvae.ops.masked_fill import masked_fill_backward, masked_fill_forward
from npvae.ops.negative_binomial_nll import negative_binomial_nll_backward, negative_binomial_nll_forward
from npvae.ops.normalised_adjacency import CSR, normalise_adjacency
from npvae.ops.poisson_nll import poisson_nll_backward, poisson_nll_forward
from npvae.ops.relu import relu_backward, relu_forward
from npvae.ops.renyi_bound import renyi_bound_backward, renyi_bound_forward
from npvae.ops.reparameterize import reparameterize_backward, reparameterize_forward
from npvae.ops.repeat import repeat_backward, repeat_forward
from npvae.ops.sampled_inner_product_nll import sampled_inner_product_nll_backward, sampled_inner_product_nll_forward
from npvae.ops.sgd import sgd_update
from npvae.ops.sigmoid import sigmoid_backward, sigmoid_forward
from npvae.ops.silu import silu_backward, silu_forward
from npvae.ops.softplus import softplus_backward, softplus_forward
from npvae.ops.sparse_matmul import sparse_matmul_backward, sparse_matmul_forward
from npvae.ops.squared_error import squared_error_backward, squared_error_forward
from npvae.ops.std_from_logvar import std_from_logvar_backward, std_from_logvar_forward
from npvae.ops.tanh import tanh_backward, tanh_forward
from npvae.ops.vr_max import vr_max_backward, vr_max_forward
from npvae.ops.word_dropout import word_dropout_backward, word_dropout_forward
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
    conv2d.OP,
    conv2d_transpose.OP,
    conv2d_layer.OP,
    conv2d_transpose_layer.OP,
    std_from_logvar.OP,
    reparameterize.OP,
    gaussian_kl.OP,
    gaussian_log_density.OP,
    bernoulli_nll.OP,
    squared_error.OP,
    gaussian_nll.OP,
    gaussian_nll.OP_PIXEL,
    gaussian_nll.OP_SCALAR,
    floored_logvar.OP,
    continuous_bernoulli_nll.OP,
    discretized_logistic_nll.OP,
    categorical_nll.OP,
    binomial_nll.OP,
    poisson_nll.OP,
    negative_binomial_nll.OP,
    negative_binomial_nll.OP_FEATURE,
    masked_fill.OP,
    free_bits.OP,
    repeat.OP,
    log_mean_exp.OP,
    renyi_bound.OP,
    vr_max.OP,
    embedding.OP,
    word_dropout.OP,
    gru_cell.OP,
    gru.OP,
    last_state.OP,
    masked_categorical_nll.OP,
    sparse_matmul.OP,
    gcn.OP,
    inner_product_nll.OP,
    sampled_inner_product_nll.OP,
)

LAWS = (normalised_adjacency.LAW, sgd.LAW, adagrad.LAW, adam.LAW)  # pages without a backward

__all__ = [
    "ACTIVATIONS",
    "CSR",
    "LAWS",
    "OPS",
    "adagrad_update",
    "adam_update",
    "bernoulli_nll_backward",
    "bernoulli_nll_forward",
    "binomial_nll_backward",
    "binomial_nll_forward",
    "categorical_nll_backward",
    "categorical_nll_forward",
    "continuous_bernoulli_mean",
    "continuous_bernoulli_nll_backward",
    "continuous_bernoulli_nll_forward",
    "conv2d_backward",
    "conv2d_forward",
    "conv2d_layer_backward",
    "conv2d_layer_forward",
    "conv2d_transpose_backward",
    "conv2d_transpose_forward",
    "conv2d_transpose_layer_backward",
    "conv2d_transpose_layer_forward",
    "dense_backward",
    "dense_forward",
    "discretized_logistic_nll_backward",
    "discretized_logistic_nll_forward",
    "elu_backward",
    "elu_forward",
    "embedding_backward",
    "embedding_forward",
    "floored_logvar_backward",
    "floored_logvar_forward",
    "free_bits_backward",
    "free_bits_forward",
    "gaussian_kl_backward",
    "gaussian_kl_forward",
    "gaussian_log_density_backward",
    "gaussian_log_density_forward",
    "gaussian_nll_backward",
    "gaussian_nll_forward",
    "gcn_backward",
    "gcn_forward",
    "gru_backward",
    "gru_cell_backward",
    "gru_cell_forward",
    "gru_forward",
    "inner_product_nll_backward",
    "inner_product_nll_forward",
    "last_state_backward",
    "last_state_forward",
    "layer_backward",
    "layer_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "log_mean_exp_backward",
    "log_mean_exp_forward",
    "masked_categorical_nll_backward",
    "masked_categorical_nll_forward",
    "masked_fill_backward",
    "masked_fill_forward",
    "negative_binomial_nll_backward",
    "negative_binomial_nll_forward",
    "normalise_adjacency",
    "poisson_nll_backward",
    "poisson_nll_forward",
    "relu_backward",
    "relu_forward",
    "renyi_bound_backward",
    "renyi_bound_forward",
    "reparameterize_backward",
    "reparameterize_forward",
    "repeat_backward",
    "repeat_forward",
    "sampled_inner_product_nll_backward",
    "sampled_inner_product_nll_forward",
    "sgd_update",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softplus_backward",
    "softplus_forward",
    "sparse_matmul_backward",
    "sparse_matmul_forward",
    "squared_error_backward",
    "squared_error_forward",
    "std_from_logvar_backward",
    "std_from_logvar_forward",
    "tanh_backward",
    "tanh_forward",
    "vr_max_backward",
    "vr_max_forward",
    "word_dropout_backward",
    "word_dropout_forward",
]
