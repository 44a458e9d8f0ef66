"""Inputs and dy given by hand: taken, or refused with the reason, and the pair not blamed for them."""

import re

import numpy as np
import pytest

from npvae.gradcheck import gradcheck

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 4))
SQUARE = (lambda x: (x * x, x), lambda dy, x: 2 * dy * x)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X + 1j,), "input 0 is complex; complex-valued functions are out of scope"),
        (("abc",), "input 0 is str of dtype"),
        ((X, [object()]), "input 1 is list of dtype object"),
        ((X.astype(np.float16),), "input 0 is float16; give float64 or float32"),
    ],
)
def test_inputs_that_have_no_gradient_are_refused_with_a_reason(inputs, message):
    with pytest.raises(TypeError, match=message):
        gradcheck(*SQUARE, inputs)


def scaled_by(x, beta):
    return x * beta, (x, beta)


def scaled_by_backward(dy, cache):
    x, beta = cache
    return dy * beta, (dy * x).sum(axis=0)


@pytest.mark.parametrize(
    ("dy", "error", "message"),
    [
        (np.ones(4), ValueError, r"dy has shape (4,), expected (3, 4), the shape of the forward's y"),
        ((np.ones((3, 4)), np.ones(3)), ValueError, "2 dy for a forward that gives 1 y: give one for each"),
        (1j * np.ones((3, 4)), TypeError, "dy is complex; complex-valued functions are out of scope"),
        ("dy", TypeError, "dy is str of dtype <U2, expected an array of numbers"),
    ],
)
def test_a_dy_that_does_not_fit_is_refused_and_the_backward_not_blamed(dy, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gradcheck(scaled_by, scaled_by_backward, (X, rng.standard_normal(4)), dy=dy)


def test_a_dy_is_taken_in_the_dtype_of_y():
    beta = rng.standard_normal(4)
    assert gradcheck(scaled_by, scaled_by_backward, (X, beta), dy=np.arange(12).reshape(3, 4))
    single = gradcheck(scaled_by, scaled_by_backward, (X.astype(np.float32), beta.astype(np.float32)), dy=X)
    assert single, str(single)
    listed = gradcheck(*SQUARE, X[0], dy=X[1].tolist())
    assert listed, str(listed)
    two = gradcheck(
        lambda x: ((2 * x, x.sum()), None), lambda dys, _: 2 * dys[0] + dys[1], X, dy=[X, 2.0]
    )  # fmt: skip
    assert two, str(two)


ONE = np.arange(12).reshape(3, 4) == 6


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.where(ONE, np.nan, X), "the forward is not finite and x holds nan at [1, 2]: give finite numbers"),
        (np.inf, "the forward is not finite and x holds inf: give finite numbers"),
        (np.full(2, 1e200), "the forward is not finite at the inputs given: y holds inf at [0]; give inputs at which"),
    ],
)
def test_what_was_given_is_named_where_the_forward_is_not_finite_there(x, message):
    report = gradcheck(*SQUARE, x)
    assert report.verdict == "INCONCLUSIVE"
    assert message in str(report)
    assert "domain" not in str(report)


def test_a_nan_that_the_forward_leaves_out_is_no_lack_of_linearity():
    x = np.where(ONE, np.nan, X)
    report = gradcheck(lambda x: (np.nan_to_num(x), x), lambda dy, x: dy * np.isfinite(x), x)
    assert report, str(report)
    masked = gradcheck(
        lambda x, mask: (np.exp(x + mask), (x, mask)),
        lambda dy, c: (dy * np.minimum(dy, 1) * np.exp(c[0] + c[1]), None),
        (X, np.where(X > 0, -np.inf, 0.0)),
    )
    assert "linearity" in {f.check for f in masked.findings}, "infinity in a mask leaves no room for everything"
