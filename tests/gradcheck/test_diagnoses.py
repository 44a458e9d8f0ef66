"""Every diagnosis, reached by the mistake that it names."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op, gradcheck
from npvae.gradcheck.codes import DIAGNOSES


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
    "offset": (altered(lambda dx, dy, x: dx + dx.dtype.type(0.5)), "0.5 times 1"),
    "tail": (altered(last_rows), "zeros in the LAST row, from 8 of 9"),
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
    "shape-only ": (altered(lambda dx, dy, x: dx * 3 if len(dx) > 8 else dx), "only where N is 9 or more"),
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


def test_a_factor_everywhere_is_not_said_where_entries_are_right():
    capped = Op(lambda x: (np.exp(x), (x,)), lambda dy, c: dy * np.exp(c[0]) * np.where(c[0] > 30, 0.5, 1), X)
    assert "everywhere" not in str(check_op(capped, sample="4x3-pos40")), "many entries are right"


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


BIG = np.random.default_rng(0).standard_normal((40, 40))
"""Of so many entries only some are compared: what is said must be true of the others too, or name those compared."""


def every_second_column(dx, x):
    dx[:, ::2] *= 1.5


def last_four_rows(dx, x):
    dx[-4:] = 0


def one_row_of_many(dx, x):
    dx[7] *= 2


def beyond_two(dx, x):
    dx[np.abs(x) > 2] = 0


def all_but_one_row(dx, x):
    dx[1:] = 0


@pytest.mark.parametrize("spoil", [every_second_column, last_four_rows, one_row_of_many, beyond_two, all_but_one_row])
def test_what_was_not_compared_is_not_said_to_be_right_or_wrong(spoil):
    def backward(dy, x):
        dx = 2 * dy * x
        spoil(dx, x)
        return dx

    for seed in range(3):
        report = gradcheck(square_of, backward, BIG, seed=seed)
        (finding,) = report.findings
        assert finding.verdict == "FAIL"
        assert "one-entry" not in finding.diagnosis_codes, report
        assert "everywhere" not in str(report), report
        assert "only in" not in str(report), report
        assert "looked at disagree" in finding.message
        assert finding.compared <= 25
        looked = f"{finding.wrong} of {finding.compared} entries looked at disagree"
        assert finding.message.startswith(looked), report
        if finding.wrong == 1:
            assert finding.message.endswith("the others disagree too along a random direction")


def square_of(x):
    return x * x, x


def test_patterns_are_seen_in_what_is_compared_of_many_entries():
    half = gradcheck(square_of, lambda dy, x: dy * x, BIG)
    assert "25 of 25 entries looked at disagree; there are 1600" in str(half), half
    assert "analytic / numeric is 1/2 in all 25 entries compared: looks like a FACTOR of 1/2" in str(half), half
    formula = gradcheck(square_of, lambda dy, x: dy * np.cos(x), BIG)
    assert formula.findings[0].diagnosis_codes == ("formula",), formula
    zero = gradcheck(square_of, lambda dy, x: 0 * x, BIG)
    assert "the analytic gradient is ZERO everywhere" in str(zero), "all of that one is known"


def test_one_entry_of_many_is_said_to_be_one_only_where_the_others_agree():
    def backward(dy, x):
        dx = 2 * dy * x
        dx[7, 3] *= 2
        return dx

    report = gradcheck(square_of, backward, BIG)
    (finding,) = report.findings
    assert finding.index == (7, 3)
    assert "1 of 1600 entries disagrees, found by bisecting; the others agree along a random direction" in str(report)
    assert finding.diagnosis_codes == ("one-entry",)


def test_a_threshold_is_not_said_of_entries_that_are_wrong_by_their_place():
    x = np.array([3.0, 2.0, 1.0, 0.5])
    report = gradcheck(square_of, lambda dy, x: 2 * dy * x * np.array([3.0, 2.0, 1.0, 1.0]), x)
    assert report.verdict == "FAIL"
    assert "only where" not in str(report), report


def test_a_constant_factor_of_one_entry_is_said_only_of_a_number_that_tells():
    one = np.array([[0.7]])
    for x in (one, one[0, 0]):
        report = gradcheck(lambda x: (np.sin(x), x), lambda dy, x: dy * np.cos(2 * x), x)
        assert report.verdict == "FAIL"
        assert "FACTOR" not in str(report), report
    assert gradcheck(lambda x: (0 * x, x), lambda dy, x: dy, 0.7).verdict == "FAIL", "a slope of zero has no ratio"
    for factor, words in ((-1.0, "SIGN"), (2.0, "FACTOR of 2"), (0.5, "FACTOR of 1/2")):
        assert words in str(gradcheck(square_of, lambda dy, x, factor=factor: factor * 2 * dy * x, one))


def convolution(x, w):
    steps = x.shape[1] - w.shape[0] + 1
    if steps < 1:
        raise ValueError("the filter is longer than the signal")
    return sum(x[:, k : k + steps] * w[k] for k in range(len(w))), (x, w)


def convolution_overwritten(dy, cache):
    x, w = cache
    dx = np.zeros_like(x)
    for k in range(len(w)):
        dx[:, k : k + dy.shape[1]] = dy * w[k]  # it should be +=
    return dx, np.array([(dy * x[:, k : k + dy.shape[1]]).sum() for k in range(len(w))], dy.dtype)


def test_where_it_fails_is_not_told_from_samples_that_were_never_compared():
    report = check_op(Op(convolution, convolution_overwritten, {"x": Arg("N T"), "w": Arg("K")}))
    assert {(f.code, f.arg) for f in report.findings} == {("forward-raises", None), ("wrong-gradient", "x")}
    assert all("only" not in f.diagnosis for f in report.findings if f.arg == "x"), report
    strided = check_op(
        Op(lambda x, w, stride=1: convolution(x, w) if stride == 1 else (x.copy(), (x, w)),
           lambda dy, c: convolution_overwritten(dy, c) if dy.shape != c[0].shape else (dy.copy(), 0 * c[1]),
           {"x": Arg("N T"), "w": Arg("K")}, params={"stride": [1, 2]})
    )  # fmt: skip
    assert any(f.arg == "x" for f in strided.findings)
    assert all("only" not in f.diagnosis for f in strided.findings if f.arg == "x"), strided


def test_no_place_is_given_to_what_happens_by_chance():
    def dropout(x):
        return x * (np.random.random(x.shape) > 0.5), None  # noqa: NPY002

    def dropout_backward(dy, cache):
        return dy * (np.random.random(dy.shape) > 0.5)  # noqa: NPY002

    for seed in range(8):
        np.random.seed(seed)  # noqa: NPY002
        report = check_op(Op(dropout, dropout_backward, X))
        assert report.verdict == "FAIL"
        assert "only where" not in str(report), report


def test_a_warning_does_not_hide_where_it_fails():
    def identity_backward(dy, cache):
        return 3 * dy if len(dy) == 1 else dy

    report = check_op(Op(lambda x: (np.array(x), None), identity_backward, X))
    assert {f.code for f in report.findings} == {"alias-dy", "wrong-gradient"}
    assert "only where N = 1" in str(report), report


def test_a_gradient_of_zeros_among_many_is_compared_like_any_other():
    (finding,) = gradcheck(square_of, lambda dy, x: 0 * x, BIG).findings
    assert (finding.wrong, finding.compared) == (25, 25)
