"""Truths about convolution and its transpose that do not reuse their formula."""

import importlib.util
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate

from npvae import ops
from npvae.gradcheck import check_op
from npvae.ops import conv2d, conv2d_transpose
from npvae.ops.windows import positions, spread_size

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")

geometries = st.fixed_dictionaries(
    {
        **{name: st.integers(1, 3) for name in "NCF"},
        **{name: st.integers(1, 5) for name in "PQ"},
        **{name: st.integers(1, 9) for name in "IJ"},
        "stride": st.integers(1, 3),
        "padding": st.integers(0, 3),
        "seed": st.integers(0, 2**31),
    }
)


def fits(g):
    return g["I"] + 2 * g["padding"] >= g["P"] and g["J"] + 2 * g["padding"] >= g["Q"]


def draw(g):
    """x, W, b for conv2d, a dy, and the rows and columns that are extra for its transpose."""
    rng = np.random.default_rng(g["seed"])
    x = rng.standard_normal((g["N"], g["I"], g["J"], g["C"]))
    W = rng.standard_normal((g["P"], g["Q"], g["C"], g["F"]))
    b = rng.standard_normal(g["F"])
    U, V = (positions(g[i], g[p], g["stride"], g["padding"]) for i, p in ("IP", "JQ"))
    extra = [(g[i] + 2 * g["padding"] - g[p]) % g["stride"] for i, p in ("IP", "JQ")]
    return x, W, b, rng.standard_normal((g["N"], U, V, g["F"])), extra


@given(geometries.filter(fits))
def test_each_is_the_adjoint_of_the_other(g):
    x, W, b, y, extra = draw(g)
    size = {"stride": g["stride"], "padding": g["padding"]}
    down, _ = ops.conv2d_forward(x, W, np.zeros_like(b), **size)
    up, _ = ops.conv2d_transpose_forward(y, W, np.zeros(g["C"]), **size, extra_rows=extra[0], extra_columns=extra[1])
    assert up.shape == x.shape
    np.testing.assert_allclose((down * y).sum(), (x * up).sum(), rtol=0, atol=1e-12 * np.abs(x * up).sum() + 1e-13)


@given(geometries.filter(fits))
def test_the_backward_of_each_is_the_forward_of_the_other(g):
    x, W, b, y, extra = draw(g)
    size = {"stride": g["stride"], "padding": g["padding"]}
    more = {"extra_rows": extra[0], "extra_columns": extra[1]}
    down, cache = ops.conv2d_forward(x, W, np.zeros_like(b), **size)
    up, cache_up = ops.conv2d_transpose_forward(y, W, np.zeros(g["C"]), **size, **more)
    dx, dW, _ = ops.conv2d_backward(y, cache)
    dy, dW_up, _ = ops.conv2d_transpose_backward(x, cache_up)
    np.testing.assert_allclose(dx, up, atol=1e-12)
    np.testing.assert_allclose(dy, down, atol=1e-12)
    np.testing.assert_allclose(dW, dW_up, atol=1e-11)


@given(geometries.filter(fits))
def test_conv2d_is_seven_loops(g):
    x, W, b, dy, _ = draw({**g, "N": 1})
    s, m = g["stride"], g["padding"]
    y, dx, dW = np.zeros_like(dy) + b, np.zeros_like(x), np.zeros_like(W)
    for n, u, v, f, p, q, c in product(*map(range, (*dy.shape, *W.shape[:3]))):
        i, j = s * u + p - m, s * v + q - m
        if i in range(x.shape[1]) and j in range(x.shape[2]):
            y[n, u, v, f] += x[n, i, j, c] * W[p, q, c, f]
            dx[n, i, j, c] += dy[n, u, v, f] * W[p, q, c, f]
            dW[p, q, c, f] += x[n, i, j, c] * dy[n, u, v, f]
    found, cache = ops.conv2d_forward(x, W, b, stride=s, padding=m)
    for array, truth in zip((found, *ops.conv2d_backward(dy, cache)[:2]), (y, dx, dW), strict=True):
        np.testing.assert_allclose(array, truth, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("mode", "padding"), [("valid", 0), ("same", 1)])
def test_conv2d_is_the_correlation_of_scipy(mode, padding, stride):
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((2, 8, 7, 3)), rng.standard_normal((3, 3, 3, 4))
    y, _ = ops.conv2d_forward(x, W, np.zeros(4), stride=stride, padding=padding)
    for n, f in product(range(2), range(4)):
        truth = sum(correlate(x[n, :, :, c], W[:, :, c, f], mode) for c in range(3))
        np.testing.assert_allclose(y[n, :, :, f], truth[::stride, ::stride], atol=1e-13)


