"""Where a model takes its ops from: one explicit value, never a global switch."""

import importlib
from types import ModuleType

_MODULES = {"numpy": "npvae.ops"}


def ops_of(backend: str) -> ModuleType:
    """The module that holds the `..._forward` and `..._backward` of this backend. ValueError names the choices."""
    if backend not in _MODULES:
        raise ValueError(f"backend {backend!r} is unknown, choose one of {', '.join(_MODULES)}")
    return importlib.import_module(_MODULES[backend])
