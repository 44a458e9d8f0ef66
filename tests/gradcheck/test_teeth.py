"""Teeth: generic mistakes planted in the backward under test, and whether this configuration notices."""

import numpy as np

from npvae.gradcheck import Arg, Op, check_op
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.teeth import TEETH


def scaled(x, W):
    return x * W, (x, W)


def scaled_backward(dy, cache):
    x, W = cache
    return dy * W, dy * x


SCALED = Op(scaled, scaled_backward, {"x": Arg("N D"), "W": Arg("N D")}, pure=True)


def test_every_planted_mistake_is_caught():
    report = check_op(SCALED, teeth=True)
    assert report.teeth is not None
    assert set(report.teeth) == set(TEETH)
    assert all(report.teeth.values()), report
    assert f"teeth: {len(TEETH)} of {len(TEETH)} planted mistakes caught" in str(report)


def test_a_blunt_configuration_is_shown_to_be_blunt():
    report = check_op(SCALED, teeth=True, rtol=0.1, atol=0.1)
    assert report.teeth is not None
    assert not report.teeth["scale by 1 + 1e-4"]
    assert "not caught: " in str(report)


def test_teeth_wait_until_everything_passes():
    wrong = Op(scaled, lambda dy, c: (dy * c[1], -dy * c[0]), SCALED.args)
    report = check_op(wrong, teeth=True)
    assert report.teeth is None
    assert "teeth are tried once everything passes" in str(report)


def test_a_mistake_that_changes_nothing_is_left_out():
    one = Op(lambda x: (np.tanh(x).sum(axis=1), x), lambda dy, x: dy[:, None] / np.cosh(x) ** 2, {"x": Arg("N D")})
    report = check_op(one, teeth=True)
    assert report.teeth is not None
    assert "swap two gradients of equal shape" not in report.teeth


def test_mistakes_are_planted_where_the_loss_is_a_number():
    def mse(x):
        return (x * x).mean(), x

    def mse_backward(dy, x):
        return dy * 2 * x / x.dtype.type(x.size)

    number = check_op(Op(mse, mse_backward, {"x": Arg("N D")}), teeth=True)
    array = check_op(
        Op(lambda x: (np.asarray(mse(x)[0]), x), lambda dy, x: mse_backward(dy[()], x), {"x": Arg("N D")}), teeth=True
    )
    assert number.teeth is not None
    assert array.teeth is not None
    assert len(number.teeth) >= 15
    assert all(number.teeth.values()), number
    assert set(array.teeth) - set(number.teeth) == {"change dy in place"}, "a number cannot be changed in place"


def test_mistakes_are_planted_beside_a_none_and_behind_several_outputs():
    beside = Op(
        lambda x, data: (x * data, data), lambda dy, data: (dy * data, None),
        {"x": Arg("N D"), "data": Arg("N D", differentiable=False)},
    )  # fmt: skip
    behind = Op(lambda x: ((2 * x, 3 * x), None), lambda dys, _: 2 * dys[0] + 3 * dys[1], {"x": Arg("N D")})
    numbers = Op(lambda a, b: (a * b, (a, b)), lambda dy, c: (dy * c[1], dy * c[0]), {"a": Arg(), "b": Arg()})
    for op, least in ((beside, 16), (behind, 16), (numbers, 12)):
        report = check_op(op, teeth=True)
        assert report.teeth is not None
        assert len(report.teeth) >= least, report
        assert all(report.teeth.values()), report


def test_teeth_that_never_bit_are_not_counted():
    text = str(Report("op", 0, teeth={}))
    assert "teeth: nothing is shown: no mistake could be planted" in text
    assert "0 of 0" not in text


def test_mistakes_are_planted_in_gradients_that_are_plain_numbers():
    square = Op(lambda c: (c * c, c), lambda dy, c: float(2 * dy * c), {"c": Arg("")})
    sharp, blunt = (check_op(square, sample="fixed", teeth=True, rtol=rtol) for rtol in (None, 0.1))
    assert sharp.teeth is not None
    assert blunt.teeth is not None
    assert sharp.teeth["scale by 1 + 1e-4"]
    assert not blunt.teeth["scale by 1 + 1e-4"], "it was planted, it did not merely raise"
    assert blunt.teeth["negate"]
