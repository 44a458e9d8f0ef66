"""A fifth set: layer objects and ops of other people's kinds, written by somebody who had not read the checker.

No op here is npvae's or an earlier set's: convolutions, norms, recurrences, attention, losses, sorting, linear algebra,
flows, physics. The set is scored before anything in the checker is changed for it; both figures, blind and after, are
published.

Each right pair stands first, then the mistakes in it. A mistake is a wrong backward (`wrong`) or a wrong layer
(`wrong_layer`), as people write them, named after what is wrong. Some show only for even sizes, repeated indices, ties,
batches larger than one, or parameters that have left their initial values. The right pairs were compared with central
differences in float64 and, where torch has the same function, with torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mistakes.first import BY_NAME, MISTAKES, Mistake
from mistakes.third import known, wrong
from npvae.gradcheck import LayerOp
from npvae.spec import Arg, Op

__all__ = ["Arg", "LayerOp", "Op", "right", "wrong", "wrong_layer"]

right = known
"""Add a right op or layer to the list of those that must never be refused."""


def wrong_layer(op: Op, kind: str, name: str, make: Callable[[], Op]) -> None:
    """Add a wrong layer to the mistakes in `op`; `make` builds it afresh, since it keeps state."""

    def pair() -> tuple[Callable[..., object], Callable[..., object]]:
        made = make()
        return made.forward, made.backward

    assert op.name in BY_NAME, f"put the right {op.name} into the list first: right(LayerOp(...))"
    MISTAKES.append(Mistake(name, kind, op.name, pair, __name__))


def logistic(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def normal(*shape, scale=0.4):
    """Initial weights, the same in each run."""
    return np.random.default_rng(0).normal(0, scale, shape)


# ================================================================ layers

# ---- convolution over images: 3 by 3, stride 2, padding 1


class Conv2d:
    def __init__(self, channels, filters=4):
        self.W = normal(filters, channels, 3, 3)
        self.b = np.zeros(filters)

    def taps(self, x):
        """Each tap of the kernel with the part of the padded image that it meets."""
        oh, ow = (x.shape[2] - 1) // 2, (x.shape[3] - 1) // 2
        for i in range(3):
            for j in range(3):
                yield i, j, (..., slice(i, i + 2 * oh - 1, 2), slice(j, j + 2 * ow - 1, 2))

    def forward(self, x):
        self.padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        y = self.b[:, None, None]
        for i, j, part in self.taps(self.padded):
            y = y + np.einsum("nchw,oc->nohw", self.padded[part], self.W[:, :, i, j])
        return y

    def backward(self, dy):
        self.dW, self.db = np.zeros_like(self.W), dy.sum(axis=(0, 2, 3))
        dpadded = np.zeros_like(self.padded)
        for i, j, part in self.taps(self.padded):
            self.dW[:, :, i, j] = np.einsum("nohw,nchw->oc", dy, self.padded[part])
            dpadded[part] += np.einsum("nohw,oc->nchw", dy, self.W[:, :, i, j])
        return dpadded[:, :, 1:-1, 1:-1].copy()


def conv2d(cls=Conv2d):
    return LayerOp(build=lambda C, **_: cls(C), args={"x": Arg("N C H W")}, params=("W", "b"))


CONV2D = right(conv2d())


class Conv2dCropsTheFarSide(Conv2d):
    def backward(self, dy):
        super().backward(dy)
        dpadded = np.zeros_like(self.padded)
        for i, j, part in self.taps(self.padded):
            dpadded[part] += np.einsum("nohw,oc->nchw", dy, self.W[:, :, i, j])
        return dpadded[:, :, :-2, :-2].copy()


class Conv2dSquareOnly(Conv2d):
    def backward(self, dy):
        dx = super().backward(dy)
        n = min(dy.shape[2:])
        cut = np.zeros_like(dy)
        cut[:, :, :n, :n] = dy[:, :, :n, :n]
        super().backward(cut)
        return dx


class Conv2dAccumulates(Conv2d):
    def backward(self, dy):
        before = getattr(self, "dW", 0)
        dx = super().backward(dy)
        if np.shape(before) == self.dW.shape:
            self.dW = self.dW + before
        return dx


wrong_layer(CONV2D, "shapes", "conv2d_crops_the_padding_from_the_far_side", lambda: conv2d(Conv2dCropsTheFarSide))
wrong_layer(CONV2D, "shapes", "conv2d_weights_of_the_square_part_only", lambda: conv2d(Conv2dSquareOnly))
wrong_layer(CONV2D, "state", "conv2d_weight_gradient_never_zeroed", lambda: conv2d(Conv2dAccumulates))


# ---- batch norm over images, in training, with running statistics


class BatchNorm2d:
    axes = (0, 2, 3)

    def __init__(self, channels, momentum=0.1, eps=1e-3):
        self.gain, self.bias = np.ones(channels), np.zeros(channels)
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)
        self.momentum, self.eps = momentum, eps

    def forward(self, x):
        mean, var = x.mean(axis=self.axes, keepdims=True), x.var(axis=self.axes, keepdims=True)
        self.running_mean = self.running_mean + self.momentum * (mean.ravel() - self.running_mean)
        self.running_var = self.running_var + self.momentum * (var.ravel() - self.running_var)
        self.scale = 1 / np.sqrt(var + self.eps)
        self.normed = (x - mean) * self.scale
        return self.normed * self.gain[:, None, None] + self.bias[:, None, None]

    def through(self, dnormed, scale, axes):
        mean = dnormed.mean(axis=axes, keepdims=True)
        return scale * (dnormed - mean - self.normed * (dnormed * self.normed).mean(axis=axes, keepdims=True))

    def backward(self, dy):
        self.dgain, self.dbias = (dy * self.normed).sum(axis=self.axes), dy.sum(axis=self.axes)
        return self.through(dy * self.gain[:, None, None], self.scale, self.axes)


def batch_norm_2d(cls=BatchNorm2d):
    return LayerOp(build=lambda C, **_: cls(C), args={"x": Arg("N C H W")}, params=("gain", "bias"))


BATCH_NORM_2D = right(batch_norm_2d())


class BatchNorm2dBatchOnly(BatchNorm2d):
    def backward(self, dy):
        super().backward(dy)
        return self.through(dy * self.gain[:, None, None], self.scale, (0,))


class BatchNorm2dMomentum(BatchNorm2d):
    def backward(self, dy):
        super().backward(dy)
        g = dy * self.gain[:, None, None]
        mean, slope = (a.mean(axis=self.axes, keepdims=True) for a in (g, g * self.normed))
        return self.scale * (g - (1 - self.momentum) * (mean + self.normed * slope))


class BatchNorm2dForgetsGain(BatchNorm2d):
    def backward(self, dy):
        super().backward(dy)
        return self.through(dy, self.scale, self.axes)


class BatchNorm2dRunningVariance(BatchNorm2d):
    def backward(self, dy):
        super().backward(dy)
        scale = (1 / np.sqrt(self.running_var + self.eps)).astype(dy.dtype)[:, None, None]
        return self.through(dy * self.gain[:, None, None], scale, self.axes)


wrong_layer(BATCH_NORM_2D, "shapes", "batch_norm_2d_means_over_the_batch_only",
            lambda: batch_norm_2d(BatchNorm2dBatchOnly))  # fmt: skip
wrong_layer(BATCH_NORM_2D, "algebra", "batch_norm_2d_momentum_in_the_gradient",
            lambda: batch_norm_2d(BatchNorm2dMomentum))  # fmt: skip
wrong_layer(BATCH_NORM_2D, "parameters", "batch_norm_2d_gain_taken_as_one",
            lambda: batch_norm_2d(BatchNorm2dForgetsGain))  # fmt: skip
wrong_layer(BATCH_NORM_2D, "state", "batch_norm_2d_scale_of_the_running_variance",
            lambda: batch_norm_2d(BatchNorm2dRunningVariance))  # fmt: skip


# ---- group norm, six channels in two groups


class GroupNorm:
    def __init__(self, channels, groups=2, eps=1e-3):
        self.gain, self.bias = np.ones(channels), np.zeros(channels)
        self.groups, self.eps = groups, eps

    def forward(self, x):
        g = x.reshape(len(x), self.groups, -1)
        self.scale = 1 / np.sqrt(g.var(axis=2, keepdims=True) + self.eps)
        self.normed = (g - g.mean(axis=2, keepdims=True)) * self.scale
        return self.normed.reshape(x.shape) * self.gain[:, None] + self.bias[:, None]

    def backward(self, dy):
        normed = self.normed.reshape(dy.shape)
        self.dgain, self.dbias = (dy * normed).sum(axis=(0, 2)), dy.sum(axis=(0, 2))
        return self.through(dy * self.gain[:, None])

    def through(self, dnormed):
        g = dnormed.reshape(self.normed.shape)
        slope = (g * self.normed).mean(axis=2, keepdims=True)
        return (self.scale * (g - g.mean(axis=2, keepdims=True) - self.normed * slope)).reshape(dnormed.shape)


def group_norm(cls=GroupNorm):
    return LayerOp(build=lambda **_: cls(6), args={"x": Arg("N 6 T")}, params=("gain", "bias"))


GROUP_NORM = right(group_norm())


class GroupNormGainAfter(GroupNorm):
    def backward(self, dy):
        super().backward(dy)
        return self.through(dy) * self.gain[:, None]


class GroupNormCountsPositions(GroupNorm):
    def through(self, dnormed):
        g = dnormed.reshape(self.normed.shape)
        n = dnormed.shape[2]
        mean, slope = g.sum(axis=2, keepdims=True) / n, (g * self.normed).sum(axis=2, keepdims=True) / n
        return (self.scale * (g - mean - self.normed * slope)).reshape(dnormed.shape)


class GroupNormMemoryOrder(GroupNorm):
    def through(self, dnormed):
        return super().through(dnormed.reshape(self.normed.shape, order="A").reshape(dnormed.shape))


class GroupNormBiasOfGroups(GroupNorm):
    def backward(self, dy):
        dx = super().backward(dy)
        halves = self.dbias.reshape(self.groups, -1)
        self.dbias = np.repeat(halves.mean(axis=1), halves.shape[1])
        return dx


wrong_layer(GROUP_NORM, "parameters", "group_norm_gain_after_the_projection", lambda: group_norm(GroupNormGainAfter))
wrong_layer(GROUP_NORM, "dtype", "group_norm_groups_in_memory_order", lambda: group_norm(GroupNormMemoryOrder))
wrong_layer(GROUP_NORM, "shapes", "group_norm_counts_positions_only", lambda: group_norm(GroupNormCountsPositions))
wrong_layer(GROUP_NORM, "shapes", "group_norm_bias_averaged_over_its_group", lambda: group_norm(GroupNormBiasOfGroups))


# ---- instance norm


class InstanceNorm:
    def __init__(self, channels, eps=1e-2):
        self.gain, self.eps = np.ones(channels), eps

    def forward(self, x):
        centred = x - x.mean(axis=2, keepdims=True)
        self.var = (centred**2).mean(axis=2, keepdims=True)
        self.scale = self.scale_of(self.var)
        self.normed = centred / np.sqrt(self.var + self.eps)
        return self.normed * self.gain[:, None]

    def scale_of(self, var):
        return 1 / np.sqrt(var + self.eps)

    def backward(self, dy):
        self.dgain = (dy * self.normed).sum(axis=(0, 2))
        g = dy * self.gain[:, None]
        slope = (g * self.normed).mean(axis=2, keepdims=True)
        return self.scale * (g - g.mean(axis=2, keepdims=True) - self.normed * slope)


def instance_norm(cls=InstanceNorm):
    return LayerOp(build=lambda C, **_: cls(C), args={"x": Arg("N C T")}, params=("gain",))


INSTANCE_NORM = right(instance_norm())


class InstanceNormEpsOutside(InstanceNorm):
    def scale_of(self, var):
        return 1 / (np.sqrt(var) + self.eps)


class InstanceNormUnbiased(InstanceNorm):
    def backward(self, dy):
        super().backward(dy)
        g, n = dy * self.gain[:, None], max(dy.shape[2] - 1, 1)
        slope = (g * self.normed).sum(axis=2, keepdims=True) / n
        return self.scale * (g - g.mean(axis=2, keepdims=True) - self.normed * slope)


wrong_layer(INSTANCE_NORM, "digits", "instance_norm_epsilon_outside_the_root",
            lambda: instance_norm(InstanceNormEpsOutside))  # fmt: skip
wrong_layer(INSTANCE_NORM, "digits", "instance_norm_divides_by_one_less",
            lambda: instance_norm(InstanceNormUnbiased))  # fmt: skip


# ---- root-mean-square norm whose gain is stored as its difference from one


class RMSNorm:
    def __init__(self, size, eps=1e-3):
        self.gain, self.eps = np.zeros(size), eps

    def forward(self, x):
        self.x, self.scale = x, 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)
        return x * self.scale * (1 + self.gain)

    def backward(self, dy):
        self.dgain = (dy * self.x * self.scale).sum(axis=(0, 1))
        g = dy * (1 + self.gain)
        return g * self.scale - self.x * self.scale**3 * (g * self.x).mean(axis=-1, keepdims=True)


def rms_norm_plus_one(cls=RMSNorm):
    return LayerOp(build=lambda D, **_: cls(D), args={"x": Arg("N T D", domain=(-1e3, 1e3))}, params=("gain",))


RMS_NORM_PLUS_ONE = right(rms_norm_plus_one())


class RMSNormForgetsGainInside(RMSNorm):
    def backward(self, dy):
        super().backward(dy)
        g = dy * (1 + self.gain)
        return g * self.scale - self.x * self.scale**3 * (dy * self.x).mean(axis=-1, keepdims=True)


class RMSNormGainOfOnePosition(RMSNorm):
    def backward(self, dy):
        dx = super().backward(dy)
        self.dgain = (dy * self.x * self.scale).sum(axis=0).mean(axis=0)
        return dx


class RMSNormInFloat32(RMSNorm):
    def backward(self, dy):
        x, scale, gain = (a.astype(np.float32) for a in (self.x, self.scale, self.gain))
        g = dy.astype(np.float32) * (1 + gain)
        self.dgain = (dy * self.x * self.scale).sum(axis=(0, 1))
        return (g * scale - x * scale**3 * (g * x).mean(axis=-1, keepdims=True)).astype(dy.dtype)


wrong_layer(RMS_NORM_PLUS_ONE, "parameters", "rms_norm_gain_missing_in_the_mean",
            lambda: rms_norm_plus_one(RMSNormForgetsGainInside))  # fmt: skip
wrong_layer(RMS_NORM_PLUS_ONE, "shapes", "rms_norm_gain_averaged_over_positions",
            lambda: rms_norm_plus_one(RMSNormGainOfOnePosition))  # fmt: skip
wrong_layer(RMS_NORM_PLUS_ONE, "dtype", "rms_norm_in_float32", lambda: rms_norm_plus_one(RMSNormInFloat32))


# ---- LSTM over time; a masked step keeps the state


class LSTM:
    def __init__(self, inputs, hidden=4):
        self.Wx, self.Wh, self.b = normal(inputs, 4 * hidden), normal(hidden, 4 * hidden), np.zeros(4 * hidden)
        self.hidden = hidden

    def start(self, x):
        return np.zeros((2, len(x), self.hidden), x.dtype)

    def forward(self, x, mask):
        self.x, self.mask, self.steps = x, mask, []
        h, c = self.start(x)
        hs = []
        for t in range(x.shape[1]):
            i, f, g, o = np.split(x[:, t] @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
            i, f, g, o = logistic(i), logistic(f), np.tanh(g), logistic(o)
            new_c = f * c + i * g
            m, tc = mask[:, t, None], np.tanh(new_c)
            self.steps.append((h, c, i, f, g, o, tc))
            h, c = np.where(m, o * tc, h), np.where(m, new_c, c)
            hs.append(h)
        self.last = h, c
        return np.stack(hs, axis=1)

    first_step, masked_steps_pass, output_of_step = 0, True, False

    def backward(self, dy):
        dx = np.zeros_like(self.x)
        self.dWx, self.dWh, self.db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        dh, dc = np.zeros((2, len(dy), self.hidden), dy.dtype)
        for t in reversed(range(self.first_step and max(dy.shape[1] - self.first_step, 0), dy.shape[1])):
            h, c, i, f, g, o, tc = self.steps[t]
            m, dh = self.mask[:, t, None], dh + dy[:, t]
            dnew_h, dnew_c = np.where(m, dh, 0), np.where(m, dc, 0)
            dnew_c = dnew_c + dnew_h * o * (1 - tc * tc)
            dz = [
                dnew_c * g * i * (1 - i),
                dnew_c * c * f * (1 - f),
                dnew_c * i * (1 - g * g),
                dnew_h * tc * o * (1 - o),
            ]
            dz = np.concatenate(dz, axis=1)
            dx[:, t] = dz @ self.Wx.T
            self.dWx += self.x[:, t].T @ dz
            self.dWh += (o * tc if self.output_of_step else h).T @ dz
            self.db += dz.sum(axis=0)
            dh = dz @ self.Wh.T + (np.where(m, 0, dh) if self.masked_steps_pass else 0)
            dc = dnew_c * f + (np.where(m, 0, dc) if self.masked_steps_pass else 0)
        return dx


def lstm(cls=LSTM):
    args = {"x": Arg("N T I"), "mask": Arg("N T", dtype=bool, differentiable=False)}
    return LayerOp(build=lambda I, **_: cls(I), args=args, params=("Wx", "Wh", "b"))


LSTM_OVER_TIME = right(lstm())


class LSTMMaskStopsTheGradient(LSTM):
    masked_steps_pass = False


class LSTMOwnOutput(LSTM):
    output_of_step = True


class LSTMTruncated(LSTM):
    first_step = 8


class LSTMLastOutputOnly(LSTM):
    def backward(self, dy):
        last = np.zeros_like(dy)
        last[:, -1] = dy[:, -1]
        return super().backward(last)


class LSTMCarriesState(LSTM):
    def start(self, x):
        h, c = getattr(self, "last", (None, None))
        if h is not None and h.shape == (len(x), self.hidden):
            return h.astype(x.dtype), c.astype(x.dtype)
        return super().start(x)


wrong_layer(LSTM_OVER_TIME, "algebra", "lstm_masked_steps_stop_the_gradient", lambda: lstm(LSTMMaskStopsTheGradient))
wrong_layer(LSTM_OVER_TIME, "algebra", "lstm_recurrent_weights_with_the_step_s_own_output", lambda: lstm(LSTMOwnOutput))
wrong_layer(LSTM_OVER_TIME, "shapes", "lstm_truncated_after_eight_steps", lambda: lstm(LSTMTruncated))
wrong_layer(LSTM_OVER_TIME, "cotangent", "lstm_reads_dy_of_the_last_step_only", lambda: lstm(LSTMLastOutputOnly))
wrong_layer(LSTM_OVER_TIME, "state", "lstm_starts_from_the_last_batch", lambda: lstm(LSTMCarriesState))


# ---- GRU cell


class GRUCell:
    def __init__(self, inputs, hidden):
        self.Wx, self.Wh, self.b = normal(inputs, 3 * hidden), normal(hidden, 3 * hidden), np.zeros(3 * hidden)

    def forward(self, x, h):
        self.x, self.h = x, h
        (xr, xz, xn), (hr, hz, self.hn) = (np.split(a, 3, axis=1) for a in (x @ self.Wx + self.b, h @ self.Wh))
        self.r, self.z = logistic(xr + hr), logistic(xz + hz)
        self.n = np.tanh(xn + self.r * self.hn)
        return (1 - self.z) * self.n + self.z * h

    def gates(self, dy):
        dn = dy * (1 - self.z) * (1 - self.n**2)
        dz = dy * (self.h - self.n) * self.z * (1 - self.z)
        dr = dn * self.hn * self.r * (1 - self.r)
        return dr, dz, dn

    def backward(self, dy):
        dr, dz, dn = self.gates(dy)
        of_x, of_h = np.concatenate([dr, dz, dn], axis=1), np.concatenate([dr, dz, dn * self.r], axis=1)
        self.dWx, self.dWh, self.db = self.x.T @ of_x, self.h.T @ of_h, of_x.sum(axis=0)
        return of_x @ self.Wx.T, of_h @ self.Wh.T + dy * self.z


def gru_cell(cls=GRUCell):
    args = {"x": Arg("N I"), "h": Arg("N H")}
    return LayerOp(build=lambda I, H, **_: cls(I, H), args=args, params=("Wx", "Wh", "b"))


GRU_CELL = right(gru_cell())


class GRUCellForgetsReset(GRUCell):
    def backward(self, dy):
        dx, dh = super().backward(dy)
        of_h = np.concatenate(self.gates(dy), axis=1)
        self.dWh = self.h.T @ of_h
        return dx, dh


class GRUCellUpdateOfOldState(GRUCell):
    def gates(self, dy):
        dr, _, dn = super().gates(dy)
        return dr, dy * self.h * self.z * (1 - self.z), dn


class GRUCellNoDirectPath(GRUCell):
    def backward(self, dy):
        dx, dh = super().backward(dy)
        return dx, dh - dy * self.z


wrong_layer(GRU_CELL, "algebra", "gru_recurrent_weights_without_the_reset", lambda: gru_cell(GRUCellForgetsReset))
wrong_layer(GRU_CELL, "algebra", "gru_update_gate_forgets_the_candidate", lambda: gru_cell(GRUCellUpdateOfOldState))
wrong_layer(GRU_CELL, "algebra", "gru_state_loses_its_direct_path", lambda: gru_cell(GRUCellNoDirectPath))


# ---- moving average with a learned rate for each unit


class MovingAverage:
    def __init__(self, size):
        self.rate = np.zeros(size)

    window = None

    def forward(self, x):
        self.a = a = logistic(self.rate)
        h, self.before = np.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            self.before.append(h)
            h = a * h + (1 - a) * x[:, t]
        self.x = x
        self.h = np.stack([*self.before[1:], h], axis=1)
        return self.h.copy()

    def backward(self, dy):
        dx, dh, da = np.zeros_like(self.x), np.zeros_like(dy[:, 0]), np.zeros_like(self.rate)
        for t in reversed(range(dy.shape[1])):
            if self.window and (dy.shape[1] - 1 - t) % self.window == 0:
                dh = np.zeros_like(dh)
            dh = dh + dy[:, t]
            dx[:, t] = dh * (1 - self.a)
            da += self.slope(dh, t)
            dh = dh * self.a
        self.drate = da * self.a * (1 - self.a)
        return dx

    def slope(self, dh, t):
        return (dh * (self.before[t] - self.x[:, t])).sum(axis=0)


def moving_average(cls=MovingAverage):
    return LayerOp(build=lambda D, **_: cls(D), args={"x": Arg("N T D", linear=True)}, params=("rate",))


MOVING_AVERAGE = right(moving_average())


class MovingAverageInWindows(MovingAverage):
    window = 16


class MovingAverageClips(MovingAverage):
    def backward(self, dy):
        return super().backward(np.clip(dy, -5, 5))


class MovingAverageRateOfTheStateOnly(MovingAverage):
    def slope(self, dh, t):
        return (dh * self.before[t]).sum(axis=0)


class MovingAverageQuarter(MovingAverage):
    def backward(self, dy):
        dx = super().backward(dy)
        self.drate = self.drate / (self.a * (1 - self.a)) / 4
        return dx


wrong_layer(MOVING_AVERAGE, "shapes", "moving_average_in_windows_of_sixteen",
            lambda: moving_average(MovingAverageInWindows))  # fmt: skip
wrong_layer(MOVING_AVERAGE, "cotangent", "moving_average_clips_dy_at_five", lambda: moving_average(MovingAverageClips))
wrong_layer(MOVING_AVERAGE, "algebra", "moving_average_rate_forgets_the_input",
            lambda: moving_average(MovingAverageRateOfTheStateOnly))  # fmt: skip
wrong_layer(MOVING_AVERAGE, "parameters", "moving_average_rate_as_at_the_start",
            lambda: moving_average(MovingAverageQuarter))  # fmt: skip


# ---- self-attention with two heads and masked keys; a sample without keys attends to all


class MultiHeadAttention:
    def __init__(self, size, heads=2):
        self.Wq, self.Wk, self.Wv, self.Wo = np.split(normal(size, 4 * size, scale=0.3), 4, axis=1)
        self.heads = heads

    def split(self, a):
        n, t, d = a.shape
        return a.reshape(n, t, self.heads, d // self.heads).transpose(0, 2, 1, 3)

    def merge(self, a):
        n, h, t, d = a.shape
        return a.transpose(0, 2, 1, 3).reshape(n, t, h * d)

    def forward(self, x, mask):
        self.x, self.mask = x, mask[:, None, None, :]
        self.q, self.k, self.v = (self.split(x @ W) for W in (self.Wq, self.Wk, self.Wv))
        self.root = self.q.shape[-1] ** 0.5
        self.p = softmax(np.where(self.mask, self.q @ self.k.swapaxes(2, 3) / self.root, -1e30))
        self.o = self.merge(self.p @ self.v)
        return self.o @ self.Wo

    def scores(self, dp):
        ds = self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True))
        return np.where(self.mask, ds, 0) / self.root

    def backward(self, dy):
        self.dWo = np.einsum("ntd,nte->de", self.o, dy)
        do = self.split(dy @ self.Wo.T)
        ds = self.scores(do @ self.v.swapaxes(2, 3))
        dq, dk, dv = (self.merge(a) for a in (ds @ self.k, ds.swapaxes(2, 3) @ self.q, self.p.swapaxes(2, 3) @ do))
        self.dWq, self.dWk, self.dWv = (np.einsum("ntd,nte->de", self.x, a) for a in (dq, dk, dv))
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T


def multi_head_attention(cls=MultiHeadAttention):
    args = {"x": Arg("N T 6", domain=(-30.0, 30.0)), "mask": Arg("N T", dtype=bool, differentiable=False)}
    return LayerOp(build=lambda **_: cls(6), args=args, params=("Wq", "Wk", "Wv", "Wo"))


MULTI_HEAD_ATTENTION = right(multi_head_attention())


class AttentionNeverMasksScores(MultiHeadAttention):
    def scores(self, dp):
        return self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True)) / self.root


class AttentionRootOfTheWidth(MultiHeadAttention):
    def scores(self, dp):
        return super().scores(dp) * self.root / self.x.shape[-1] ** 0.5


class AttentionValuesUnmerged(MultiHeadAttention):
    def backward(self, dy):
        dx = super().backward(dy)
        do = self.split(dy @ self.Wo.T)
        dv = (self.p.swapaxes(2, 3) @ do).reshape(self.x.shape)
        self.dWv = np.einsum("ntd,nte->de", self.x, dv)
        return dx


class AttentionQueriesOnly(MultiHeadAttention):
    def backward(self, dy):
        dx = super().backward(dy)
        ds = self.scores(self.split(dy @ self.Wo.T) @ self.v.swapaxes(2, 3))
        return dx - self.merge(ds.swapaxes(2, 3) @ self.q) @ self.Wk.T


wrong_layer(MULTI_HEAD_ATTENTION, "kinks", "multi_head_sample_without_keys_is_not_masked",
            lambda: multi_head_attention(AttentionNeverMasksScores))  # fmt: skip
wrong_layer(MULTI_HEAD_ATTENTION, "parameters", "multi_head_root_of_the_whole_width",
            lambda: multi_head_attention(AttentionRootOfTheWidth))  # fmt: skip
wrong_layer(MULTI_HEAD_ATTENTION, "shapes", "multi_head_values_reshaped_without_transposing",
            lambda: multi_head_attention(AttentionValuesUnmerged))  # fmt: skip
wrong_layer(MULTI_HEAD_ATTENTION, "algebra", "multi_head_input_forgets_the_keys",
            lambda: multi_head_attention(AttentionQueriesOnly))  # fmt: skip


# ---- bag of embeddings with weights; row 0 is padding and counts for nothing


class EmbeddingBag:
    def __init__(self, rows=7, size=3):
        self.W = normal(rows, size)

    def forward(self, i, w):
        self.i, self.w = i, np.where(i > 0, w, 0)
        return np.einsum("nl,nld->nd", self.w, self.W[i])

    def backward(self, dy):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.i, self.w[:, :, None] * dy[:, None, :])
        return np.where(self.i > 0, np.einsum("nd,nld->nl", dy, self.W[self.i]), 0)


def embedding_bag(cls=EmbeddingBag):
    args = {"i": Arg("N L", dtype=int, domain=(0, 6), differentiable=False), "w": Arg("N L", linear=True)}
    return LayerOp(build=lambda **_: cls(), args=args, params=("W",))


EMBEDDING_BAG = right(embedding_bag())


class EmbeddingBagLastWins(EmbeddingBag):
    def backward(self, dy):
        dw = super().backward(dy)
        self.dW = np.zeros_like(self.W)
        for n in range(len(dy)):
            self.dW[self.i[n]] += self.w[n, :, None] * dy[n]
        return dw


class EmbeddingBagPaddingLearns(EmbeddingBag):
    def backward(self, dy):
        super().backward(dy)
        return np.einsum("nd,nld->nl", dy, self.W[self.i])


wrong_layer(
    EMBEDDING_BAG, "state", "embedding_bag_repeats_within_a_bag_lost", lambda: embedding_bag(EmbeddingBagLastWins)
)
wrong_layer(EMBEDDING_BAG, "parameters", "embedding_bag_weight_of_padding_learns",
            lambda: embedding_bag(EmbeddingBagPaddingLearns))  # fmt: skip


# ---- dense with spectral norm; the left vector u is a buffer


class SpectralDense:
    def __init__(self, inputs, outputs=3):
        self.W, self.u = normal(inputs, outputs), normal(inputs)
        self.u = self.u / np.linalg.norm(self.u)

    def forward(self, x):
        self.x = x
        v = self.u.astype(x.dtype) @ self.W
        self.sigma = np.sqrt((v * v).sum() + 1e-3)
        self.v = v / self.sigma
        self.normed = self.W / self.sigma
        return x @ self.normed

    def backward(self, dy):
        g = self.x.T @ dy
        self.dW = (g - (g * self.normed).sum() * np.outer(self.u.astype(g.dtype), self.v)) / self.sigma
        return dy @ self.normed.T


def spectral_dense(cls=SpectralDense):
    return LayerOp(build=lambda I, **_: cls(I), args={"x": Arg("N I", linear=True)}, params=("W",))


SPECTRAL_DENSE = right(spectral_dense())


class SpectralDenseConstant(SpectralDense):
    def backward(self, dy):
        dx = super().backward(dy)
        self.dW = self.x.T @ dy / self.sigma
        return dx


class SpectralDenseRawWeights(SpectralDense):
    def backward(self, dy):
        super().backward(dy)
        return dy @ self.W.T


class SpectralDensePowerStep(SpectralDense):
    def backward(self, dy):
        dx = super().backward(dy)
        u = self.W @ self.v
        self.u = u / np.sqrt((u * u).sum() + 1e-12)
        return dx


wrong_layer(SPECTRAL_DENSE, "algebra", "spectral_norm_held_constant", lambda: spectral_dense(SpectralDenseConstant))
wrong_layer(
    SPECTRAL_DENSE, "algebra", "spectral_norm_input_by_raw_weights", lambda: spectral_dense(SpectralDenseRawWeights)
)
wrong_layer(SPECTRAL_DENSE, "state", "spectral_norm_power_step_in_the_backward",
            lambda: spectral_dense(SpectralDensePowerStep))  # fmt: skip


# ---- affine coupling: a moves and scales b; returns what b becomes and the log-determinant


class Coupling:
    def __init__(self, conditions, size):
        self.W, self.shift = normal(conditions, 2 * size), np.zeros(2 * size)

    def forward(self, a, b):
        raw, shift = np.split(a @ self.W + self.shift, 2, axis=1)
        self.a, self.s = a, np.tanh(raw)
        self.scaled = b * np.exp(self.s)
        return self.scaled + shift, self.s.sum(axis=1)

    def log_scale(self, dz, dlogdet):
        return dz * self.scaled + dlogdet[:, None]

    def backward(self, dy):
        dz, dlogdet = dy
        dnet = np.concatenate([self.log_scale(dz, dlogdet) * (1 - self.s**2), dz], axis=1)
        self.dW, self.dshift = self.a.T @ dnet, dnet.sum(axis=0)
        return dnet @ self.W.T, dz * np.exp(self.s)


def coupling(cls=Coupling):
    args = {"a": Arg("N D"), "b": Arg("N E", linear=True)}
    return LayerOp(build=lambda D, E, **_: cls(D, E), args=args, params=("W", "shift"))


COUPLING = right(coupling())


class CouplingForgetsTheDeterminant(Coupling):
    def log_scale(self, dz, dlogdet):
        return dz * self.scaled


class CouplingScaleOfTheShifted(Coupling):
    def log_scale(self, dz, dlogdet):
        return dz * self.scaled * np.exp(-self.s) + dlogdet[:, None]


class CouplingDeterminantOfTheBatch(Coupling):
    def log_scale(self, dz, dlogdet):
        return dz * self.scaled + dlogdet.mean()


wrong_layer(COUPLING, "cotangent", "coupling_ignores_the_log_determinant",
            lambda: coupling(CouplingForgetsTheDeterminant))  # fmt: skip
wrong_layer(COUPLING, "algebra", "coupling_scale_forgets_its_exponential", lambda: coupling(CouplingScaleOfTheShifted))
wrong_layer(COUPLING, "cotangent", "coupling_log_determinant_averaged", lambda: coupling(CouplingDeterminantOfTheBatch))


# ---- maxout, three pieces


class Maxout:
    def __init__(self, inputs, outputs=4, pieces=3):
        self.W, self.b = normal(pieces, inputs, outputs), np.zeros((pieces, outputs))

    def forward(self, x):
        self.x = x
        self.z = np.einsum("ni,kio->kno", x, self.W) + self.b[:, None]
        return self.z.max(axis=0)

    def chosen(self):
        return self.z.argmax(axis=0) == np.arange(len(self.z))[:, None, None]

    def backward(self, dy):
        dz = np.where(self.chosen(), dy, 0)
        self.dW, self.db = np.einsum("ni,kno->kio", self.x, dz), dz.sum(axis=1)
        return np.einsum("kno,kio->ni", dz, self.W)


def maxout(cls=Maxout):
    return LayerOp(build=lambda I, **_: cls(I), args={"x": Arg("N I")}, params=("W", "b"))


MAXOUT = right(maxout())


class MaxoutAllTies(Maxout):
    def chosen(self):
        return self.z == self.z.max(axis=0)


class MaxoutPositivePieces(Maxout):
    def chosen(self):
        return super().chosen() & (self.z > 0)


class MaxoutChoosesForTheBatch(Maxout):
    def chosen(self):
        best = self.z.sum(axis=1, keepdims=True).argmax(axis=0)
        return np.broadcast_to(best == np.arange(len(self.z))[:, None, None], self.z.shape)


wrong_layer(MAXOUT, "kinks", "maxout_every_tied_piece", lambda: maxout(MaxoutAllTies))
wrong_layer(MAXOUT, "kinks", "maxout_masked_as_if_rectified", lambda: maxout(MaxoutPositivePieces))
wrong_layer(MAXOUT, "shapes", "maxout_one_piece_for_the_whole_batch", lambda: maxout(MaxoutChoosesForTheBatch))


# ---- residual block


class ResidualBlock:
    def __init__(self, size, hidden=5):
        self.W1, self.b1 = normal(size, hidden), np.full(hidden, 0.1)
        self.W2, self.b2 = normal(hidden, size), np.zeros(size)

    def forward(self, x):
        self.x, self.h = x, np.maximum(x @ self.W1 + self.b1, 0)
        return x + self.h @ self.W2 + self.b2

    def backward(self, dy):
        dh = dy @ self.W2.T * (self.h > 0)
        self.dW1, self.db1 = self.x.T @ dh, dh.sum(axis=0)
        self.dW2, self.db2 = self.h.T @ dy, dy.sum(axis=0)
        return dy + dh @ self.W1.T


def residual_block(cls=ResidualBlock):
    return LayerOp(build=lambda D, **_: cls(D), args={"x": Arg("N D")}, params=("W1", "b1", "W2", "b2"))


RESIDUAL_BLOCK = right(residual_block())


class ResidualBlockInPlace(ResidualBlock):
    def backward(self, dy):
        dx = super().backward(dy)
        dy += dx - dy
        return dy


class ResidualBlockWritesInput(ResidualBlock):
    def forward(self, x):
        self.x, self.h = x, np.maximum(x @ self.W1 + self.b1, 0)
        x += self.h @ self.W2 + self.b2
        return x.copy()


class ResidualBlockUnmaskedBias(ResidualBlock):
    def backward(self, dy):
        dx = super().backward(dy)
        self.db1 = (dy @ self.W2.T).sum(axis=0)
        return dx


wrong_layer(RESIDUAL_BLOCK, "state", "residual_block_adds_into_dy", lambda: residual_block(ResidualBlockInPlace))
wrong_layer(
    RESIDUAL_BLOCK, "state", "residual_block_adds_into_its_input", lambda: residual_block(ResidualBlockWritesInput)
)
wrong_layer(RESIDUAL_BLOCK, "algebra", "residual_block_first_bias_not_masked",
            lambda: residual_block(ResidualBlockUnmaskedBias))  # fmt: skip


# ---- highway


class Highway:
    def __init__(self, size):
        self.Wh, self.Wg = np.split(normal(size, 2 * size), 2, axis=1)
        self.bh, self.bg = np.zeros(size), np.full(size, -1.0)

    def forward(self, x):
        self.x, self.h, self.g = x, np.tanh(x @ self.Wh + self.bh), logistic(x @ self.Wg + self.bg)
        return self.g * self.h + (1 - self.g) * x

    def gate(self, dy):
        return dy * (self.h - self.x) * self.g * (1 - self.g)

    def backward(self, dy):
        dh, dg = dy * self.g * (1 - self.h**2), self.gate(dy)
        self.dWh, self.dbh, self.dWg, self.dbg = self.x.T @ dh, dh.sum(axis=0), self.x.T @ dg, dg.sum(axis=0)
        return dh @ self.Wh.T + dg @ self.Wg.T + dy * (1 - self.g)


def highway(cls=Highway):
    return LayerOp(build=lambda D, **_: cls(D), args={"x": Arg("N D")}, params=("Wh", "bh", "Wg", "bg"))


HIGHWAY = right(highway())


class HighwayGateForgetsCarry(Highway):
    def gate(self, dy):
        return dy * self.h * self.g * (1 - self.g)


class HighwayCarriesEverything(Highway):
    def backward(self, dy):
        return super().backward(dy) + dy * self.g


class HighwayGateInFloat16(Highway):
    def backward(self, dy):
        self.g = self.g.astype(np.float16).astype(dy.dtype)
        return super().backward(dy)


wrong_layer(HIGHWAY, "dtype", "highway_gate_kept_in_float16", lambda: highway(HighwayGateInFloat16))
wrong_layer(HIGHWAY, "algebra", "highway_gate_forgets_the_carry", lambda: highway(HighwayGateForgetsCarry))
wrong_layer(HIGHWAY, "algebra", "highway_carry_without_its_gate", lambda: highway(HighwayCarriesEverything))


# ---- dropout before a dense layer; the mask follows from the step's seed


class DropoutDense:
    def __init__(self, inputs, outputs=3, keep=0.75, seed=1):
        self.W, self.keep, self.seed = normal(inputs, outputs), keep, seed

    def mask(self, shape, seed):
        return np.random.default_rng(seed).random(shape) < self.keep

    def forward(self, x):
        self.dropped = np.where(self.mask(x.shape, self.seed), x / self.keep, 0)
        return self.dropped @ self.W

    def backward(self, dy):
        self.dW = self.dropped.T @ dy
        return np.where(self.mask(self.dropped.shape, self.seed), dy @ self.W.T / self.keep, 0)


def dropout_dense(cls=DropoutDense):
    return LayerOp(build=lambda I, **_: cls(I), args={"x": Arg("N I", linear=True)}, params=("W",))


DROPOUT_DENSE = right(dropout_dense())


class DropoutForgetsKeep(DropoutDense):
    def backward(self, dy):
        return super().backward(dy) * self.keep


class DropoutOneMaskForTheBatch(DropoutDense):
    def backward(self, dy):
        super().backward(dy)
        return np.where(self.mask(self.dropped.shape, self.seed)[:1], dy @ self.W.T / self.keep, 0)


class DropoutReadsZeros(DropoutDense):
    def backward(self, dy):
        super().backward(dy)
        return np.where(self.dropped > 0, dy @ self.W.T / self.keep, 0)


wrong_layer(DROPOUT_DENSE, "parameters", "dropout_forgets_to_divide_by_keep", lambda: dropout_dense(DropoutForgetsKeep))
wrong_layer(DROPOUT_DENSE, "shapes", "dropout_mask_of_the_first_sample",
            lambda: dropout_dense(DropoutOneMaskForTheBatch))  # fmt: skip
wrong_layer(DROPOUT_DENSE, "kinks", "dropout_mask_from_positive_values", lambda: dropout_dense(DropoutReadsZeros))


# ---- squeeze and excite


class SqueezeExcite:
    def __init__(self, channels):
        self.W, self.b = normal(channels, channels), np.zeros(channels)

    def forward(self, x):
        self.x, self.mean = x, x.mean(axis=(2, 3))
        self.s = logistic(self.mean @ self.W + self.b)
        return x * self.s[:, :, None, None]

    def back_to_pixels(self, dmean):
        return dmean / (self.x.shape[2] * self.x.shape[3])

    def backward(self, dy):
        dz = (dy * self.x).sum(axis=(2, 3)) * self.s * (1 - self.s)
        self.dW, self.db = self.mean.T @ dz, dz.sum(axis=0)
        return dy * self.s[:, :, None, None] + self.back_to_pixels(dz @ self.W.T)[:, :, None, None]


def squeeze_excite(cls=SqueezeExcite):
    return LayerOp(build=lambda C, **_: cls(C), args={"x": Arg("N C H W")}, params=("W", "b"))


SQUEEZE_EXCITE = right(squeeze_excite())


class SqueezeExciteSum(SqueezeExcite):
    def back_to_pixels(self, dmean):
        return dmean


class SqueezeExciteSquare(SqueezeExcite):
    def back_to_pixels(self, dmean):
        return dmean / self.x.shape[2] ** 2


class SqueezeExciteGateOnly(SqueezeExcite):
    def back_to_pixels(self, dmean):
        return dmean * 0


wrong_layer(SQUEEZE_EXCITE, "shapes", "squeeze_excite_sum_for_mean", lambda: squeeze_excite(SqueezeExciteSum))
wrong_layer(
    SQUEEZE_EXCITE, "shapes", "squeeze_excite_assumes_square_images", lambda: squeeze_excite(SqueezeExciteSquare)
)
wrong_layer(
    SQUEEZE_EXCITE, "algebra", "squeeze_excite_gate_held_constant", lambda: squeeze_excite(SqueezeExciteGateOnly)
)


# ---- low-rank adaptation: B starts at zero


class LowRank:
    def __init__(self, inputs, outputs=3, rank=2, alpha=3.0):
        self.W, self.A, self.B = normal(inputs, outputs), normal(inputs, rank), np.zeros((rank, outputs))
        self.scale = alpha / rank

    def forward(self, x):
        self.x = x
        return x @ self.W + self.scale * (x @ self.A @ self.B)

    def backward(self, dy):
        dlow = self.scale * (dy @ self.B.T)
        self.dW, self.dA, self.dB = self.x.T @ dy, self.x.T @ dlow, self.scale * (self.x @ self.A).T @ dy
        return dy @ self.W.T + dlow @ self.A.T


def low_rank(cls=LowRank):
    return LayerOp(build=lambda I, **_: cls(I), args={"x": Arg("N I", linear=True)}, params=("W", "A", "B"))


LOW_RANK = right(low_rank())


class LowRankForgetsScaleOfA(LowRank):
    def backward(self, dy):
        dx = super().backward(dy)
        self.dA = self.dA / self.scale
        return dx


class LowRankInputOfTheBase(LowRank):
    def backward(self, dy):
        super().backward(dy)
        return dy @ self.W.T


class LowRankStaleB(LowRank):
    def __init__(self, *args):
        super().__init__(*args)
        self.start = self.B.copy()

    def backward(self, dy):
        dx = super().backward(dy)
        self.dA = self.x.T @ (self.scale * (dy @ self.start.T.astype(dy.dtype)))
        return dx


wrong_layer(LOW_RANK, "parameters", "low_rank_scale_missing_for_a", lambda: low_rank(LowRankForgetsScaleOfA))
wrong_layer(LOW_RANK, "parameters", "low_rank_input_sees_the_base_only", lambda: low_rank(LowRankInputOfTheBase))
wrong_layer(LOW_RANK, "state", "low_rank_keeps_the_first_b", lambda: low_rank(LowRankStaleB))


# ================================================================ ops

# ---- convolution along one axis, with stride and padding


def conv1d_forward(x, W, stride=1, padding=1):
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=2)[:, :, ::stride]
    return np.einsum("nctk,ock->not", windows, W), (padded, W, stride, padding)


def conv1d_backward(dy, cache):
    padded, W, stride, padding = cache
    dpadded, dW = np.zeros_like(padded), np.zeros_like(W)
    for k in range(3):
        part = (..., slice(k, k + stride * (dy.shape[2] - 1) + 1, stride))
        dW[:, :, k] = np.einsum("not,nct->oc", dy, padded[part])
        dpadded[part] += np.einsum("not,oc->nct", dy, W[:, :, k])
    return dpadded[:, :, padding:-padding].copy(), dW


CONV1D = right(
    Op(conv1d_forward, conv1d_backward, {"x": Arg("N C T", linear=True), "W": Arg("O C 3", linear=True)},
       params={"stride": [1, 2], "padding": [1, 2]})
)  # fmt: skip


@wrong(CONV1D, "parameters")
def conv1d_padding_taken_as_one(dy, cache):
    padded, W, stride, padding = cache
    dx, dW = conv1d_backward(dy, (padded, W, stride, 1))
    return dx[:, :, : padded.shape[2] - 2 * padding], dW


@wrong(CONV1D, "algebra")
def conv1d_overlaps_overwritten(dy, cache):
    padded, W, stride, padding = cache
    dpadded = np.zeros_like(padded)
    for k in range(3):
        part = (..., slice(k, k + stride * (dy.shape[2] - 1) + 1, stride))
        dpadded[part] = np.einsum("not,oc->nct", dy, W[:, :, k])
    return dpadded[:, :, padding:-padding].copy(), conv1d_backward(dy, cache)[1]


@wrong(CONV1D, "shapes")
def conv1d_weights_count_windows_by_length_over_stride(dy, cache):
    padded, _W, stride, _padding = cache
    counted = np.arange(dy.shape[2]) < padded.shape[2] // stride - 1
    return conv1d_backward(dy, cache)[0], conv1d_backward(np.where(counted, dy, 0), cache)[1]


@wrong(CONV1D, "dtype")
def conv1d_weight_gradient_collected_in_float32(dy, cache):
    dx, dW = conv1d_backward(dy, cache)
    return dx, dW.astype(np.float32).astype(dW.dtype)


# ---- overlapping pools over images: 3 by 3, stride 2, padding 1


def _pool_taps(shape):
    oh, ow = (shape[2] + 1) // 2, (shape[3] + 1) // 2
    return [(..., slice(i, i + 2 * oh - 1, 2), slice(j, j + 2 * ow - 1, 2)) for i in range(3) for j in range(3)]


PAD = ((0, 0), (0, 0), (1, 1), (1, 1))


def max_pool_2d_forward(x):
    padded = np.pad(x, PAD, constant_values=-np.inf)
    parts = np.stack([padded[tap] for tap in _pool_taps(x.shape)])
    return parts.max(axis=0), (parts, x.shape)


def max_pool_2d_backward(dy, cache):
    parts, shape = cache
    best = parts.argmax(axis=0)
    dpadded = np.zeros((*shape[:2], shape[2] + 2, shape[3] + 2), dy.dtype)
    for k, tap in enumerate(_pool_taps(shape)):
        dpadded[tap] += np.where(best == k, dy, 0)
    return dpadded[:, :, 1:-1, 1:-1].copy()


MAX_POOL_2D = right(Op(max_pool_2d_forward, max_pool_2d_backward, {"x": Arg("N C H W")}))


@wrong(MAX_POOL_2D, "algebra")
def max_pool_2d_shared_maximum_counted_once(dy, cache):
    parts, shape = cache
    best = parts.argmax(axis=0)
    dpadded = np.zeros((*shape[:2], shape[2] + 2, shape[3] + 2), dy.dtype)
    for k, tap in enumerate(_pool_taps(shape)):
        dpadded[tap] = np.where(best == k, dy, dpadded[tap])
    return dpadded[:, :, 1:-1, 1:-1].copy()


@wrong(MAX_POOL_2D, "kinks")
def max_pool_2d_every_tie_gets_all(dy, cache):
    parts, shape = cache
    dpadded = np.zeros((*shape[:2], shape[2] + 2, shape[3] + 2), dy.dtype)
    for part, tap in zip(parts, _pool_taps(shape), strict=True):
        dpadded[tap] += np.where(part == parts.max(axis=0), dy, 0)
    return dpadded[:, :, 1:-1, 1:-1].copy()


def avg_pool_2d_forward(x):
    """Pixels of the padding do not count."""
    padded, inside = np.pad(x, PAD), np.pad(np.ones_like(x), PAD)
    taps = _pool_taps(x.shape)
    count = sum(inside[tap] for tap in taps)
    return sum(padded[tap] for tap in taps) / count, (count, x.shape)


def avg_pool_2d_backward(dy, cache):
    count, shape = cache
    dpadded = np.zeros((*shape[:2], shape[2] + 2, shape[3] + 2), dy.dtype)
    for tap in _pool_taps(shape):
        dpadded[tap] += dy / count
    return dpadded[:, :, 1:-1, 1:-1].copy()


AVG_POOL_2D = right(Op(avg_pool_2d_forward, avg_pool_2d_backward, {"x": Arg("N C H W", linear=True)}))


@wrong(AVG_POOL_2D, "shapes")
def avg_pool_2d_counts_the_padding(dy, cache):
    count, shape = cache
    return avg_pool_2d_backward(dy, (np.full_like(count, 9), shape))


@wrong(AVG_POOL_2D, "shapes")
def avg_pool_2d_last_column_lost_for_odd_widths(dy, cache):
    dx = avg_pool_2d_backward(dy, cache)
    if dx.shape[3] % 2 and dx.shape[3] > 1:
        dx[..., -1] = 0
    return dx


# ---- rotary position embedding, halves paired


def rotary_forward(x, base=10000.0):
    half = x.shape[2] // 2
    angle = np.arange(x.shape[1])[:, None] * base ** (-np.arange(half) / half)
    c, s = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * c - b * s, a * s + b * c], axis=2), (c, s, base)


def rotary_backward(dy, cache):
    c, s, _base = cache
    da, db = np.split(dy, 2, axis=2)
    return np.concatenate([da * c + db * s, db * c - da * s], axis=2)


ROTARY = right(
    Op(
        rotary_forward,
        rotary_backward,
        {"x": Arg("N T 2*D", linear=True)},
        params={"base": [10000.0, 100.0]},
        pure=True,
    )
)


@wrong(ROTARY, "algebra")
def rotary_turns_forward_again(dy, cache):
    c, s, base = cache
    return rotary_backward(dy, (c, -s, base))


@wrong(ROTARY, "parameters")
def rotary_base_ten_thousand(dy, cache):
    _, half = cache[0].shape
    angle = np.arange(dy.shape[1])[:, None] * 10000.0 ** (-np.arange(half) / half)
    return rotary_backward(dy, (np.cos(angle).astype(dy.dtype), np.sin(angle).astype(dy.dtype), 10000.0))


@wrong(ROTARY, "dtype")
def rotary_angles_in_float64(dy, cache):
    _, half = cache[0].shape
    angle = np.arange(dy.shape[1])[:, None] * cache[2] ** (-np.arange(half) / half)
    return rotary_backward(dy, (np.cos(angle), np.sin(angle), cache[2]))


# ---- cumulative log-sum-exp and product


def logcumsumexp_forward(x):
    y = np.logaddexp.accumulate(x, axis=1)
    return y, (x, y.copy())


def logcumsumexp_backward(dy, cache):
    x, y = cache
    weight = np.tril(np.exp(np.minimum(x[:, None, :] - y[:, :, None], 0)))
    return np.einsum("nt,nti->ni", dy, weight)


LOGCUMSUMEXP = right(Op(logcumsumexp_forward, logcumsumexp_backward, {"x": Arg("N T", domain=(-1e3, 1e3))}))


@wrong(LOGCUMSUMEXP, "kinks")
def logcumsumexp_overflows_apart(dy, cache):
    x, y = cache
    with np.errstate(all="ignore"):
        return np.exp(x) * np.cumsum((dy * np.exp(-y))[:, ::-1], axis=1)[:, ::-1]


@wrong(LOGCUMSUMEXP, "algebra")
def logcumsumexp_own_step_only(dy, cache):
    x, y = cache
    return dy * np.exp(x - y)


def cumprod_forward(x):
    y = np.cumprod(x, axis=1)
    return y, (x, y.copy())


def cumprod_backward(dy, cache):
    x, y = cache
    dx, later = np.empty_like(x), np.zeros_like(dy[:, 0])
    for t in reversed(range(x.shape[1])):
        later = dy[:, t] + (x[:, t + 1] * later if t + 1 < x.shape[1] else 0)
        dx[:, t] = later * (y[:, t - 1] if t else 1)
    return dx


CUMPROD = right(Op(cumprod_forward, cumprod_backward, {"x": Arg("N T", domain=(-2.0, 2.0), specials=[0.0])}))


@wrong(CUMPROD, "kinks")
def cumprod_no_gradient_at_zero(dy, cache):
    x, y = cache
    total = np.cumsum((dy * y)[:, ::-1], axis=1)[:, ::-1]
    return np.where(x == 0, 0, total / np.where(x == 0, 1, x))


@wrong(CUMPROD, "digits")
def cumprod_epsilon_in_the_denominator(dy, cache):
    x, y = cache
    total = np.cumsum((dy * y)[:, ::-1], axis=1)[:, ::-1]
    return total / (x + 1e-5)


# ---- linear algebra


def solve_forward(A, b):
    x = np.linalg.solve(A, b[..., None])[..., 0]
    return x, (A, x.copy())


def solve_backward(dx, cache):
    A, x = cache
    db = np.linalg.solve(A.swapaxes(1, 2), dx[..., None])[..., 0]
    return -db[:, :, None] * x[:, None, :], db


SOLVE = right(Op(solve_forward, solve_backward, {"A": Arg("N D D", domain="invertible"), "b": Arg("N D", linear=True)}))


@wrong(SOLVE, "algebra")
def solve_as_if_symmetric(dx, cache):
    A, x = cache
    db = np.linalg.solve(A, dx[..., None])[..., 0]
    return -db[:, :, None] * x[:, None, :], db


@wrong(SOLVE, "algebra")
def solve_matrix_gradient_transposed(dx, cache):
    dA, db = solve_backward(dx, cache)
    return dA.swapaxes(1, 2).copy(), db


def inverse_forward(A):
    Y = np.linalg.inv(A)
    return Y, Y.copy()


def inverse_backward(dY, Y):
    T = Y.swapaxes(1, 2)
    return -T @ dY @ T


INVERSE = right(Op(inverse_forward, inverse_backward, {"A": Arg("N D D", domain="invertible")}))


@wrong(INVERSE, "algebra")
def inverse_without_transposes(dY, Y):
    return -Y @ dY @ Y


@wrong(INVERSE, "algebra")
def inverse_second_factor_not_transposed(dY, Y):
    return -Y.swapaxes(1, 2) @ dY @ Y


def logdet_forward(A):
    return np.linalg.slogdet(A)[1], A


def logdet_backward(dy, A):
    return dy[:, None, None] * np.linalg.inv(A).swapaxes(1, 2)


LOGDET = right(Op(logdet_forward, logdet_backward, {"A": Arg("N D D", domain="invertible")}))


@wrong(LOGDET, "algebra")
def logdet_inverse_not_transposed(dy, A):
    return dy[:, None, None] * np.linalg.inv(A)


@wrong(LOGDET, "digits")
def logdet_inverse_with_jitter(dy, A):
    jitter = 1e-4 * np.eye(A.shape[1], dtype=A.dtype)
    return dy[:, None, None] * np.linalg.inv(A + jitter).swapaxes(1, 2)


def cholesky_forward(A):
    """Of the symmetric part."""
    L = np.linalg.cholesky((A + A.swapaxes(1, 2)) / 2)
    return L, L.copy()


def cholesky_backward(dL, L):
    P = np.tril(L.swapaxes(1, 2) @ np.tril(dL))
    P = P - P * np.eye(L.shape[1], dtype=L.dtype) / 2
    inv = np.linalg.inv(L)
    S = inv.swapaxes(1, 2) @ P @ inv
    return (S + S.swapaxes(1, 2)) / 2


CHOLESKY = right(Op(cholesky_forward, cholesky_backward, {"A": Arg("N D D", domain="positive definite")}))


@wrong(CHOLESKY, "algebra")
def cholesky_diagonal_not_halved(dL, L):
    inv = np.linalg.inv(L)
    S = inv.swapaxes(1, 2) @ np.tril(L.swapaxes(1, 2) @ np.tril(dL)) @ inv
    return (S + S.swapaxes(1, 2)) / 2


@wrong(CHOLESKY, "algebra")
def cholesky_inverses_change_sides(dL, L):
    P = np.tril(L.swapaxes(1, 2) @ np.tril(dL))
    P = P - P * np.eye(L.shape[1], dtype=L.dtype) / 2
    inv = np.linalg.inv(L)
    S = inv @ P @ inv.swapaxes(1, 2)
    return (S + S.swapaxes(1, 2)) / 2


def _expm(A):
    term = total = np.broadcast_to(np.eye(A.shape[-1], dtype=A.dtype), A.shape)
    small = A / 64
    for k in range(1, 13):
        term = term @ small / k
        total = total + term
    for _ in range(6):
        total = total @ total
    return total


def expm_forward(A):
    return _expm(A), A


def expm_backward(dY, A):
    T = A.swapaxes(1, 2)
    block = np.concatenate([np.concatenate([T, dY], axis=2), np.concatenate([np.zeros_like(T), T], axis=2)], axis=1)
    return _expm(block)[:, :2, 2:].copy()


EXPM = right(Op(expm_forward, expm_backward, {"A": Arg("N 2 2", domain=(-2.0, 2.0))}))


@wrong(EXPM, "algebra")
def expm_as_if_everything_commutes(dY, A):
    return _expm(A.swapaxes(1, 2)) @ dY


@wrong(EXPM, "digits")
def expm_series_cut_after_the_fifth_term(dY, A):
    T = A.swapaxes(1, 2)
    powers = [np.broadcast_to(np.eye(2, dtype=A.dtype), A.shape)]
    for _ in range(1, 6):
        powers.append(powers[-1] @ T)
    factorial = [1, 1, 2, 6, 24, 120]
    return sum(powers[i] @ dY @ powers[k - 1 - i] / factorial[k] for k in range(1, 6) for i in range(k))


# ---- power spectrum


def power_spectrum_forward(x):
    X = np.fft.rfft(x, axis=1)
    return (np.abs(X) ** 2 / x.shape[1]).astype(x.dtype), (X, x.shape[1])


def power_spectrum_backward(dy, cache):
    X, T = cache
    G = dy * X
    G[:, 0] *= 2
    if T % 2 == 0:
        G[:, -1] *= 2
    return np.fft.irfft(G, n=T, axis=1).astype(dy.dtype)


POWER_SPECTRUM = right(Op(power_spectrum_forward, power_spectrum_backward, {"x": Arg("N T", domain=(-1e3, 1e3))}))


@wrong(POWER_SPECTRUM, "shapes")
def power_spectrum_forgets_nyquist_of_even_lengths(dy, cache):
    X, T = cache
    G = dy * X
    G[:, 0] *= 2
    return np.fft.irfft(G, n=T, axis=1).astype(dy.dtype)


@wrong(POWER_SPECTRUM, "algebra")
def power_spectrum_mean_counted_once(dy, cache):
    X, T = cache
    G = dy * X
    if T % 2 == 0:
        G[:, -1] *= 2
    return np.fft.irfft(G, n=T, axis=1).astype(dy.dtype)


@wrong(POWER_SPECTRUM, "state")
def power_spectrum_doubles_bins_of_its_cache(dy, cache):
    X, T = cache
    X[:, 0] *= 2
    if T % 2 == 0:
        X[:, -1] *= 2
    return np.fft.irfft(dy * X, n=T, axis=1).astype(dy.dtype)


# ---- linear interpolation of samples f at places u between 0 (the first) and 1 (the last)


def interpolate_forward(f, u):
    last = f.shape[1] - 1
    place = u * last
    i = np.clip(place.astype(int), 0, max(last - 1, 0))
    j, w = np.minimum(i + 1, last), place - i.astype(u.dtype)
    fi, fj = (np.take_along_axis(f, k, axis=1) for k in (i, j))
    return fi + w * (fj - fi), (f, i, j, w)


def interpolate_backward(dy, cache):
    f, i, j, w = cache
    df, rows = np.zeros_like(f), np.arange(len(f))[:, None]
    np.add.at(df, (rows, i), dy * (1 - w))
    np.add.at(df, (rows, j), dy * w)
    return df, dy * (f[rows, j] - f[rows, i]) * (f.shape[1] - 1)


INTERPOLATE = right(
    Op(interpolate_forward, interpolate_backward,
       {"f": Arg("N T", linear=True), "u": Arg("N M", domain="probability")})
)  # fmt: skip


@wrong(INTERPOLATE, "shapes")
def interpolate_forgets_the_spacing(dy, cache):
    f, i, j, _w = cache
    df, _ = interpolate_backward(dy, cache)
    rows = np.arange(len(f))[:, None]
    return df, dy * (f[rows, j] - f[rows, i])


@wrong(INTERPOLATE, "state")
def interpolate_two_places_in_one_cell(dy, cache):
    f, i, j, w = cache
    df, rows = np.zeros_like(f), np.arange(len(f))[:, None]
    df[rows, i] += dy * (1 - w)
    df[rows, j] += dy * w
    return df, interpolate_backward(dy, cache)[1]


@wrong(INTERPOLATE, "algebra")
def interpolate_weights_swapped(dy, cache):
    f, i, j, w = cache
    return interpolate_backward(dy, (f, i, j, 1 - w))


# ---- bilinear form by einsum


def bilinear_forward(a, W, b):
    return np.einsum("ni,ijo,nj->no", a, W, b), (a, W, b)


def bilinear_backward(dy, cache):
    a, W, b = cache
    da = np.einsum("no,ijo,nj->ni", dy, W, b)
    dW = np.einsum("no,ni,nj->ijo", dy, a, b)
    return da, dW, np.einsum("no,ijo,ni->nj", dy, W, a)


BILINEAR = right(
    Op(bilinear_forward, bilinear_backward,
       {"a": Arg("N I", linear=True), "W": Arg("I J O", linear=True), "b": Arg("N J", linear=True)})
)  # fmt: skip


@wrong(BILINEAR, "shapes")
def bilinear_weights_sum_over_b_on_its_own(dy, cache):
    a, _W, b = cache
    da, _, db = bilinear_backward(dy, cache)
    return da, np.einsum("no,ni,mj->ijo", dy, a, b, optimize=True), db


@wrong(BILINEAR, "shapes")
def bilinear_b_of_a_square_w_transposed(dy, cache):
    a, W, _b = cache
    da, dW, db = bilinear_backward(dy, cache)
    if W.shape[0] == W.shape[1]:
        db = np.einsum("no,jio,ni->nj", dy, W, a)
    return da, dW, db


# ---- rows overwritten by index, gathered by index


def index_put_forward(base, i, rows):
    y = base.copy()
    last = np.full(len(base), -1)
    for n, m in enumerate(i):
        y[m], last[m] = rows[n], n
    return y, (i, last)


def index_put_backward(dy, cache):
    i, last = cache
    wins = last[i] == np.arange(len(i))
    return np.where(last[:, None] < 0, dy, 0), np.where(wins[:, None], dy[i], 0)


INDEX_PUT = right(
    Op(index_put_forward, index_put_backward,
       {"base": Arg("M D", linear=True), "i": Arg("N", dtype=int, domain=(0, "M"), differentiable=False),
        "rows": Arg("N D", linear=True)})
)  # fmt: skip


@wrong(INDEX_PUT, "algebra")
def index_put_overwritten_rows_learn(dy, cache):
    i, _last = cache
    return index_put_backward(dy, cache)[0], dy[i]


@wrong(INDEX_PUT, "algebra")
def index_put_as_if_added(dy, cache):
    return dy.copy(), index_put_backward(dy, cache)[1]


def gather_forward(x, i):
    return np.take_along_axis(x, i, axis=1), (i, x.shape)


def gather_backward(dy, cache):
    i, shape = cache
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (np.arange(len(i))[:, None], i), dy)
    return dx


GATHER = right(
    Op(gather_forward, gather_backward,
       {"x": Arg("N D", linear=True), "i": Arg("N K", dtype=int, domain=(0, "D"), differentiable=False)},
       pure=True)
)  # fmt: skip


@wrong(GATHER, "state")
def gather_put_instead_of_added(dy, cache):
    i, shape = cache
    dx = np.zeros(shape, dy.dtype)
    np.put_along_axis(dx, i, dy, axis=1)
    return dx


@wrong(GATHER, "dtype")
def gather_into_float64_zeros(dy, cache):
    i, shape = cache
    dx = np.zeros(shape)
    np.add.at(dx, (np.arange(len(i))[:, None], i), dy)
    return dx


@wrong(GATHER, "shapes")
def gather_rows_of_the_first_sample(dy, cache):
    i, shape = cache
    return gather_backward(dy, (np.broadcast_to(i[:1], i.shape), shape))


# ---- sort, top k, median, quantile


def sort_forward(x):
    order = x.argsort(axis=1, kind="stable")
    return np.take_along_axis(x, order, axis=1), order


def sort_backward(dy, order):
    dx = np.empty_like(dy)
    np.put_along_axis(dx, order, dy, axis=1)
    return dx


SORT = right(Op(sort_forward, sort_backward, {"x": Arg("N D", domain="distinct")}))


@wrong(SORT, "algebra")
def sort_by_the_order_and_not_its_inverse(dy, order):
    return np.take_along_axis(dy, order, axis=1)


@wrong(SORT, "shapes")
def sort_order_of_the_first_row(dy, order):
    return sort_backward(dy, np.broadcast_to(order[:1], order.shape))


def top_k_forward(x, k=3):
    order = (-x).argsort(axis=1, kind="stable")[:, :k]
    return np.take_along_axis(x, order, axis=1), (order, x.shape)


def top_k_backward(dy, cache):
    order, shape = cache
    dx = np.zeros(shape, dy.dtype)
    np.put_along_axis(dx, order, dy, axis=1)
    return dx


TOP_K = right(Op(top_k_forward, top_k_backward, {"x": Arg("N D", domain="distinct")}, params={"k": [3, 1]}))


@wrong(TOP_K, "parameters")
def top_k_only_the_best(dy, cache):
    order, shape = cache
    return top_k_backward(dy[:, :1], (order[:, :1], shape))


@wrong(TOP_K, "algebra")
def top_k_ascending(dy, cache):
    return top_k_backward(dy[:, ::-1], cache)


def median_forward(x):
    order, d = x.argsort(axis=1, kind="stable"), x.shape[1]
    middle = order[:, [(d - 1) // 2, d // 2]]
    return np.take_along_axis(x, middle, axis=1).mean(axis=1), (middle, x.shape)


def median_backward(dy, cache):
    middle, shape = cache
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (np.arange(len(dx))[:, None], middle), dy[:, None] / 2)
    return dx


MEDIAN = right(Op(median_forward, median_backward, {"x": Arg("N D")}))


@wrong(MEDIAN, "shapes")
def median_lower_middle_of_even_sizes(dy, cache):
    middle, shape = cache
    return median_backward(dy, (middle[:, [0, 0]], shape))


@wrong(MEDIAN, "shapes")
def median_half_for_odd_sizes(dy, cache):
    middle, shape = cache
    dx = np.zeros(shape, dy.dtype)
    dx[np.arange(len(dx))[:, None], middle] = dy[:, None] / 2
    return dx


def quantile_forward(x, q=0.25):
    place = q * (x.shape[1] - 1)
    low = int(place)
    high, w = min(low + 1, x.shape[1] - 1), place - low
    ends = x.argsort(axis=1, kind="stable")[:, [low, high]]
    a, b = np.take_along_axis(x, ends, axis=1).T
    return a * (1 - w) + b * w, (ends, w, x.shape)


def quantile_backward(dy, cache):
    ends, w, shape = cache
    dx, rows = np.zeros(shape, dy.dtype), np.arange(len(dy))
    np.add.at(dx, (rows, ends[:, 0]), dy * (1 - w))
    np.add.at(dx, (rows, ends[:, 1]), dy * w)
    return dx


QUANTILE = right(Op(quantile_forward, quantile_backward, {"x": Arg("N D")}, params={"q": [0.25, 0.9, 0.5]}))


@wrong(QUANTILE, "parameters")
def quantile_weights_as_for_the_median(dy, cache):
    ends, w, shape = cache
    return quantile_backward(dy, (ends, 0.5 if w else 0.0, shape))


@wrong(QUANTILE, "algebra")
def quantile_weights_swapped(dy, cache):
    ends, w, shape = cache
    return quantile_backward(dy, (ends, 1 - w, shape))


# ---- focal loss of a logit


def focal_forward(z, t, gamma=2.0):
    u = np.where(t, z, -z)
    logp = -np.logaddexp(0, -u).astype(z.dtype)
    return -(logistic(-u) ** gamma) * logp, (u, t, logp, gamma)


def focal_backward(dy, cache):
    u, t, logp, gamma = cache
    miss = logistic(-u)
    du = gamma * logistic(u) * miss**gamma * logp - miss ** (gamma + 1)
    return dy * np.where(t, du, -du)


FOCAL = right(
    Op(focal_forward, focal_backward, {"z": Arg("N"), "t": Arg("N", dtype=bool, differentiable=False)},
       params={"gamma": [2.0, 0.5]})
)  # fmt: skip


@wrong(FOCAL, "algebra")
def focal_weight_held_constant(dy, cache):
    u, t, _logp, gamma = cache
    du = -(logistic(-u) ** (gamma + 1))
    return dy * np.where(t, du, -du)


@wrong(FOCAL, "parameters")
def focal_gamma_two(dy, cache):
    u, t, logp, _gamma = cache
    return focal_backward(dy, (u, t, logp, 2.0))


@wrong(FOCAL, "digits")
def focal_logarithm_kept_from_zero(dy, cache):
    u, t, _logp, gamma = cache
    return focal_backward(dy, (u, t, np.log(logistic(u) + 1e-3), gamma))


# ---- triplet loss


def triplet_forward(a, p, n, margin=1.0):
    gap = ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + margin
    return np.maximum(gap, 0), (a, p, n, gap, margin)


def triplet_backward(dy, cache):
    a, p, n, gap, _margin = cache
    g = 2 * np.where(gap > 0, dy, 0)[:, None]
    return g * (n - p), g * (p - a), g * (a - n)


TRIPLET = right(
    Op(triplet_forward, triplet_backward,
       {name: Arg("N D", domain=(-100.0, 100.0)) for name in "apn"}, params={"margin": [1.0, 0.2]})
)  # fmt: skip


@wrong(TRIPLET, "kinks")
def triplet_margin_left_out_of_the_mask(dy, cache):
    a, p, n, gap, margin = cache
    return triplet_backward(dy, (a, p, n, gap - margin, margin))


@wrong(TRIPLET, "algebra")
def triplet_anchor_pulled_by_the_positive_only(dy, cache):
    a, p, _n, gap, _margin = cache
    _, dp, dn = triplet_backward(dy, cache)
    return 2 * np.where(gap > 0, dy, 0)[:, None] * (a - p), dp, dn


@wrong(TRIPLET, "shapes")
def triplet_active_if_any_sample_is(dy, cache):
    a, p, n, gap, margin = cache
    return triplet_backward(dy, (a, p, n, np.full_like(gap, gap.max()), margin))


# ---- contrastive loss of pairs in a batch


def contrastive_forward(a, b, tau=0.5):
    s = a @ b.T / tau
    top = s.max(axis=1, keepdims=True)
    return np.log(np.exp(s - top).sum(axis=1)) + top[:, 0] - np.diagonal(s), (a, b, s, tau)


def contrastive_backward(dy, cache):
    a, b, s, tau = cache
    ds = dy[:, None] * (softmax(s) - np.eye(len(s), dtype=s.dtype)) / tau
    return ds @ b, ds.T @ a


CONTRASTIVE = right(
    Op(contrastive_forward, contrastive_backward,
       {"a": Arg("N D", domain=(-30.0, 30.0)), "b": Arg("N D", domain=(-30.0, 30.0))}, params={"tau": [0.5, 2.0]},
       pure=True)
)  # fmt: skip


@wrong(CONTRASTIVE, "algebra")
def contrastive_negatives_held_constant(dy, cache):
    a, _b, s, tau = cache
    positive = dy * (np.diagonal(softmax(s)) - 1) / tau
    return contrastive_backward(dy, cache)[0], positive[:, None] * a


@wrong(CONTRASTIVE, "cotangent")
def contrastive_weight_of_each_sample_along_the_keys(dy, cache):
    a, b, s, tau = cache
    ds = (softmax(s) - np.eye(len(s), dtype=s.dtype)) / tau
    return (dy[:, None] * ds) @ b, (ds * dy).T @ a


@wrong(CONTRASTIVE, "dtype")
def contrastive_identity_in_float64(dy, cache):
    a, b, s, tau = cache
    ds = dy[:, None] * (softmax(s) - np.eye(len(s))) / tau
    return ds @ b, ds.T @ a


@wrong(CONTRASTIVE, "parameters")
def contrastive_temperature_multiplied(dy, cache):
    tau = cache[3]
    da, db = contrastive_backward(dy, cache)
    return da, db * tau * tau


# ---- log-partition of a linear-chain CRF


def crf_forward(emit, trans):
    alpha = [emit[:, 0]]
    for t in range(1, emit.shape[1]):
        s = alpha[-1][:, :, None] + trans
        top = s.max(axis=1, keepdims=True)
        alpha.append(np.log(np.exp(s - top).sum(axis=1)) + top[:, 0] + emit[:, t])
    top = alpha[-1].max(axis=1, keepdims=True)
    return np.log(np.exp(alpha[-1] - top).sum(axis=1)) + top[:, 0], (alpha, trans)


def crf_backward(dy, cache):
    alpha, trans = cache
    g = dy[:, None] * softmax(alpha[-1])
    demit, dtrans = [g], np.zeros_like(trans)
    for before in reversed(alpha[:-1]):
        pair = softmax(before[:, :, None] + trans, axis=1) * g[:, None, :]
        dtrans += pair.sum(axis=0)
        g = pair.sum(axis=2)
        demit.append(g)
    return np.stack(demit[::-1], axis=1), dtrans


CRF = right(
    Op(crf_forward, crf_backward, {"emit": Arg("N T C", domain=(-100.0, 100.0)), "trans": Arg("C C", domain=(-50, 50))})
)


@wrong(CRF, "algebra")
def crf_transitions_backwards(dy, cache):
    demit, dtrans = crf_backward(dy, cache)
    return demit, dtrans.T.copy()


@wrong(CRF, "algebra")
def crf_transitions_as_if_steps_were_independent(dy, cache):
    demit, _ = crf_backward(dy, cache)
    scale = np.where(dy == 0, 1, dy)[:, None, None]
    return demit, np.einsum("nti,ntj->ij", demit[:, :-1] / scale, demit[:, 1:])


@wrong(CRF, "cotangent")
def crf_transitions_weigh_samples_equally(dy, cache):
    return crf_backward(dy, cache)[0], crf_backward(np.full_like(dy, dy.mean()), cache)[1]


@wrong(CRF, "shapes")
def crf_last_transition_missing_beyond_two_steps(dy, cache):
    alpha, trans = cache
    demit, dtrans = crf_backward(dy, cache)
    if len(alpha) > 2:
        g = dy[:, None] * softmax(alpha[-1])
        dtrans -= (softmax(alpha[-2][:, :, None] + trans, axis=1) * g[:, None, :]).sum(axis=0)
    return demit, dtrans


# ---- sparsemax


def sparsemax_forward(x):
    z = -np.sort(-x, axis=1)
    k = np.arange(1, x.shape[1] + 1, dtype=x.dtype)
    excess = np.cumsum(z - z[:, :1], axis=1) - 1
    size = (1 + k * (z - z[:, :1]) > excess + 1).sum(axis=1)
    tau = np.take_along_axis(excess, size[:, None] - 1, axis=1) / size[:, None].astype(x.dtype) + z[:, :1]
    y = np.maximum(x - tau, 0)
    return y, (y > 0, x)


def sparsemax_backward(dy, cache):
    support, _x = cache
    mean = np.where(support, dy, 0).sum(axis=1, keepdims=True) / support.sum(axis=1, keepdims=True).astype(dy.dtype)
    return np.where(support, dy - mean, 0)


SPARSEMAX = right(Op(sparsemax_forward, sparsemax_backward, {"x": Arg("N D", domain=(-100.0, 100.0))}))


@wrong(SPARSEMAX, "algebra")
def sparsemax_mean_over_every_class(dy, cache):
    support, _x = cache
    return np.where(support, dy - np.where(support, dy, 0).mean(axis=1, keepdims=True), 0)


@wrong(SPARSEMAX, "kinks")
def sparsemax_support_of_positive_scores(dy, cache):
    support, x = cache
    return np.where(support & (x > 0), sparsemax_backward(dy, cache), 0)


@wrong(SPARSEMAX, "algebra")
def sparsemax_as_softmax_on_its_support(dy, cache):
    support, x = cache
    p = softmax(np.where(support, x, -1e30))
    return p * (dy - (dy * p).sum(axis=1, keepdims=True))


# ---- mixture density: minus the log-likelihood of t, up to a constant


def mixture_forward(logits, mu, log_sd, t):
    r = (t[:, None] - mu) * np.exp(-log_sd)
    joint = np.log(softmax(logits)) - r * r / 2 - log_sd
    top = joint.max(axis=1, keepdims=True)
    return -(np.log(np.exp(joint - top).sum(axis=1)) + top[:, 0]), (logits, log_sd, r, joint)


def mixture_backward(dy, cache):
    logits, log_sd, r, joint = cache
    g = dy[:, None] * softmax(joint)
    return dy[:, None] * softmax(logits) - g, -g * r * np.exp(-log_sd), g * (1 - r * r)


MIXTURE = right(
    Op(mixture_forward, mixture_backward,
       {"logits": Arg("N K", domain=(-20.0, 20.0)), "mu": Arg("N K", domain=(-5.0, 5.0)),
        "log_sd": Arg("N K", domain=(-1.0, 2.0)), "t": Arg("N", domain=(-5.0, 5.0), differentiable=False)})
)  # fmt: skip


@wrong(MIXTURE, "algebra")
def mixture_weights_of_the_prior(dy, cache):
    logits, log_sd, r, _joint = cache
    dlogits, _, _ = mixture_backward(dy, cache)
    g = dy[:, None] * softmax(logits)
    return dlogits, -g * r * np.exp(-log_sd), g * (1 - r * r)


@wrong(MIXTURE, "algebra")
def mixture_width_forgets_the_normaliser(dy, cache):
    _, _, r, joint = cache
    dlogits, dmu, _ = mixture_backward(dy, cache)
    return dlogits, dmu, -dy[:, None] * softmax(joint) * r * r


@wrong(MIXTURE, "digits")
def mixture_residual_in_float16(dy, cache):
    logits, log_sd, r, joint = cache
    with np.errstate(over="ignore"):
        r = np.clip(r, -1e4, 1e4).astype(np.float16).astype(r.dtype)
    return mixture_backward(dy, (logits, log_sd, r, joint))


# ---- Gram matrix of a Gaussian kernel with a learned scale


def rbf_forward(x, log_scale):
    sq = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    inverse = np.exp(-2 * log_scale)
    K = np.exp(-sq * inverse / 2)
    return K, (x, sq, inverse, K.copy())


def rbf_backward(dK, cache):
    x, sq, inverse, K = cache
    g = dK * K * inverse
    both = g + g.T
    return both @ x - both.sum(axis=1, keepdims=True) * x, np.asarray((g * sq).sum())


RBF = right(
    Op(rbf_forward, rbf_backward, {"x": Arg("N D", domain=(-10.0, 10.0)), "log_scale": Arg("", domain=(-1.0, 3.0))})
)


@wrong(RBF, "cotangent")
def rbf_as_if_dk_were_symmetric(dK, cache):
    x, _sq, inverse, K = cache
    g = 2 * dK * K * inverse
    return g @ x - g.sum(axis=1, keepdims=True) * x, rbf_backward(dK, cache)[1]


@wrong(RBF, "algebra")
def rbf_rows_only(dK, cache):
    x, _sq, inverse, K = cache
    g = dK * K * inverse
    return g @ x - g.sum(axis=1, keepdims=True) * x, rbf_backward(dK, cache)[1]


@wrong(RBF, "parameters")
def rbf_scale_and_not_its_logarithm(dK, cache):
    dx, dlog_scale = rbf_backward(dK, cache)
    return dx, np.asarray(dlog_scale * np.sqrt(cache[2]))


# ---- a damped pendulum, semi-implicit Euler


def pendulum_forward(angle, speed, damping, steps=5):
    dt, path = 0.1, []
    for _ in range(steps):
        path.append((angle, speed))
        speed = speed - dt * (np.sin(angle) + damping * speed)
        angle = angle + dt * speed
    return np.stack([angle, speed], axis=1), (path, damping)


def pendulum_backward(dy, cache):
    path, damping = cache
    dt, dangle, dspeed, ddamping = 0.1, dy[:, 0], dy[:, 1], 0
    for angle, speed in reversed(path):
        dspeed = dspeed + dt * dangle
        ddamping = ddamping - dt * (dspeed * speed).sum()
        dangle = dangle - dt * np.cos(angle) * dspeed
        dspeed = dspeed * (1 - dt * damping)
    return dangle, dspeed, np.asarray(ddamping)


PENDULUM = right(
    Op(pendulum_forward, pendulum_backward,
       {"angle": Arg("N", domain=(-10.0, 10.0)), "speed": Arg("N", domain=(-10.0, 10.0)),
        "damping": Arg("", domain=(0.0, 2.0))}, params={"steps": [5, 1]})
)  # fmt: skip


@wrong(PENDULUM, "algebra")
def pendulum_as_if_explicit(dy, cache):
    path, damping = cache
    dt, dangle, dspeed, ddamping = 0.1, dy[:, 0], dy[:, 1], 0
    for angle, speed in reversed(path):
        ddamping = ddamping - dt * (dspeed * speed).sum()
        dangle, dspeed = dangle - dt * np.cos(angle) * dspeed, dspeed * (1 - dt * damping) + dt * dangle
    return dangle, dspeed, np.asarray(ddamping)


@wrong(PENDULUM, "parameters")
def pendulum_damping_of_the_first_step_only(dy, cache):
    path, damping = cache
    dangle, dspeed, _ = pendulum_backward(dy, cache)
    ddamping = -0.1 * (dspeed / (1 - 0.1 * damping) * path[0][1]).sum()
    return dangle, dspeed, np.asarray(ddamping)


@wrong(PENDULUM, "state")
def pendulum_cosine_of_the_last_angle(dy, cache):
    path, damping = cache
    _, ds, dc = pendulum_backward(dy, cache)
    da, _, _ = pendulum_backward(dy, ([(path[-1][0], speed) for _, speed in path], damping))
    return da, ds, dc


# ---- energy of a chain of springs in the plane


def springs_forward(x, rest):
    d = np.diff(x, axis=1)
    length = np.sqrt((d * d).sum(axis=2) + 1e-2)
    return ((length - rest) ** 2).sum(axis=1) / 2, (d, length, rest)


def springs_backward(dy, cache):
    d, length, rest = cache
    pull = dy[:, None, None] * ((length - rest) / length)[:, :, None] * d
    dx = np.zeros((d.shape[0], d.shape[1] + 1, 2), dy.dtype)
    dx[:, 1:] += pull
    dx[:, :-1] -= pull
    return dx, np.asarray(-(dy[:, None] * (length - rest)).sum())


SPRINGS = right(
    Op(springs_forward, springs_backward,
       {"x": Arg("N P 2", domain=(-100.0, 100.0)), "rest": Arg("", domain=(0.0, 10.0))})
)  # fmt: skip


@wrong(SPRINGS, "algebra")
def springs_pull_at_one_end(dy, cache):
    dx, drest = springs_backward(dy, cache)
    d, length, rest = cache
    dx[:, :-1] += dy[:, None, None] * ((length - rest) / length)[:, :, None] * d
    return dx, drest


@wrong(SPRINGS, "algebra")
def springs_as_if_of_no_length_at_rest(dy, cache):
    d, length, _rest = cache
    return springs_backward(dy, (d, length, 0 * length))[0], springs_backward(dy, cache)[1]


@wrong(SPRINGS, "shapes")
def springs_rest_of_the_mean_sample(dy, cache):
    dx, _ = springs_backward(dy, cache)
    _, length, rest = cache
    return dx, np.asarray(-dy.mean() * (length - rest).sum())


# ---- hinge of several classes: the sum over all wrong ones


def margins_forward(scores, label):
    gap = 1 + scores - np.take_along_axis(scores, label[:, None], axis=1)
    gap[np.arange(len(label)), label] = 0
    return np.maximum(gap, 0).sum(axis=1), (gap, label)


def margins_backward(dy, cache):
    gap, label = cache
    g = np.where(gap > 0, dy[:, None], 0)
    g[np.arange(len(label)), label] = -g.sum(axis=1)
    return g


MARGINS = right(
    Op(margins_forward, margins_backward,
       {"scores": Arg("N C"), "label": Arg("N", dtype=int, domain=(0, "C"), differentiable=False)})
)  # fmt: skip


@wrong(MARGINS, "algebra")
def margins_label_counted_once(dy, cache):
    gap, label = cache
    g = np.where(gap > 0, dy[:, None], 0)
    g[np.arange(len(label)), label] = -np.where((gap > 0).any(axis=1), dy, 0)
    return g


@wrong(MARGINS, "algebra")
def margins_worst_class_only(dy, cache):
    gap, label = cache
    return margins_backward(dy, (np.where(gap == gap.max(axis=1, keepdims=True), gap, 0), label))


# ---- total variation of an image, smoothed at zero


def total_variation_forward(x, eps=1e-2):
    down = np.diff(x, axis=1, append=x[:, -1:])
    across = np.diff(x, axis=2, append=x[:, :, -1:])
    size = np.sqrt(down**2 + across**2 + eps)
    return size.sum(axis=(1, 2)), (down, across, size)


def total_variation_backward(dy, cache):
    down, across, size = cache
    d, a = dy[:, None, None] * down / size, dy[:, None, None] * across / size
    dx = -d - a
    dx[:, 1:] += d[:, :-1]
    dx[:, :, 1:] += a[:, :, :-1]
    return dx


TOTAL_VARIATION = right(
    Op(total_variation_forward, total_variation_backward, {"x": Arg("N H W", domain=(-1e3, 1e3))},
       params={"eps": [1e-2, 1.0]})
)  # fmt: skip


@wrong(TOTAL_VARIATION, "shapes")
def total_variation_rolls_along_the_other_axis(dy, cache):
    down, across, size = cache
    d, a = dy[:, None, None] * down / size, dy[:, None, None] * across / size
    return np.roll(d, 1, axis=2) + np.roll(a, 1, axis=1) - d - a


@wrong(TOTAL_VARIATION, "algebra")
def total_variation_forward_difference_only(dy, cache):
    down, across, size = cache
    return -dy[:, None, None] * (down + across) / size


@wrong(TOTAL_VARIATION, "digits")
def total_variation_smoothed_twice(dy, cache):
    down, across, size = cache
    return total_variation_backward(dy, (down, across, size + 1e-3))


# ---- local response normalisation over three neighbouring channels


def _neighbours(a):
    padded = np.pad(a, ((0, 0), (1, 1)))
    return padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]


def response_norm_forward(x, alpha=0.5):
    d = 1 + alpha * _neighbours(x * x)
    return x * d**-0.75, (x, d, alpha)


def response_norm_backward(dy, cache):
    x, d, alpha = cache
    return dy * d**-0.75 - 1.5 * alpha * x * _neighbours(dy * x * d**-1.75)


RESPONSE_NORM = right(
    Op(response_norm_forward, response_norm_backward, {"x": Arg("N C", domain=(-100.0, 100.0))},
       params={"alpha": [0.5, 0.1]})
)  # fmt: skip


@wrong(RESPONSE_NORM, "algebra")
def response_norm_own_channel_only(dy, cache):
    x, d, alpha = cache
    return dy * d**-0.75 - 1.5 * alpha * x * (dy * x * d**-1.75)


@wrong(RESPONSE_NORM, "algebra")
def response_norm_outer_factor_left_outside(dy, cache):
    x, d, alpha = cache
    return dy * d**-0.75 - 1.5 * alpha * x * d**-1.75 * _neighbours(dy * x)


@wrong(RESPONSE_NORM, "parameters")
def response_norm_alpha_one_half(dy, cache):
    x, d, _alpha = cache
    return response_norm_backward(dy, (x, d, 0.5))


# ---- covariance of a batch


def covariance_forward(x):
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x), centred


def covariance_backward(dy, centred):
    return centred @ (dy + dy.T) / len(centred)


COVARIANCE = right(Op(covariance_forward, covariance_backward, {"x": Arg("N D", domain=(-1e3, 1e3))}))


@wrong(COVARIANCE, "cotangent")
def covariance_as_if_dy_were_symmetric(dy, centred):
    return 2 * centred @ dy / len(centred)


@wrong(COVARIANCE, "shapes")
def covariance_divides_by_one_less(dy, centred):
    return centred @ (dy + dy.T) / max(len(centred) - 1, 1)


# ---- pixel shuffle: four channels become two by two pixels


def pixel_shuffle_forward(x):
    n, c, h, w = x.shape
    blocks = x.reshape(n, c // 4, 2, 2, h, w)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w).copy(), ()


def pixel_shuffle_backward(dy, cache):
    n, c, h, w = dy.shape
    blocks = dy.reshape(n, c, h // 2, 2, w // 2, 2)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2).copy()


PIXEL_SHUFFLE = right(Op(pixel_shuffle_forward, pixel_shuffle_backward, {"x": Arg("N 4*C H W", linear=True)}))


@wrong(PIXEL_SHUFFLE, "shapes")
def pixel_shuffle_channels_inside(dy, cache):
    n, c, h, w = dy.shape
    blocks = dy.reshape(n, c, h // 2, 2, w // 2, 2)
    return blocks.transpose(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2).copy()


@wrong(PIXEL_SHUFFLE, "shapes")
def pixel_shuffle_rows_and_columns_swapped(dy, cache):
    n, c, h, w = dy.shape
    blocks = dy.reshape(n, c, h // 2, 2, w // 2, 2)
    return blocks.transpose(0, 1, 5, 3, 2, 4).reshape(n, 4 * c, h // 2, w // 2).copy()
