"""Every op of the table through the whole battery of the gradient checker, one test a cell."""

import pytest

from npvae.gradcheck import cells, check_op
from npvae.ops import OPS

CELLS = [pytest.param(op, cell, id=f"{op.name}-{cell}") for op in OPS for cell in cells(op)]


@pytest.mark.parametrize(("op", "cell"), CELLS)
def test_backward_is_the_derivative_of_forward(op, cell):
    report = check_op(op, seed=0, cell=cell)
    assert report, report
