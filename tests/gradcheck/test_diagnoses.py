"""Every diagnosis, reached by the mistake that it names."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op
from npvae.gradcheck.ground.codes import DIAGNOSES


def softsign(x):
    return x / (1 + np.abs(x)), (x,)


def softsign_backward(dy, cache):
    return dy / (1 + np.abs(cache[0])) ** 2


def bilinear(x, W):
    return x @ W, (x, W)


def bilinear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy


def relu(x):
    return np.maximum(x, 0), (x,)


def residual(x):
    return x + np.tanh(x), (x,)


X = {"x": Arg("N D")}


def altered(change, forward=softsign, backward=softsign_backward, args=None, **more):
    """The op with `change(dx, dy, x)` for a gradient."""
    return Op(forward, lambda dy, c: change(backward(dy, c), dy, c[0]), args or X, **more)


def swapped_gradients(a, b):
    return Op(lambda a, b: (a * b, (a, b)), lambda dy, c: (dy * c[0], dy * c[1]), {"a": Arg("N D"), "b": Arg("N D")})


def last_rows(dx, dy, x):
    dx = dx.copy()
    dx[8:] = 0
    return dx


def one_entry(dx, dy, x):
    dx = dx.copy()
    dx.reshape(-1)[dx.size // 2] *= dx.dtype.type(1.5)
    return dx


def one_row(dx, dy, x):
    dx = dx.copy()
    if len(dx) > 3:
        dx[1] *= 3
    return dx


def only_single(dx, dy, x):
    return dx.astype(np.float16).astype(dx.dtype) if dx.dtype == np.float32 else dx


def only_fortran(dx, dy, x):
    return dx * 2 if x.flags.f_contiguous and not x.flags.c_contiguous else dx


def only_one_row(dx, dy, x):
    return dx * 3 if len(dx) == 1 else dx


def leaky(x, alpha=0.1):
    return np.where(x > 0, x, alpha * x), (x, alpha)


def gated(x, g):
    return np.tanh(x) * g, (x, g)


def gated_backward(dy, cache, more=1):
    x, g = cache
    return dy * g * (1 - np.tanh(x) ** 2) * more, (dy * np.tanh(x)).sum(axis=0)


GATED = {"x": Arg("N D", domain=(-3, 3)), "g": Arg("D", domain=(0.5, 2))}


def huber(x, delta=1.0):
    return np.where(np.abs(x) <= delta, x * x / 2, delta * (np.abs(x) - delta / 2)), (x, delta)


def square(x):
    return x * x, (x,)


def once_per_row(dy, cache):
    W, i = cache
    dW = np.zeros_like(W)
    dW[i] += dy * (1 - np.tanh(W[i]) ** 2)
    return dW


def windows(x):
    """Two windows of six entries that overlap in three, each to the third power."""
    return np.concatenate([x[:, :6] ** 3, x[:, 3:] ** 3], axis=1), x


def last_window_only(dy, x):
    dx = np.zeros_like(x)
    dx[:, :6] = 3 * dy[:, :6] * x[:, :6] ** 2
    dx[:, 3:] = 3 * dy[:, 6:] * x[:, 3:] ** 2  # it should be added
    return dx


def without_the_sum(dy, cache):
    x, w = cache
    shared = dy * (1 - np.tanh(x + w) ** 2)
    return dy * x, shared  # dx lacks the path through the sum, which is all of dw


def moments(x):
    return {"mean": x.mean(axis=1), "var": x.var(axis=1)}, x


def moments_backward(dy, x):
    centred = x - x.mean(axis=1, keepdims=True)
    return ((dy["mean"][:, None] + 2 * dy["var"][:, None] * centred) / x.shape[1]).astype(x.dtype)


def focal(p, y):
    q = np.where(y, p, 1 - p)
    return -((1 - q) ** 2) * np.log(q), q


def focal_backward(dy, q):
    return dy * (2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q)  # dq / dp is -1 where y is false


def halves_large(dx, dy, x):
    return np.where(x > 0.5, dx / 2, dx)


CASES = {
    "sign": (altered(lambda dx, dy, x: -dx), "SIGN"),
    "factor": (altered(lambda dx, dy, x: 2 * dx), "FACTOR of 2"),
    "factor ": (altered(lambda dx, dy, x: dx / 2), "FACTOR of 1/2"),
    "factor  ": (altered(lambda dx, dy, x: dx * dx.dtype.type(1.01)), "1.01 everywhere"),
    "factor-of-size": (altered(lambda dx, dy, x: dx * len(x)), "4 = N everywhere"),
    "factor-of-size ": (altered(lambda dx, dy, x: dx / x.shape[1]), "1/3 = 1/D everywhere"),
    "factor-of-argument": (
        Op(gated, lambda dy, c: (gated_backward(dy, c)[0] / c[1], gated_backward(dy, c)[1]), GATED),
        "numeric / analytic is g everywhere: a FACTOR g forgotten?"),
    "factor-of-argument ": (
        Op(gated, lambda dy, c: gated_backward(dy, c, more=c[1]), GATED),
        "analytic / numeric is g everywhere: a FACTOR g too many"),
    "factor-of-argument  ": (
        Op(huber, lambda dy, c: dy * np.clip(c[0], -c[1], c[1]).astype(dy.dtype) / dy.dtype.type(c[1]), X,
           params={"delta": [0.3, 0.7]}), "analytic / numeric is 3.33333 everywhere, which is 1/delta"),
    "factor   ": (altered(lambda dx, dy, x: dx * dx.dtype.type(1 + 3e-8)), "a constant in FLOAT32?"),
    "zero": (altered(lambda dx, dy, x: 0 * dx), "ZERO everywhere"),
    "transposed": (
        Op(bilinear, lambda dy, c: (dy @ c[1].T, (c[0].T @ dy).T.copy().reshape(c[1].shape)),
           {"x": Arg("N I"), "W": Arg("I O")}), "TRANSPOSED"),
    "other-argument": (swapped_gradients(0, 0), "SWAPPED"),
    "skip": (altered(lambda dx, dy, x: dx - dy, residual, lambda dy, c: dy * (2 - np.tanh(c[0]) ** 2)), "SKIP"),
    "extra-dy": (altered(lambda dx, dy, x: dx + dy), "one dy TOO MANY"),
    "extra-term": (altered(lambda dx, dy, x: dx + dx.dtype.type(0.01) * x), "0.01 times x"),
    "offset": (altered(lambda dx, dy, x: dx + dx.dtype.type(0.5)), "is 0.5 everywhere: a CONSTANT too many"),
    "tail": (altered(last_rows), "zeros in the LAST rows, from 8 of 37"),
    "one-entry": (altered(one_entry), "ONE ENTRY"),
    "one-row": (altered(one_row), "only in row 1"),
    "kink-only": (
        Op(relu, lambda dy, c: dy * ((c[0] > 0) - (c[0] == 0) * dy.dtype.type(1)), {"x": Arg("N D", kinks=[0.0])}),
        "AT THE KINK, x = 0"),
    "edge-only": (
        Op(square, lambda dy, c: 2 * dy * c[0] * (c[0] < 1), {"x": Arg("N D", domain=(0, 1))}),
        "AT THE END of the domain, x = 1"),
    "formula": (altered(lambda dx, dy, x: dy * (1 + np.abs(x))), "the FORMULA itself"),
    "threshold": (altered(lambda dx, dy, x: np.where(x > 10, 0, dx)), "only where x > 10"),
    "threshold  ": (  # most slopes are zero, which is no evidence that entries beyond it are right
        Op(lambda x, m: (np.tanh(x) * m, (x, m)),
           lambda dy, c: halves_large(dy * c[1] * (1 - np.tanh(c[0]) ** 2), dy, c[0]),
           {"x": Arg("N D"), "m": Arg("N D", dtype=bool, differentiable=False)}), "only where x > 0.5"),
    "threshold ": (altered(lambda dx, dy, x: np.where(np.abs(x) > 20, 2 * dx, dx)), "x > 20"),
    "float32-cast": (altered(lambda dx, dy, x: dx.astype(np.float32).astype(dx.dtype)), "FLOAT32"),
    "few-digits": (altered(lambda dx, dy, x: dx * (1 + dx.dtype.type(3e-6) * np.tanh(x))), "right to 5 digits"),
    "float32-only": (altered(only_single), "ONLY IN FLOAT32"),
    "layout-only": (altered(only_fortran), "FORTRAN"),
    "size-of-dy": (altered(lambda dx, dy, x: dx * np.minimum(1, 2 / np.max(np.abs(dy), initial=1))), "CLIPPED"),
    "shape-only": (altered(only_one_row), "only where N = 1"),
    "parameter-only": (
        Op(leaky, lambda dy, c: np.where(c[0] > 0, dy, dy.dtype.type(0.1) * dy), {"x": Arg("N D", kinks=[0.0])},
           params={"alpha": [0.1, 0.3]}), "only for alpha = 0.3"),
    "shape-only ": (altered(lambda dx, dy, x: dx * 3 if len(dx) > 8 else dx), "only where N is 37 or more"),
    "mask": (
        Op(lambda x, m: (np.tanh(x) * m, (x, m)), lambda dy, c: dy * (1 - np.tanh(c[0]) ** 2),
           {"x": Arg("N T D"), "m": Arg("N T D", dtype=bool, differentiable=False)}), "is a MASK forgotten?"),
    "repeated-index": (
        Op(lambda W, i: (np.tanh(W[i]), (W, i)), once_per_row,
           {"W": Arg("9 D"), "i": Arg("6", dtype=int, domain=(0, 8), differentiable=False)}), "MORE THAN ONCE"),
    "one-step": (
        Op(lambda x: (np.cumsum(x**3, axis=1), x), lambda dy, x: 3 * dy * x * x, {"x": Arg("N T D")}),
        "right in the LAST of 3 along axis 1 only: are the other STEPS forgotten?"),
    "overlap": (Op(windows, last_window_only, {"x": Arg("N 9")}), "wrong from 3 to 5: do windows OVERLAP there?"),
    "extra-term ": (
        Op(lambda x, w: (x * x / 2 + np.tanh(x + w), (x, w)), without_the_sum, {"x": Arg("N D"), "w": Arg("N D")}),
        "times d/dw"),
    "shape-only  ": (
        altered(lambda dx, dy, x: dx * (2 if dx.shape[1] % 2 == 0 else 1)), "only where D is even"),
    "shape-only   ": (
        altered(lambda dx, dy, x: dx * (2 if 1 < dx.shape[0] == dx.shape[1] else 1)), "only where N = D"),
    "transposed ": (
        Op(lambda x: (x**3, x), lambda dy, x: (3 * dy * x * x).transpose(0, 2, 1).copy(), {"x": Arg("N D D")}),
        "its axes in the order (0, 2, 1): TRANSPOSED"),
    "transposed  ": (  # six samples that cannot show it come before the one whose axes are all alike
        Op(lambda x, shift: ((x + shift) ** 3, x + shift),
           lambda dy, z: (3 * dy * z * z).transpose(1, 0, 2).reshape(z.shape).astype(dy.dtype), {"x": Arg("N C D")},
           params={"shift": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}), "its axes in the order (1, 0, 2): TRANSPOSED"),
    "regime-only ": (altered(lambda dx, dy, x: np.where(x == np.round(x), dx / 2, dx)),
                     "only at zeros, ties and round numbers"),
    "reversed": (altered(lambda dx, dy, x: np.flip(dx, 1).copy()), "REVERSED along axis 1"),
    "one-answer": (
        Op(focal, focal_backward, {"p": Arg("N D", domain="probability"), "y": Arg("N D", dtype=bool,
           differentiable=False)}), "only where y is False; analytic / numeric is -1 there"),
    "one-output": (
        Op(moments, lambda dy, x: moments_backward({**dy, "var": 0 * dy["var"]}, x), X),
        "it is ZERO for the dy of y['var'] alone: is what comes from y['var'] FORGOTTEN?"),
    "one-output ": (
        Op(moments, lambda dy, x: moments_backward({**dy, "var": dy["var"] * x.mean(axis=1)}, x), X),
        "right for the dy of y['mean'] alone, wrong for that of y['var']"),
    "factor-of-size  ": (
        Op(bilinear, lambda dy, c: (dy @ c[1].T, c[0].T @ dy / 5), {"x": Arg("5 I"), "W": Arg("I O")}),
        "analytic / numeric is 1/5 everywhere, and x has 5 entries along axis 0: a MEAN over them too many?"),
    "regime-only": (altered(lambda dx, dy, x: np.where((x != 0) & (np.abs(x) < 1e-6), 2 * dx, dx)), "at tiny values"),
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_the_message_names_the_mistake(code):
    op, words = CASES[code]
    report = check_op(op)
    assert report.verdict == "FAIL"
    found = {name for finding in report.findings for name in finding.diagnosis_codes}
    assert code.strip() in found, report
    assert words in str(report), report


def test_what_is_right_but_for_the_kink_is_said_once():
    op, _ = CASES["kink-only"]
    assert str(check_op(op)).lower().count("kink, x = 0") == 1
    assert "exactly on a kink" not in str(check_op(op))


def test_no_diagnosis_is_left_out():
    assert {code.strip() for code in CASES} == set(DIAGNOSES)


@pytest.mark.parametrize("threshold", [-0.25, 0.0, 5.0, 20.0])
def test_a_threshold_is_narrowed_to_where_it_is(threshold):
    report = check_op(altered(lambda dx, dy, x: np.where(x > threshold, 2 * dx, dx)))
    assert f"only where x > {threshold:.4g}" in str(report), report


def test_the_plainest_failing_sample_is_shown_first():
    report = check_op(altered(lambda dx, dy, x: -dx))
    assert report.findings[0].sample == "4x3"
