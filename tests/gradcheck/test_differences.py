"""Slopes by differences against derivatives known in closed form."""

import math

import numpy as np
import pytest

from npvae.gradcheck.slopes.differences import central_slope, noise_level, one_sided_slope


class Quotient:
    """The central quotient of a function at a point, counted."""

    def __init__(self, f, x):
        self.f, self.x, self.calls = f, x, 0

    def __call__(self, step):
        self.calls += 1
        return (self.f(self.x + step) - self.f(self.x - step)) / (2 * step)

    def noise(self):
        return 0.0


KNOWN = [
    (math.sin, math.cos, 0.3),
    (math.exp, math.exp, 1.0),
    (math.tanh, lambda x: 1 - math.tanh(x) ** 2, -0.7),
    (lambda x: x**5, lambda x: 5 * x**4, 2.0),
    (lambda x: math.sin(30 * x), lambda x: 30 * math.cos(30 * x), 0.1),
]


@pytest.mark.parametrize(("f", "df", "x"), KNOWN)
def test_a_slope_is_found_to_ten_digits_and_its_error_is_honest(f, df, x):
    slope = central_slope(Quotient(f, x))
    assert slope.value == pytest.approx(df(x), rel=1e-10)
    assert abs(slope.value - df(x)) <= 100 * slope.error + 1e-14


@pytest.mark.parametrize(("f", "df", "x"), KNOWN)
def test_a_right_claim_is_confirmed_sooner_than_a_slope_is_found(f, df, x):
    confirming, finding = Quotient(f, x), Quotient(f, x)
    assert central_slope(confirming, claim=df(x), rtol=1e-8).agrees
    central_slope(finding)
    assert confirming.calls < finding.calls


@pytest.mark.parametrize("error", [1e-7, -1e-5, 0.1, -2.0])
@pytest.mark.parametrize(("f", "df", "x"), KNOWN)
def test_a_wrong_claim_is_not_confirmed(f, df, x, error):
    assert not central_slope(Quotient(f, x), claim=df(x) * (1 + error), rtol=1e-8).agrees


def test_a_step_that_leaves_the_domain_is_shortened():
    def f(x):
        return math.log(x) if x > 0 else math.nan

    slope = central_slope(Quotient(f, 1e-4))
    assert slope.value == pytest.approx(1e4, rel=1e-8)


def test_a_kink_beside_the_point_is_stepped_around():
    assert central_slope(Quotient(abs, 1e-4), claim=1.0, rtol=1e-8).agrees
    assert not central_slope(Quotient(abs, 1e-4), claim=0.5, rtol=1e-8).agrees


@pytest.mark.parametrize(("side", "expected"), [(1, [1.0, 2.0]), (-1, [-1.0, 2.0])])
def test_one_sided_slopes_part_at_a_kink_and_agree_elsewhere(side, expected):
    slope, error, _ = one_sided_slope(
        lambda t: np.array([abs(t), math.exp(2 * t)]), side=side, eps=float(np.finfo(float).eps)
    )
    np.testing.assert_allclose(slope, expected, atol=1e-9)
    assert np.all(np.abs(slope - expected) <= 10 * error + 1e-15)


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.01])
def test_a_one_sided_slope_settles_however_long_its_first_step(scale):
    def softplus(x):
        return np.array([scale * np.logaddexp(0.0, x / scale)])

    slope, error, _ = one_sided_slope(softplus, side=-1, eps=float(np.finfo(float).eps), step=7.34)
    np.testing.assert_allclose(slope, 0.5, rtol=1e-6)
    assert np.all(np.abs(slope - 0.5) <= 10 * error + 1e-15)


@pytest.mark.parametrize("level", [1e-12, 1e-7, 1e-3])
def test_noise_is_measured_to_its_order_of_magnitude(level):
    rng = np.random.default_rng(0)
    found = noise_level(lambda t: math.sin(t) + level * rng.standard_normal(), spacing=1e-6)
    assert level / 10 < found < 10 * level


def test_a_smooth_function_has_no_noise_to_speak_of():
    assert noise_level(math.sin, spacing=1e-6) < 1e-15
