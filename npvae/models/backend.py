"""Where a model takes its ops from: one explicit value, never a global switch."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

_MODULES = {"numba": "npvae.kernels", "numpy": "npvae.ops"}
_OPTIMIZERS = {"numba": "npvae.kernels.optimizers", "numpy": "npvae.optim"}


def ops_of(backend: str) -> ModuleType:
    """The module that holds the `..._forward` and `..._backward` of this backend. ValueError names the choices."""
    return _import(_MODULES, backend)


def optimizers_of(backend: str) -> ModuleType:
    """The module that holds the `..._update` of every optimiser in this backend. ValueError names the choices."""
    return _import(_OPTIMIZERS, backend)


def when_compiling(backend: str, tell: Callable[[str], None]) -> AbstractContextManager:
    """Within this context, tell(name) is called whenever a kernel of the backend must be compiled first."""
    if backend == "numpy":
        return nullcontext()
    from npvae.kernels import jit

    return jit.when_compiling(tell)


def _import(modules: dict[str, str], backend: str) -> ModuleType:
    if backend not in modules:
        raise ValueError(f"backend {backend!r} is unknown, choose one of {', '.join(modules)}")
    return importlib.import_module(modules[backend])
