"""Pairs of every kind that people have: each gets a clear verdict or a clear error, never a crash in the checker."""

import re

import numpy as np
import pytest

from npvae import ops
from npvae.gradcheck import Arg, Op, check_op, gradcheck

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 4))


def square(x):
    return x * x, x


def square_backward(dy, x):
    return 2 * dy * x


# What is right, in every convention


def embedding(W, i):
    return ops.embedding_forward(i[None], W)


def dropout(x, p=0.5, rng=None):
    mask = ((rng.random(x.shape) > p) / (1 - p)).astype(x.dtype)
    return x * mask, mask


def dropout_of_global_state(x):
    mask = (np.random.random(x.shape) > 0.5).astype(x.dtype)  # noqa: NPY002
    return x * mask, mask


def max_pool(x):
    best = x.argmax(axis=1)
    return x.max(axis=1), (best, x.shape)


def max_pool_backward(dy, cache):
    best, shape = cache
    dx = np.zeros(shape, dy.dtype)
    dx[np.arange(shape[0]), best] = dy
    return dx


def layer_norm(x):
    centred = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + x.dtype.type(1e-3))
    return centred * scale, (centred * scale, scale)


def layer_norm_backward(dy, cache):
    y, scale = cache
    return scale * (dy - dy.mean(axis=1, keepdims=True) - y * (dy * y).mean(axis=1, keepdims=True))


