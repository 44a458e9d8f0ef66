"""Adagrad: every parameter's step shrinks with the gradients it has seen.

Step
    G[i] = G[i] + g[i] ** 2                                                                      (1)
    p[i] = p[i] - lr * g[i] / (sqrt(G[i]) + eps)                                                 (2)

Duchi, Hazan & Singer (2011), figure 1 (the diagonal update). Kingma & Welling (2014) trained with it.
"""

import math

import numpy as np

from npvae.spec import Arg, Law, in_place


def adagrad_update(p: np.ndarray, g: np.ndarray, G: np.ndarray, lr: float, eps: float) -> None:
    """One step of the recurrence, in place on p and G; all of one shape."""
    G += g * g  # (1)
    p -= lr * g / (np.sqrt(G) + eps)  # (2)


LAW = Law(
    in_place(adagrad_update, "p", "G"),
    name="adagrad",
    args={
        "p": Arg("I", specials=[1e-8, 1e8]),
        "g": Arg("I", specials=[1e-30, 1e30]),
        "G": Arg("I", domain=(0.0, math.inf), specials=[1e-60, 1e60]),
        "lr": Arg(domain=(0.0, math.inf)),
        "eps": Arg(domain=(0.0, math.inf), specials=[1e-10]),
    },
)
