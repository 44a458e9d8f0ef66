"""Stochastic gradient descent, with momentum.

    v = momentum * v + g
    p = p - lr * v

Polyak (1964); in this form Sutskever, Martens, Dahl & Hinton (2013), with lr taken out of v so that changing lr takes
effect at once.
"""

import numpy as np


def sgd_update(p: np.ndarray, g: np.ndarray, v: np.ndarray, lr: float, momentum: float) -> None:
    """One step of the recurrence, in place on p and v; all of one shape."""
    v *= momentum
    v += g
    p -= lr * v
