"""The largest of K log-weights: the Rényi bound of order minus infinity.

Forward
    bound[n] = max(log_w[k, n] for k in range(K))                                                (1)
Backward
    best[n] = min(k for k in range(K) if log_w[k, n] == bound[n])                                (2)
    dlog_w[k, n] = dbound[n] if k == best[n] else 0                                              (3)
Derivation
    A max has slope 1 in its largest argument and 0 in the others.

Only the best sample is learned from; of equal ones, the first. It is no lower bound: with
one sample its mean is the ELBO, and it grows with K, past log p(x), to the largest log-weight there is.

Li & Turner (2016), section 4.2.
"""

import numpy as np

from npvae.spec import Arg, Op


def vr_max_forward(log_w: np.ndarray) -> tuple[np.ndarray, tuple]:
    """log_w (K, N) -> bound (N,), in nats."""
    best = log_w.argmax(axis=0)  # (2)
    bound = log_w.max(axis=0)  # (1)
    return bound, (best, len(log_w))


def vr_max_backward(dbound: np.ndarray, cache: tuple) -> np.ndarray:
    """dbound (N,) -> dlog_w (K, N)."""
    best, K = cache
    dlog_w = dbound * (np.arange(K)[:, np.newaxis] == best)  # (3)
    return dlog_w


OP = Op(vr_max_forward, vr_max_backward, args={"log_w": Arg("K N")}, pure=True)
