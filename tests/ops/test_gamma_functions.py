"""lgamma and digamma against mpmath, from tiny to huge and around their roots; the series they are made of."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.ops import gamma_functions as g

UNIT = 2.0**-52
ROOT_OF_DIGAMMA = 1.4616321449683623
POINTS = np.concatenate(
    [
        np.geomspace(1e-300, 1e300, 601),
        np.linspace(0.01, 12, 1200),
        np.arange(1, 40) / 2,
        *(c + s * np.geomspace(1e-15, 0.4, 60) for c in (1.0, 2.0, ROOT_OF_DIGAMMA) for s in (-1, 1)),
        np.nextafter([0.5, 1, 1.5, 2, 2.5, 7.5, 8], 0),
        np.nextafter([0.5, 1, 1.5, 2, 2.5, 7.5, 8], 9),
    ]
)


def exact(function, x, digits=50):
    with mpmath.workdps(digits):
        return np.array([float(function(mpmath.mpf(float(value)))) for value in x])


def rest(x):
    return mpmath.loggamma(x) - (x * mpmath.log(x) - x)


def factorial_rest(x):
    return mpmath.loggamma(x + 1) - (x * mpmath.log(x) - x)


FUNCTIONS = [
    pytest.param(g.lgamma, mpmath.loggamma, id="lgamma"),
    pytest.param(g.digamma, mpmath.digamma, id="digamma"),
]
RESTS = [
    pytest.param(g.lgamma_rest, rest, id="lgamma_rest"),
    pytest.param(g.log_factorial_rest, factorial_rest, id="log_factorial_rest"),
    pytest.param(g.digamma_rest, lambda x: mpmath.digamma(x) - mpmath.log(x), id="digamma_rest"),
]


def errors(function, truth, x):
    wanted = exact(truth, x)
    return np.abs(function(x) - wanted) / (UNIT * np.maximum(1, np.abs(wanted)))


@pytest.mark.parametrize(("function", "truth"), FUNCTIONS)
def test_float64_is_within_four_units_of_mpmath(function, truth):
    found = errors(function, truth, POINTS)
    assert found.max() <= 4, f"{found.max():.2f} units at x = {POINTS[found.argmax()]!r}"


@pytest.mark.parametrize(("function", "truth"), FUNCTIONS)
@given(log_x=st.floats(-690, 690))
def test_float64_is_within_four_units_at_any_x(function, truth, log_x):
    assert errors(function, truth, np.array([np.exp(log_x)]))[0] <= 4


@pytest.mark.parametrize(("function", "truth"), FUNCTIONS)
def test_float32_is_within_one_unit_in_the_last_place(function, truth):
    """Also where the value is 0: a float32 next to a root is so far from it that float64's error is no matter."""
    roots = np.array([1, 2, ROOT_OF_DIGAMMA], np.float32)
    beside = [np.nextafter(roots, np.float32(way)) for way in (0, 9)]
    x = np.unique(np.concatenate([POINTS[(POINTS > 1e-37) & (POINTS < 1e36)].astype(np.float32), roots, *beside]))
    found, wanted = function(x), exact(truth, x)
    assert found.dtype == np.float32
    unit = np.spacing(np.abs(wanted).astype(np.float32)).astype(float)
    assert (np.abs(found - wanted) / unit).max() <= 1


@pytest.mark.parametrize(("function", "truth"), RESTS)
def test_what_stirling_leaves_keeps_its_digits(function, truth):
    """The differences themselves would have lost all digits at x = 1e16."""
    x = POINTS[(POINTS > 1e-8) & (POINTS < 1e60)]
    found, wanted = function(x), exact(truth, x, 140)
    far = x >= g.STIRLING_FROM
    np.testing.assert_allclose(found[far], wanted[far], rtol=8 * UNIT)
    np.testing.assert_allclose(found[~far], wanted[~far], rtol=16 * UNIT, atol=40 * UNIT)


def test_a_count_below_1_costs_what_mpmath_says():
    """The rest of lgamma(x) and log(x) are as large as log(1e-300), and their sum is x * log(1 / x)."""
    x = np.geomspace(1e-300, 1, 300)
    np.testing.assert_allclose(g.log_factorial_rest(x), exact(factorial_rest, x, 400), rtol=0, atol=2 * UNIT)


def test_lgamma_keeps_all_digits_near_its_roots():
    for root in (1.0, 2.0):
        x = root + np.concatenate([-np.geomspace(1e-15, 0.4, 90), np.geomspace(1e-15, 0.4, 90)])
        np.testing.assert_allclose(g.lgamma(x), exact(mpmath.loggamma, x), rtol=6 * UNIT)
    assert g.lgamma(np.array([1.0, 2.0])).tolist() == [0, 0]


def test_log1pmx_keeps_all_digits_near_zero():
    z = np.concatenate([-np.geomspace(1e-150, 0.999, 400), np.geomspace(1e-150, 1e8, 400), [0.0, 0.25, -0.25]])
    np.testing.assert_allclose(g.log1pmx(z), exact(lambda z: mpmath.log1p(z) - z, z, 350), rtol=16 * UNIT, atol=0)
    near = np.array([1e-3, -1e-3], np.float32)
    np.testing.assert_allclose(g.log1pmx(near), exact(lambda z: mpmath.log1p(z) - z, near), rtol=3e-7)


def test_ends_of_the_domain():
    with np.errstate(divide="ignore"):
        assert g.lgamma(np.array([0.0, np.inf])).tolist() == [np.inf, np.inf]
        assert g.digamma(np.array([0.0, np.inf])).tolist() == [-np.inf, np.inf]
    for function in (g.lgamma, g.digamma, g.lgamma_rest, g.log_factorial_rest, g.digamma_rest, g.log1pmx):
        assert np.isnan(function(np.array([np.nan]))).all()


def test_coefficients_are_those_of_zeta_and_bernoulli():
    with mpmath.workdps(40):
        assert [float(mpmath.zeta(k) - 1) for k in range(2, 29)] == list(g.ZETA_MINUS_1)
        assert [float(mpmath.bernoulli(2 * k)) for k in range(1, 10)] == pytest.approx(g.BERNOULLI, rel=2e-16)
        assert float(1 - mpmath.euler) == g.ONE_MINUS_GAMMA
        assert float(mpmath.log(2 * mpmath.pi) / 2) == g.HALF_LOG_2PI
