"""What must not be said: diagnoses that one sample gives by chance, or that another denies."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op, gradcheck
from npvae.gradcheck.diagnosis.afresh import _same

X = {"x": Arg("N D")}


def softsign(x):
    return x / (1 + np.abs(x)), (x,)


def softsign_backward(dy, cache):
    return dy / (1 + np.abs(cache[0])) ** 2


def relu(x):
    return np.maximum(x, 0), (x,)


def square(x):
    return x * x, (x,)


def altered(change, forward=softsign, backward=softsign_backward, args=None, **more):
    """The op with `change(dx, dy, x)` for a gradient."""
    return Op(forward, lambda dy, c: change(backward(dy, c), dy, c[0]), args or X, **more)


def row_1_tripled(dx, dy, x):
    return np.where((np.arange(len(dx)) == 1)[:, np.newaxis] & (len(dx) > 3), 3 * dx, dx)


def picked_forward(logits, labels):
    chosen = np.take_along_axis(np.tanh(logits), labels[:, np.newaxis], axis=1)[:, 0]
    return chosen + logits.sum(axis=1), (logits, labels)


def picked_backward(dy, cache):
    logits, labels = cache
    chosen = np.arange(logits.shape[1]) == labels[:, np.newaxis]
    return dy[:, np.newaxis] * (1 + chosen * (1 - np.tanh(logits) ** 2)).astype(dy.dtype)


def constant_far_out(a, b):
    """d/db is -dy / 2 in every entry where b is far below zero."""
    return (a * a / 2 + (np.exp(b) - b) / 2).sum(axis=1), (a, b)


def constant_far_out_backward(dy, cache):
    a, b = cache
    return dy[:, np.newaxis] * a + dy.dtype.type(0.5), dy[:, np.newaxis] * np.expm1(b) / 2


def cropped(x):
    """The first and the last column have no part in it, as under the padding of a convolution."""
    return np.tanh(x[:, 1:-1]), x


def cropped_backward(dy, x, factor=1.0):
    dx = np.zeros_like(x)
    dx[:, 1:-1] = dy * dy.dtype.type(factor) * (1 - np.tanh(x[:, 1:-1]) ** 2)
    return dx


def beyond_one(x):
    """Its gradient is zero at kinks, ties and tiny values: only samples of ordinary and large values say anything."""
    h = np.maximum(x - x.dtype.type(1), 0)
    return h * h, (x, h)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p.copy()


NOT_SAID = {
    "a factor, where padding keeps both ends at zero": (
        Op(cropped, lambda dy, x: cropped_backward(dy, x, 1.7), {"x": Arg("N 6")}), {"overlap", "one-step"}),
    "a formula, where a rectifier is off": (
        altered(lambda dx, dy, x: dx * (1 + x * x), relu, lambda dy, c: dy * (c[0] > 0),
                {"x": Arg("N D", kinks=[0.0])}), {"threshold"}),
    "a dy that is clipped, where one class has no gradient": (
        Op(softmax, lambda dy, p: p * np.clip((dy - (dy * p).sum(axis=1, keepdims=True)), -2, 2), X), {"shape-only"}),
    "a threshold, which one column seldom reaches": (
        altered(lambda dx, dy, x: np.where(x > 1.4, dx / 2, dx), beyond_one, lambda dy, c: 2 * dy * c[1],
                {"x": Arg("N D", kinks=[1.0])}), {"shape-only"}),
    "one entry, of rows that labels happen to name": (
        altered(lambda dx, dy, x: np.where(np.arange(dx.size).reshape(dx.shape) == dx.size // 2, 3 * dx / 2, dx),
                picked_forward, picked_backward,
                {"logits": Arg("N C"), "labels": Arg("N", dtype=int, domain=(0, "C"), differentiable=False)}),
        {"repeated-index"}),
    "one layout, also in float32": (
        altered(lambda dx, dy, x: 2 * dx if x.strides[-1] == 2 * x.itemsize else dx), {"float32-only"}),
    "a sign, right where there is one class and no slope": (
        Op(softmax, lambda dy, p: p * ((dy * p).sum(axis=1, keepdims=True) - dy), X), {"shape-only"}),
    "a constant, beside a gradient that is constant": (
        Op(constant_far_out, constant_far_out_backward, {"a": Arg("N D"), "b": Arg("N D")}), {"extra-term", "skip"}),
    "seven digits, beside a mask of zero and one": (
        Op(lambda x, m: (np.tanh(x) * m, (x, m)),
           lambda dy, c: (dy * c[1] * (1 - np.tanh(c[0]) ** 2)).astype(np.float32).astype(dy.dtype),
           {"x": Arg("N D"), "m": Arg("N D", dtype=bool, differentiable=False)}), {"factor-of-argument", "factor"}),
    "a row, at the ends of the domain too": (
        altered(row_1_tripled, square, lambda dy, c: 2 * dy * c[0], {"x": Arg("N D", domain=(0, 1))}),
        {"edge-only", "one-entry"}),
}  # fmt: skip


@pytest.mark.parametrize("mistake", NOT_SAID)
def test_no_sample_says_what_another_denies(mistake):
    op, untrue = NOT_SAID[mistake]
    for seed in range(3):
        report = check_op(op, seed)
        assert report.verdict == "FAIL"
        said = {code for finding in report.findings for code in finding.diagnosis_codes}
        assert not said & untrue, f"{said}\n{report}"


def test_a_factor_everywhere_is_not_said_where_entries_are_right():
    capped = Op(lambda x: (np.exp(x), (x,)), lambda dy, c: dy * np.exp(c[0]) * np.where(c[0] > 30, 0.5, 1), X)
    assert "everywhere" not in str(check_op(capped, sample="4x3-pos40")), "many entries are right"


def test_what_one_sample_looks_like_by_chance_is_not_said():
    def forward(x):
        return np.sort(x, axis=1), np.argsort(x, axis=1, kind="stable")

    def backward(dy, order):  # by rank of the wrong argsort: right wherever the permutation is its own inverse
        return np.take_along_axis(dy, order, axis=1)

    for seed in range(5):
        report = check_op(Op(forward, backward, {"x": Arg("N D")}), seed)
        assert report.verdict == "FAIL"
        said = {code for finding in report.findings for code in finding.diagnosis_codes}
        assert not said & {"tail", "one-row", "one-entry", "threshold", "float32-cast", "mask", "reversed"}, report


def test_no_digit_is_right_where_the_slope_is_zero():
    def backward(dy, x):  # lets the gradient through where the clip does not
        return dy * np.cos(np.clip(x, -1, 1))

    report = gradcheck(lambda x: (np.sin(np.clip(x, -1, 1)), x), backward, np.array([0.3, 2.0]))
    assert report.verdict == "FAIL"
    assert "digits" not in str(report), report


def test_a_few_entries_in_the_wrong_place_are_not_the_whole_gradient_reversed():
    def forward(x):
        region = x[:, :, 1:4, 2:5].reshape(*x.shape[:2], 9)
        return region.max(axis=2), (x.shape, region.argmax(axis=2))

    def backward(dy, cache):  # where the region begins is forgotten
        shape, best = cache
        dx = np.zeros(shape, dy.dtype)
        n, c = np.indices(best.shape)
        dx[n, c, best // 3, best % 3] = dy
        return dx

    report = check_op(Op(forward, backward, {"x": Arg("N C 5 6")}), seed=1)
    assert report.verdict == "FAIL"
    assert "REVERSED" not in str(report), report


def test_a_number_that_is_a_size_by_chance_is_no_mean():
    def forward(x, width=2.0):
        return np.tanh(x / x.dtype.type(width**2)), (x, width)

    def backward(dy, cache):
        x, width = cache
        return dy * (1 - np.tanh(x / x.dtype.type(width**2)) ** 2)  # width**2 is forgotten

    report = check_op(Op(forward, backward, X), sample="3x4")
    assert report.verdict == "FAIL"
    assert "MEAN" not in str(report), report
    assert "analytic / numeric is 4 everywhere: a wrong constant FACTOR" in str(report)


def shuffle(x):
    """Channels (N, 2 C, T) in two groups, interleaved: the first and the last of them stay where they are."""
    N, C, T = x.shape
    return x.reshape(N, 2, C // 2, T).swapaxes(1, 2).reshape(N, C, T).copy(), ()


def test_a_wrong_permutation_that_keeps_the_ends_is_no_overlap():
    op = Op(shuffle, lambda dy, c: shuffle(dy)[0], {"x": Arg("N 2*C T")})
    report = check_op(op, sample="4x3x5")
    assert report.verdict == "FAIL"
    assert "OVERLAP" not in str(report), "what it is made of is no part of the right gradient"


def taps(x, w):
    """A filter of three taps for each column of x (9, C)."""
    return np.stack([(x[t : t + 3] * w).sum(axis=0) for t in range(7)]), (x, w)


def spread_taps(dy, cache):
    """As if the taps stood two steps apart."""
    return np.stack([(dy * np.roll(cache[0], -2 * k, axis=0)[:7]).sum(axis=0) for k in range(3)])


def products(x):
    return np.cumprod(x, axis=1), x


def products_before(dy, x):
    """Each entry with itself in its product, but for the first step's: wrong, and no step is forgotten."""
    y = np.cumprod(x, axis=1)
    dx = np.cumsum((dy * y)[:, ::-1], axis=1)[:, ::-1] / x
    dx[:, 1:] *= x[:, 1:]
    return dx


