"""The loops of the likelihoods: value and gradient in one pass over the pixels."""

import numpy as np

from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.polynomials import exp, log1p
from npvae.ops.gaussian_nll import LOG_2PI


@kernel(SUMS)
def nll_and_residual(logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """nll (N,) and residual = sigmoid(logits) - x (N, D)."""
    zero, one = logits.dtype.type(0), logits.dtype.type(1)
    for n in range(logits.shape[0]):
        an, xn, rn = logits[n], x[n], residual[n]
        total = zero
        for d in range(an.size):
            a = an[d]
            e = exp(-abs(a))
            total += (zero if a <= zero else a) - xn[d] * a + log1p(e)
            larger = one / (one + e)
            rn[d] = (larger if a >= zero else e * larger) - xn[d]
        nll[n] = total


@kernel(SUMS)
def times_row(scale: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """out[n] = scale[n] * rows[n], for rows (N, D) and one scale (N,) each."""
    for n in range(rows.shape[0]):
        s, rn, on = scale[n], rows[n], out[n]
        for d in range(rn.size):
            on[d] = s * rn[d]


@kernel(SUMS)
def gaussian_values(
    mean: np.ndarray, logvar: np.ndarray, precision: np.ndarray, x: np.ndarray, nll: np.ndarray, r: np.ndarray
) -> None:
    """nll (N,) and r = x - mean (N, D). logvar and precision have N rows, or 1 that serves all samples."""
    half, constant = mean.dtype.type(0.5), mean.dtype.type(LOG_2PI)
    shared = logvar.shape[0] == 1
    for n in range(mean.shape[0]):
        row = 0 if shared else n
        mn, xn, rn, ln, pn = mean[n], x[n], r[n], logvar[row], precision[row]
        total = mean.dtype.type(0)
        for d in range(mn.size):
            rd = xn[d] - mn[d]
            rn[d] = rd
            total += constant + ln[d] + rd * rd * pn[d]
        nll[n] = half * total


@kernel(SUMS)
def gaussian_gradients(
    dnll: np.ndarray, r: np.ndarray, precision: np.ndarray, dmean: np.ndarray, dlogvar: np.ndarray
) -> None:
    """dmean (N, D); dlogvar of as many rows as precision, summed over the samples if that is 1."""
    half, one = r.dtype.type(0.5), r.dtype.type(1)
    shared = precision.shape[0] == 1
    dlogvar[:] = 0
    for n in range(r.shape[0]):
        row = 0 if shared else n
        rn, pn, dmn, dln = r[n], precision[row], dmean[n], dlogvar[row]
        scale = dnll[n]
        half_scale = half * scale
        for d in range(rn.size):
            u = rn[d] * pn[d]
            dmn[d] = -scale * u
            dln[d] += half_scale * (one - rn[d] * u)


@kernel(SUMS)
def half_squares(x_hat: np.ndarray, x: np.ndarray, nll: np.ndarray, r: np.ndarray) -> None:
    """r = x_hat - x (N, D) and nll (N,), half the sum of its squares."""
    half = x.dtype.type(0.5)
    for n in range(x.shape[0]):
        hn, xn, rn = x_hat[n], x[n], r[n]
        total = x.dtype.type(0)
        for d in range(xn.size):
            rd = hn[d] - xn[d]
            rn[d] = rd
            total += rd * rd
        nll[n] = half * total
