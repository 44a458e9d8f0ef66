"""Every kernel through the whole battery of the gradient checker: what tests an op tests a kernel."""

import pytest
from numba import config

from npvae.gradcheck import cells, check_op
from npvae.kernels import KERNELS

LONG_AS_PYTHON = {"negative_binomial_nll", "negative_binomial_nll_feature"}  # minutes: ten logarithms for each number


def level_of(op):
    """What is looked at: without the JIT the smallest battery for what takes minutes then."""
    return "smoke" if config.DISABLE_JIT and op.name in LONG_AS_PYTHON else "default"


CELLS = [pytest.param(op, cell, id=f"{op.name}-{cell}") for op in KERNELS for cell in cells(op, level_of(op))]


@pytest.mark.parametrize(("op", "cell"), CELLS)
def test_backward_is_the_derivative_of_forward(op, cell):
    report = check_op(op, seed=0, cell=cell, level=level_of(op))
    assert report, report
