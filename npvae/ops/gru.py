"""A gated recurrent unit over time: the state after every letter, for sequences that end at different times.

Forward
    s[n, t, j] = h[n, t - 1, j] if t > 0 else h0[n, j]                                                (1)
    ax[n, t, k] = sum(x[n, t, e] * Wx[e, k] for e in range(E)) + bx[k]                                (2)
    ah[n, t, k] = sum(s[n, t, i] * Wh[i, k] for i in range(H)) + bh[k]                                (3)
    r[n, t, j] = 1 / (1 + exp(-(ax[n, t, j] + ah[n, t, j])))                                          (4)
    z[n, t, j] = 1 / (1 + exp(-(ax[n, t, H + j] + ah[n, t, H + j])))                                  (5)
    c[n, t, j] = tanh(ax[n, t, 2 * H + j] + r[n, t, j] * ah[n, t, 2 * H + j])                         (6)
    h[n, t, j] = (1 - z[n, t, j]) * c[n, t, j] + z[n, t, j] * s[n, t, j] if t < lengths[n] else s[n, t, j]   (7)
Backward
    g[n, t, j] = dh[n, t, j] + (ds[n, t + 1, j] if t + 1 < T else 0)                                  (8)
    dnew[n, t, j] = g[n, t, j] if t < lengths[n] else 0                                               (9)
    dac[n, t, j] = dnew[n, t, j] * (1 - z[n, t, j]) * (1 - c[n, t, j] ** 2)                          (10)
    daz[n, t, j] = dnew[n, t, j] * (s[n, t, j] - c[n, t, j]) * z[n, t, j] * (1 - z[n, t, j])         (11)
    dar[n, t, j] = dac[n, t, j] * ah[n, t, 2 * H + j] * r[n, t, j] * (1 - r[n, t, j])                (12)
    dax[n, t, k] = dar[n, t, k] if k < H else daz[n, t, k - H] if k < 2 * H else dac[n, t, k - 2 * H] (13)
    dah[n, t, k] = dax[n, t, k] * (1 if k < 2 * H else r[n, t, k - 2 * H])                           (14)
    ds[n, t, j] = (dnew[n, t, j] * z[n, t, j] + sum(dah[n, t, k] * Wh[j, k] for k in range(3 * H))
                   if t < lengths[n] else g[n, t, j])                                                (15)
    dx[n, t, e] = sum(dax[n, t, k] * Wx[e, k] for k in range(3 * H))                                 (16)
    dh0[n, j] = ds[n, 0, j]                                                                          (17)
    dWx[e, k] = sum(x[n, t, e] * dax[n, t, k] for n in range(N) for t in range(T))                   (18)
    dWh[j, k] = sum(s[n, t, j] * dah[n, t, k] for n in range(N) for t in range(T))                   (19)
    dbx[k] = sum(dax[n, t, k] for n in range(N) for t in range(T))                                   (20)
    dbh[k] = sum(dah[n, t, k] for n in range(N) for t in range(T))                                   (21)
Derivation
    Each step is gru_cell, from the state s: (2) to (6) and (9) to (16) are its page with a t. h[n, t] is on two paths
    to the loss: as an output, and as what the next step starts from: (8). The second is known only when the next step's
    backward is done, so the backward is the forward read from the last step to the first: backpropagation through time.
    After a sequence has ended its state is carried on, h = s of slope 1, and so is its gradient: (15). One set of
    weights serves every step, and its gradient is the sum over all of them: (18) to (21).

A step computes the sequences that still run and no others. So padding is invisible: what stands there is not looked at,
its gradient is exactly 0, and more of it changes no bit of anything.

Werbos (1990), "Backpropagation Through Time: What It Does and How to Do It"; for the cell, see gru_cell.
"""

import numpy as np

from npvae.ops.gru_cell import ARGS, gru_cell_backward, gru_cell_forward
from npvae.ops.shapes import check_shapes
from npvae.spec import Arg, Op


def gru_forward(
    x: np.ndarray, h0: np.ndarray, lengths: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, bx: np.ndarray, bh: np.ndarray
) -> tuple[np.ndarray, tuple]:
    """x (N, T, E), h0 (N, H), lengths (N,) in 0 .. T, Wx (E, 3H), Wh (H, 3H), bx and bh (3H,) -> h (N, T, H).

    Raises ValueError if the shapes do not fit.
    """
    check_shapes(OP, x, h0, lengths, Wx, Wh, bx, bh)
    state = h0.copy()  # (N, H)
    h, steps = np.empty((*x.shape[:2], h0.shape[1]), h0.dtype), []  # (N, T, H)
    for t in range(x.shape[1]):
        rows = np.flatnonzero(t < lengths)
        state[rows], cache = gru_cell_forward(x[rows, t], state[rows], Wx, Wh, bx, bh)  # (1) (2) (3) (4) (5) (6)
        h[:, t] = state  # (7)
        steps.append((rows, cache))
    return h, (steps, x.shape, (Wx, Wh, bx, bh))


def gru_backward(dh: np.ndarray, cache: tuple) -> tuple[np.ndarray, ...]:
    """dh (N, T, H) -> dx (N, T, E), dh0 (N, H), dWx (E, 3H), dWh (H, 3H), dbx (3H,), dbh (3H,)."""
    steps, shape, weights = cache
    dx, dstate = np.zeros(shape, dh.dtype), np.zeros_like(dh[:, 0])
    dweights = [np.zeros_like(w) for w in weights]  # dWx, dWh, dbx, dbh
    for t, (rows, cell_cache) in reversed(list(enumerate(steps))):
        dstate += dh[:, t]  # (8)
        # (9) (10) (11) (12) (13) (14) (15) (16)
        dx[rows, t], dstate[rows], *of_step = gru_cell_backward(dstate[rows], cell_cache)
        for dweight, more in zip(dweights, of_step, strict=True):
            dweight += more  # (18) (19) (20) (21)
    return dx, dstate, *dweights  # (17)


LENGTHS = Arg("N", dtype=int, domain=(0, "T+1"), differentiable=False)
OP = Op(gru_forward, gru_backward, {"x": Arg("N T E"), "h0": Arg("N H"), "lengths": LENGTHS, **ARGS}, pure=True)
