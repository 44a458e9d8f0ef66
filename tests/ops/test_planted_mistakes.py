"""Mistakes planted in the source of every backward, one edit each: the gradient check has to see all of them."""

import inspect
import sys
import types

import pytest

from npvae.gradcheck import check_op
from npvae.ops import OPS

MISTAKES = {
    "dense": [
        ("dx = dy @ W.T", "dx = -dy @ W.T"),
        ("dW = x.T @ dy", "dW = x.T @ dy / len(x)"),
        ("dW = x.T @ dy", "dW = x[:8].T @ dy[:8]"),
        ("db = dy.sum(axis=0)", "db = dy.mean(axis=0)"),
        ("db = dy.sum(axis=0)", "db = dy.sum(axis=0, keepdims=True)"),
        ("(x, W)", "(x, W.T.copy().T * 1.0001)"),
    ],
    "relu": [("dy * (x > 0)", "dy * (x > 1e-3)"), ("dy * (x > 0)", "dy * (x >= 0) * 2"), ("dy * (x > 0)", "dy * 1")],
    "leaky_relu": [("alpha * dy)", "0.01 * dy)"), ("np.where(x > 0, dy,", "np.where(x < 0, dy,")],
    "elu": [
        ("1, alpha * np.exp", "1, np.exp"),
        ("1, alpha * np.exp(np.minimum(x, 0))", "1, alpha * np.expm1(np.minimum(x, 0))"),
        ("dx = dy * dy_dx", "dx = dy_dx"),
    ],
    "silu": [("(1 + x * one_minus_s)", "(1 + x * s)"), ("dx = dy * s * (1 +", "dx = dy * s * (0 +")],
    "tanh": [("1 - y * y", "1 - y"), ("1 - y * y", "1 + y * y"), ("y.copy()", "x")],
    "sigmoid": [("e / (1 + e) ** 2", "e / (1 + e)"), ("dx = dy * dy_dx", "dx = -dy * dy_dx")],
    "softplus": [("x >= 0, 1, e", "x >= 0, e, 1"), ("/ (1 + e)\n    dx", "/ (1 + e) ** 2\n    dx")],
    "layer": [
        ("da = ACTIVATIONS[activation].backward(dy, activation_cache)", "da = dy"),
        ("needs_dx)  #", "needs_dx)[::-1]  #"),
    ],
    "conv2d": [
        ("dy @ W[p, q].T if", "dy @ W[p, -1 - q].T if"),
        ("dy @ W[p, q].T if", "dy @ W[q % len(W), p % W.shape[1]].T if"),
        ("dpadded[window] += dy", "dpadded[window] = dy"),
        ("np.tensordot(padded[window], dy,", "np.tensordot(padded[window][:, 1:], dy[:, 1:],"),
        ("db = dy.sum(axis=(0, 1, 2))", "db = dy.sum(axis=(0, 1, 2)) / dy.shape[1]"),
        ("slice(padding, -padding or None)", "slice(0, -2 * padding or None)"),
    ],
    "conv2d_transpose": [
        ("dx += dpadded", "dx = dpadded"),
        ("np.tensordot(dpadded[window], x,", "np.tensordot(dpadded[window], -x,"),
        ("np.tensordot(dpadded[window], x,", "np.tensordot(dpadded[window][:, :, :-1], x[:, :, :-1],"),
        ("db = dy.sum(axis=(0, 1, 2))", "db = dpadded[window].sum(axis=(0, 1, 2))"),
    ],
    "conv2d_layer": [
        ("da = ACTIVATIONS[activation].backward(dy, activation_cache)", "da = dy"),
        ("dx, dW, db = conv2d_backward(da,", "dx, db, dW = conv2d_backward(da,"),
    ],
    "conv2d_transpose_layer": [
        ("da = ACTIVATIONS[activation].backward(dy, activation_cache)", "da = dy"),
        ("conv2d_transpose_backward(da, conv_cache)", "conv2d_transpose_backward(abs(da), conv_cache)"),
    ],
    "std_from_logvar": [("dstd * std / 2", "dstd * std"), ("dstd * std / 2", "dstd / std / 2")],
    "reparameterize": [
        ("dmu = dz * 1", "dmu = dz"),
        ("dstd = dz * eps", "dstd = dz * eps * eps"),
        ("dstd = dz * eps", "dstd = dz * abs(eps)"),
        ("return dmu, dstd", "return dstd, dmu"),
    ],
    "gaussian_kl": [
        ("dmu = dkl * mu", "dmu = dkl * mu * 2"),
        ("dmu = dkl * mu", "dmu = dkl.mean() * mu"),
        ("var_minus_1 / 2", "var_minus_1"),
        ("var_minus_1 / 2", "(var_minus_1 + 1) / 2"),
    ],
    "gaussian_log_density": [
        ("dz = -dlogp * u", "dz = dlogp * u"),
        ("(r * u - 1) / 2", "(r * u) / 2"),
        ("(r * u - 1) / 2", "(r * u - 1)"),
        ("u = r * precision", "u = r"),
    ],
    "bernoulli_nll": [
        ("(p - x)", "(x - p)"),
        ("(p - x)", "(p - (x > 0.5))"),
        ("dnll[:, np.newaxis] * (p - x)", "dnll.mean() * (p - x)"),
        ("(p - x)", "np.clip(p - x, -0.9, 0.9)"),
    ],
    "squared_error": [
        ("dnll[:, np.newaxis] * r", "2 * dnll[:, np.newaxis] * r"),
        ("* r  # (2)", "* r / r.shape[1]  # (2)"),
    ],
    "gaussian_nll": [
        ("dmean = -dnll * r * precision", "dmean = -dnll * r"),
        ("(1 - r * r * precision) / 2", "(1 + r * r * precision) / 2"),
        ("dlogvar.sum(axis=shared)", "dlogvar.mean(axis=shared) * (dlogvar.size // dlogvar.shape[0])"),
    ],
    "floored_logvar": [("x >= floor, 1, e", "x >= floor, e, 1"), ("np.asarray(dy * dy_dx)", "np.asarray(dy)")],
    "continuous_bernoulli_nll": [
        ("-1 / np.expm1(-far) - 1 / far - 0.5", "-1 / np.expm1(-far) - 0.5"),
        ("1 / 12)", "1 / 6)"),
        ("(continuous_bernoulli_mean(logits) - x)", "(1 / (1 + np.exp(-logits)) - x)"),
        ("np.copysign(odd, logits)", "odd"),
    ],
    "discretized_logistic_nll": [
        ("dmean = -dnll * (u + v)", "dmean = -dnll * (u - v)"),
        ("u = np.where(last, 0,", "u = np.where(first, 0,"),
        ("dw - upper * u", "-upper * u"),
        ("-w * np.exp(-w)", "w * np.exp(-w)"),
    ],
    "categorical_nll": [
        ("(p - one_hot)", "p"),
        ("e / total, labels)", "e, labels)"),
        ("(p - one_hot)", "(one_hot - p)"),
    ],
    "binomial_nll": [
        ("(trials * p - x)", "(p - x)"),
        ("(trials * p - x)", "(trials * p - x / trials)"),
    ],
    "poisson_nll": [
        ("x64 * z, np.exp", "z, np.exp"),
        ("np.where(some, x64 * z, np.exp(np.where(some, 0, a)))  #", "np.where(some, x64 * z, 0 * a + 1)  #"),
    ],
    "negative_binomial_nll": [
        ("(dnll[:, np.newaxis] * j)", "(dnll[:, np.newaxis] * j / r)"),
        ("(h_r + digamma_rest(r)", "(digamma_rest(r)"),
        ("- digamma_rest(r + x64))", "- digamma_rest(r + x64 + 1))"),
    ],
    "masked_fill": [
        ("dy.dtype.type(0), dy)", "dy, dy.dtype.type(0))"),
        ("np.where(missing, dy.dtype.type(0), dy)", "dy * 1"),
    ],
    "free_bits": [("/ len(mu)", "/ 1"), ("dcost * counted", "dcost"), ("var_minus_1 / 2  # (4)", "var_minus_1  # (4)")],
    "repeat": [("dy.sum(axis=0)", "dy.mean(axis=0)"), ("dy.sum(axis=0)", "dy[0] * len(dy)")],
    "log_mean_exp": [
        ("dbound * weight", "dbound * weight * len(weight)"),
        ("dbound * weight", "dbound / len(weight) + 0 * weight"),
    ],
    "renyi_bound": [
        ("= log_mean_exp_backward(dbound, cache)", "= log_mean_exp_backward(dbound, cache) * 0.5"),
        ("return bound, cache", "return bound, log_mean_exp_forward(log_w)[1]"),
    ],
    "embedding": [
        ("np.add.at(dtable, ids, dy)", "dtable[ids] += dy"),
        ("np.add.at(dtable, ids, dy)", "dtable[ids] = dy"),
        ("np.add.at(dtable, ids, dy)", "np.add.at(dtable, ids[:, 1:], dy[:, 1:])"),
    ],
    "word_dropout": [
        ("dx = np.where(keep, dy, 0)", "dx = dy * 1"),
        ("dx = np.where(keep, dy, 0)", "dx = np.where(keep, dy, 0) / max(keep.mean(), 0.1)"),
        ("np.where(keep, 0, dy).sum(axis=(0, 1))", "dy.sum(axis=(0, 1))"),
    ],
    "gru_cell": [
        ("np.hstack([dar, daz, dac])", "np.hstack([daz, dar, dac])"),
        ("np.hstack([dar, daz, dac * r])", "np.hstack([dar, daz, dac])"),
        ("dh_new * (h - c)", "dh_new * (c - h)"),
        ("tanh_backward(dh_new * (1 - z)", "tanh_backward(dh_new * z"),
        ("sigmoid_backward(dac * ah_c", "sigmoid_backward(dac"),
        ("dh_kept + dh_gates", "dh_gates"),
    ],
    "gru": [
        ("dstate += dh[:, t]", "dstate = dh[:, t].copy()"),
        ("reversed(list(enumerate(steps)))", "reversed(list(enumerate(steps))[1:])"),
        ("reversed(list(enumerate(steps)))", "list(enumerate(steps))"),
        ("dweight += more", "dweight[...] = more"),
        ("dx[rows, t], dstate", "dx[rows, t - 1], dstate"),
        ("dstate += dh[:, t]", "dstate += dh[:, t]; dstate[np.isin(np.arange(len(dh)), rows, invert=True)] = 0"),
        ("return dx, dstate,", "return dx, dstate * 0,"),
    ],
    "last_state": [
        ("dh[rows, lengths - 1] = dy", "dh[rows, lengths - 2] = dy"),
        ("dh[rows, lengths - 1] = dy", "dh[:, -1] = dy"),
    ],
    "masked_categorical_nll": [
        ("dnll[row, np.newaxis] * (p", "dnll.mean() * (p"),
        ("dnll[row, np.newaxis] * (p", "dnll[row, np.newaxis] / is_letter.sum(axis=1)[row, np.newaxis] * (p"),
        ("dlogits = np.zeros(", "dlogits = np.ones("),
        ("(p - (np.arange(p.shape[1]) == label))", "p"),
    ],
    "sparse_matmul": [
        ("np.add.at(dx, indices, values", "np.add.at(dx, row % len(dx), values"),  # S dy for S.T dy
        ("np.add.at(dx, indices, values[:, np.newaxis] * dy[row])", "dx[indices] += values[:, np.newaxis] * dy[row]"),
        ("(dy[row] * x[indices]).sum(axis=1)", "(dy[row] * x[indices]).mean(axis=1)"),
    ],
    "gcn": [
        ("dp = dy @ W.T", "dp = dy @ W.T * 0.5"),
        ("dx, dW = dq @ W.T, left.T @ dq", "dx, dW = dq @ W.T, left.T @ dy"),
        ("dW = left.T @ dy  # (5)", "dW, dx = left.T @ dy, dp"),
    ],
    "inner_product_nll": [
        ("(dnll[n:below, np.newaxis] + dnll[n:])", "2 * dnll[n:below, np.newaxis]"),
        ("(1 - weight) * sigmoid_forward(-s)[0] - 1", "weight * sigmoid_forward(-s)[0] - 1"),
        ("np.add.at(dz, indices, ds_edge * z[row])", "np.add.at(dz, row, ds_edge * z[indices])"),
        ("np.add.at(dz, row, ds_edge * z[indices])", "pass"),
    ],
    "sampled_inner_product_nll": [
        ("+ np.roll(dt_k * z, shift, axis=0)", ""),
        ("np.roll(dt_k * z, shift, axis=0)", "np.roll(dt_k * z, -shift, axis=0)"),
        ("np.roll(dt_k * z, shift, axis=0)", "dt_k * np.roll(z, shift, axis=0)"),
        ("np.add.at(dz, indices, ds * z[row])", "dz[indices] += ds * z[row]"),
    ],
    "vr_max": [("== best)", "<= best)"), ("best = log_w.argmax", "best = log_w.argmin")],
}
# One small sample each, where it takes long to find out what is wrong.
SAMPLES = {"gru_cell": "3x2x2", "gru": "3x3x2x1", "masked_categorical_nll": "3x3x3", "embedding": "3x3x2x2"}
SAMPLES |= {"word_dropout": "3x3x2"}
BY_NAME = {op.name: op for op in OPS}
PLANTED = [(name, old, new) for name, edits in MISTAKES.items() for old, new in edits]


def with_edit(name, old, new):
    """The op of a page whose source has been changed in one place."""
    page = sys.modules[BY_NAME[name].forward.__module__]
    source = inspect.getsource(page)
    assert source.count(old) == 1, f"{name}: {old!r} stands {source.count(old)} times in the page"
    broken = types.ModuleType(f"{page.__name__}_broken")
    exec(compile(source.replace(old, new), page.__file__, "exec"), broken.__dict__)
    return broken.OP


@pytest.mark.parametrize(("name", "old", "new"), PLANTED, ids=[f"{n}-{new}" for n, _, new in PLANTED])
def test_the_check_sees_a_planted_mistake(fails, name, old, new):
    broken = with_edit(name, old, new)
    assert check_op(broken, sample=SAMPLES[name]).verdict == "FAIL" if name in SAMPLES else fails(broken)


def test_every_op_has_at_least_two_planted_mistakes():
    pages = {op.forward.__module__.rpartition(".")[2] for op in OPS}
    assert set(MISTAKES) == pages
    assert all(len(edits) >= 2 for edits in MISTAKES.values())
