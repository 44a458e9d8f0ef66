"""Every kernel through the whole battery of the gradient checker: what tests an op tests a kernel."""

import pytest

from npvae.gradcheck import cells, check_op
from npvae.kernels import KERNELS

CELLS = [pytest.param(op, cell, id=f"{op.name}-{cell}") for op in KERNELS for cell in cells(op)]


@pytest.mark.parametrize(("op", "cell"), CELLS)
def test_backward_is_the_derivative_of_forward(op, cell):
    report = check_op(op, seed=0, cell=cell)
    assert report, report
