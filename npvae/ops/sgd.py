"""Stochastic gradient descent, with momentum.

Step
    v[i] = momentum * v[i] + g[i]                                                                (1)
    p[i] = p[i] - lr * v[i]                                                                      (2)

Polyak (1964); in this form Sutskever, Martens, Dahl & Hinton (2013), with lr taken out of v so that changing lr takes
effect at once.
"""

import math

import numpy as np

from npvae.spec import Arg, Law, in_place


def sgd_update(p: np.ndarray, g: np.ndarray, v: np.ndarray, lr: float, momentum: float) -> None:
    """One step of the recurrence, in place on p and v; all of one shape."""
    v *= momentum
    v += g  # (1)
    p -= lr * v  # (2)


LAW = Law(
    in_place(sgd_update, "p", "v"),
    name="sgd",
    args={
        "p": Arg("I", specials=[1e-8, 1e8]),
        "g": Arg("I", specials=[1e-30, 1e30]),
        "v": Arg("I", specials=[1e-30, 1e30]),
        "lr": Arg(domain=(0.0, math.inf)),
        "momentum": Arg(domain=(0.0, 1.0)),
    },
)
