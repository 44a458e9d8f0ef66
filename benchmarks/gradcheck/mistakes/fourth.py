"""A fourth set: fourteen more right ops of other people's kinds, and mistakes in them. Scored on only.

Neither the ops nor the mistakes existed while anything in the checker was tuned; the right ops count for false alarms.
"""

from __future__ import annotations

import numpy as np

from mistakes.first import MISTAKES, Mistake
from mistakes.third import known, wrong
from npvae.spec import Arg, Op

# ---- one step of a recurrent network


def rnn_forward(x, h, W, U, b):
    y = np.tanh(x @ W + h @ U + b)
    return y, (x, h, W, U, y.copy())


def rnn_backward(dy, cache):
    x, h, W, U, y = cache
    da = dy * (1 - y * y)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


RNN_ARGS = {"x": Arg("N I"), "h": Arg("N H"), "W": Arg("I H"), "U": Arg("H H"), "b": Arg("H")}
RNN = known(Op(rnn_forward, rnn_backward, RNN_ARGS, name="rnn"))


@wrong(RNN, "algebra")
def rnn_recurrent_weights_not_transposed(dy, cache):
    dx, _, dW, dU, db = rnn_backward(dy, cache)
    return dx, (dy * (1 - cache[4] ** 2)) @ cache[3], dW, dU, db


@wrong(RNN, "algebra")
def rnn_derivative_from_the_input(dy, cache):
    x, h, W, U, y = cache
    da = dy * (1 - y)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


@wrong(RNN, "shapes")
def rnn_recurrent_gradient_transposed(dy, cache):
    dx, dh, dW, dU, db = rnn_backward(dy, cache)
    return dx, dh, dW, dU.T.copy(), db


@wrong(RNN, "shapes")
def rnn_bias_summed_over_units(dy, cache):
    *grads, db = rnn_backward(dy, cache)
    return (*grads, np.full_like(db, db.mean()))


# ---- elementwise part of an LSTM cell


def cell_forward(c, f, i, g):
    y = np.tanh(f * c + i * g)
    return y, (c, f, i, g, y.copy())


def cell_backward(dy, cache):
    c, f, i, g, y = cache
    ds = dy * (1 - y * y)
    return ds * f, ds * c, ds * g, ds * i


CELL = known(Op(cell_forward, cell_backward, {name: Arg("N H") for name in "cfig"}, name="cell"))


@wrong(CELL, "algebra")
def cell_swaps_two_gates(dy, cache):
    dc, df, di, dg = cell_backward(dy, cache)
    return dc, df, dg, di


@wrong(CELL, "algebra")
def cell_forgets_the_forget_gate(dy, cache):
    _, df, di, dg = cell_backward(dy, cache)
    return dy * (1 - cache[4] ** 2), df, di, dg


@wrong(CELL, "state")
def cell_reuses_the_memory_of_dy(dy, cache):
    c, f, i, g, y = cache
    dy *= 1 - y * y
    return dy * f, dy * c, dy * g, dy * i


# ---- quadratic form


def quadratic_forward(x, A):
    return np.einsum("ni,ij,nj->n", x, A, x), (x, A)


def quadratic_backward(dy, cache):
    x, A = cache
    return dy[:, None] * (x @ (A + A.T)), (dy[:, None] * x).T @ x


QUADRATIC = known(Op(quadratic_forward, quadratic_backward, {"x": Arg("N D"), "A": Arg("D D", linear=True)}))


@wrong(QUADRATIC, "algebra")
def quadratic_as_if_symmetric(dy, cache):
    x, A = cache
    return 2 * dy[:, None] * (x @ A), quadratic_backward(dy, cache)[1]


@wrong(QUADRATIC, "algebra")
def quadratic_forgets_the_second_factor(dy, cache):
    x, A = cache
    return dy[:, None] * (x @ A.T), quadratic_backward(dy, cache)[1]


@wrong(QUADRATIC, "cotangent")
def quadratic_matrix_gradient_of_the_sum(dy, cache):
    x, _ = cache
    return quadratic_backward(dy, cache)[0], x.T @ x * dy.sum() / len(dy)


# ---- Poisson negative log likelihood


