"""A second set of wrong gradients by hand, over ops that did not exist while the checker was tuned. Scored on only.

It was written when the first held-out set had been scored once (46 of 47), before anything was changed for it.
"""

from __future__ import annotations

import numpy as np

from mistakes.first import BY_NAME, backward_of, pair_of
from npvae import ops
from npvae.ops.continuous_bernoulli_nll import SERIES, continuous_bernoulli_mean
from npvae.ops.softplus import softplus_backward

# ---- algebra


@backward_of("floored_logvar", "algebra")
def floor_complement(dy, cache):
    x, floor = cache
    e = np.exp(-np.abs(x - floor))
    return np.asarray(dy * np.where(x >= floor, e, 1) / (1 + e))


@backward_of("continuous_bernoulli_nll", "algebra")
def continuous_bernoulli_as_bernoulli(dnll, cache):
    logits, x = cache
    return dnll[:, None] * (1 / (1 + np.exp(-logits)) - x)


@backward_of("discretized_logistic_nll", "algebra")
def discretized_forgets_width(dnll, cache):
    upper, lower, _, precision, first, last, above_cache, below_cache = cache
    one = np.ones_like(upper)
    u = np.where(last, 0, -softplus_backward(one, above_cache))
    v = np.where(first, 0, softplus_backward(one, below_cache))
    dnll = dnll[:, None]
    return -dnll * (u + v) * precision, dnll * (-upper * u - lower * v)


@backward_of("categorical_nll", "algebra")
def categorical_forgets_one_hot(dnll, cache):
    p, _ = cache
    return dnll[:, None, None] * p


@backward_of("categorical_nll", "algebra")
def categorical_through_the_softmax_twice(dnll, cache):
    p, labels = cache
    d = p - (np.arange(p.shape[2]) == labels[:, :, None])
    return dnll[:, None, None] * p * (d - (d * p).sum(axis=2, keepdims=True))


@backward_of("free_bits", "algebra")
def free_bits_logvar_doubled(dcost, cache):
    mu, var_minus_1, counted = cache
    dkl = (dcost * counted / len(mu)).astype(mu.dtype)
    return dkl * mu, dkl * var_minus_1


@backward_of("log_mean_exp", "algebra")
def log_mean_exp_uniform_weights(dbound, cache):
    (weight,) = cache
    return dbound * np.full_like(weight, 1 / len(weight))


@backward_of("log_mean_exp", "algebra")
def log_mean_exp_divided_by_k(dbound, cache):
    (weight,) = cache
    return dbound * weight / len(weight)


@backward_of("repeat", "algebra")
def repeat_takes_the_mean(dy, cache):
    return dy.mean(axis=0)


@backward_of("vr_max", "algebra")
def vr_max_second_best(dbound, cache):
    best, K = cache
    return dbound * (np.arange(K)[:, None] == (best + 1) % K)


# ---- shapes


@backward_of("repeat", "shapes")
def repeat_first_copy_only(dy, cache):
    return np.array(dy[0]) * (1 if len(dy) == 1 else 2)


@backward_of("free_bits", "shapes")
def free_bits_divides_by_latents(dcost, cache):
    mu, var_minus_1, counted = cache
    dkl = (dcost * counted / mu.shape[1]).astype(mu.dtype)
    return dkl * mu, dkl * var_minus_1 / 2


@backward_of("free_bits", "shapes")
def free_bits_forgets_the_mean(dcost, cache):
    mu, var_minus_1, counted = cache
    dkl = (dcost * counted).astype(mu.dtype)
    return dkl * mu, dkl * var_minus_1 / 2


@backward_of("categorical_nll", "shapes")
def categorical_last_class_off_when_many(dnll, cache):
    dlogits = ops.categorical_nll_backward(dnll, cache)
    if dlogits.shape[2] > 8:
        dlogits[..., 8:] = 0
    return dlogits


@backward_of("categorical_nll", "shapes")
def categorical_one_class_is_certain(dnll, cache):
    p, _ = cache
    if p.shape[2] == 1:
        return dnll[:, None, None] * p
    return ops.categorical_nll_backward(dnll, cache)


@backward_of("vr_max", "shapes")
def vr_max_cotangent_along_k(dbound, cache):
    best, K = cache
    if len(best) == K:
        return dbound[:, None] * (np.arange(K)[:, None] == best)
    return dbound * (np.arange(K)[:, None] == best)


@backward_of("log_mean_exp", "shapes")
def log_mean_exp_squeezes_a_single_sample(dbound, cache):
    dlog_w = ops.log_mean_exp_backward(dbound, cache)
    return np.squeeze(dlog_w) if dlog_w.shape[0] == 1 else dlog_w


@backward_of("discretized_logistic_nll", "shapes")
def discretized_cotangent_of_the_first_row(dnll, cache):
    dmean, dlog_scale = ops.discretized_logistic_nll_backward(dnll, cache)
    return dmean, dlog_scale / dnll[:, None] * dnll[0]


