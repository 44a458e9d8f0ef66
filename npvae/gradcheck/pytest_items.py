"""`op_test(op)`: a parametrised pytest function, one item for each cell of the battery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npvae.gradcheck.check import cells, check_op
from npvae.spec import Op

__all__ = ["op_test"]


def op_test(
    op: Op,
    *,
    skip: Mapping[str, str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: str = "lenient",
) -> Callable[..., None]:
    """Make a pytest function that checks an op, one item for each cell.

        test_swish = op_test(swish)     # test_swish[contract], test_swish[numeric-f64], test_swish[kink] ...

    skip        cell -> reason: {"numeric-f32": "the table is in float64"}
    rtol, atol, dtype  as in `check_op`

    The options --gradcheck-level and --gradcheck-seed choose the battery. Raises ValueError for what is no Op, and
    for a cell to skip that the op does not have.

    Example:
        >>> from npvae.ops.tanh import OP
        >>> test_tanh = npvae.gradcheck.op_test(OP)  # in a test file: pytest runs an item per cell
    """
    import pytest

    reasons = dict(skip or {})
    known = cells(op)
    unknown = sorted(set(reasons) - set(known))
    if unknown:
        raise ValueError(f"{op.name} has no cell {', '.join(unknown)}; its cells are {', '.join(known)}")
    items = [
        pytest.param(cell, marks=pytest.mark.skip(reason=reasons[cell])) if cell in reasons else cell for cell in known
    ]

    @pytest.mark.parametrize("cell", items)
    def test(cell: str, request: Any) -> None:
        __tracebackhide__ = True
        level = request.config.getoption("gradcheck_level", default="default")
        seed = request.config.getoption("gradcheck_seed", default=0)
        if cell not in cells(op, level):
            pytest.skip(f"level {level} does not look at {cell}")
        report = check_op(op, seed, level=level, cell=cell, rtol=rtol, atol=atol, dtype=dtype)
        if not report.samples and report.skipped:
            pytest.skip("; ".join(dict.fromkeys(report.skipped.values())))
        if not report:
            pytest.fail(str(report), pytrace=False)

    test.__doc__ = f"The gradients of {op.name}, one item a cell."
    return test