def poisson_forward(s, t):
    t = t.astype(s.dtype)
    return (np.exp(s) - t * s).sum(axis=1), (s, t)


def poisson_backward(dnll, cache):
    s, t = cache
    return dnll[:, None] * (np.exp(s) - t)


POISSON_ARGS = {
    "s": Arg("N D", domain=(-30.0, 30.0)),
    "t": Arg("N D", dtype=int, domain=(0, 9), differentiable=False),
}
POISSON = known(Op(poisson_forward, poisson_backward, POISSON_ARGS, name="poisson"))


@wrong(POISSON, "kinks")
def poisson_rate_capped(dnll, cache):
    s, t = cache
    return dnll[:, None] * (np.exp(np.minimum(s, 20)) - t)


@wrong(POISSON, "algebra")
def poisson_as_if_the_rate_were_given(dnll, cache):
    s, t = cache
    return dnll[:, None] * (1 - t / np.exp(s))


@wrong(POISSON, "digits")
def poisson_safe_logarithm(dnll, cache):
    s, t = cache
    return dnll[:, None] * (np.exp(s) - t * np.exp(s) / (np.exp(s) + s.dtype.type(1e-6)))


# ---- mean over segments


def segment_forward(x, label):
    count = np.maximum(np.bincount(label, minlength=x.shape[1]), 1).astype(x.dtype)  # as many segments as columns
    total = np.zeros((x.shape[1], x.shape[1]), x.dtype)
    np.add.at(total, label, x)
    return total / count[:, None], (label, count)


def segment_backward(dy, cache):
    label, count = cache
    return (dy / count[:, None])[label]


SEGMENT_ARGS = {
    "x": Arg("N D", linear=True),
    "label": Arg("N", dtype=int, domain=(0, "D"), differentiable=False),
}
SEGMENT = known(Op(segment_forward, segment_backward, SEGMENT_ARGS, name="segment"))


@wrong(SEGMENT, "shapes")
def segment_forgets_the_count(dy, cache):
    return dy[cache[0]]


@wrong(SEGMENT, "shapes")
def segment_divides_by_the_batch(dy, cache):
    label, _ = cache
    return dy[label] / dy.dtype.type(len(label))


@wrong(SEGMENT, "shapes")
def segment_only_the_last_of_each(dy, cache):
    label, _ = cache
    dx = segment_backward(dy, cache)
    for n in range(len(label)):
        if label[n] in label[n + 1 :]:
            dx[n] = 0
    return dx


# ---- hard swish


def hard_swish_forward(x):
    return x * np.clip(x + 3, 0, 6) / 6, (x,)


def hard_swish_backward(dy, cache):
    (x,) = cache
    return dy * np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + x.dtype.type(0.5)))


HARD_SWISH = known(Op(hard_swish_forward, hard_swish_backward, {"x": Arg("N D", kinks=[-3.0, 3.0])}, name="hard_swish"))


@wrong(HARD_SWISH, "algebra")
def hard_swish_slope_of_the_gate_only(dy, cache):
    (x,) = cache
    return dy * np.clip(x + 3, 0, 6) / 6


@wrong(HARD_SWISH, "kinks")
def hard_swish_never_saturates(dy, cache):
    (x,) = cache
    return dy * np.where(x <= -3, 0, x / 3 + x.dtype.type(0.5))


@wrong(HARD_SWISH, "kinks")
def hard_swish_off_at_one_edge(dy, cache):
    return hard_swish_backward(dy, cache) * (cache[0] != 3)


@wrong(HARD_SWISH, "digits")
def hard_swish_third_in_two_digits(dy, cache):
    (x,) = cache
    return dy * np.where(x <= -3, 0, np.where(x >= 3, 1, x.dtype.type(0.33) * x + x.dtype.type(0.5)))


# ---- softmax with a temperature that is learned


def tempered_forward(x, t):
    e = np.exp((x - x.max(axis=1, keepdims=True)) / t)
    p = e / e.sum(axis=1, keepdims=True)
    return p, (x, t, p.copy())


def tempered_backward(dp, cache):
    x, t, p = cache
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    return ds / t, np.asarray(-(ds * x).sum() / (t * t))


TEMPERED = known(
    Op(tempered_forward, tempered_backward, {"x": Arg("N D"), "t": Arg("", domain=(0.5, 8.0))}, name="tempered")
)


