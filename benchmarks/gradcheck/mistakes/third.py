"""A third set: right ops of the kinds that other people write, and mistakes in them. Scored on only.

None of these ops is npvae's. They were written after the second set had been scored and what it showed was mended;
the mistakes are those of textbooks, forums and pull requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mistakes.first import BY_NAME, MISTAKES, Mistake
from npvae.spec import Arg, Op

ZOO: list[Op] = []


def known(op: Op) -> Op:
    """Put a right op into the zoo."""
    ZOO.append(op)
    BY_NAME[op.name] = op
    return op


def wrong(op: Op, kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: a wrong backward of an op of the zoo."""

    def plant(backward: Callable[..., Any]) -> Callable[..., Any]:
        pair = op.forward, backward
        MISTAKES.append(Mistake(backward.__name__, kind, op.name, lambda: pair, backward.__module__))
        return backward

    return plant


# ---- softmax


def softmax_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p.copy()


def softmax_backward(dy, p):
    return p * (dy - (dy * p).sum(axis=1, keepdims=True))


SOFTMAX = known(Op(softmax_forward, softmax_backward, {"x": Arg("N D")}))


@wrong(SOFTMAX, "algebra")
def softmax_diagonal_only(dy, p):
    return dy * p * (1 - p)


@wrong(SOFTMAX, "shapes")
def softmax_sums_over_the_batch(dy, p):
    return p * (dy - (dy * p).sum(axis=0, keepdims=True))


@wrong(SOFTMAX, "algebra")
def softmax_forgets_the_sum(dy, p):
    return p * dy


@wrong(SOFTMAX, "cotangent")
def softmax_as_if_followed_by_cross_entropy(dy, p):
    return p - (dy == dy.max(axis=1, keepdims=True))


# ---- layer norm with gain and bias


def layer_norm_forward(x, gain, bias):
    centred = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + x.dtype.type(1e-3))
    y = centred * scale
    return y * gain + bias, (y, scale, gain)


def layer_norm_backward(dout, cache):
    y, scale, gain = cache
    dy = dout * gain
    dx = scale * (dy - dy.mean(axis=1, keepdims=True) - y * (dy * y).mean(axis=1, keepdims=True))
    return dx, (dout * y).sum(axis=0), dout.sum(axis=0)


LAYER_NORM = known(Op(layer_norm_forward, layer_norm_backward, {"x": Arg("N D"), "gain": Arg("D"), "bias": Arg("D")}))


@wrong(LAYER_NORM, "algebra")
def layer_norm_through_the_scale_only(dout, cache):
    _y, scale, gain = cache
    _, dgain, dbias = layer_norm_backward(dout, cache)
    return dout * gain * scale, dgain, dbias


@wrong(LAYER_NORM, "algebra")
def layer_norm_forgets_the_variance(dout, cache):
    _y, scale, gain = cache
    dy = dout * gain
    _, dgain, dbias = layer_norm_backward(dout, cache)
    return scale * (dy - dy.mean(axis=1, keepdims=True)), dgain, dbias


@wrong(LAYER_NORM, "digits")
def layer_norm_unbiased_variance(dout, cache):
    y, scale, gain = cache
    dy, D = dout * gain, y.shape[1]
    _, dgain, dbias = layer_norm_backward(dout, cache)
    inner = (dy * y).sum(axis=1, keepdims=True) / max(D - 1, 1)
    return scale * (dy - dy.mean(axis=1, keepdims=True) - y * inner), dgain, dbias


@wrong(LAYER_NORM, "algebra")
def layer_norm_gain_from_the_input_side(dout, cache):
    y, _scale, gain = cache
    dx, _, dbias = layer_norm_backward(dout, cache)
    return dx, (dout * y * gain).sum(axis=0), dbias


# ---- batch norm in training


def batch_norm_forward(x):
    centred = x - x.mean(axis=0)
    scale = 1 / np.sqrt((centred**2).mean(axis=0) + x.dtype.type(1e-2))
    return centred * scale, (centred * scale, scale)


def batch_norm_backward(dy, cache):
    y, scale = cache
    return scale * (dy - dy.mean(axis=0) - y * (dy * y).mean(axis=0))


