"""Domains that are no intervals: drawn in their set, moved within it, and right and wrong told apart there."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op
from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import battery
from npvae.spec import SETS


def entropy(p):
    assert np.allclose(p.sum(axis=-1), 1, atol=1e-5), "off the simplex"
    return -(p * np.log(p)).sum(axis=-1), p


def entropy_backward(dy, p, factor=1):
    return -dy[:, np.newaxis] * (factor * np.log(p))  # without the 1 of log(p) + 1, which is normal to the simplex


def gaps(x):
    assert np.all(np.diff(x, axis=-1) > 0), "not sorted"
    return np.log(np.diff(x, axis=-1)), x


def gaps_backward(dy, x, factor=1):
    slope, dx = factor * dy / np.diff(x, axis=-1), np.zeros_like(x)
    dx[:, 1:] += slope
    dx[:, :-1] -= slope
    return dx


def sort_distinct(x):
    order = np.argsort(x, axis=-1)
    return np.take_along_axis(x, order, axis=-1), order


def sort_backward(dy, order, factor=1):
    dx = np.zeros_like(dy)
    np.put_along_axis(dx, order, factor * dy, axis=-1)
    return dx


def logdet(A):
    np.linalg.cholesky(A)
    assert np.allclose(A, np.swapaxes(A, -1, -2), atol=1e-5)
    return np.linalg.slogdet(A)[1], A


def logdet_backward(dy, A, factor=1):
    return factor * dy[:, np.newaxis, np.newaxis] * np.swapaxes(np.linalg.inv(A), -1, -2)


def logit(p):
    assert np.all((p > 0) & (p < 1)), "not a probability"
    return np.log(p) - np.log1p(-p), p


def logit_backward(dy, p, factor=1):
    return factor * dy / (p * (1 - p))


def chosen(x, labels):
    assert np.all(labels.sum(axis=-1) == 1)
    return (x * labels).sum(axis=-1), labels


def chosen_backward(dy, labels, factor=1):
    return factor * dy[:, np.newaxis] * labels


def embed(W, i):
    return W[i], (W.shape, i)


def embed_backward(dy, cache, factor=1):
    shape, i = cache
    dW = np.zeros(shape, dy.dtype)
    if factor == 1:
        np.add.at(dW, i, dy)
    else:
        dW[i] += dy  # an index that comes twice counts once
    return dW


def cost_of_counts(a, x):
    assert np.all(x == np.rint(x))
    assert np.all(x >= 0)
    return (np.exp(a) - x * a).sum(axis=-1), (a, x)


def cost_of_counts_backward(dy, cache, factor=1):
    a, x = cache
    return factor * dy[:, np.newaxis] * (np.exp(a) - x)


OPS = {
    "counts": (
        cost_of_counts,
        cost_of_counts_backward,
        {"a": Arg("N D", domain=(-20.0, 20.0)), "x": Arg("N D", domain="counts", differentiable=False)},
    ),
    "simplex": (entropy, entropy_backward, {"p": Arg("N D", domain="simplex")}),
    "sorted": (gaps, gaps_backward, {"x": Arg("N D", domain="sorted")}),
    "distinct": (sort_distinct, sort_backward, {"x": Arg("N D", domain="distinct")}),
    "positive definite": (logdet, logdet_backward, {"A": Arg("N D D", domain="positive definite")}),
    "invertible": (lambda A: (np.linalg.slogdet(A)[1], A), logdet_backward, {"A": Arg("N D D", domain="invertible")}),
    "probability": (logit, logit_backward, {"p": Arg("N D", domain="probability")}),
    "one-hot": (
        chosen,
        chosen_backward,
        {"x": Arg("N D"), "labels": Arg("N D", domain="one-hot", differentiable=False)},
    ),
    "repeated indices": (
        embed,
        embed_backward,
        {"W": Arg("V D"), "i": Arg("N", dtype=int, domain=(0, "V"), differentiable=False)},
    ),
}


@pytest.mark.parametrize("domain", OPS)
def test_right_passes_and_wrong_fails(domain):
    forward, backward, args = OPS[domain]
    right = check_op(Op(forward, backward, args, name="right"))
    assert right, str(right)
    wrong = check_op(Op(forward, lambda dy, c: backward(dy, c, factor=1.01), args, name="wrong"))
    assert wrong.verdict == "FAIL"


def test_every_set_is_tried_here():
    assert set(SETS) <= set(OPS)


@pytest.mark.parametrize("name", SETS)
def test_arrays_are_in_their_set_whatever_the_sample(name):
    args = {"x": Arg("N D D" if name in ("positive definite", "invertible") else "N D", domain=name)}
    op = Op(lambda x: (x, ()), lambda dy, c: dy, args)
    for sample in battery(op):
        (x,) = build(op, sample, 3).inputs
        rows = x.astype(np.float64)
        inside = {
            "one-hot": np.all((rows == 0) | (rows == 1)) and np.all(rows.sum(axis=-1) == 1),
            "simplex": np.all(rows > 0) and np.allclose(rows.sum(axis=-1), 1, atol=1e-6),
            "sorted": np.all(np.diff(rows, axis=-1) > 0),
            "distinct": all(len(set(row)) == row.size for row in rows.reshape(-1, rows.shape[-1])),
            "probability": np.all((rows > 0) & (rows < 1)),
        }
        if name in inside:
            assert inside[name], sample.label
        elif name == "positive definite":
            assert np.all(np.linalg.eigvalsh(rows) > 0.1)
        else:
            assert np.all(np.linalg.svd(rows, compute_uv=False) > 0.1)


def test_a_one_hot_argument_with_a_gradient_is_told_that_it_leaves_its_set():
    op = Op(lambda x: (x * x, x), lambda dy, x: 2 * dy * x, {"x": Arg("N D", domain="one-hot")})
    report = check_op(op)
    assert report, str(report)
    assert "d/dx is compared off its domain: a one-hot array cannot move and stay one-hot" in str(report)


@pytest.mark.parametrize(
    ("shape", "domain", "words"),
    [
        ("N D", "simplexx", "domain is 'simplexx', expected (low, high) or one of one-hot"),
        ("N D", "invertible", 'expected square matrices: "N D D"'),
        ("", "simplex", "a 0-d array cannot be simplex"),
    ],
)
def test_a_set_that_cannot_be_is_refused(shape, domain, words):
    with pytest.raises(ValueError, match="Arg: ") as caught:
        Arg(shape, domain=domain)
    assert words in str(caught.value)


def test_a_forward_that_raises_where_it_is_not_defined_is_not_looked_at_there():
    def forward(x):
        if np.any(np.abs(x) > 20):
            raise ValueError("too large for me")
        return np.exp(x), x

    report = check_op(Op(forward, lambda dy, x: dy * np.exp(x), {"x": Arg("N D")}))
    assert report, str(report)
    assert "it is not defined there: the forward raised ValueError: too large for me" in str(report)

    def always(x):
        raise ValueError("never")

    report = check_op(Op(always, lambda dy, x: dy, {"x": Arg("N D")}))
    assert {finding.code for finding in report.findings} == {"forward-raises"}
    assert report.verdict == "FAIL"


@pytest.mark.parametrize("seed", [2, 3])
def test_a_forward_that_raises_for_the_inputs_in_between_shares_no_state(seed):
    def volume(A):  # where zeros or ties leave a column without a direction of its own, it has no logarithm
        if np.linalg.matrix_rank(A) < 3:
            raise np.linalg.LinAlgError("the columns depend on each other")
        return np.linalg.slogdet(A.T @ A)[1].reshape(1), A

    report = check_op(Op(volume, lambda dy, A: dy * 2 * A @ np.linalg.inv(A.T @ A), {"A": Arg("5 3")}), seed)
    assert report, str(report)
