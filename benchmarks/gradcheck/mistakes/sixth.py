"""A sixth set: for each part of the checker that the other sets never ask for, what does ask for it.

Here a part is known to be needed, where the other sets were written without knowing the checker; so this set says
nothing about how much is caught, and counts in no table but that of the parts.
"""

from __future__ import annotations

import numpy as np

from mistakes.third import known, wrong
from npvae.spec import Arg, Op

# ---- the middle of a row, by one of three conventions (params: each of them where a row is even)


def middle_forward(x, of_two="lower"):
    order = np.argsort(x, axis=1, kind="stable")
    low, high = (x.shape[1] - 1) // 2, x.shape[1] // 2
    taken = {"lower": [low, low], "mean": [low, high], "higher": [high, high]}[of_two]
    return np.take_along_axis(x, order[:, taken], axis=1).mean(axis=1), (x.shape, order[:, taken])


def middle_backward(dy, cache):
    shape, taken = cache
    dx = np.zeros(shape, dy.dtype)
    for place in taken.T:
        dx[np.arange(len(dx)), place] += dy / 2
    return dx


MIDDLE = known(
    Op(middle_forward, middle_backward, {"x": Arg("N D")}, {"of_two": ["lower", "mean", "higher"]}, name="middle")
)


@wrong(MIDDLE, "parameters")
def middle_mean_of_two_written_not_added(dy, cache):
    shape, taken = cache
    dx = np.zeros(shape, dy.dtype)
    weight = np.where(taken[:, 0] == taken[:, 1], 1, 2).astype(dy.dtype)
    for place in taken.T[:1]:
        dx[np.arange(len(dx)), place] = dy * weight / weight
    return dx


# ---- a logarithm of growth, no lower than a loss of half (domain: exactly at its end)


def growth_forward(x):
    return np.log1p(x), x


def growth_backward(dy, x):
    return dy / (1 + x)


GROWTH = known(Op(growth_forward, growth_backward, {"x": Arg("N D", domain=(-0.5, np.inf))}, name="growth"))


@wrong(GROWTH, "kinks")
def growth_as_if_clipped_at_the_floor(dy, x):
    return growth_backward(dy, x) * (x > -0.5)


# ---- Huber's loss (specials: an entry that is the parameter)


def huber_loss_forward(x, delta=0.7):
    size = np.abs(x)
    return np.where(size < delta, x * x / 2, delta * (size - delta / 2)), (x, delta)


def huber_loss_backward(dy, cache):
    x, delta = cache
    return (dy * np.clip(x, -delta, delta)).astype(dy.dtype)


HUBER_LOSS = known(Op(huber_loss_forward, huber_loss_backward, {"x": Arg("N D")}, params={"delta": [0.7, 1.3]}))


@wrong(HUBER_LOSS, "kinks")
def huber_loss_of_two_strict_masks(dy, cache):
    x, delta = cache
    slope = x * (np.abs(x) < delta) + delta * np.sign(x) * (np.abs(x) > delta)
    return (dy * slope).astype(dy.dtype)


# ---- a readout of pixels (directions: more entries than are compared one by one)


def readout_forward(x, W):
    return np.tanh(x @ W / 28), (x, W)


def readout_backward(dy, cache):
    x, W = cache
    da = dy * (1 - np.tanh(x @ W / 28) ** 2) / 28
    return da @ W.T, x.T @ da


READOUT = known(Op(readout_forward, readout_backward, {"x": Arg("N 784"), "W": Arg("784 O")}))


@wrong(READOUT, "shapes")
def readout_last_pixel_frozen(dy, cache):
    dx, dW = readout_backward(dy, cache)
    dW[-1] = 0
    return dx, dW


# ---- Haar's wavelets (linear arguments: digits below every tolerance)

HALF_ROOT = 0.5**0.5


def haar_forward(x):
    a, b = x[:, ::2], x[:, 1::2]
    return np.concatenate([a + b, a - b], axis=1) * x.dtype.type(HALF_ROOT), ()


def haar_backward(dy, cache):
    s, d = np.split(dy * dy.dtype.type(HALF_ROOT), 2, axis=1)
    return np.stack([s + d, s - d], axis=2).reshape(dy.shape)


HAAR = known(Op(haar_forward, haar_backward, {"x": Arg("N 2*D", linear=True)}))


@wrong(HAAR, "digits")
def haar_constant_to_ten_digits(dy, cache):
    return haar_backward(dy, cache) * dy.dtype.type(0.7071067812 / HALF_ROOT)


# ---- a dead zone of two rectifiers (points around: where both get exactly zero, no step of one entry sees both off)


def dead_zone_forward(x, b, c):
    above, below = x + b, c - x
    return np.maximum(above, 0) - np.maximum(below, 0), (above, below)


def dead_zone_backward(dy, cache):
    db, dc = dy * (cache[0] > 0), -dy * (cache[1] > 0)
    return db - dc, db, dc


DEAD_ZONE = known(
    Op(dead_zone_forward, dead_zone_backward, {"x": Arg("N"), "b": Arg("N"), "c": Arg("N")}, name="dead_zone")
)


@wrong(DEAD_ZONE, "algebra")
def dead_zone_slopes_subtracted(dy, cache):
    _, db, dc = dead_zone_backward(dy, cache)
    return db + dc, db, dc


# ---- a square root (infinite slopes: its gradient at zero is infinite, and so is its slope)


def root_forward(x):
    return np.sqrt(x), x


def root_backward(dy, x):
    with np.errstate(divide="ignore"):
        return dy / (2 * np.sqrt(x))


ROOT = known(Op(root_forward, root_backward, {"x": Arg("N D", domain=(0, np.inf))}, name="root"))


@wrong(ROOT, "algebra")
def root_without_the_half(dy, x):
    return 2 * root_backward(dy, x)


# ---- the fourth central moment from raw ones (noise measured: sums that cancel)


def kurtosis_forward(x):
    m = [np.mean(x**k, axis=1) for k in range(5)]
    return m[4] - 4 * m[1] * m[3] + 6 * m[1] ** 2 * m[2] - 3 * m[1] ** 4, (x, m)


def kurtosis_backward(dy, cache):
    x, m = cache
    _, m1, m2, m3, _ = (one[:, None] for one in m)
    inner = 4 * x**3 - 4 * m3 - 12 * m1 * x**2 + 12 * m1 * m2 + 12 * m1**2 * x - 12 * m1**3
    return dy[:, None] * inner / x.dtype.type(x.shape[1])


KURTOSIS = known(Op(kurtosis_forward, kurtosis_backward, {"x": Arg("N D")}, name="kurtosis"))


@wrong(KURTOSIS, "algebra")
def kurtosis_mean_held_fixed(dy, cache):
    x, m = cache
    centred = x - m[1][:, None]
    return dy[:, None] * 4 * centred**3 / x.dtype.type(x.shape[1])
