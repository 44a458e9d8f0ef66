"""How far a mistake reaches and where: no more is said than was compared."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op, gradcheck

X = {"x": Arg("N D")}

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


def test_entries_whose_differences_did_not_settle_are_no_evidence():
    x = BIG.copy()
    x[:, ::4] = 0  # there the forward jumps, and has no slope
    (finding,) = gradcheck(lambda x: (x * x + (x > 0), x), lambda dy, x: dy * x, x).findings
    assert finding.index[1] % 4 != 0, finding
    assert (finding.wrong, finding.compared) == (17, 17), "of the 25 that were drawn, 8 lie on a jump"
    assert finding.diagnosis_codes == ("factor",)


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