def test_a_window_of_one_pixel_is_dense_and_so_is_one_of_the_whole_image():
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((3, 4, 5, 2)), rng.standard_normal((1, 1, 2, 6)), rng.standard_normal(6)
    y, _ = ops.conv2d_forward(x, W, b)
    np.testing.assert_allclose(y, ops.dense_forward(x.reshape(-1, 2), W[0, 0], b)[0].reshape(3, 4, 5, 6), atol=1e-14)
    up, _ = ops.conv2d_transpose_forward(x, W.transpose(0, 1, 3, 2).copy(), b)
    np.testing.assert_allclose(up, y, atol=1e-14)

    W = rng.standard_normal((4, 5, 2, 6))
    y, cache = ops.conv2d_forward(x, W, b)
    flat, dense_cache = ops.dense_forward(x.reshape(3, -1), W.reshape(-1, 6), b)
    np.testing.assert_allclose(y.reshape(3, 6), flat, atol=1e-13)
    dy = rng.standard_normal(y.shape)
    for found, truth in zip(
        ops.conv2d_backward(dy, cache), ops.dense_backward(dy.reshape(3, 6), dense_cache), strict=True
    ):
        np.testing.assert_allclose(found.ravel(), truth.ravel(), atol=1e-13)


def toeplitz(W, I, J, stride, padding):
    """The matrix of conv2d for one channel: a row for each place of the window, W at the pixels that it shows."""
    (P, Q), (U, V) = W.shape, ((n + 2 * padding - k) // stride + 1 for n, k in zip((I, J), W.shape, strict=True))
    matrix = np.zeros((U, V, I + 2 * padding, J + 2 * padding))
    for u, v in np.ndindex(U, V):
        matrix[u, v, stride * u : stride * u + P, stride * v : stride * v + Q] = W
    return matrix[:, :, padding : padding + I, padding : padding + J].reshape(U * V, I * J)


@pytest.mark.parametrize(("P", "Q"), [(3, 3), (4, 4), (2, 3)])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2)])
def test_on_six_by_six_pixels_it_is_an_explicit_matrix(P, Q, stride, padding):
    """And dW is what that matrix's gradient dy xᵀ is along each entry of W."""
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((2, 6, 6, 1)), rng.standard_normal((P, Q, 1, 1))
    matrix = toeplitz(W[:, :, 0, 0], 6, 6, stride, padding)
    y, cache = ops.conv2d_forward(x, W, np.zeros(1), stride=stride, padding=padding)
    np.testing.assert_allclose(y.reshape(2, -1), x.reshape(2, -1) @ matrix.T, atol=1e-13)
    dy = rng.standard_normal(y.shape)
    dx, dW, _ = ops.conv2d_backward(dy, cache)
    np.testing.assert_allclose(dx.reshape(2, -1), dy.reshape(2, -1) @ matrix, atol=1e-13)
    dmatrix = dy.reshape(2, -1).T @ x.reshape(2, -1)
    for p, q in np.ndindex(P, Q):
        along = np.zeros((P, Q))
        along[p, q] = 1
        np.testing.assert_allclose(dW[p, q, 0, 0], (dmatrix * toeplitz(along, 6, 6, stride, padding)).sum(), atol=1e-12)
    up, _ = ops.conv2d_transpose_forward(
        dy, W, np.zeros(1), stride, padding, (6 + 2 * padding - P) % stride, (6 + 2 * padding - Q) % stride
    )
    np.testing.assert_allclose(up, dx, atol=1e-13)


def test_an_image_moved_by_one_stride_gives_features_moved_by_one_place():
    rng = np.random.default_rng(0)
    for stride in (1, 2, 3):
        x, W, b = rng.standard_normal((1, 19, 19, 2)), rng.standard_normal((4, 3, 2, 3)), rng.standard_normal(3)
        y, _ = ops.conv2d_forward(x, W, b, stride=stride)
        moved, _ = ops.conv2d_forward(np.roll(x, (stride, stride), (1, 2)), W, b, stride=stride)
        np.testing.assert_allclose(moved[:, 1:, 1:], y[:, :-1, :-1], atol=1e-13)
        up, _ = ops.conv2d_transpose_forward(y, W, np.zeros(2), stride=stride)
        shifted = np.zeros_like(y)
        shifted[:, 1:, 1:] = y[:, :-1, :-1]
        moved_up, _ = ops.conv2d_transpose_forward(shifted, W, np.zeros(2), stride=stride)
        inside = slice(stride, -4)
        np.testing.assert_allclose(
            moved_up[:, inside, inside], np.roll(up, (stride, stride), (1, 2))[:, inside, inside], atol=1e-13
        )


