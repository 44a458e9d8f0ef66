"""The recurrence: one product for all steps where that is possible, and at each step only the sequences that still run.

Twin of `npvae.ops.gru`, whose equations are cited. Three things make it fast:

- Sequences are sorted by length, longest first. So those that still run at step t are the first `counts[t]` of them,
  and all letters stand step after step in arrays of S rows, the number of letters: no row is padding.
- x Wx (2) is one product over all letters before the first step; after the last one dx, dWx and dWh (16, 18, 19) are
  one product each. Only s Wh (3), and the product with its transpose (15), wait for the step before.
- After a product each row is visited once: three gates and the new state, or their gradients.

`s` holds the state before every letter. A step's new state is written where the next step's `s` stands, so the factor
of the next product, and of dWh, is there already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npvae import ops
from npvae.kernels.activations import sum_rows
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.multiply import multiply
from npvae.kernels.polynomials import exp, expm1
from npvae.ops.gru import OP as GRU
from npvae.ops.shapes import check_shapes

REFERENCE = None  # in place of an order, in a cache that the reference made


@dataclass(frozen=True)
class Order:
    """Which letter stands in which of the S rows."""

    sequence: np.ndarray  # (N,): the sequences, longest first
    lengths: np.ndarray  # (N,): their lengths, in the order in which they came
    counts: np.ndarray  # of each step, how many sequences still run

    @property
    def letters(self) -> int:
        """S, the number of letters of all sequences."""
        return int(self.counts.sum())

    def steps(self) -> list[tuple[int, slice, int]]:
        """Of each step: t, the rows of its letters, and how many sequences go on to the next one."""
        ends = np.cumsum(self.counts).tolist()
        starts, going_on = [0, *ends[:-1]], [*self.counts[1:].tolist(), 0]
        return [(t, slice(starts[t], ends[t]), going_on[t]) for t in range(len(ends))]


def order_of(lengths: np.ndarray, T: int) -> Order:
    """lengths (N,) of sequences in arrays of T steps -> where their letters stand."""
    lengths = np.clip(lengths, 0, T).astype(np.int64)
    counts = (np.arange(lengths.max(initial=0)) < lengths[:, np.newaxis]).sum(axis=0)
    return Order(np.argsort(-lengths, kind="stable"), lengths, counts)


def gru_forward(
    x: np.ndarray,
    h0: np.ndarray,
    lengths: np.ndarray,
    Wx: np.ndarray,
    Wh: np.ndarray,
    bx: np.ndarray,
    bh: np.ndarray,
    *,
    new: Callable = np.empty,
) -> tuple[np.ndarray, tuple]:
    """x (N, T, E), h0 (N, H), lengths (N,), Wx (E, 3H), Wh (H, 3H), bx and bh (3H,) -> h (N, T, H).

    Raises ValueError if the shapes do not fit.
    """
    check_shapes(GRU, x, h0, lengths, Wx, Wh, bx, bh)
    if not one_float_dtype(x, h0, Wx, Wh, bx, bh):
        h, cache = ops.gru_forward(x, h0, lengths, Wx, Wh, bx, bh)
        return h, (REFERENCE, cache)
    (N, T, E), H, dtype = x.shape, h0.shape[1], x.dtype
    order = order_of(lengths, T)
    S = order.letters
    x, h0, Wh = np.ascontiguousarray(x), np.ascontiguousarray(h0), np.ascontiguousarray(Wh)
    b_gates, bx_c, bh_c = bx[: 2 * H] + bh[: 2 * H], bx[2 * H :] * 1, bh[2 * H :] * 1

    # Buffers have room for N T letters, so that a workspace can use them again for other lengths.
    h = new((N, T, H), dtype)
    letters = new((N * T, E), dtype)[:S]
    gates = new((N * T, 3 * H), dtype)[:S]  # x Wx, then r, z, c
    s = new((N * T, H), dtype)[:S]
    ah_c = new((N * T, H), dtype)[:S]
    ah = new((N, 3 * H), dtype)

    gather_letters(x, order.sequence, order.counts, letters)
    multiply(letters, Wx, gates)  # (2)
    for t, rows, going_on in order.steps():
        if t == 0:
            s[rows] = h0[order.sequence[: rows.stop]]  # (1)
        multiply(s[rows], Wh, ah[: rows.stop - rows.start])  # (3)
        after = s[rows.stop : rows.stop + going_on]
        open_gates(gates[rows], ah, s[rows], b_gates, bx_c, bh_c, ah_c[rows], after, h, t, order.sequence)
    carry_on(h, h0, order.lengths)  # (7)
    return h, (order, letters, gates, s, ah_c, (Wx, Wh, bx, bh))


def gru_backward(
    dh: np.ndarray, cache: tuple, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> tuple[np.ndarray, ...]:
    """dh (N, T, H) -> dx (N, T, E), dh0 (N, H), dWx (E, 3H), dWh (H, 3H), dbx and dbh (3H,)."""
    order, *arrays = cache
    if order is REFERENCE:
        return ops.gru_backward(dh, arrays[0])
    letters, gates, s, ah_c, (Wx, Wh, bx, bh) = arrays
    (N, T, H), E, S, dtype = dh.shape, letters.shape[1], len(letters), letters.dtype
    dh = np.ascontiguousarray(dh, dtype)
    Wh_turned = np.ascontiguousarray(Wh.T)

    dx, dh0 = new((N, T, E), dtype), new((N, H), dtype)
    dax, dah = new((N * T, 3 * H), dtype)[:S], new((N * T, 3 * H), dtype)[:S]
    kept, through_gates = new((N, H), dtype), new((N, H), dtype)  # ds through z, and through the gates

    through_gates[:] = 0
    bring_back(dh, order.sequence, order.lengths, kept)
    for t, rows, _ in reversed(order.steps()):
        close_gates(dh, t, order.sequence, through_gates, kept, gates[rows], s[rows], ah_c[rows], dax[rows], dah[rows])
        multiply(dah[rows], Wh_turned, through_gates[: rows.stop - rows.start])  # (15)
    dh0[order.sequence] = kept + through_gates  # (17)

    dletters = multiply(dax, Wx.T, letters_like(letters, N * T, new))  # (16)
    scatter_letters(dletters, order.sequence, order.counts, dx)
    dWx, dWh, dbx, dbh = place(Wx), place(Wh), place(bx), place(bh)
    multiply(letters.T, dax, dWx)  # (18)
    multiply(s.T, dah, dWh)  # (19)
    sum_rows(dax, dbx)  # (20)
    sum_rows(dah, dbh)  # (21)
    return dx, dh0, dWx, dWh, dbx, dbh


def letters_like(letters: np.ndarray, room: int, new: Callable) -> np.ndarray:
    """An array of the shape of `letters`, with room for more."""
    made: np.ndarray = new((room, letters.shape[1]), letters.dtype)
    return made[: len(letters)]


@kernel(SUMS)
def gather_letters(x: np.ndarray, sequence: np.ndarray, counts: np.ndarray, letters: np.ndarray) -> None:
    """x (N, T, E) -> letters (S, E), step after step, longest sequence first."""
    row = 0
    for t in range(counts.size):
        for n in range(counts[t]):
            letters[row] = x[sequence[n], t]
            row += 1


@kernel(SUMS)
def scatter_letters(letters: np.ndarray, sequence: np.ndarray, counts: np.ndarray, x: np.ndarray) -> None:
    """letters (S, E) -> x (N, T, E), 0 where there is no letter."""
    row = 0
    for t in range(x.shape[1]):
        running = counts[t] if t < counts.size else 0
        for n in range(running):
            x[sequence[n], t] = letters[row]
            row += 1
        for n in range(running, x.shape[0]):
            x[sequence[n], t] = 0


@kernel(SUMS)
def open_gates(
    gates: np.ndarray,
    ah: np.ndarray,
    s: np.ndarray,
    b_gates: np.ndarray,
    bx_c: np.ndarray,
    bh_c: np.ndarray,
    ah_c: np.ndarray,
    after: np.ndarray,
    h: np.ndarray,
    t: int,
    sequence: np.ndarray,
) -> None:
    """The gates of one step from its two products, and the new state: into h (N, T, H) and, for the next step, `after`.

    Each loop writes one array and reads few others: numba makes vector instructions of those.
    """
    zero, one, two, H = gates.dtype.type(0), gates.dtype.type(1), gates.dtype.type(2), s.shape[1]
    for n in range(gates.shape[0]):
        rz, an = gates[n, : 2 * H], ah[n]
        for k in range(2 * H):
            v = rz[k] + an[k] + b_gates[k]
            e = exp(-abs(v))
            larger = one / (one + e)
            rz[k] = larger if v >= zero else e * larger  # (4) (5)
        r, z, c, qn, last = gates[n, :H], gates[n, H : 2 * H], gates[n, 2 * H :], ah_c[n], ah[n, 2 * H :]
        for j in range(H):
            qn[j] = last[j] + bh_c[j]
        for j in range(H):
            v = c[j] + bx_c[j] + r[j] * qn[j]
            u = expm1(-two * abs(v))
            size = -u / (two + u)
            c[j] = size if v >= zero else -size  # (6)
        sn, hn = s[n], h[sequence[n], t]
        for j in range(H):
            hn[j] = (one - z[j]) * c[j] + z[j] * sn[j]  # (7)
        if n < after.shape[0]:
            after[n] = hn


@kernel(SUMS)
def carry_on(h: np.ndarray, h0: np.ndarray, lengths: np.ndarray) -> None:
    """The last state of every sequence, at all steps after its end."""
    for n in range(h.shape[0]):
        last = h[n, lengths[n] - 1] if lengths[n] > 0 else h0[n]
        for t in range(lengths[n], h.shape[1]):
            h[n, t] = last


@kernel(SUMS)
def bring_back(dh: np.ndarray, sequence: np.ndarray, lengths: np.ndarray, kept: np.ndarray) -> None:
    """kept[n] = what reaches the last state of a sequence from the steps after its end, added from the last on."""
    for n in range(kept.shape[0]):
        kn = kept[n]
        kn[:] = 0
        for t in range(dh.shape[1] - 1, lengths[sequence[n]] - 1, -1):
            dhn = dh[sequence[n], t]
            for j in range(kn.size):
                kn[j] += dhn[j]


@kernel(SUMS)
def close_gates(
    dh: np.ndarray,
    t: int,
    sequence: np.ndarray,
    through_gates: np.ndarray,
    kept: np.ndarray,
    gates: np.ndarray,
    s: np.ndarray,
    ah_c: np.ndarray,
    dax: np.ndarray,
    dah: np.ndarray,
) -> None:
    """One step back: dax and dah (count, 3H) of its letters; `kept` becomes what reaches the state before through z."""
    one, H = gates.dtype.type(1), s.shape[1]
    for n in range(gates.shape[0]):
        g, dhn, tn = kept[n], dh[sequence[n], t], through_gates[n]
        for j in range(H):
            g[j] += dhn[j] + tn[j]  # (8)
        r, z, c, sn, qn = gates[n, :H], gates[n, H : 2 * H], gates[n, 2 * H :], s[n], ah_c[n]
        dar, daz, dac = dax[n, :H], dax[n, H : 2 * H], dax[n, 2 * H :]
        for j in range(H):
            dac[j] = g[j] * (one - z[j]) * (one - c[j] * c[j])  # (10)
        for j in range(H):
            daz[j] = g[j] * (sn[j] - c[j]) * z[j] * (one - z[j])  # (11)
        for j in range(H):
            dar[j] = dac[j] * qn[j] * r[j] * (one - r[j])  # (12)
        dah[n, : 2 * H] = dax[n, : 2 * H]  # (13) (14)
        dah_c = dah[n, 2 * H :]
        for j in range(H):
            dah_c[j] = dac[j] * r[j]
        for j in range(H):
            g[j] *= z[j]  # the first part of (15)
