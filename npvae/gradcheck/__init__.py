"""The gradient checker: is this backward the derivative of that forward?

    from npvae.gradcheck import Arg, Op, check_op, gradcheck, op_test

It knows NumPy and `npvae.spec`, nothing of npvae's own ops: give it any forward/backward pair. Names are imported when
they are first used, so that pytest can look in here at every start for nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npvae.gradcheck.adapters import check_function, check_loss_and_grads
    from npvae.gradcheck.check import cells, check_op
    from npvae.gradcheck.find import find_ops
    from npvae.gradcheck.frameworks import check_jax, check_torch, jax_op, torch_op
    from npvae.gradcheck.ground.findings import Finding, Row
    from npvae.gradcheck.layer import LayerOp, check_layer
    from npvae.gradcheck.model import check_model, taylor_test
    from npvae.gradcheck.point import gradcheck
    from npvae.gradcheck.pytest_items import op_test
    from npvae.gradcheck.report.report import Report
    from npvae.spec import Arg, Op

_HOME = {
    "Arg": "npvae.spec",
    "Op": "npvae.spec",
    "gradcheck": "npvae.gradcheck.point",
    "check_op": "npvae.gradcheck.check",
    "check_layer": "npvae.gradcheck.layer",
    "LayerOp": "npvae.gradcheck.layer",
    "check_loss_and_grads": "npvae.gradcheck.adapters",
    "check_function": "npvae.gradcheck.adapters",
    "cells": "npvae.gradcheck.check",
    "op_test": "npvae.gradcheck.pytest_items",
    "check_torch": "npvae.gradcheck.frameworks",
    "check_jax": "npvae.gradcheck.frameworks",
    "torch_op": "npvae.gradcheck.frameworks",
    "jax_op": "npvae.gradcheck.frameworks",
    "check_model": "npvae.gradcheck.model",
    "taylor_test": "npvae.gradcheck.model",
    "find_ops": "npvae.gradcheck.find",
    "Report": "npvae.gradcheck.report.report",
    "Finding": "npvae.gradcheck.ground.findings",
    "Row": "npvae.gradcheck.ground.findings",
}

__all__ = [
    "Arg",
    "Finding",
    "LayerOp",
    "Op",
    "Report",
    "Row",
    "cells",
    "check_function",
    "check_jax",
    "check_layer",
    "check_loss_and_grads",
    "check_model",
    "check_op",
    "check_torch",
    "find_ops",
    "gradcheck",
    "jax_op",
    "op_test",
    "taylor_test",
    "torch_op",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'npvae.gradcheck' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