BATCH_NORM = known(Op(batch_norm_forward, batch_norm_backward, {"x": Arg("N D")}))


@wrong(BATCH_NORM, "algebra")
def batch_norm_as_in_evaluation(dy, cache):
    return dy * cache[1]


@wrong(BATCH_NORM, "algebra")
def batch_norm_mean_path_doubled(dy, cache):
    y, scale = cache
    return scale * (dy - 2 * dy.mean(axis=0) - y * (dy * y).mean(axis=0))


@wrong(BATCH_NORM, "shapes")
def batch_norm_divides_by_n_minus_one(dy, cache):
    y, scale = cache
    n = max(len(y) - 1, 1)
    return scale * (dy - dy.mean(axis=0) - y * (dy * y).sum(axis=0) / n)


# ---- rms norm


def rms_norm_forward(x):
    scale = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + x.dtype.type(1e-4))
    return x * scale, (x, scale)


def rms_norm_backward(dy, cache):
    x, scale = cache
    return dy * scale - x * scale**3 * (dy * x).mean(axis=1, keepdims=True)


RMS_NORM = known(Op(rms_norm_forward, rms_norm_backward, {"x": Arg("N D")}))


@wrong(RMS_NORM, "algebra")
def rms_norm_scale_squared(dy, cache):
    x, scale = cache
    return dy * scale - x * scale**2 * (dy * x).mean(axis=1, keepdims=True)


@wrong(RMS_NORM, "shapes")
def rms_norm_sum_for_mean(dy, cache):
    x, scale = cache
    return dy * scale - x * scale**3 * (dy * x).sum(axis=1, keepdims=True)


# ---- gelu, tanh form

C = 0.7978845608028654


def gelu_forward(x):
    t = np.tanh(x.dtype.type(C) * (x + x.dtype.type(0.044715) * x**3))
    return x.dtype.type(0.5) * x * (1 + t), (x, t)


def gelu_backward(dy, cache):
    x, t = cache
    c, k = x.dtype.type(C), x.dtype.type(0.044715)
    return dy * (x.dtype.type(0.5) * (1 + t) + x.dtype.type(0.5) * x * (1 - t * t) * c * (1 + 3 * k * x * x))


GELU = known(Op(gelu_forward, gelu_backward, {"x": Arg("N D", domain=(-1e3, 1e3))}))


@wrong(GELU, "digits")
def gelu_forgets_the_three(dy, cache):
    x, t = cache
    c, k = x.dtype.type(C), x.dtype.type(0.044715)
    return dy * (x.dtype.type(0.5) * (1 + t) + x.dtype.type(0.5) * x * (1 - t * t) * c * (1 + k * x * x))


@wrong(GELU, "digits")
def gelu_constant_to_four_digits(dy, cache):
    x, t = cache
    c, k = x.dtype.type(0.7979), x.dtype.type(0.044715)
    return dy * (x.dtype.type(0.5) * (1 + t) + x.dtype.type(0.5) * x * (1 - t * t) * c * (1 + 3 * k * x * x))


@wrong(GELU, "algebra")
def gelu_as_the_sigmoid_form(dy, cache):
    x, _ = cache
    with np.errstate(all="ignore"):
        s = 1 / (1 + np.exp(-x.dtype.type(1.702) * x))
    return dy * (s + x.dtype.type(1.702) * x * s * (1 - s))


# ---- convolution along one axis