# ---- parameters


@backward_of("renyi_bound", "parameters")
def renyi_scaled_by_one_minus_alpha(dbound, cache):
    weight = cache[0]
    return dbound * weight * weight.dtype.type(0.5)


@backward_of("floored_logvar", "parameters")
def floor_assumed_the_default(dy, cache):
    x, _ = cache
    return ops.floored_logvar_backward(dy, (x, -13.57))


@pair_of("discretized_logistic_nll", "parameters")
def discretized_levels_assumed_256():
    def forward(mean, log_scale, x, levels=256):
        y, cache = ops.discretized_logistic_nll_forward(mean, log_scale, x, levels)
        precision = cache[3]
        return y, (*cache[:2], precision / 255, *cache[3:])

    return forward, ops.discretized_logistic_nll_backward


@pair_of("free_bits", "parameters")
def free_bits_threshold_fixed():
    def forward(mu, logvar, lam=0.5):
        cost, (m, v, _) = ops.free_bits_forward(mu, logvar, lam)
        kl = (v + mu * mu - logvar).mean(axis=0) / 2
        return cost, (m, v, kl > 0.5)

    return forward, ops.free_bits_backward


@pair_of("renyi_bound", "parameters")
def renyi_weights_without_alpha():
    def forward(log_w, alpha=0.5):
        bound, _ = ops.renyi_bound_forward(log_w, alpha)
        _, cache = ops.log_mean_exp_forward(log_w)
        return bound, cache

    return forward, ops.renyi_bound_backward


# ---- kinks and saturation


@backward_of("continuous_bernoulli_nll", "kinks")
def continuous_bernoulli_series_used_too_far(dnll, cache):
    logits, x = cache
    t = np.clip(logits, -2.0, 2.0)
    near = 0.5 + t * np.polyval(SERIES[-2:], t * t)
    mean = np.where(np.abs(logits) < 2.0, near, continuous_bernoulli_mean(logits))
    return dnll[:, None] * (mean.astype(logits.dtype) - x)


@backward_of("continuous_bernoulli_nll", "kinks")
def continuous_bernoulli_cancels_near_zero(dnll, cache):
    logits, x = cache
    t = np.where(np.abs(logits) < 1e-7, logits.dtype.type(1e-7), logits)
    with np.errstate(all="ignore"):
        mean = -1 / np.expm1(-t) - 1 / t
    mean = np.where(t > 500, 1, np.nan_to_num(mean + 1)) if np.any(t > 500) else mean + 1
    return dnll[:, None] * ((mean - 1).astype(logits.dtype) + 0 * x + np.where(t < -700, 0, 0) - x + 1 - 1)


@backward_of("floored_logvar", "kinks")
def floor_as_a_hard_maximum(dy, cache):
    x, floor = cache
    return np.asarray(dy * (x > floor)).astype(dy.dtype)


@backward_of("floored_logvar", "kinks")
def floor_passes_all_far_above(dy, cache):
    x, floor = cache
    dx = ops.floored_logvar_backward(dy, cache)
    return np.asarray(np.where(x > floor + 8, dy, dx))


@backward_of("categorical_nll", "kinks")
def categorical_probability_clipped(dnll, cache):
    p, labels = cache
    return ops.categorical_nll_backward(dnll, (np.clip(p, 1e-4, 1 - 1e-4).astype(p.dtype), labels))


@backward_of("log_mean_exp", "kinks")
def log_mean_exp_drops_small_weights(dbound, cache):
    (weight,) = cache
    return dbound * np.where(weight < 1e-3, 0, weight)


@backward_of("discretized_logistic_nll", "kinks")
def discretized_edges_treated_as_inside(dnll, cache):
    upper, lower, w, precision, first, _, above_cache, below_cache = cache
    nowhere = np.zeros_like(first)
    return ops.discretized_logistic_nll_backward(
        dnll, (upper, lower, w, precision, nowhere, nowhere, above_cache, below_cache)
    )


@pair_of("vr_max", "kinks")
def vr_max_gradient_to_every_tie():
    def forward(log_w):
        bound = log_w.max(axis=0)
        return bound, (log_w == bound, 2 * np.ones(1))

    def backward(dbound, cache):
        return dbound * cache[0]

    return forward, backward


@pair_of("free_bits", "kinks")
def free_bits_minus_one_at_the_threshold():
    def forward(mu, logvar, lam=0.5):
        cost, (m, v, counted) = ops.free_bits_forward(mu, logvar, lam)
        kl = (v + mu * mu - logvar).mean(axis=0) / 2
        return cost, (m, v, counted & (kl < 3.0))

    return forward, ops.free_bits_backward


# ---- digits


