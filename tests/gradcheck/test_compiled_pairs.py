"""Compiled pairs with explicit signatures: what they do not take is found out, said, and not held against them."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op, gradcheck

nb = pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(nb.config.DISABLE_JIT, reason="without the JIT there are no signatures")

ARGS = {"x": Arg("N D")}
pytestmark = pytest.mark.skipif(nb.config.DISABLE_JIT, reason="without the JIT a signature is not enforced")


@pytest.fixture(scope="module")
def single():
    forward = nb.njit("Tuple((float32[:,:], float32[:,:]))(float32[:,:])")(lambda x: (np.exp(x), np.exp(x)))
    backward = nb.njit("float32[:,:](float32[:,:], float32[:,:])")(lambda dy, e: dy * e)
    return forward, backward


@pytest.fixture(scope="module")
def contiguous():
    forward = nb.njit("Tuple((float64[:,::1], float64[:,::1]))(float64[:,::1])")(lambda x: (np.exp(x), np.exp(x)))
    backward = nb.njit("float64[:,::1](float64[:,::1], float64[:,::1])")(lambda dy, e: dy * e)
    return forward, backward


def test_a_pair_in_float32_only_is_compared_in_float32_and_says_so(single):
    for seed in range(5):
        report = check_op(Op(*single, ARGS, name="exp"), seed)
        assert report, str(report)
    assert any("float32 only" in note for note in report.notes)
    assert all("f32" in sample for sample in report.samples)


def test_a_mistake_of_a_thousandth_is_found_in_float32_only(single):
    report = check_op(Op(single[0], lambda dy, e: dy * e * np.float32(1.001), ARGS, name="exp"))
    assert report.verdict == "FAIL"


def test_layouts_and_dtypes_that_are_not_taken_are_listed(contiguous):
    report = check_op(Op(*contiguous, ARGS, name="exp"))
    assert report, str(report)
    assert report.skipped["3x4-fortran"] == "the pair does not take fortran arrays"
    assert report.skipped["4x3-f32"] == "the pair does not take float32"


def test_arrays_of_the_wrong_dtype_given_by_hand_are_an_error_with_the_dtype(single):
    report = gradcheck(*single, (np.ones((2, 2)),))
    assert report.verdict == "FAIL"
    assert "it was given float64" in str(report)
    assert gradcheck(*single, (np.ones((2, 2), np.float32),))


def test_lazily_compiled_pairs_take_everything():
    forward = nb.njit(lambda x: (np.tanh(x), np.tanh(x)))
    backward = nb.njit(lambda dy, y: dy * (1 - y * y))
    report = check_op(Op(forward, backward, ARGS, name="tanh"), level="smoke")
    assert report, str(report)
    assert not report.skipped
