"""`page_test` for anybody's pair: five lines of a test file."""

import pytest

from npvae.ops import OPS
from npvae.pages import explain, page_test
from npvae.pages.check import faults_of_page
from npvae.spec import Arg, Op

pytest_plugins = ["pytester"]

PAIR = '''
"""Swish, on a page of its own.

Forward
    y[n, d] = x[n, d] / (1 + exp(-x[n, d]))    (1)
Backward
    s[n, d] = 1 / (1 + exp(-x[n, d]))    (2)
    dx[n, d] = dy[n, d] * s[n, d] * (1 + x[n, d] * (1 - s[n, d]))    (3)
"""
import numpy as np
from npvae.spec import Arg, Op

def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)

def swish_backward(dy, cache):
    x, s = cache
    return dy * s * (1 + x * (1 - s))

swish = Op(swish_forward, swish_backward, args={"x": Arg("N D", specials=[-40.0, 40.0])})
'''
FIVE_LINES = """
from npvae.pages import explain, page_test

from swish import swish

test_swish_is_its_page = page_test(swish)
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", None),
        (
            "return dy * s *",
            "return 1.000001 * dy * s *",
            r"swish: dx\[0, 0\] is .* in the code, .* on its page",
        ),
        ("(1 - s[n, d]))    (3)", "(1 - s[n, d]))", "equation without a number at its end"),
        ("exp(-x[n, d]))    (2)", "exp(-x[n, e]))    (2)", r"swish, equation \(2\), column 30: nothing is called e"),
        ("(3)", "(4)", r"swish: the equations are numbered \[1, 2, 4\], expected 1, 2, 3"),
        ("dx[n, d] =", "dz[n, d] =", "swish: no equation for dx"),
        (
            "return x * s, (x, s)",
            "return (x * s).sum(), (x, s)",
            r"equation \(3\), column 12: dy has 0 axes, here 2 indices",
        ),
    ],
)
def test_somebodys_pair_is_checked_in_five_lines(pytester, old, new, said):
    pytester.makepyfile(swish=PAIR.replace(old, new, 1).lstrip() if old else PAIR.lstrip(), test_it=FIVE_LINES)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-q")
    if said is None:
        result.assert_outcomes(passed=3)
    else:
        assert result.ret != 0
        result.stdout.re_match_lines([f".*{said}"])


def test_equations_may_stand_in_the_functions_own_docstring():
    def double_forward(x):
        """Twice as much.

        Forward
            y[n] = 2 * x[n]    (1)
        Backward
            dx[n] = 2 * dy[n]    (2)
        """
        return 2 * x, None

    double = Op(double_forward, lambda dy, cache: 2 * dy, args={"x": Arg("N")})
    assert faults_of_page(double) == []
    nothing = Op(lambda x: (x, None), lambda dy, cache: dy, args={"x": Arg("N")}, name="nothing")
    assert faults_of_page(nothing) == ["nothing: no numbered equation in the docstring of " + __name__]


test_gaussian_kl_is_its_page = page_test(next(op for op in OPS if op.name == "gaussian_kl"))


def polar_forward(r, a):
    """A point from its distance and the tanh of half its angle.

    Forward
        u[n] = (1 - a[n] ** 2) / (1 + a[n] ** 2)    (1)
        x[n] = r[n] * u[n]    (2)
        y[n] = r[n] * 2 * a[n] / (1 + a[n] ** 2)    (3)
    Backward
        dr[n] = dx[n] * u[n] + dy[n] * 2 * a[n] / (1 + a[n] ** 2)    (4)
        da[n] = (dy[n] * 2 * r[n] * u[n] - dx[n] * 4 * r[n] * a[n] / (1 + a[n] ** 2)) / (1 + a[n] ** 2)    (5)
    """
    w = 1 + a**2
    return ((1 - a**2) / w * r, 2 * a / w * r), (r, a)


def polar_backward(dxy, cache):
    (dx, dy), (r, a) = dxy, cache
    w = 1 + a**2
    return dx * (1 - a**2) / w + dy * 2 * a / w, (dy * 2 * r * (1 - a**2) / w - dx * 4 * r * a / w) / w


POLAR = Op(polar_forward, polar_backward, args={"r": Arg("N"), "a": Arg("N")})
test_a_pair_with_two_outputs_is_its_page = page_test(POLAR)


def test_a_pair_with_two_outputs_is_explained():
    text, agrees = explain(POLAR)
    assert agrees, text
    assert "dx = [" in text
    assert "dy = [" in text


def test_a_pair_that_draws_its_own_noise_is_refused():
    noisy = Op(polar_forward, polar_backward, args=POLAR.args, seeded=True, name="noisy")
    with pytest.raises(ValueError, match="noisy draws noise of its own; to have a page it must take it as an argument"):
        explain(noisy)
