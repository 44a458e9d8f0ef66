"""Where ops come from: one explicit value, never a global switch.

"numpy"  the pages themselves, `npvae.ops`: every line can be stepped through in a debugger
"numba"  compiled kernels, `npvae.kernels`, and the pages where no kernel is worth it
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

BACKENDS = ("numba", "numpy")


def ops_of(backend: str) -> Any:
    """The module that holds every `..._forward`, `..._backward` and `..._update`. ValueError names the choices."""
    if backend == "numpy":
        from npvae import ops

        return ops
    if backend == "numba":
        from npvae import kernels

        return kernels
    raise ValueError(f"backend {backend!r} is unknown, choose one of {', '.join(BACKENDS)}")


def when_compiling(backend: str, tell: Callable[[str], None]) -> AbstractContextManager:
    """Within this context, tell(name) is called whenever a kernel of the backend must be compiled first."""
    if backend == "numpy":
        return nullcontext()
    from npvae.kernels import jit

    return jit.when_compiling(tell)