@backward_of("continuous_bernoulli_nll", "digits")
def continuous_bernoulli_short_series(dnll, cache):
    logits, x = cache
    near = 0.5 + logits * np.polyval(SERIES[-2:], logits * logits)
    mean = np.where(np.abs(logits) < 0.5, near, continuous_bernoulli_mean(logits))
    return dnll[:, None] * (mean.astype(logits.dtype) - x)


@backward_of("log_mean_exp", "digits")
def log_mean_exp_weights_in_float32(dbound, cache):
    (weight,) = cache
    return dbound * weight.astype(np.float32).astype(weight.dtype)


@backward_of("categorical_nll", "digits")
def categorical_label_smoothing_left_in(dnll, cache):
    p, labels = cache
    smooth = p.dtype.type(1e-5)
    return ops.categorical_nll_backward(dnll, (p * (1 - smooth) + smooth / p.shape[2], labels))


@backward_of("discretized_logistic_nll", "digits")
def discretized_scale_epsilon(dnll, cache):
    dmean, dlog_scale = ops.discretized_logistic_nll_backward(dnll, cache)
    return dmean * dmean.dtype.type(1 - 1e-7), dlog_scale


@backward_of("free_bits", "digits")
def free_bits_constant_to_four_digits(dcost, cache):
    dmu, dlogvar = ops.free_bits_backward(dcost, cache)
    return dmu, dlogvar * dlogvar.dtype.type(1.0001)


# ---- cotangent


@backward_of("free_bits", "cotangent")
def free_bits_ignores_dcost(dcost, cache):
    return ops.free_bits_backward(type(dcost)(1) if not isinstance(dcost, np.ndarray) else np.ones_like(dcost), cache)


@backward_of("vr_max", "cotangent")
def vr_max_loses_the_sign(dbound, cache):
    return ops.vr_max_backward(np.abs(dbound), cache)


@backward_of("categorical_nll", "cotangent")
def categorical_averages_the_cotangent(dnll, cache):
    return ops.categorical_nll_backward(np.full_like(dnll, dnll.mean()), cache)


@backward_of("repeat", "cotangent")
def repeat_clips_large_gradients(dy, cache):
    return np.clip(dy.sum(axis=0), -20, 20)


# ---- state


@pair_of("vr_max", "state")
def vr_max_remembers_the_last_best():
    last = {}

    def forward(log_w):
        bound, (last["best"], K) = ops.vr_max_forward(log_w)
        return bound, (K,)

    return forward, lambda dbound, cache: ops.vr_max_backward(dbound, (last["best"], cache[0]))


@backward_of("log_mean_exp", "state")
def log_mean_exp_scales_its_cache(dbound, cache):
    (weight,) = cache
    weight *= dbound
    return weight.copy()


@pair_of("repeat", "state")
def repeat_returns_a_view():
    def forward(x, K=2):
        return np.broadcast_to(x, (K, *x.shape)), ()

    return forward, ops.repeat_backward


@pair_of("floored_logvar", "state")
def floor_writes_into_its_input():
    def forward(x, floor=-13.57):
        y = BY_NAME["floored_logvar"].forward(x, floor)[0]
        np.maximum(x, floor, out=x)
        return y, (x, floor)

    return forward, ops.floored_logvar_backward


@pair_of("categorical_nll", "state")
def categorical_buffer_shared_between_calls():
    buffers = {}

    def backward(dnll, cache):
        dlogits = ops.categorical_nll_backward(dnll, cache)
        buffer = buffers.setdefault((dlogits.shape, dlogits.dtype), dlogits)
        buffer[...] = dlogits
        return buffer

    return ops.categorical_nll_forward, backward


# ---- dtype and layout


@backward_of("free_bits", "dtype")
def free_bits_in_float64(dcost, cache):
    mu, var_minus_1, counted = cache
    dkl = np.float64(dcost) * counted / len(mu)
    return dkl * mu, dkl * var_minus_1 / 2


@backward_of("categorical_nll", "dtype")
def categorical_one_hot_in_float64(dnll, cache):
    p, labels = cache
    one_hot = np.eye(p.shape[2])[labels]
    return dnll[:, None, None] * (p - one_hot)


@backward_of("repeat", "dtype")
def repeat_reads_memory_order(dy, cache):
    return dy.ravel(order="K").reshape(dy.shape).sum(axis=0)


@backward_of("floored_logvar", "dtype")
def floor_through_float16_when_float32(dy, cache):
    dx = ops.floored_logvar_backward(dy, cache)
    return dx.astype(np.float16).astype(dx.dtype) if dx.dtype == np.float32 else dx


@backward_of("discretized_logistic_nll", "dtype")
def discretized_sums_in_float32(dnll, cache):
    dmean, dlog_scale = ops.discretized_logistic_nll_backward(dnll, cache)
    return dmean, dlog_scale.astype(np.float32).astype(dlog_scale.dtype)
