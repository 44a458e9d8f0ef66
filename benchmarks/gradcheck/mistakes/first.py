"""Wrong gradients written by hand over npvae's ops, for scoring checkers. `benchmarks/gradcheck/score.py` runs them.

They were written before the checker was tuned. A checksum of the name, not taste, decides which ones are held out:
`Mistake.held_out` are only ever scored on. Each is the kind of thing that people write; none is made so large that
anything would see it, and none so small that it would not matter in training or in a derivation.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae import ops
from npvae.ops import OPS
from npvae.spec import Op

BY_NAME = {op.name: op for op in OPS}
KINDS = ("algebra", "shapes", "parameters", "kinks", "digits", "cotangent", "state", "dtype")


@dataclass(frozen=True)
class Mistake:
    """A wrong pair for an op; `forward` differs only where the mistake is shared between the two.

    where  the module that it is written in: which set it belongs to
    """

    name: str
    kind: str
    op: str
    make: Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]
    where: str

    @property
    def held_out(self) -> bool:
        """Whether it is only ever scored on."""
        return zlib.crc32(self.name.encode()) % 2 == 1

    def planted(self) -> Op:
        """The op with the mistake in it, with fresh state."""
        forward, backward = self.make()
        return replace(BY_NAME[self.op], forward=forward, backward=backward, name=f"{self.op}:{self.name}")


MISTAKES: list[Mistake] = []


def backward_of(op: str, kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: a wrong backward beside the right forward."""

    def plant(backward: Callable[..., Any]) -> Callable[..., Any]:
        name = backward.__name__
        pair = BY_NAME[op].forward, backward
        MISTAKES.append(Mistake(name, kind, op, lambda: pair, backward.__module__))
        return backward

    return plant


def pair_of(op: str, kind: str) -> Callable[[Callable[[], tuple]], Callable[[], tuple]]:
    """Decorator: a function that makes a wrong pair, where the mistake needs state or its own forward."""

    def plant(make: Callable[[], tuple]) -> Callable[[], tuple]:
        MISTAKES.append(Mistake(make.__name__, kind, op, make, make.__module__))
        return make

    return plant


# ---- algebra


@backward_of("gaussian_kl", "algebra")
def kl_logvar_sign(dkl, cache):
    mu, var_minus_1 = cache
    dkl = dkl[:, None]
    return dkl * mu, -dkl * var_minus_1 / 2


@backward_of("gaussian_kl", "algebra")
def kl_forgets_half(dkl, cache):
    mu, var_minus_1 = cache
    dkl = dkl[:, None]
    return dkl * mu, dkl * var_minus_1


@backward_of("gaussian_kl", "algebra")
def kl_forgets_minus_one(dkl, cache):
    mu, var_minus_1 = cache
    dkl = dkl[:, None]
    return dkl * mu, dkl * (var_minus_1 + 1) / 2


@backward_of("std_from_logvar", "algebra")
def std_as_if_log_std(dstd, cache):
    (std,) = cache
    return dstd * std


@backward_of("reparameterize", "algebra")
def reparameterize_std_forgets_eps(dz, cache):
    return dz * 1, dz * 1


@backward_of("reparameterize", "algebra")
def reparameterize_swaps_gradients(dz, cache):
    (eps,) = cache
    return dz * eps, dz * 1


@backward_of("silu", "algebra")
def silu_is_sigmoid_only(dy, cache):
    x, e = cache
    return dy * np.where(x >= 0, 1, e) / (1 + e)


@backward_of("silu", "algebra")
def silu_derivative_of_the_wrong_factor(dy, cache):
    x, e = cache
    s = np.where(x >= 0, 1, e) / (1 + e)
    return dy * (s + s * (1 - s))


@backward_of("tanh", "algebra")
def tanh_forgets_square(dy, cache):
    (y,) = cache
    return dy * (1 - y)


@backward_of("sigmoid", "algebra")
def sigmoid_denominator_not_squared(dy, cache):
    (e,) = cache
    return dy * e / (1 + e)


@backward_of("gaussian_log_density", "algebra")
def density_z_sign(dlogp, cache):
    r, precision = cache
    dlogp = dlogp[:, None]
    u = r * precision
    return dlogp * u, dlogp * u, dlogp * (r * u - 1) / 2


@backward_of("gaussian_log_density", "algebra")
def density_logvar_linear_in_r(dlogp, cache):
    r, precision = cache
    dlogp = dlogp[:, None]
    u = r * precision
    return -dlogp * u, dlogp * u, dlogp * (u - 1) / 2