def conv_forward(x, w):
    k = w.shape[0]
    padded = np.pad(x, ((0, 0), (k - 1, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, k, axis=1)
    return np.ascontiguousarray(windows @ w[::-1]), (padded, w)


def conv_backward(dy, cache):
    padded, w = cache
    k = len(w)
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for j in range(k):
        part = slice(k - 1 - j, padded.shape[1] - j)
        dpadded[:, part] += dy * w[j]
        dw[j] = (dy * padded[:, part]).sum()
    return dpadded[:, k - 1 :].copy(), dw


CONV = known(Op(conv_forward, conv_backward, {"x": Arg("N T", linear=True), "w": Arg("K", linear=True)}, name="conv"))


@wrong(CONV, "algebra")
def conv_without_flipping_the_kernel(dy, cache):
    padded, w = cache
    return conv_backward(dy, (padded, w[::-1]))[0], conv_backward(dy, cache)[1]


@wrong(CONV, "algebra")
def conv_weight_gradient_reversed(dy, cache):
    dx, dw = conv_backward(dy, cache)
    return dx, dw[::-1].copy()


@wrong(CONV, "shapes")
def conv_loses_the_last_tap(dy, cache):
    dx, dw = conv_backward(dy, cache)
    if len(dw) > 1:
        dw[-1] = 0
    return dx, dw


@wrong(CONV, "shapes")
def conv_weight_gradient_mean_over_batch(dy, cache):
    dx, dw = conv_backward(dy, cache)
    return dx, dw / len(dy)


# ---- embedding


def embedding_forward(W, i):
    return W[i], (i, W.shape)


def embedding_backward(dy, cache):
    i, shape = cache
    dW = np.zeros(shape, dy.dtype)
    np.add.at(dW, i, dy)
    return dW


EMBEDDING = known(
    Op(embedding_forward, embedding_backward,
       {"W": Arg("V D", linear=True), "i": Arg("N", dtype=int, domain=(0, "V"), differentiable=False)},
       name="rows_of_a_table")  # npvae's own op is named embedding
)  # fmt: skip


@wrong(EMBEDDING, "state")
def embedding_last_write_wins(dy, cache):
    i, shape = cache
    dW = np.zeros(shape, dy.dtype)
    dW[i] += dy
    return dW


@wrong(EMBEDDING, "shapes")
def embedding_forgets_row_zero(dy, cache):
    dW = embedding_backward(dy, cache)
    dW[0] = 0
    return dW


# ---- maximum over windows of two


def max_pool_forward(x):
    n, d = x.shape
    padded = np.pad(x, ((0, 0), (0, d % 2)), constant_values=-np.inf).reshape(n, -1, 2)
    best = padded.argmax(axis=2)
    return padded.max(axis=2), (best, x.shape)


def max_pool_backward(dy, cache):
    best, (n, d) = cache
    dx = np.zeros((n, best.shape[1], 2), dy.dtype)
    np.put_along_axis(dx, best[..., None], dy[..., None], axis=2)
    return dx.reshape(n, -1)[:, :d].copy()


MAX_POOL = known(Op(max_pool_forward, max_pool_backward, {"x": Arg("N D")}))


@wrong(MAX_POOL, "algebra")
def max_pool_spreads_evenly(dy, cache):
    _best, (_n, d) = cache
    return np.repeat(dy / 2, 2, axis=1)[:, :d].copy()


@wrong(MAX_POOL, "algebra")
def max_pool_to_the_loser(dy, cache):
    best, shape = cache
    return max_pool_backward(dy, (1 - best, shape))


@wrong(MAX_POOL, "shapes")
def max_pool_drops_an_odd_column(dy, cache):
    dx = max_pool_backward(dy, cache)
    if dx.shape[1] % 2:
        dx[:, -1] = 0
    return dx


# ---- huber


def huber_forward(r, delta=1.0):
    small = np.abs(r) <= delta
    return np.where(small, r * r / 2, delta * (np.abs(r) - r.dtype.type(delta / 2))), (r, delta)


def huber_backward(dy, cache):
    r, delta = cache
    return dy * np.clip(r, -delta, delta).astype(r.dtype)


HUBER = known(Op(huber_forward, huber_backward, {"r": Arg("N D")}, params={"delta": [1.0, 0.25]}))


@wrong(HUBER, "parameters")
def huber_delta_one(dy, cache):
    return dy * np.clip(cache[0], -1, 1)


@wrong(HUBER, "kinks")
def huber_sign_without_delta(dy, cache):
    r, delta = cache
    return dy * np.where(np.abs(r) <= delta, r, np.sign(r))


@wrong(HUBER, "kinks")
def huber_threshold_off_by_a_hundredth(dy, cache):
    r, delta = cache
    return dy * np.where(np.abs(r) <= delta + 0.01, r, delta * np.sign(r)).astype(r.dtype)


# ---- attention


def attention_forward(q, k, v):
    s = q @ k.T / np.sqrt(q.dtype.type(q.shape[1]))
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)


def attention_backward(dy, cache):
    q, k, v, p = cache
    dp = dy @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(q.dtype.type(q.shape[1]))
    return ds @ k, ds.T @ q, p.T @ dy


ATTENTION = known(
    Op(attention_forward, attention_backward, {"q": Arg("N D"), "k": Arg("M D"), "v": Arg("M O", linear=True)})
)


@wrong(ATTENTION, "parameters")
def attention_forgets_the_root(dy, cache):
    dq, dk, dv = attention_backward(dy, cache)
    root = np.sqrt(dq.dtype.type(cache[0].shape[1]))
    return dq * root, dk * root, dv


@wrong(ATTENTION, "algebra")
def attention_keys_get_the_scores_transposed(dy, cache):
    q, _k, _v, p = cache
    dq, dk, dv = attention_backward(dy, cache)
    return dq, (p.T @ q * dk.dtype.type(0.1)), dv


@wrong(ATTENTION, "algebra")
def attention_softmax_diagonal(dy, cache):
    q, k, v, p = cache
    ds = p * (1 - p) * (dy @ v.T) / np.sqrt(q.dtype.type(q.shape[1]))
    return ds @ k, ds.T @ q, p.T @ dy


@wrong(ATTENTION, "cotangent")
def attention_values_ignore_the_weights(dy, cache):
    dq, dk, dv = attention_backward(dy, cache)
    return dq, dk, np.broadcast_to(dy.mean(axis=0), dv.shape).copy()


# ---- cross-entropy with a mask


def cross_entropy_forward(logits, labels, mask):
    top = logits.max(axis=1, keepdims=True)
    z = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    nll = np.where(mask, z - np.take_along_axis(logits, labels[:, None], axis=1)[:, 0], 0)
    return nll, (logits, z, labels, mask)


def cross_entropy_backward(dnll, cache):
    logits, z, labels, mask = cache
    p = np.exp(logits - z[:, None])
    p[np.arange(len(p)), labels] -= 1
    return np.where(mask, dnll, 0)[:, None] * p


CROSS_ENTROPY = known(
    Op(cross_entropy_forward, cross_entropy_backward,
       {"logits": Arg("N C"), "labels": Arg("N", dtype=int, domain=(0, "C"), differentiable=False),
        "mask": Arg("N", dtype=bool, differentiable=False)})
)  # fmt: skip


@wrong(CROSS_ENTROPY, "parameters")
def cross_entropy_forgets_the_mask(dnll, cache):
    logits, z, labels, mask = cache
    return cross_entropy_backward(dnll, (logits, z, labels, np.ones_like(mask)))


@wrong(CROSS_ENTROPY, "shapes")
def cross_entropy_mean_over_the_mask(dnll, cache):
    return cross_entropy_backward(dnll / max(int(cache[3].sum()), 1), cache).astype(dnll.dtype)


@wrong(CROSS_ENTROPY, "state")
def cross_entropy_subtracts_from_a_cached_array(dnll, cache):
    logits, z, labels, mask = cache
    logits -= z[:, None]
    p = np.exp(logits)
    p[np.arange(len(p)), labels] -= 1
    return np.where(mask, dnll, 0)[:, None] * p


# ---- l2 normalisation


def unit_forward(x):
    n = np.sqrt((x * x).sum(axis=1, keepdims=True) + x.dtype.type(1e-3))
    return x / n, (x / n, n)


def unit_backward(dy, cache):
    y, n = cache
    return (dy - y * (dy * y).sum(axis=1, keepdims=True)) / n


UNIT = known(Op(unit_forward, unit_backward, {"x": Arg("N D")}))


@wrong(UNIT, "algebra")
def unit_holds_the_norm_fixed(dy, cache):
    return dy / cache[1]


@wrong(UNIT, "algebra")
def unit_divides_twice(dy, cache):
    y, n = cache
    return (dy - y * (dy * y).sum(axis=1, keepdims=True) / n) / n


# ---- gated linear unit, two halves in one array


def glu_forward(a, b):
    s = 1 / (1 + np.exp(-np.clip(b, -80, 80)))
    return a * s, (a, s)


def glu_backward(dy, cache):
    a, s = cache
    return dy * s, dy * a * s * (1 - s)


GLU = known(Op(glu_forward, glu_backward, {"a": Arg("N D", linear=True), "b": Arg("N D", domain=(-80.0, 80.0))}))


@wrong(GLU, "algebra")
def glu_halves_swapped(dy, cache):
    da, db = glu_backward(dy, cache)
    return db, da


@wrong(GLU, "algebra")
def glu_gate_forgets_the_value(dy, cache):
    _, s = cache
    return dy * s, dy * s * (1 - s)


@wrong(GLU, "dtype")
def glu_gate_in_float64(dy, cache):
    a, s = cache
    return dy * s, dy * a * s * (np.float64(1) - s)


# ---- parametric rectifier, slope a parameter


def prelu_forward(x, slope):
    return np.where(x > 0, x, slope * x), (x, slope)


def prelu_backward(dy, cache):
    x, slope = cache
    return np.where(x > 0, dy, slope * dy), np.where(x > 0, 0, dy * x).sum(axis=0)


PRELU = known(Op(prelu_forward, prelu_backward, {"x": Arg("N D", kinks=[0.0]), "slope": Arg("D", linear=True)}))


@wrong(PRELU, "shapes")
def prelu_slope_not_summed(dy, cache):
    dx, _ = prelu_backward(dy, cache)
    return dx, np.where(cache[0] > 0, 0, dy * cache[0])


@wrong(PRELU, "kinks")
def prelu_slope_on_the_wrong_side(dy, cache):
    dx, _ = prelu_backward(dy, cache)
    return dx, np.where(cache[0] < 0, 0, dy * cache[0]).sum(axis=0)


# ---- cumulative sum, cosine, hinge


def cumsum_forward(x):
    return np.cumsum(x, axis=1), ()


def cumsum_backward(dy, cache):
    return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1].copy()


