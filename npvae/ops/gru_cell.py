"""One step of a gated recurrent unit: a state h reads x, and two gates say how much of h goes in and how much stays.

The axis of length 3H holds the reset gate r, the update gate z and the candidate c, side by side in this order.

Forward
    ax[n, k] = sum(x[n, e] * Wx[e, k] for e in range(E)) + bx[k]                                 (1)
    ah[n, k] = sum(h[n, i] * Wh[i, k] for i in range(H)) + bh[k]                                 (2)
    r[n, j] = 1 / (1 + exp(-(ax[n, j] + ah[n, j])))                                              (3)
    z[n, j] = 1 / (1 + exp(-(ax[n, H + j] + ah[n, H + j])))                                      (4)
    c[n, j] = tanh(ax[n, 2 * H + j] + r[n, j] * ah[n, 2 * H + j])                                (5)
    h_new[n, j] = (1 - z[n, j]) * c[n, j] + z[n, j] * h[n, j]                                    (6)
Backward
    dac[n, j] = dh_new[n, j] * (1 - z[n, j]) * (1 - c[n, j] ** 2)                                (7)
    daz[n, j] = dh_new[n, j] * (h[n, j] - c[n, j]) * z[n, j] * (1 - z[n, j])                     (8)
    dar[n, j] = dac[n, j] * ah[n, 2 * H + j] * r[n, j] * (1 - r[n, j])                           (9)
    dax[n, k] = dar[n, k] if k < H else daz[n, k - H] if k < 2 * H else dac[n, k - 2 * H]       (10)
    dah[n, k] = dax[n, k] * (1 if k < 2 * H else r[n, k - 2 * H])                               (11)
    dx[n, e] = sum(dax[n, k] * Wx[e, k] for k in range(3 * H))                                  (12)
    dh[n, j] = dh_new[n, j] * z[n, j] + sum(dah[n, k] * Wh[j, k] for k in range(3 * H))         (13)
    dWx[e, k] = sum(x[n, e] * dax[n, k] for n in range(N))                                      (14)
    dWh[j, k] = sum(h[n, j] * dah[n, k] for n in range(N))                                      (15)
    dbx[k] = sum(dax[n, k] for n in range(N))                                                   (16)
    dbh[k] = sum(dah[n, k] for n in range(N))                                                   (17)
Derivation
    h_new is a straight line in c of slope 1 - z, in z of slope h - c, in h of slope z. Behind c stands tanh with slope
    1 - c**2: (7); behind z and r the sigmoid, whose slope is that of its page: (8), (9). The argument of tanh is
    ax + r ah: slope 1 in ax, ah in r, r in ah, and this factor r is all that tells (11) from (10). (1) and (2) are
    dense maps: (12) to (17). h is on two paths, straight on by z and through the gates: the two terms of (13).

Where z is 1 the state passes unchanged and so does its gradient: that is how a GRU remembers. Here r multiplies the
product h Wh + bh, as in cuDNN, PyTorch and JAX. In the paper it multiplies h before the product, tanh(x Wx + (r h) Wh):
another function, so that no weights of one form can be used in the other.

Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder", equations 5 to 8.
"""

import numpy as np

from npvae.ops.dense import dense_backward, dense_forward
from npvae.ops.shapes import check_shapes
from npvae.ops.sigmoid import sigmoid_backward, sigmoid_forward
from npvae.ops.tanh import tanh_backward, tanh_forward
from npvae.spec import Arg, Op


def gru_cell_forward(
    x: np.ndarray, h: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, bx: np.ndarray, bh: np.ndarray
) -> tuple[np.ndarray, tuple]:
    """x (N, E), h (N, H), Wx (E, 3H), Wh (H, 3H), bx and bh (3H,) -> h_new (N, H). ValueError if shapes do not fit."""
    check_shapes(OP, x, h, Wx, Wh, bx, bh)
    ax, x_cache = dense_forward(x, Wx, bx)  # (1)  (N, 3H)
    ah, h_cache = dense_forward(h, Wh, bh)  # (2)  (N, 3H)
    (ax_r, ax_z, ax_c), (ah_r, ah_z, ah_c) = (np.split(a, 3, axis=1) for a in (ax, ah))  # each (N, H)
    r, r_cache = sigmoid_forward(ax_r + ah_r)  # (3)
    z, z_cache = sigmoid_forward(ax_z + ah_z)  # (4)
    c, c_cache = tanh_forward(ax_c + r * ah_c)  # (5)
    h_new = (1 - z) * c + z * h  # (6)
    return h_new, (x_cache, h_cache, r_cache, z_cache, c_cache, h, ah_c, r, z, c)


def gru_cell_backward(dh_new: np.ndarray, cache: tuple) -> tuple[np.ndarray | None, ...]:
    """dh_new (N, H) -> dx (N, E), dh (N, H), dWx (E, 3H), dWh (H, 3H), dbx (3H,), dbh (3H,)."""
    x_cache, h_cache, r_cache, z_cache, c_cache, h, ah_c, r, z, c = cache
    dac = tanh_backward(dh_new * (1 - z), c_cache)  # (7)
    daz = sigmoid_backward(dh_new * (h - c), z_cache)  # (8)
    dar = sigmoid_backward(dac * ah_c, r_cache)  # (9)
    dx, dWx, dbx = dense_backward(np.hstack([dar, daz, dac]), x_cache)  # (10) (12) (14) (16)
    dh_gates, dWh, dbh = dense_backward(np.hstack([dar, daz, dac * r]), h_cache)  # (11) (15) (17)
    dh_kept = dh_new * z
    dh = dh_kept + dh_gates  # (13)
    return dx, dh, dWx, dWh, dbx, dbh


ARGS = {"Wx": Arg("E 3*H"), "Wh": Arg("H 3*H"), "bx": Arg("3*H"), "bh": Arg("3*H")}
OP = Op(gru_cell_forward, gru_cell_backward, args={"x": Arg("N E"), "h": Arg("N H"), **ARGS}, pure=True)
