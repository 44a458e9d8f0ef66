"""A variational autoencoder written out by hand in NumPy: every forward line has its backward line.

Names are imported when they are first used, so `import npvae` costs no more than `import numpy` and compiles nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

_HOME = {
    "VAE": "npvae.models",
    "Autoencoder": "npvae.models",
    "ConditionalVAE": "npvae.models",
    "ConvVAE": "npvae.models",
    "DenoisingAutoencoder": "npvae.models",
    "IWAE": "npvae.models",
    "LinearVAE": "npvae.models",
    "TwoLayerVAE": "npvae.models",
    "SequenceVAE": "npvae.models",
    "LanguageModel": "npvae.models",
    "GraphVAE": "npvae.models",
    "GraphAutoencoder": "npvae.models",
    "SGD": "npvae.optim",
    "Adagrad": "npvae.optim",
    "Adam": "npvae.optim",
    "minibatches": "npvae.data",
    "load_dataset": "npvae.data",
    "load_sequences": "npvae.data",
    "load_graph": "npvae.data",
    "train": "npvae.training",
    "load": "npvae.training",
    "set_threads": "npvae.kernels.team.pools",
    "resume": "npvae.training",
    "audit_loss": "npvae.audit",
}
_ROOMS = ("data", "evaluation", "figures", "gradcheck", "models", "ops", "optim", "steps", "training")
_EXTRAS = ("export", "sklearn")  # need what an extra installs, so they are not in __all__

__all__ = [*_HOME, *_ROOMS, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _ROOMS or name in _EXTRAS:
        return importlib.import_module(f"npvae.{name}")
    raise AttributeError(f"module 'npvae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