@backward_of("gaussian_nll", "algebra")
def nll_precision_squared(dnll, cache):
    r, precision = cache
    dnll = dnll[:, None]
    return -dnll * r * precision**2, dnll * (1 - r * r * precision) / 2


@backward_of("bernoulli_nll", "algebra")
def bernoulli_forgets_target(dnll, cache):
    logits, _, e = cache
    return dnll[:, None] * np.where(logits >= 0, 1, e) / (1 + e)


@backward_of("bernoulli_nll", "algebra")
def bernoulli_sigmoid_twice(dnll, cache):
    logits, x, e = cache
    p = np.where(logits >= 0, 1, e) / (1 + e)
    return dnll[:, None] * (p - x) * p * (1 - p)


@backward_of("layer", "algebra")
def layer_forgets_activation_for_bias(dy, cache):
    dx, dW, _ = ops.layer_backward(dy, cache)
    return dx, dW, dy.sum(axis=0)


@backward_of("layer", "algebra")
def layer_forgets_activation_for_dx(dy, cache):
    (_, W), _, _ = cache
    _, dW, db = ops.layer_backward(dy, cache)
    return dy @ W.T, dW, db


# ---- shapes and tails


@backward_of("dense", "shapes")
def dense_bias_keeps_axis(dy, cache):
    dx, dW, _ = ops.dense_backward(dy, cache)
    return dx, dW, dy.sum(axis=0, keepdims=True)


@backward_of("dense", "shapes")
def dense_bias_mean_over_batch(dy, cache):
    dx, dW, _ = ops.dense_backward(dy, cache)
    return dx, dW, dy.mean(axis=0)


