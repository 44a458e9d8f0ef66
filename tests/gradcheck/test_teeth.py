"""Teeth: generic mistakes planted in the backward under test, and whether this configuration notices."""

import numpy as np

from npvae.gradcheck import Arg, Op, check_op
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
