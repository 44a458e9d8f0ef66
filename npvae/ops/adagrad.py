"""Adagrad: every parameter's step shrinks with the gradients it has seen.

    G = G + g**2
    p = p - lr * g / (sqrt(G) + eps)

Duchi, Hazan & Singer (2011), figure 1 (the diagonal update). Kingma & Welling (2014) trained with it.
"""

import numpy as np


def adagrad_update(p: np.ndarray, g: np.ndarray, G: np.ndarray, lr: float, eps: float) -> None:
    """One step of the recurrence, in place on p and G; all of one shape."""
    G += g * g
    p -= lr * g / (np.sqrt(G) + eps)
