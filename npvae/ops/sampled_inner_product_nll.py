"""An unbiased estimate of inner_product_nll, whose cost grows with the edges and not with all pairs, in nats.

Edges are few and counted exactly. Of all other pairs some are looked at: vertex n with vertex n + shifts[k], counted
round the circle, for K shifts that are drawn uniformly from 0 .. N - 1. One value per vertex.

Forward
    t[n, k] = sum(z[n, l] * z[(n + shifts[k]) % N, l] for l in range(L))                         (1)
    every[n] = N / K * sum(log(1 + exp(t[n, k])) for k in range(K))                              (2)
    s[e, n] = sum(z[n, l] * z[indices[e], l] for l in range(L))                                  (3)
    nll[n] = every[n] + sum(weight * log(1 + exp(-s[e, n])) - log(1 + exp(s[e, n]))
                            for e in range(indptr[n], indptr[n + 1]))                            (4)
Backward
    dt[n, k] = dnll[n] * N / K / (1 + exp(-t[n, k]))                                             (5)
    ds[e, n] = dnll[n] * ((1 - weight) / (1 + exp(s[e, n])) - 1) if indptr[n] <= e < indptr[n + 1] else 0    (6)
    dz[n, l] = sum(dt[n, k] * z[(n + shifts[k]) % N, l] for k in range(K))
             + sum(dt[(n - shifts[k]) % N, k] * z[(n - shifts[k]) % N, l] for k in range(K))
             + sum(ds[e, n] * z[indices[e], l] for e in range(E))
             + sum(ds[e, m] * z[m, l] for e in range(E) for m in range(N) if indices[e] == n)    (7)
Derivation
    A uniform shift meets each partner of n with probability 1 / N, so N log(1 + exp(t[n, k])) is in the mean of shifts
    the sum over all partners: (2) has the mean of the exact page, and so has its slope, for the mean of slopes is the
    slope of the mean. The slopes are that page's: (5), (6). z[n] stands first in the pair (n, n + shift) and second in
    the pair (n - shift, n), as it does in the edges that leave and that reach n: (7).

Uniform pairs would do as well, at random places in memory; a shift reads z in order, twice, and needs one random number
for N pairs. The sum of the edges alone has a minimum at infinity: without the pairs that are none, all points run off.

Mikolov et al. (2013), "Distributed Representations of Words and Phrases", section 2.2, samples negatives as well.
"""

import numpy as np

from npvae.ops.inner_product_nll import INDICES, INDPTR
from npvae.ops.shapes import check_shapes
from npvae.ops.sigmoid import sigmoid_forward
from npvae.ops.softplus import softplus_forward
from npvae.spec import Arg, Op


def sampled_inner_product_nll_forward(
    indptr: np.ndarray, indices: np.ndarray, shifts: np.ndarray, z: np.ndarray, weight: float = 1.0
) -> tuple[np.ndarray, tuple]:
    """indptr (N + 1,), indices (E,), shifts (K,) in 0 .. N - 1, z (N, L) -> nll (N,). ValueError if shapes differ."""
    check_shapes(OP, indptr, indices, shifts, z)
    row = np.repeat(np.arange(len(z)), np.diff(indptr))  # (E,)
    t = np.stack([(z * np.roll(z, -shift, axis=0)).sum(axis=1) for shift in shifts])  # (K, N), (1)
    nll = z.dtype.type(len(z) / len(shifts)) * softplus_forward(t)[0].sum(axis=0)  # (2)
    s = (z[row] * z[indices]).sum(axis=1)  # (E,), (3)
    np.add.at(nll, row, weight * softplus_forward(-s)[0] - softplus_forward(s)[0])  # (4)
    return nll, (row, indices, shifts, z, t, s, weight)


def sampled_inner_product_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dz (N, L)."""
    row, indices, shifts, z, t, s, weight = cache
    dt = dnll * z.dtype.type(len(z) / len(shifts)) * sigmoid_forward(t)[0]  # (K, N), (5)
    ds = (dnll[row] * ((1 - weight) * sigmoid_forward(-s)[0] - 1))[:, np.newaxis]  # (E, 1), (6)
    dz = np.zeros_like(z)
    for dt_k, shift in zip(dt[:, :, np.newaxis], shifts, strict=True):
        dz += dt_k * np.roll(z, -shift, axis=0) + np.roll(dt_k * z, shift, axis=0)  # (7)
    np.add.at(dz, row, ds * z[indices])
    np.add.at(dz, indices, ds * z[row])
    return dz


OP = Op(
    sampled_inner_product_nll_forward,
    sampled_inner_product_nll_backward,
    args={
        "indptr": INDPTR,
        "indices": INDICES,
        "shifts": Arg("K", (0, "N"), differentiable=False, dtype=int),
        "z": Arg("N L"),
    },
    params={"weight": [1.0, 7.5]},
    pure=True,
)