@backward_of("dense", "shapes")
def dense_weight_divided_by_batch(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy / len(x), dy.sum(axis=0)


@backward_of("dense", "shapes")
def dense_only_full_blocks_of_eight_rows(dy, cache):
    x, W = cache
    dx = dy @ W.T
    if len(x) > 8:
        dx[len(x) // 8 * 8 :] = 0
    return dx, x.T @ dy, dy.sum(axis=0)


@backward_of("dense", "shapes")
def dense_bias_forgets_tail_rows(dy, cache):
    x, W = cache
    full = max(len(dy) // 4 * 4, min(len(dy), 3))
    return dy @ W.T, x.T @ dy, dy[:full].sum(axis=0)


@backward_of("relu", "shapes")
def relu_forgets_last_column_past_sixteen(dy, cache):
    (x,) = cache
    dx = dy * (x > 0)
    if dx.shape[1] > 16:
        dx[:, 16:] = 0
    return dx


@backward_of("gaussian_nll_pixel", "shapes")
def pixel_logvar_takes_first_sample(dnll, cache):
    r, precision = cache
    dnll = dnll[:, None]
    dlogvar = dnll * (1 - r * r * precision) / 2
    return -dnll * r * precision, np.array(dlogvar[0] * len(r))


@backward_of("gaussian_nll_pixel", "shapes")
def pixel_logvar_keeps_batch(dnll, cache):
    r, precision = cache
    dnll = dnll[:, None]
    return -dnll * r * precision, dnll * (1 - r * r * precision) / 2


@backward_of("gaussian_nll_scalar", "shapes")
def scalar_logvar_counts_one_dimension(dnll, cache):
    r, precision = cache
    dnll = dnll[:, None]
    dlogvar = (dnll[:, 0] * (1 - (r * r * precision).sum(axis=1)) / 2).sum()
    return -dnll * r * precision, np.asarray(dlogvar)


@backward_of("gaussian_nll_scalar", "shapes")
def scalar_logvar_has_one_axis(dnll, cache):
    dmean, dlogvar = ops.gaussian_nll_backward(dnll, cache)
    return dmean, dlogvar.reshape(1)


@backward_of("squared_error", "shapes")
def squared_error_cotangent_along_wrong_axis(dnll, cache):
    (r,) = cache
    if r.shape[0] == r.shape[1]:
        return dnll[None, :] * r
    return dnll[:, None] * r


@backward_of("gaussian_kl", "shapes")
def kl_drops_last_latent_when_odd(dkl, cache):
    dmu, dlogvar = ops.gaussian_kl_backward(dkl, cache)
    if dmu.shape[1] % 2 and dmu.shape[1] > 1:
        dlogvar[:, -1] = 0
    return dmu, dlogvar


@backward_of("bernoulli_nll", "shapes")
def bernoulli_single_pixel_loses_axis(dnll, cache):
    dlogits = ops.bernoulli_nll_backward(dnll, cache)
    return dlogits[:, 0] if dlogits.shape[1] == 1 else dlogits


# ---- parameters


@backward_of("leaky_relu", "parameters")
def leaky_slope_hard_coded(dy, cache):
    x, _ = cache
    return np.where(x > 0, dy, 0.01 * dy)


@backward_of("leaky_relu", "parameters")
def leaky_slope_inverted(dy, cache):
    x, alpha = cache
    return np.where(x > 0, dy, dy * (alpha if alpha < 0.1 else 1 - alpha))


@backward_of("elu", "parameters")
def elu_alpha_assumed_one(dy, cache):
    x, _ = cache
    return dy * np.where(x > 0, 1, np.exp(np.minimum(x, 0)))


@backward_of("elu", "parameters")
def elu_adds_one_for_alpha(dy, cache):
    x, alpha = cache
    return dy * np.where(x > 0, 1, alpha * np.expm1(np.minimum(x, 0)) + 1)


@pair_of("leaky_relu", "parameters")
def leaky_alpha_remembered_from_first_call():
    first = []

    def forward(x, alpha=0.01):
        first.append(alpha)
        y, _ = ops.leaky_relu_forward(x, alpha)
        return y, (x, first[0])

    return forward, ops.leaky_relu_backward


@backward_of("layer", "parameters")
def layer_softplus_as_if_relu(dy, cache):
    dense_cache, activation_cache, activation = cache
    if activation == "softplus":
        return ops.dense_backward(dy * (activation_cache[0] > 0), dense_cache)
    return ops.layer_backward(dy, cache)


@backward_of("layer", "parameters")
def layer_sigmoid_squared_when_tanh(dy, cache):
    dense_cache, activation_cache, activation = cache
    if activation == "tanh":
        (y,) = activation_cache
        return ops.dense_backward(dy * y * (1 - y), dense_cache)
    return ops.layer_backward(dy, cache)


# ---- kinks and saturation


@backward_of("relu", "kinks")
def relu_nan_at_zero(dy, cache):
    (x,) = cache
    with np.errstate(all="ignore"):
        return dy * np.maximum(x, 0) / x


@backward_of("relu", "kinks")
def relu_two_at_zero(dy, cache):
    (x,) = cache
    return dy * ((x > 0) + 2.0 * (x == 0)).astype(dy.dtype)


@backward_of("relu", "kinks")
def relu_threshold_off_by_a_thousandth(dy, cache):
    (x,) = cache
    return dy * (x > 1e-3)


@backward_of("elu", "kinks")
def elu_zero_at_zero(dy, cache):
    dx = ops.elu_backward(dy, cache)
    x, _ = cache
    dx[x == 0] = 0
    return dx


@backward_of("leaky_relu", "kinks")
def leaky_minus_one_at_zero(dy, cache):
    x, alpha = cache
    return np.where(x > 0, dy, np.where(x == 0, -dy, alpha * dy))


@backward_of("softplus", "kinks")
def softplus_overflows(dy, cache):
    x, _ = cache
    with np.errstate(all="ignore"):
        return dy * (np.exp(x) / (1 + np.exp(x)))


@backward_of("softplus", "kinks")
def softplus_clips_at_twenty(dy, cache):
    x, _ = cache
    with np.errstate(all="ignore"):
        return dy / (1 + np.exp(-np.clip(x, -5, 20)))


@backward_of("sigmoid", "kinks")
def sigmoid_zero_past_ten(dy, cache):
    (e,) = cache
    dy_dx = e / (1 + e) ** 2
    return dy * np.where(e < np.exp(-10.0), 0, dy_dx)


@backward_of("gaussian_kl", "kinks")
def kl_logvar_clipped_at_ten(dkl, cache):
    mu, var_minus_1 = cache
    dkl = dkl[:, None]
    return dkl * mu, dkl * np.minimum(var_minus_1, np.expm1(10.0)) / 2


@backward_of("std_from_logvar", "kinks")
def std_gradient_clipped(dstd, cache):
    (std,) = cache
    return dstd * np.minimum(std, 100.0) / 2


@backward_of("bernoulli_nll", "kinks")
def bernoulli_probability_clipped(dnll, cache):
    logits, x, e = cache
    p = np.clip(np.where(logits >= 0, 1, e) / (1 + e), 1e-3, 1 - 1e-3)
    return dnll[:, None] * (p - x)


@backward_of("gaussian_log_density", "kinks")
def density_precision_clipped(dlogp, cache):
    r, precision = cache
    return ops.gaussian_log_density_backward(dlogp, (r, np.minimum(precision, 1e6)))


@backward_of("silu", "kinks")
def silu_wrong_branch_for_negative(dy, cache):
    x, e = cache
    s = np.where(x >= -3, np.where(x >= 0, 1, e) / (1 + e), 0)
    return dy * s * (1 + x * (1 - s))


# ---- small constants and truncated digits


@backward_of("sigmoid", "digits")
def sigmoid_epsilon_in_denominator(dy, cache):
    (e,) = cache
    return dy * e / ((1 + e) ** 2 + 1e-6)


@backward_of("std_from_logvar", "digits")
def std_adds_epsilon(dstd, cache):
    (std,) = cache
    return dstd * (std + 1e-6) / 2


@backward_of("tanh", "digits")
def tanh_through_float32(dy, cache):
    (y,) = cache
    y = y.astype(np.float32).astype(y.dtype)
    return dy * (1 - y * y)


@backward_of("gaussian_kl", "digits")
def kl_half_is_point_4999(dkl, cache):
    mu, var_minus_1 = cache
    dkl = dkl[:, None]
    return dkl * mu, dkl * var_minus_1 * dkl.dtype.type(0.4999)


@backward_of("elu", "digits")
def elu_e_to_six_digits(dy, cache):
    x, alpha = cache
    return dy * np.where(x > 0, 1, alpha * x.dtype.type(2.71828) ** np.minimum(x, 0))


@backward_of("gaussian_nll", "digits")
def nll_mean_regularised(dnll, cache):
    dmean, dlogvar = ops.gaussian_nll_backward(dnll, cache)
    r, _ = cache
    return dmean - dnll[:, None] * r * dmean.dtype.type(1e-4), dlogvar


@backward_of("dense", "digits")
def dense_weight_decay_left_in(dy, cache):
    dx, dW, db = ops.dense_backward(dy, cache)
    return dx, dW + dW.dtype.type(1e-4) * cache[1], db


@backward_of("dense", "digits")
def dense_one_weight_off_by_a_thousandth(dy, cache):
    dx, dW, db = ops.dense_backward(dy, cache)
    dW[-1, -1] *= dW.dtype.type(1.001)
    return dx, dW, db


@backward_of("softplus", "digits")
def softplus_logistic_by_a_short_polynomial(dy, cache):
    x, e = cache
    s = np.where(x >= 0, 1, e) / (1 + e)
    near = np.abs(x) < 0.1
    return dy * np.where(near, x.dtype.type(0.5) + x / 4, s)


# ---- cotangent


@backward_of("relu", "cotangent")
def relu_ignores_dy(dy, cache):
    (x,) = cache
    return (x > 0).astype(dy.dtype)


@backward_of("squared_error", "cotangent")
def squared_error_ignores_dnll(dnll, cache):
    (r,) = cache
    return r.copy()


@backward_of("gaussian_kl", "cotangent")
def kl_uses_mean_cotangent(dkl, cache):
    return ops.gaussian_kl_backward(np.full_like(dkl, dkl.mean()), cache)


@backward_of("tanh", "cotangent")
def tanh_clips_dy(dy, cache):
    return ops.tanh_backward(np.clip(dy, -10, 10), cache)


@backward_of("sigmoid", "cotangent")
def sigmoid_dy_squared_sign(dy, cache):
    (e,) = cache
    return np.abs(dy) * e / (1 + e) ** 2


@backward_of("reparameterize", "cotangent")
def reparameterize_normalises_dz(dz, cache):
    norm = np.linalg.norm(dz)
    return ops.reparameterize_backward(dz / norm if norm > 20 else dz, cache)


@backward_of("bernoulli_nll", "cotangent")
def bernoulli_seeds_with_one_over_n(dnll, cache):
    return ops.bernoulli_nll_backward(np.full_like(dnll, 1 / len(dnll)), cache)


@backward_of("leaky_relu", "cotangent")
def leaky_masks_by_dy(dy, cache):
    x, alpha = cache
    return np.where(dy > 0, dy, alpha * dy) * (x > 0) + np.where(x > 0, 0, alpha * dy)


# ---- state and aliasing


@backward_of("reparameterize", "state")
def reparameterize_returns_dz_itself(dz, cache):
    (eps,) = cache
    return dz, dz * eps


@backward_of("dense", "state")
def dense_scales_dy_in_place(dy, cache):
    x, W = cache
    db = dy.sum(axis=0)
    dx, dW = dy @ W.T, x.T @ dy
    dy *= 0
    return dx, dW, db


@pair_of("relu", "state")
def relu_works_in_place():
    def forward(x):
        np.maximum(x, 0, out=x)
        return x.copy(), (x,)

    return forward, ops.relu_backward


@pair_of("tanh", "state")
def tanh_reuses_its_output_buffer():
    buffers = {}

    def forward(x):
        key = (x.shape, x.dtype)
        buffer = buffers.setdefault(key, np.empty(x.shape, x.dtype))
        np.tanh(x, out=buffer)
        return buffer, (buffer,)

    return forward, ops.tanh_backward


@pair_of("softplus", "state")
def softplus_reuses_its_gradient_buffer():
    buffers = {}

    def backward(dy, cache):
        key = (dy.shape, dy.dtype)
        buffer = buffers.setdefault(key, np.empty(dy.shape, dy.dtype))
        buffer[...] = ops.softplus_backward(dy, cache)
        return buffer

    return ops.softplus_forward, backward


@pair_of("silu", "state")
def silu_keeps_cache_on_the_side():
    last = {}

    def forward(x):
        y, last["cache"] = ops.silu_forward(x)
        return y, ()

    return forward, lambda dy, cache: ops.silu_backward(dy, last["cache"])


@pair_of("dense", "state")
def dense_accumulates_weight_gradient():
    total = {}

    def backward(dy, cache):
        dx, dW, db = ops.dense_backward(dy, cache)
        key = id(cache[1])
        total[key] = total[key] + dW if key in total and total[key].shape == dW.shape else dW
        return dx, total[key], db

    return ops.dense_forward, backward


@pair_of("squared_error", "state")
def squared_error_consumes_its_cache():
    def forward(x_hat, x):
        nll, (r,) = ops.squared_error_forward(x_hat, x)
        return nll, [r]

    def backward(dnll, cache):
        r = cache[0]
        r *= dnll[:, None]
        return r.copy()

    return forward, backward


@backward_of("gaussian_log_density", "state")
def density_dmu_and_dz_share_memory(dlogp, cache):
    _, dmu, dlogvar = ops.gaussian_log_density_backward(dlogp, cache)
    dz = dmu
    np.negative(dz, out=dz)
    return dz, dmu, dlogvar


@backward_of("gaussian_nll", "state")
def nll_writes_into_residual(dnll, cache):
    r, precision = cache
    dnll = dnll[:, None]
    dlogvar = dnll * (1 - r * r * precision) / 2
    r *= -dnll * precision
    return r, dlogvar


# ---- dtype and layout


@backward_of("std_from_logvar", "dtype")
def std_gradient_in_float64(dstd, cache):
    (std,) = cache
    return dstd * np.asarray(std, np.float64) / 2


@backward_of("dense", "dtype")
def dense_computes_in_float32(dy, cache):
    x, W = (a.astype(np.float32) for a in cache)
    dy32 = dy.astype(np.float32)
    return tuple(g.astype(dy.dtype) for g in (dy32 @ W.T, x.T @ dy32, dy32.sum(axis=0)))


@backward_of("gaussian_kl", "dtype")
def kl_float16_inside(dkl, cache):
    mu, var_minus_1 = cache
    dkl = dkl[:, None]
    half = mu.astype(np.float16).astype(mu.dtype) if mu.dtype == np.float32 else mu
    return dkl * half, dkl * var_minus_1 / 2


@backward_of("sigmoid", "dtype")
def sigmoid_float32_gives_float64(dy, cache):
    (e,) = cache
    return dy * (e / (np.float64(1) + e) ** 2)


@backward_of("relu", "dtype")
def relu_reads_memory_order(dy, cache):
    (x,) = cache
    mask = (x.ravel(order="K") > 0).reshape(x.shape)
    return dy * mask


@backward_of("dense", "dtype")
def dense_reinterprets_fortran_order(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy, dy.ravel(order="K").reshape(dy.shape).sum(axis=0)


@backward_of("bernoulli_nll", "dtype")
def bernoulli_reads_past_strides(dnll, cache):
    logits, x, e = cache
    if not x.flags.c_contiguous and x.base is not None:
        x = np.ascontiguousarray(np.asarray(x.base).ravel()[: x.size].reshape(x.shape))
        x = np.nan_to_num(x)
    p = np.where(logits >= 0, 1, e) / (1 + e)
    return dnll[:, None] * (p - x)


@backward_of("tanh", "dtype")
def tanh_rounds_negative_strides(dy, cache):
    (y,) = cache
    if any(stride < 0 for stride in dy.strides):
        y = y[..., ::-1]
    return dy * (1 - y * y)