CUMSUM = known(Op(cumsum_forward, cumsum_backward, {"x": Arg("N D", linear=True)}))


@wrong(CUMSUM, "algebra")
def cumsum_not_reversed(dy, cache):
    return np.cumsum(dy, axis=1)


@wrong(CUMSUM, "shapes")
def cumsum_reversed_along_the_batch(dy, cache):
    return np.cumsum(dy[::-1], axis=1)[::-1].copy()


def hinge_forward(score, y):
    margin = 1 - y * score
    return np.maximum(margin, 0), (margin, y)


def hinge_backward(dy, cache):
    margin, y = cache
    return -dy * y * (margin > 0)


HINGE = known(Op(hinge_forward, hinge_backward, {"score": Arg("N"), "y": Arg("N", differentiable=False)}))


@wrong(HINGE, "algebra")
def hinge_forgets_the_label(dy, cache):
    return -dy * (cache[0] > 0)


@wrong(HINGE, "kinks")
def hinge_margin_at_zero(dy, cache):
    margin, y = cache
    return -dy * y * (margin > 1)


def cosine_forward(a, b):
    na, nb = (np.sqrt((x * x).sum(axis=1) + x.dtype.type(1e-2)) for x in (a, b))
    c = (a * b).sum(axis=1) / (na * nb)
    return c, (a, b, na, nb, c.copy())


def cosine_backward(dc, cache):
    a, b, na, nb, c = cache
    da = dc[:, None] * (b / (na * nb)[:, None] - (c / na**2)[:, None] * a)
    db = dc[:, None] * (a / (na * nb)[:, None] - (c / nb**2)[:, None] * b)
    return da, db


COSINE = known(Op(cosine_forward, cosine_backward, {"a": Arg("N D"), "b": Arg("N D")}))


@wrong(COSINE, "algebra")
def cosine_norms_swapped(dc, cache):
    a, b, na, nb, c = cache
    return cosine_backward(dc, (a, b, nb, na, c))


@wrong(COSINE, "algebra")
def cosine_same_gradient_for_both(dc, cache):
    da, _ = cosine_backward(dc, cache)
    return da, da.copy()


@wrong(COSINE, "state")
def cosine_returns_one_array_twice(dc, cache):
    da, db = cosine_backward(dc, cache)
    da[...] = db
    return da, db