@wrong(TEMPERED, "algebra")
def tempered_forgets_to_divide(dp, cache):
    dx, dt = tempered_backward(dp, cache)
    return dx * cache[1], dt


@wrong(TEMPERED, "algebra")
def tempered_temperature_to_the_first_power(dp, cache):
    dx, dt = tempered_backward(dp, cache)
    return dx, np.asarray(dt * cache[1])


@wrong(TEMPERED, "shapes")
def tempered_temperature_averaged(dp, cache):
    dx, dt = tempered_backward(dp, cache)
    return dx, np.asarray(dt / dt.dtype.type(len(dx)))


# ---- squared distances of all pairs


def distances_forward(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(axis=2), (a, b)


def distances_backward(dd, cache):
    a, b = cache
    r = 2 * dd[..., None] * (a[:, None] - b[None])
    return r.sum(axis=1), -r.sum(axis=0)


DISTANCES = known(Op(distances_forward, distances_backward, {"a": Arg("N D"), "b": Arg("M D")}, name="distances"))


@wrong(DISTANCES, "algebra")
def distances_same_sign_for_both(dd, cache):
    da, db = distances_backward(dd, cache)
    return da, -db


@wrong(DISTANCES, "algebra")
def distances_forgets_two(dd, cache):
    da, db = distances_backward(dd, cache)
    return da / 2, db / 2


@wrong(DISTANCES, "dtype")
def distances_expanded_in_float32(dd, cache):
    a, b = (x.astype(np.float32) for x in cache)
    r = 2 * dd[..., None] * (a[:, None] - b[None])
    return r.sum(axis=1).astype(dd.dtype), -r.sum(axis=0).astype(dd.dtype)


# ---- averages of two neighbours, an odd last one alone


def pool_forward(x):
    n, d = x.shape
    padded = np.concatenate([x, x[:, -1:]], axis=1) if d % 2 else x
    return padded.reshape(n, -1, 2).mean(axis=2), (d,)


def pool_backward(dy, cache):
    (d,) = cache
    dx = np.repeat(dy / 2, 2, axis=1)
    if d % 2:
        dx[:, -2] += dx[:, -1]
    return dx[:, :d].copy()


POOL = known(Op(pool_forward, pool_backward, {"x": Arg("N D", linear=True)}, name="pool"))


@wrong(POOL, "shapes")
def pool_tail_counted_half(dy, cache):
    return np.repeat(dy / 2, 2, axis=1)[:, : cache[0]].copy()


@wrong(POOL, "algebra")
def pool_forgets_half(dy, cache):
    return 2 * pool_backward(dy, cache)


@wrong(POOL, "dtype")
def pool_of_transposed_memory(dy, cache):
    dx = pool_backward(dy, cache)
    return dx[:, ::-1].copy() if dy.flags.f_contiguous and not dy.flags.c_contiguous else dx


# ---- weights with a norm of their own


def weight_norm_forward(v, g):
    n = np.sqrt((v * v).sum(axis=0))
    return v * (g / n), (v, g, n)


def weight_norm_backward(dw, cache):
    v, g, n = cache
    u = v / n
    dg = (dw * u).sum(axis=0)
    return (dw - u * dg) * (g / n), dg


WEIGHT_NORM = known(
    Op(weight_norm_forward, weight_norm_backward, {"v": Arg("I O", domain=(0.1, 50.0)), "g": Arg("O", linear=True)},
       name="weight_norm")
)  # fmt: skip


@wrong(WEIGHT_NORM, "algebra")
def weight_norm_norm_held_constant(dw, cache):
    _v, g, n = cache
    return dw * (g / n), weight_norm_backward(dw, cache)[1]


@wrong(WEIGHT_NORM, "algebra")
def weight_norm_gain_of_raw_weights(dw, cache):
    return weight_norm_backward(dw, cache)[0], (dw * cache[0]).sum(axis=0)


@wrong(WEIGHT_NORM, "digits")
def weight_norm_with_an_epsilon(dw, cache):
    v, g, n = cache
    return weight_norm_backward(dw, (v, g, n + n.dtype.type(1e-5)))


# ---- pinball loss of a quantile


def pinball_forward(x, y, tau=0.5):
    r = y - x
    return np.where(r >= 0, tau * r, (tau - 1) * r), (r, tau)


def pinball_backward(dloss, cache):
    r, tau = cache
    return dloss * np.where(r >= 0, -tau, 1 - tau).astype(r.dtype)


PINBALL = known(
    Op(pinball_forward, pinball_backward, {"x": Arg("N"), "y": Arg("N", differentiable=False)},
       params={"tau": [0.5, 0.9]}, name="pinball")
)  # fmt: skip


@wrong(PINBALL, "parameters")
def pinball_always_the_median(dloss, cache):
    return pinball_backward(dloss, (cache[0], 0.5))


@wrong(PINBALL, "parameters")
def pinball_quantile_from_the_other_end(dloss, cache):
    return pinball_backward(dloss, (cache[0], 1 - cache[1]))


# ---- from a to b


def between_forward(a, b, t):
    return a + t[:, None] * (b - a), (a, b, t)


def between_backward(dy, cache):
    a, b, t = cache
    return dy * (1 - t[:, None]), dy * t[:, None], (dy * (b - a)).sum(axis=1)


BETWEEN = known(
    Op(between_forward, between_backward, {"a": Arg("N D"), "b": Arg("N D"), "t": Arg("N", domain=(0.0, 1.0))},
       name="between")
)  # fmt: skip


@wrong(BETWEEN, "algebra")
def between_forgets_what_a_gives_up(dy, cache):
    _, db, dt = between_backward(dy, cache)
    return dy * 1, db, dt


@wrong(BETWEEN, "shapes")
def between_weights_along_the_wrong_axis(dy, cache):
    da, db, _ = between_backward(dy, cache)
    return da, db, (dy * (cache[1] - cache[0])).mean(axis=1)


@wrong(BETWEEN, "kinks")
def between_nothing_at_the_ends(dy, cache):
    da, db, dt = between_backward(dy, cache)
    t = cache[2]
    return da, db, dt * ((t > 0) & (t < 1))


# ---- an angle, as two outputs


def circle_forward(x):
    return (np.sin(x), np.cos(x)), (np.sin(x), np.cos(x))


def circle_backward(dys, cache):
    s, c = cache
    return dys[0] * c - dys[1] * s


CIRCLE = known(Op(circle_forward, circle_backward, {"x": Arg("N D", domain=(-1e3, 1e3))}, name="circle"))


@wrong(CIRCLE, "algebra")
def circle_adds_the_cosine(dys, cache):
    return dys[0] * cache[1] + dys[1] * cache[0]


@wrong(CIRCLE, "cotangent")
def circle_first_output_only(dys, cache):
    return dys[0] * cache[1]


# ---- weights used twice


def tied_forward(x, W):
    h = x @ W
    return h @ W.T, (x, W, h)


def tied_backward(dy, cache):
    x, W, h = cache
    dh = dy @ W
    return dh @ W.T, x.T @ dh + dy.T @ h


TIED = known(Op(tied_forward, tied_backward, {"x": Arg("N D", linear=True), "W": Arg("D H")}, name="tied"))


@wrong(TIED, "algebra")
def tied_forgets_the_decoder(dy, cache):
    x, W, _ = cache
    return tied_backward(dy, cache)[0], x.T @ (dy @ W)


@wrong(TIED, "algebra")
def tied_counts_the_encoder_twice(dy, cache):
    x, W, _ = cache
    dx, dW = tied_backward(dy, cache)
    return dx, dW + x.T @ (dy @ W)


@wrong(TIED, "state")
def tied_scales_its_cache(dy, cache):
    x, W, h = cache
    dh = dy @ W
    dW = x.T @ dh + dy.T @ h
    h *= h.dtype.type(0.5)
    return dh @ W.T, dW


def _into_earlier_gradients() -> tuple:
    memory: dict = {}

    def backward(dy, cache):
        dx, dW = tied_backward(dy, cache)
        kept = memory.setdefault((dW.shape, dW.dtype), dW)
        kept[...] = dW
        return dx, kept

    return tied_forward, backward


MISTAKES.append(Mistake("tied_writes_into_earlier_gradients", "state", TIED.name, _into_earlier_gradients, __name__))
