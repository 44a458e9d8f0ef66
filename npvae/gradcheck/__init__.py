"""The gradient checker: is this backward the derivative of that forward?

    from npvae.gradcheck import Arg, Op, check_op, gradcheck, op_test

It knows NumPy and `npvae.spec`, nothing of npvae's own ops: give it any forward/backward pair.
"""

from npvae.gradcheck.check import cells, check_op, gradcheck
from npvae.gradcheck.model import check_model, taylor_test
from npvae.gradcheck.pytest_items import op_test
from npvae.gradcheck.report import Finding, Report, Row
from npvae.spec import Arg, Op

__all__ = [
    "Arg",
    "Finding",
    "Op",
    "Report",
    "Row",
    "cells",
    "check_model",
    "check_op",
    "gradcheck",
    "op_test",
    "taylor_test",
]
