"""Adam: a running mean of the gradient over the root of a running mean of its square, both corrected for their start.

Step
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]                                                     (1)
    v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2                                                (2)
    m_hat[i] = m[i] / (1 - beta1 ** t)                                                           (3)
    v_hat[i] = v[i] / (1 - beta2 ** t)                                                           (4)
    p[i] = p[i] - lr * m_hat[i] / (sqrt(v_hat[i]) + eps)                                         (5)

t counts the steps from 1. m and v start at 0, so after t steps their weights add up to 1 - beta ** t: (3) and (4) make
them means.

Kingma & Ba (2015), algorithm 1.
"""

import math

import numpy as np

from npvae.spec import Arg, Law


def adam_update(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """Step t of the recurrence, in place on p, m and v; all of one shape."""
    beta1, beta2 = betas
    m *= beta1
    m += (1 - beta1) * g  # (1)
    v *= beta2
    v += (1 - beta2) * g * g  # (2)
    m_hat = m / (1 - beta1**t)  # (3)
    v_hat = v / (1 - beta2**t)  # (4)
    p -= lr * m_hat / (np.sqrt(v_hat) + eps)  # (5)


def _step(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: np.ndarray,
    lr: float,
    beta1: np.ndarray,
    beta2: np.ndarray,
    eps: float,
) -> dict[str, np.ndarray]:
    p, m, v = p.copy(), m.copy(), v.copy()
    adam_update(p, g, m, v, int(t), lr, (float(beta1), float(beta2)), eps)
    return {"p": p, "m": m, "v": v}


LAW = Law(
    _step,
    name="adam",
    args={
        "p": Arg("I", specials=[1e-8, 1e8]),
        "g": Arg("I", specials=[1e-30, 1e30]),
        "m": Arg("I", specials=[1e-30, 1e30]),
        "v": Arg("I", domain=(0.0, math.inf), specials=[1e-60, 1e60]),
        "t": Arg(dtype=int, domain=(1, 20)),
        "lr": Arg(domain=(0.0, math.inf)),
        "beta1": Arg(domain=(0.0, 0.999), specials=[0.9]),
        "beta2": Arg(domain=(0.0, 0.9999), specials=[0.999]),
        "eps": Arg(domain=(0.0, math.inf), specials=[1e-8]),
    },
)