RIGHT = [
    Op(lambda x: (np.abs(x), x), lambda dy, x: dy * np.sign(x), {"x": Arg("N D", kinks=[0.0])}, name="abs"),
    Op(lambda x: (np.abs(x), x), lambda dy, x: dy * np.sign(x), {"x": Arg("N D")}, name="abs, kink not declared"),
    Op(lambda x: (np.log(x), x), lambda dy, x: dy / x, {"x": Arg("N", domain=(0, np.inf))}, name="log"),
    Op(lambda x: (np.sqrt(x), x), lambda dy, x: dy / (2 * np.sqrt(x)), {"x": Arg("N", domain=(0, np.inf))},
       name="sqrt"),
    Op(lambda x: (np.clip(x, -1, 1), x), lambda dy, x: dy * (np.abs(x) <= 1), {"x": Arg("N", kinks=[-1, 1])},
       name="clip"),
    Op(lambda x: ((x * x).sum(), x), square_backward, {"x": Arg("N D")}, name="loss as a NumPy scalar"),
    Op(lambda x: (np.asarray((x * x).sum()), x), square_backward, {"x": Arg("N D")}, name="loss as a 0-d array"),
    Op(lambda x, s: (x * s, (x, s)), lambda dy, c: (dy * c[1], np.asarray((dy * c[0]).sum())),
       {"x": Arg("N D"), "s": Arg("")}, name="a 0-d argument"),
    Op(lambda x: ((x * x, 3 * x), x), lambda dy, x: 2 * x * dy[0] + 3 * dy[1], {"x": Arg("N")}, name="two outputs"),
    Op(lambda x: ([x * x, 3 * x], x), lambda dy, x: [2 * x * dy[0] + 3 * dy[1]], {"x": Arg("N")}, name="lists"),
    Op(lambda x, t: (x * t, t), lambda dy, t: (dy * t, None), {"x": Arg("N"), "t": Arg("N", differentiable=False)},
       name="None for what has no gradient"),
    Op(embedding, ops.embedding_backward,
       {"W": Arg("V D"), "i": Arg("N", dtype=int, domain=(0, "V"), differentiable=False)}),
    Op(lambda x, m: (np.where(m, x * x, 0), (x, m)), lambda dy, c: np.where(c[1], 2 * c[0] * dy, 0),
       {"x": Arg("N D"), "m": Arg("N D", dtype=bool, differentiable=False)}, name="mask"),
    Op(dropout, lambda dy, mask: dy * mask, {"x": Arg("N D")}, params={"p": [0.5, 0.1]}, seeded=True),
    Op(dropout_of_global_state, lambda dy, mask: dy * mask, {"x": Arg("N D")}, seeded=True),
    Op(max_pool, max_pool_backward, {"x": Arg("N D")}),
    Op(layer_norm, layer_norm_backward, {"x": Arg("N D")}),
    Op(lambda x: (x.reshape(-1), x.shape), lambda dy, shape: dy.reshape(shape), {"x": Arg("N D")}, name="views"),
    Op(lambda x: (x[:, ::-1], ()), lambda dy, _: dy[:, ::-1], {"x": Arg("N D", linear=True)}, name="flip"),
    Op(lambda x: (np.cumsum(x, axis=1), ()), lambda dy, _: np.cumsum(dy[:, ::-1], axis=1)[:, ::-1],
       {"x": Arg("N D", linear=True)}, name="cumsum"),
    Op(lambda x: (np.exp(x), np.exp(x)), lambda dy, e: dy * e, {"x": Arg("N D")}, name="exp"),
    Op(lambda x: (1e6 + x * x, x), square_backward, {"x": Arg("N")}, name="a small slope on a large value"),
    Op(lambda x: (x * x * x.dtype.type(1e-6), x), lambda dy, x: 2e-6 * dy * x, {"x": Arg("N")},
       name="a loss times 1e-6"),
    Op(lambda x: (np.sin(30 * x), x), lambda dy, x: 30 * dy * np.cos(30 * x), {"x": Arg("N D")}, name="thirty waves"),
    Op(lambda a, b: (np.maximum(a, b), a > b), lambda dy, c: (dy * c, dy * ~c), {"a": Arg("N"), "b": Arg("N")},
       name="max"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_a_right_pair_passes_whatever_its_kind(op, seed):
    report = check_op(op, seed)
    assert report, str(report)


def test_the_same_right_pairs_with_a_mistake_fail():
    for op in RIGHT:
        if op.name in ("dropout", "dropout_of_global_state"):
            continue

        def wrong(dy, cache, op=op):
            grads = op.backward(dy, cache)
            first, *rest = grads if isinstance(grads, (tuple, list)) else (grads,)
            return (first * first.dtype.type(1.0003), *rest)

        report = check_op(Op(op.forward, wrong, op.args, op.params, seeded=op.seeded), level="smoke")
        assert report.verdict == "FAIL", op.name


# What is wrong in form


@pytest.mark.parametrize(
    ("forward", "backward", "message"),
    [
        (square, lambda dy, c: 1 / 0, r"the backward raised ZeroDivisionError: division by zero \(line"),
        (lambda x: [][1], square_backward, "the forward raised IndexError"),
        (lambda x: x * x, square_backward, r"the forward returned ndarray; it must return \(y, cache\)"),
        (lambda x: (None, x), square_backward, "the forward's y is a NoneType"),
        (lambda x: (x.astype(int), x), square_backward, "the forward's y has dtype int64"),
        (lambda x: (x * 1j, x), square_backward, "complex-valued functions are out of scope"),
        (square, lambda dy, c: "dx", r"the backward returned str; it must return an array"),
        (square, lambda dy, c: ("dx",), r"the gradient d/dx is a str, expected a NumPy array"),
        (square, lambda dy, c: c > 0, "the gradient d/dx has dtype bool, expected a float"),
        (square, lambda dy, c: 2j * dy * c, "the gradient d/dx has dtype complex128, expected a float"),
        (square, lambda dy, c: np.array([None]), "the gradient d/dx has dtype object, expected a float"),
        (square, lambda dy, c: (dy, dy), r"the backward returned 2 gradients, expected 1: one for each of \(x\)"),
        (square, lambda dy, c: dy.sum(), r"the gradient has shape \(\), x has \(3, 4\)"),
    ],
)
def test_a_wrong_form_is_put_into_words(forward, backward, message):
    report = gradcheck(forward, backward, (X,))
    assert report.verdict == "FAIL"
    assert report.findings
    assert re.search(message, str(report)), report


def test_an_empty_batch_is_no_mistake_and_no_pass():
    report = gradcheck(square, square_backward, (np.zeros((0, 3)),))
    assert report.verdict == "INCONCLUSIVE", str(report)
    assert report.rows[0].shape == (0, 3)


def test_inputs_of_size_one_and_numbers():
    assert gradcheck(square, square_backward, (np.ones((1, 1)),))
    assert gradcheck(square, square_backward, (2.0,))
    assert gradcheck(square, square_backward, np.array(2.0))


def test_exact_zeros_at_a_kink_that_nobody_declared():
    zeros = np.zeros((3, 3))
    for subgradient in (0.0, 0.3, 1.0):
        assert gradcheck(lambda x: (np.maximum(x, 0), x), lambda dy, x, s=subgradient: dy * s * (x == 0), (zeros,))
    for wrong in (-0.1, 1.1):
        report = gradcheck(lambda x: (np.maximum(x, 0), x), lambda dy, x, s=wrong: dy * s * (x == 0), (zeros,))
        assert report.verdict == "FAIL"
        assert {f.code for f in report.findings} == {"wrong-at-kink"}


def test_none_for_an_argument_is_taken_at_its_word_where_nothing_was_declared():
    report = gradcheck(lambda x, t: (x * t, t), lambda dy, t: (dy * t, None), (X, X))
    assert report, str(report)
    assert "returns None for t" in str(report)


def test_integer_inputs_are_not_asked_for_a_gradient():
    assert gradcheck(embedding, ops.embedding_backward, (X, np.array([0, 2, 2, 1])))
    report = gradcheck(square, square_backward, (np.arange(3),))
    assert report.verdict == "FAIL"


def test_a_domain_that_was_not_declared_is_asked_for():
    report = check_op(Op(lambda x: (np.log(x), x), lambda dy, x: dy / x, {"x": Arg("N")}, name="log"))
    assert report.verdict == "INCONCLUSIVE"
    assert "declare where it is defined: Arg(..., domain=(low, high))" in str(report)


def test_noise_that_was_not_declared_is_asked_for():
    def forward(x):
        mask = np.random.random(x.shape) > 0.5  # noqa: NPY002
        return x * mask, mask

    report = check_op(Op(forward, lambda dy, mask: dy * mask, {"x": Arg("N D")}))
    assert "declare seeded=True" in str(report)


def test_the_global_random_state_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    check_op(RIGHT[14])
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_nan_gradient_beside_a_finite_forward_fails_and_an_infinite_slope_does_not():
    norm = Op(
        lambda x: (np.sqrt((x * x).sum(axis=1)), x),
        lambda dy, x: dy[:, None] * x / np.sqrt((x * x).sum(axis=1, keepdims=True)),
        {"x": Arg("N D")},
        name="norm",
    )
    report = gradcheck(norm.forward, norm.backward, (np.zeros((2, 3)),))
    assert {f.code for f in report.findings} == {"gradient-nonfinite"}
    root = gradcheck(lambda x: (np.sqrt(x), x), lambda dy, x: dy / (2 * np.sqrt(x)), (np.array([0.0, 1.0, 4.0]),))
    assert {f.code for f in root.findings} == {"slope-infinite"}
    assert root, str(root)


def test_an_estimator_is_held_to_the_contract_and_not_to_the_slope():
    assert check_op(Op(square, lambda dy, x: 3 * dy, {"x": Arg("N")}, estimator=True))
    broken = check_op(Op(square, lambda dy, x: 3 * dy[None], {"x": Arg("N")}, estimator=True))
    assert {f.code for f in broken.findings} == {"gradient-shape"}


def test_an_argument_declared_linear_is_held_to_it():
    bent = check_op(Op(square, square_backward, {"x": Arg("N", linear=True)}))
    assert {f.code for f in bent.findings} == {"not-linear-in-argument"}
    tiny = Op(lambda x: (3 * x, ()), lambda dy, c: dy * dy.dtype.type(3 + 1e-10), {"x": Arg("N", linear=True)})
    assert check_op(tiny).verdict == "FAIL"
    assert check_op(Op(tiny.forward, tiny.backward, {"x": Arg("N")})).verdict == "PASS", "below 1e-8 without it"


def test_every_tie_getting_the_whole_gradient_is_too_much():
    greedy = Op(
        lambda x: (x.max(axis=1), x == x.max(axis=1, keepdims=True)), lambda dy, c: dy[:, None] * c, {"x": Arg("N D")}
    )
    shared = Op(
        lambda x: (x.max(axis=1), x == x.max(axis=1, keepdims=True)),
        lambda dy, c: dy[:, None] * c / c.sum(axis=1, keepdims=True).astype(dy.dtype),
        {"x": Arg("N D")},
    )
    x = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    assert check_op(greedy, sample="4x3-ties").verdict == "FAIL"
    assert check_op(shared, sample="4x3-ties")
    assert gradcheck(shared.forward, shared.backward, (x,))


def in_single(x):
    y = np.tanh(x.astype(np.float32))
    return y, y


def in_single_backward(dy, y):
    return dy * (1 - y * y)


def test_a_pair_that_turns_everything_into_float32_is_compared_in_float32_and_says_so():
    report = check_op(Op(in_single, in_single_backward, {"x": Arg("N D")}))
    assert report, str(report)
    assert "computes in float32 whatever it is given: every sample is in float32" in str(report)
    wrong = Op(in_single, lambda dy, y: in_single_backward(dy, y) * np.float32(1.001), {"x": Arg("N D")})
    assert check_op(wrong).verdict == "FAIL"
    pure = check_op(Op(in_single, in_single_backward, {"x": Arg("N D")}, pure=True))
    assert "y is float32 already, and so is dy: does the forward compute in float32 whatever it is given?" in str(pure)


def test_the_rounding_of_a_float32_dy_is_no_lack_of_linearity():
    for seed in range(10):
        x = np.random.default_rng(seed).standard_normal((4, 3))
        report = gradcheck(in_single, lambda dy, y: in_single_backward(dy, y).astype(np.float64), (x,), seed=seed)
        assert report, str(report)


def test_a_dy_that_passes_through_float32_is_said():
    def backward(dy, x):
        return 2 * dy.astype(np.float32).astype(dy.dtype) * x

    report = gradcheck(square, backward, (X,))
    assert "is dy rounded to FLOAT32 on its way?" in str(report)


def test_an_error_raised_inside_numpy_names_the_line_of_the_caller():
    def forward(x):
        return np.einsum("ij,jk->ik", x, x), x

    report = gradcheck(forward, square_backward, (X,))
    assert report.verdict == "FAIL"
    line = forward.__code__.co_firstlineno + 1
    assert f"(line {line} of {__file__})" in str(report)