def test_a_window_with_one_entry_picks_pixels():
    x = np.arange(2.0 * 5 * 5).reshape(2, 5, 5, 1)
    W = np.zeros((3, 3, 1, 1))
    W[2, 0] = 1
    y, _ = ops.conv2d_forward(x, W, np.zeros(1), stride=2, padding=1)
    np.testing.assert_array_equal(y[:, :-1, 1:], x[:, 1::2, 1::2][:, :2, :2])
    assert not y[:, -1].any()
    assert not y[:, :, 0].any()


@needs_torch
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("I", "J", "P", "Q", "padding"), [(7, 5, 3, 3, 1), (9, 6, 4, 4, 1), (5, 8, 5, 2, 2), (4, 4, 4, 4, 0)]
)
def test_both_are_pytorch_in_float64_forward_and_all_gradients(I, J, P, Q, stride, padding):
    import torch

    x, W, b, dy, extra = draw(
        {"N": 2, "I": I, "J": J, "C": 3, "F": 4, "P": P, "Q": Q, "stride": stride, "padding": padding, "seed": 0}
    )

    def theirs(function, x, W, b, dy, **more):
        leaves = [torch.tensor(np.ascontiguousarray(a), requires_grad=True) for a in (x.transpose(0, 3, 1, 2), W, b)]
        y = function(leaves[0], leaves[1].permute(3, 2, 0, 1), leaves[2], stride=stride, padding=padding, **more)
        y.backward(torch.tensor(dy.transpose(0, 3, 1, 2).copy()))
        dx, dW, db = (leaf.grad.numpy() for leaf in leaves)
        return y.detach().numpy().transpose(0, 2, 3, 1), dx.transpose(0, 2, 3, 1), dW, db

    y, cache = ops.conv2d_forward(x, W, b, stride, padding)
    for a, t in zip((y, *ops.conv2d_backward(dy, cache)), theirs(torch.conv2d, x, W, b, dy), strict=True):
        np.testing.assert_allclose(a, t, rtol=1e-12, atol=1e-12)

    b = np.random.default_rng(1).standard_normal(3)
    up, cache = ops.conv2d_transpose_forward(dy, W, b, stride, padding, *extra)
    truth = theirs(torch.conv_transpose2d, dy, W, b, x, output_padding=extra)
    for a, t in zip((up, *ops.conv2d_transpose_backward(x, cache)), truth, strict=True):
        np.testing.assert_allclose(a, t, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("op", "params", "ranges"),
    [
        (conv2d.OP, {"stride": [2], "padding": [1]}, {"I": (4, 5), "J": (4, 5)}),
        (
            conv2d_transpose.OP,
            {"stride": [2, 3], "padding": [1], "extra_rows": [1, 0], "extra_columns": [0, 1]},
            {"I": (2, 3), "J": (2, 3)},
        ),
    ],
    ids=["conv2d", "conv2d_transpose"],
)
def test_gradients_of_windows_of_four(op, params, ranges):
    small = {"N": (1, 2), "C": (1, 2), "F": (1, 2), "P": (4, 4), "Q": (4, 4)}
    report = check_op(replace(op, params=params, ranges=small | ranges))
    assert report, report


def test_windows_that_do_not_fit_are_refused_with_what_would():
    x, W, b = np.ones((1, 3, 8, 2)), np.ones((5, 2, 2, 4)), np.ones(4)
    with pytest.raises(ValueError, match="a window of 5 does not fit into 3 pixels with padding 0: use padding 1"):
        ops.conv2d_forward(x, W, b)
    with pytest.raises(ValueError, match="stride is 0"):
        ops.conv2d_forward(x, W, b, stride=0)
    with pytest.raises(ValueError, match="padding -1"):
        ops.conv2d_forward(x, W, b, padding=-1)
    W = np.ones((2, 2, 4, 2))
    with pytest.raises(ValueError, match="2 extra make"):
        ops.conv2d_transpose_forward(x, W, b, stride=2, extra_rows=2)
    with pytest.raises(ValueError, match="make 0 pixels"):
        ops.conv2d_transpose_forward(x, W, b, stride=1, padding=2)
    with pytest.raises(
        ValueError, match=r"W has shape \(2, 2, 4, 3\), expected \(P, Q, F, C\) with C = 2 taken from x"
    ):
        ops.conv2d_transpose_forward(x, np.ones((2, 2, 4, 3)), b)


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 4), st.integers(0, 3))
def test_the_sizes_of_the_two_belong_together(size, window, stride, padding):
    """Of the sizes that have so many places, the transpose makes each, by its extra."""
    if size + 2 * padding < window:
        return
    n = positions(size, window, stride, padding)
    extra = (size + 2 * padding - window) % stride
    assert spread_size(n, window, stride, padding, extra) == size
