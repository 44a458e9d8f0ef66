"""Where a model takes its ops from: one explicit value, never a global switch."""

import importlib
from types import ModuleType

_MODULES = {"numba": "npvae.kernels", "numpy": "npvae.ops"}


_OPTIMIZERS = {"numba": "npvae.kernels.optimizers", "numpy": "npvae.optim"}


def ops_of(backend: str) -> ModuleType:
    """The module that holds the `..._forward` and `..._backward` of this backend. ValueError names the choices."""
    return _import(_MODULES, backend)


def optimizers_of(backend: str) -> ModuleType:
    """The module that holds the `..._update` of every optimiser in this backend. ValueError names the choices."""
    return _import(_OPTIMIZERS, backend)


def _import(modules: dict[str, str], backend: str) -> ModuleType:
    if backend not in modules:
        raise ValueError(f"backend {backend!r} is unknown, choose one of {', '.join(modules)}")
    return importlib.import_module(modules[backend])