@pytest.mark.parametrize(
    ("op", "seen"),
    [
        (Op(taps, spread_taps,
            {"x": Arg("9 C", differentiable=False), "w": Arg("3 C")}), "axis 0 only, wrong in the others"),
        (Op(products, products_before, {"x": Arg("N T", domain=(0.5, 2))}), "FIRST of 3 along axis 1 only, wrong in"),
    ],
)  # fmt: skip
def test_taps_and_entries_that_are_no_steps_are_not_called_steps(op, seen):
    report = check_op(op)
    assert report.verdict == "FAIL"
    assert seen in str(report), report
    assert "STEPS" not in str(report)


def test_slices_that_are_zero_are_said_to_be_zero():
    first = altered(lambda dx, dy, x: np.concatenate([dx[:, :1], 0 * dx[:, 1:]], axis=1))
    assert "right in the FIRST of 3 along axis 1 only, ZERO in the others" in str(check_op(first, sample="4x3"))


def test_a_factor_that_is_the_size_of_another_axis_elsewhere_is_not_the_same():
    said = ("factor-of-size", "analytic / numeric is 4 = N everywhere: is a MEAN over N missing?")
    assert _same(said, ("factor-of-size", said[1].replace("4 = N", "5 = N")))
    assert not _same(said, ("factor-of-size", said[1].replace("4 = N", "4 = D")))
