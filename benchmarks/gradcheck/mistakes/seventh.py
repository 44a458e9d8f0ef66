"""A seventh set: what people write beyond the fifth, by somebody who had read the documents and not the checker.

Norms, attention, convolution, sampling, sequences, linear algebra, losses, densities, flows, graphs, transforms; then
conditions that are rarer. Each right pair stands first, then the mistakes in it, each as one edit of its source: what
is wrong, the text before and after. The right pairs, and that the wrong ones are wrong somewhere, were found with
central differences by a script of their own, that knows nothing of npvae. The set was scored before anything in the
checker was changed for it.
"""

from __future__ import annotations

import inspect
import linecache
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from mistakes.first import BY_NAME, MISTAKES, Mistake
from mistakes.third import known
from npvae.gradcheck import LayerOp
from npvae.spec import Arg, Op

__all__ = ["layer", "wrong"]

LAYERS: dict[str, tuple[type, Callable[[type], Op]]] = {}


def layer(cls: type, builder: Callable[[type], Callable[..., Any]], args: dict[str, Arg], params: tuple) -> None:
    """Put a right layer into the zoo; `builder` says how one of its class is built for sizes."""

    def make(cls: type) -> Op:
        return LayerOp(build=builder(cls), args=args, params=params)

    LAYERS[cls.__name__] = cls, make
    known(make(cls))


def wrong(name: str, what: str, old: str, new: str) -> None:
    """Add a mistake to those in an op's backward or in a layer's class: `new` stands where `old` stood."""
    right, make = LAYERS.get(name, (BY_NAME[name].backward, None))
    edited = _edited(right, old, new, f"<{name}: {what}>")

    def pair() -> tuple[Callable[..., Any], Callable[..., Any]]:
        made = make(edited) if make else None
        return (made.forward, made.backward) if made else (BY_NAME[name].forward, edited)

    MISTAKES.append(Mistake(what.replace(" ", "_"), "algebra", name, pair, __name__))


def _edited(right: Any, old: str, new: str, file: str) -> Any:
    """A function or class with one edit in its source, which tracebacks and reports can show."""
    source = inspect.getsource(right)
    if source.count(old) != 1:
        raise ValueError(f"{file}: {source.count(old)} places are {old!r}, there should be one")
    text = source.replace(old, new)
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    names = dict(vars(sys.modules[right.__module__]))
    exec(compile(text, file, "exec"), names)
    return names[right.__name__]


# --- norms


def group_norm(x, gamma, beta, groups=2, eps=1e-5):
    N, C, S = x.shape
    h = x.reshape(N, groups, -1)
    h = h - h.mean(axis=2, keepdims=True)
    r = 1 / np.sqrt(np.mean(h * h, axis=2, keepdims=True) + eps)
    h = (h * r).reshape(N, C, S)
    return gamma[:, None] * h + beta[:, None], (h, r, gamma, groups)


def group_norm_backward(dy, cache):
    h, r, gamma, groups = cache
    N, C, S = dy.shape
    dgamma = np.sum(dy * h, axis=(0, 2))
    dbeta = np.sum(dy, axis=(0, 2))
    dh = (dy * gamma[:, None]).reshape(N, groups, -1)
    h = h.reshape(N, groups, -1)
    dx = r * (dh - dh.mean(axis=2, keepdims=True) - h * np.mean(dh * h, axis=2, keepdims=True))
    return dx.reshape(N, C, S), dgamma, dbeta


known(
    Op(
        group_norm,
        group_norm_backward,
        {"x": Arg("N 6 S"), "gamma": Arg("6"), "beta": Arg("6")},
        params={"groups": [2, 3]},
    )
)
wrong(
    "group_norm",
    "gamma multiplies after the means",
    "dh = (dy * gamma[:, None]).reshape(N, groups, -1)",
    "dh = dy.reshape(N, groups, -1)\n    r = r * gamma.reshape(groups, -1).mean(axis=1)[:, None]",
)
wrong("group_norm", "the mean of dh is left out", "dh - dh.mean(axis=2, keepdims=True) - h", "dh - h")


def instance_norm(x, eps=1e-3):
    mu = x.mean(axis=(2, 3), keepdims=True)
    var = x.var(axis=(2, 3), keepdims=True)
    return (x - mu) / np.sqrt(var + eps), (x, mu, var, eps)


def instance_norm_backward(dy, cache):
    x, mu, var, eps = cache
    _N, _C, H, W = x.shape
    m = H * W
    std = np.sqrt(var + eps)
    dvar = np.sum(dy * (x - mu) * -0.5 / std**3, axis=(2, 3), keepdims=True)
    dmu = np.sum(-dy / std, axis=(2, 3), keepdims=True)
    return dy / std + dvar * 2 * (x - mu) / m + dmu / m


known(Op(instance_norm, instance_norm_backward, {"x": Arg("N C H W")}))
wrong("instance_norm", "the size of a picture is H times H", "m = H * W", "m = H * H")
wrong("instance_norm", "eps is forgotten in the third power", "-0.5 / std**3", "-0.5 / np.maximum(var, 1e-12) ** 1.5")


def rms_norm_rows(x, g, eps=1e-6):
    r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    return x * r * g, (x, r, g)


def rms_norm_rows_backward(dy, cache):
    x, r, g = cache
    dg = np.sum(dy * x * r, axis=0)
    dh = dy * g
    dx = r * dh - x * r**3 * np.sum(dh * x, axis=-1, keepdims=True) / x.shape[-1]
    return dx, dg


known(Op(rms_norm_rows, rms_norm_rows_backward, {"x": Arg("N D"), "g": Arg("D")}))
wrong("rms_norm_rows", "divides by the number of samples", "x.shape[-1]", "x.shape[0]")
wrong("rms_norm_rows", "the second power of r instead of the third", "r**3", "r**2")


def weight_norm_columns(v, g):
    """Each output's column has the length g (Salimans & Kingma 2016)."""
    n = np.sqrt(np.sum(v * v, axis=0))
    return g * v / n, (v, g, n)


def weight_norm_columns_backward(dw, cache):
    v, g, n = cache
    dg = np.sum(dw * v, axis=0) / n
    dv = g / n * dw - g * dg / n**2 * v
    return dv, dg


known(Op(weight_norm_columns, weight_norm_columns_backward, {"v": Arg("I O"), "g": Arg("O")}))
wrong("weight_norm_columns", "the direction's projection is not subtracted", " - g * dg / n**2 * v", "")
wrong("weight_norm_columns", "the projection lacks one g", "- g * dg / n**2 * v", "- dg / n**2 * v")


def spectral_norm(W, u, v):
    """W over its largest singular value, for left and right vectors that power iteration gave (held constant)."""
    sigma = u @ W @ v
    return W / sigma, (W, u, v, sigma)


def spectral_norm_backward(dy, cache):
    W, u, v, sigma = cache
    return dy / sigma - np.sum(dy * W) / sigma**2 * np.outer(u, v)


known(
    Op(
        spectral_norm,
        spectral_norm_backward,
        {
            "W": Arg("I O", domain=(0.5, 2)),
            "u": Arg("I", domain=(0.5, 1), differentiable=False),
            "v": Arg("O", domain=(0.5, 1), differentiable=False),
        },
    )
)
wrong("spectral_norm", "sigma is taken for a constant", " - np.sum(dy * W) / sigma**2 * np.outer(u, v)", "")


# --- attention


def rotary_pairs(x, base=100.0):
    _N, T, D = x.shape
    angle = np.arange(T)[:, None] / base ** (np.arange(D // 2) / (D // 2))
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    y = np.empty_like(x)
    y[..., 0::2] = a * cos - b * sin
    y[..., 1::2] = a * sin + b * cos
    return y, (cos, sin)


def rotary_pairs_backward(dy, cache):
    cos, sin = cache
    da, db = dy[..., 0::2], dy[..., 1::2]
    dx = np.empty_like(dy)
    dx[..., 0::2] = da * cos + db * sin
    dx[..., 1::2] = db * cos - da * sin
    return dx


known(Op(rotary_pairs, rotary_pairs_backward, {"x": Arg("N T 2*D")}))
wrong(
    "rotary_pairs",
    "turns forward again instead of back",
    "dx[..., 0::2] = da * cos + db * sin\n    dx[..., 1::2] = db * cos - da * sin",
    "dx[..., 0::2] = da * cos - db * sin\n    dx[..., 1::2] = db * cos + da * sin",
)
wrong(
    "rotary_pairs",
    "halves instead of interleaved pairs",
    "da, db = dy[..., 0::2], dy[..., 1::2]",
    "da, db = np.split(dy, 2, axis=-1)",
)


def softmax(s):
    p = np.exp(s - s.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def windowed_attention(q, k, v, keep):
    """Causal within a window of 3; keys where keep is False are masked; a query without any key gives zero."""
    _N, T, D = q.shape
    i, j = np.arange(T)[:, None], np.arange(T)
    mask = keep[:, None, :] & ((j <= i) & (i - j < 3))
    s = np.where(mask, q @ k.swapaxes(1, 2) / np.sqrt(D), -np.inf)
    top = s.max(axis=-1, keepdims=True)
    p = np.exp(s - np.where(np.isfinite(top), top, 0))
    total = p.sum(axis=-1, keepdims=True)
    p = (p / np.where(total > 0, total, 1)).astype(q.dtype)
    return p @ v, (q, k, v, p)


def windowed_attention_backward(dy, cache):
    q, k, v, p = cache
    dv = p.swapaxes(1, 2) @ dy
    dp = dy @ v.swapaxes(1, 2)
    ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    ds = (ds / np.sqrt(q.shape[-1])).astype(q.dtype)
    return ds @ k, ds.swapaxes(1, 2) @ q, dv


qkv = {"q": Arg("N T D"), "k": Arg("N T D"), "v": Arg("N T D")}
known(
    Op(windowed_attention, windowed_attention_backward, {**qkv, "keep": Arg("N T", dtype=bool, differentiable=False)})
)
wrong("windowed_attention", "scaled by the length instead of the width", "np.sqrt(q.shape[-1])", "np.sqrt(q.shape[1])")
wrong(
    "windowed_attention",
    "the sum within the softmax runs over queries",
    "np.sum(dp * p, axis=-1, keepdims=True)",
    "np.sum(dp * p, axis=-2, keepdims=True)",
)
wrong("windowed_attention", "dk without transposing", "ds.swapaxes(1, 2) @ q", "ds @ q")


def alibi_attention(q, k, v, slope):
    """q, k, v (N, H, T, D); slope (H,) learned: scores fall by slope times distance."""
    T, D = q.shape[2:]
    distance = np.abs(np.arange(T)[:, None] - np.arange(T)).astype(q.dtype)
    s = q @ k.swapaxes(2, 3) * D**-0.5 - slope[:, None, None] * distance
    p = softmax(s)
    return p @ v, (q, k, v, p, distance)


def alibi_attention_backward(dy, cache):
    q, k, v, p, distance = cache
    D = q.shape[3]
    dv = p.swapaxes(2, 3) @ dy
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    dslope = -np.sum(ds * distance, axis=(0, 2, 3))
    dq = ds @ k * D**-0.5
    dk = ds.swapaxes(2, 3) @ q * D**-0.5
    return dq, dk, dv, dslope


qkv = {name: Arg("N H T D") for name in "qkv"}
known(Op(alibi_attention, alibi_attention_backward, {**qkv, "slope": Arg("H", domain=(0, 2))}))
wrong("alibi_attention", "the slope's gradient with the sign of s", "-np.sum(ds * distance", "np.sum(ds * distance")
wrong(
    "alibi_attention",
    "the slope's gradient is a mean over samples",
    "dslope = -np.sum(ds * distance, axis=(0, 2, 3))",
    "dslope = -np.sum(ds * distance, axis=(2, 3)).mean(axis=0)",
)


def multi_query_attention(q, k, v):
    """q (N, H, T, D) with one k and v (N, T, D) for all heads."""
    s = np.einsum("nhtd,nsd->nhts", q, k) / np.sqrt(q.shape[-1]).astype(q.dtype)
    p = softmax(s)
    return np.einsum("nhts,nsd->nhtd", p, v), (q, k, v, p)


def multi_query_attention_backward(dy, cache):
    q, k, v, p = cache
    dk, dv = np.zeros_like(k), np.zeros_like(v)
    dq = np.empty_like(q)
    for h in range(q.shape[1]):
        dv += np.einsum("nts,ntd->nsd", p[:, h], dy[:, h])
        dp = np.einsum("ntd,nsd->nts", dy[:, h], v)
        ds = p[:, h] * (dp - np.sum(dp * p[:, h], axis=-1, keepdims=True))
        ds /= np.sqrt(q.shape[-1])
        dq[:, h] = np.einsum("nts,nsd->ntd", ds, k)
        dk += np.einsum("nts,ntd->nsd", ds, q[:, h])
    return dq, dk, dv


known(
    Op(
        multi_query_attention,
        multi_query_attention_backward,
        {"q": Arg("N H T D"), "k": Arg("N T D"), "v": Arg("N T D")},
    )
)
wrong("multi_query_attention", "dk of the last head alone", "dk += np", "dk = np")
wrong("multi_query_attention", "dv is a mean over heads", "return dq, dk, dv", "return dq, dk, dv / q.shape[1]")


def swiglu(x, W, V):
    a, b = x @ W, x @ V
    s = 1 / (1 + np.exp(-a))
    return a * s * b, (x, W, V, a, b, s)


def swiglu_backward(dy, cache):
    x, W, V, a, b, s = cache
    da = dy * b * (s + a * s * (1 - s))
    db = dy * a * s
    return da @ W.T + db @ V.T, x.T @ da, x.T @ db


known(Op(swiglu, swiglu_backward, {"x": Arg("N I"), "W": Arg("I O"), "V": Arg("I O")}))
wrong("swiglu", "x through the gate alone", "da @ W.T + db @ V.T", "da @ W.T")
wrong("swiglu", "the sigmoid's derivative instead of the swish's", "(s + a * s * (1 - s))", "s * (1 - s)")


# --- convolution and its kin


def depthwise_conv(x, w, stride=1, dilation=1):
    """x (N, C, 9), w (C, 3), one filter per channel, zero padding of one."""
    N, C, T = x.shape
    K = w.shape[1]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    out = (T + 2 - dilation * (K - 1) - 1) // stride + 1
    y = np.zeros((N, C, out), x.dtype)
    for t in range(out):
        for k in range(K):
            y[:, :, t] += w[:, k] * xp[:, :, t * stride + k * dilation]
    return y, (xp, w, stride, dilation)


def depthwise_conv_backward(dy, cache):
    xp, w, stride, dilation = cache
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for t in range(dy.shape[2]):
        for k in range(w.shape[1]):
            at = t * stride + k * dilation
            dxp[:, :, at] += dy[:, :, t] * w[:, k]
            dw[:, k] += np.sum(dy[:, :, t] * xp[:, :, at], axis=0)
    return dxp[:, :, 1:-1], dw


known(
    Op(
        depthwise_conv,
        depthwise_conv_backward,
        {"x": Arg("N C 9"), "w": Arg("C 3")},
        params={"stride": [1, 2], "dilation": [1, 2]},
    )
)
wrong("depthwise_conv", "the dilation is forgotten (1 by default)", "t * stride + k * dilation", "t * stride + k")
wrong("depthwise_conv", "the stride is forgotten in dw", "* xp[:, :, at]", "* xp[:, :, t + k * dilation]")
wrong("depthwise_conv", "overlapping windows are assigned", "dxp[:, :, at] += ", "dxp[:, :, at] = ")
wrong("depthwise_conv", "the padding is cut at one end only", "dxp[:, :, 1:-1]", "dxp[:, :, :-2]")


def conv2d_same(x, w, b):
    """x (N, C, H, W), w (F, C, 2, 3): even and odd filter, zeros after and around."""
    N, _C, H, W = x.shape
    F, _, kh, kw = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), ((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2)))
    y = np.zeros((N, F, H, W), x.dtype)
    for i in range(kh):
        for j in range(kw):
            y += np.einsum("nchw,fc->nfhw", xp[:, :, i : i + H, j : j + W], w[:, :, i, j])
    return y + b[:, None, None], (xp, w)


def conv2d_same_backward(dy, cache):
    xp, w = cache
    _N, _F, H, W = dy.shape
    kh, kw = w.shape[2:]
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(kh):
        for j in range(kw):
            dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", dy, xp[:, :, i : i + H, j : j + W])
            dxp[:, :, i : i + H, j : j + W] += np.einsum("nfhw,fc->nchw", dy, w[:, :, i, j])
    top, left = (kh - 1) // 2, (kw - 1) // 2
    return dxp[:, :, top : top + H, left : left + W], dw, dy.sum(axis=(0, 2, 3))


known(Op(conv2d_same, conv2d_same_backward, {"x": Arg("N C H W"), "w": Arg("F C 2 3"), "b": Arg("F")}))
wrong("conv2d_same", "cut as if the filter were odd", "top, left = (kh - 1) // 2", "top, left = kh // 2")
wrong(
    "conv2d_same",
    "the filter is turned for dx",
    "dy, w[:, :, i, j])\n    top",
    "dy, w[:, :, kh - 1 - i, kw - 1 - j])\n    top",
)
wrong("conv2d_same", "db of the first sample", "dy.sum(axis=(0, 2, 3))", "dy[0].sum(axis=(1, 2))")


def depth_to_space(x, r=2):
    N, C, H, W = x.shape
    y = x.reshape(N, C // r**2, r, r, H, W).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(N, C // r**2, H * r, W * r), r


def depth_to_space_backward(dy, r):
    N, C, H, W = dy.shape
    dx = dy.reshape(N, C, H // r, r, W // r, r).transpose(0, 1, 3, 5, 2, 4)
    return dx.reshape(N, C * r * r, H // r, W // r)


known(Op(depth_to_space, depth_to_space_backward, {"x": Arg("N 4*C H W")}, params={"r": [2, 1]}))
wrong(
    "depth_to_space",
    "the two offsets within a block change places",
    "transpose(0, 1, 3, 5, 2, 4)",
    "transpose(0, 1, 5, 3, 2, 4)",
)


def adaptive_avg_pool(x, out=3):
    _N, T = x.shape
    starts = [i * T // out for i in range(out)]
    ends = [-(-(i + 1) * T // out) for i in range(out)]
    y = np.stack([x[:, a:b].mean(axis=1) for a, b in zip(starts, ends, strict=True)], axis=1)
    return y, (x.shape, starts, ends)


def adaptive_avg_pool_backward(dy, cache):
    shape, starts, ends = cache
    dx = np.zeros(shape, dy.dtype)
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        dx[:, a:b] += dy[:, i : i + 1] / (b - a)
    return dx


known(Op(adaptive_avg_pool, adaptive_avg_pool_backward, {"x": Arg("N T")}))
wrong("adaptive_avg_pool", "overlapping bins are assigned", "dx[:, a:b] += ", "dx[:, a:b] = ")
wrong("adaptive_avg_pool", "every bin has the size of the first", "/ (b - a)", "/ (ends[0] - starts[0])")


def roi_max_pool(x, top=1, left=2):
    """The largest entry of a 3 by 3 region of each picture, x (N, C, 5, 6)."""
    N, C = x.shape[:2]
    region = x[:, :, top : top + 3, left : left + 3].reshape(N, C, 9)
    best = region.argmax(axis=2)
    return np.take_along_axis(region, best[..., None], axis=2)[..., 0], (x.shape, best, top, left)


def roi_max_pool_backward(dy, cache):
    shape, best, top, left = cache
    dx = np.zeros(shape, dy.dtype)
    n, c = np.indices(best.shape)
    dx[n, c, top + best // 3, left + best % 3] = dy
    return dx


known(Op(roi_max_pool, roi_max_pool_backward, {"x": Arg("N C 5 6")}, params={"top": [0, 1]}))
wrong("roi_max_pool", "the region's corner is forgotten", "top + best // 3, left + best % 3", "best // 3, best % 3")
wrong("roi_max_pool", "top is forgotten (0 by default)", "top + best // 3", "best // 3")


def grid_sample(image, points):
    """Bilinear, image (H, W), points (P, 2) as row and column; outside the picture, the nearest border."""
    H, W = image.shape
    r, c = np.clip(points[:, 0], 0, H - 1), np.clip(points[:, 1], 0, W - 1)
    r0, c0 = np.minimum(r.astype(int), max(H - 2, 0)), np.minimum(c.astype(int), max(W - 2, 0))
    r1, c1 = np.minimum(r0 + 1, H - 1), np.minimum(c0 + 1, W - 1)
    fr, fc = r - r0, c - c0
    top = image[r0, c0] * (1 - fc) + image[r0, c1] * fc
    bottom = image[r1, c0] * (1 - fc) + image[r1, c1] * fc
    return top * (1 - fr) + bottom * fr, (image, points, r0, c0, r1, c1, fr, fc, top, bottom)


def grid_sample_backward(dy, cache):
    image, points, r0, c0, r1, c1, fr, fc, top, bottom = cache
    H, W = image.shape
    dimage, dpoints = np.zeros_like(image), np.zeros_like(points)
    np.add.at(dimage, (r0, c0), dy * (1 - fr) * (1 - fc))
    np.add.at(dimage, (r0, c1), dy * (1 - fr) * fc)
    np.add.at(dimage, (r1, c0), dy * fr * (1 - fc))
    np.add.at(dimage, (r1, c1), dy * fr * fc)
    dpoints[:, 0] = dy * (bottom - top)
    dpoints[:, 1] = dy * ((image[r0, c1] - image[r0, c0]) * (1 - fr) + (image[r1, c1] - image[r1, c0]) * fr)
    inside = (points >= 0) & (points <= np.array([H - 1, W - 1]))
    return dimage, dpoints * inside


known(
    Op(
        grid_sample,
        grid_sample_backward,
        {"image": Arg("4 5"), "points": Arg("P 2", domain=(-1, 5), kinks=[0.0, 1.0, 2.0, 3.0, 4.0])},
    )
)
wrong(
    "grid_sample",
    "repeated corners are not accumulated",
    "np.add.at(dimage, (r0, c0), dy * (1 - fr) * (1 - fc))",
    "dimage[r0, c0] += dy * (1 - fr) * (1 - fc)",
)
wrong("grid_sample", "the border lets the gradient through", "dpoints * inside", "dpoints")
wrong(
    "grid_sample",
    "rows and columns of points change places",
    "dimage, dpoints * inside",
    "dimage, (dpoints * inside)[:, ::-1].copy()",
)


def resize_linear(x, out=7):
    """Along the last axis to 7 entries; ends on ends."""
    T = x.shape[1]
    at = np.linspace(0, T - 1, out)
    lo = np.minimum(at.astype(int), max(T - 2, 0))
    hi = np.minimum(lo + 1, T - 1)
    f = (at - lo).astype(x.dtype)
    return x[:, lo] * (1 - f) + x[:, hi] * f, (x.shape, lo, hi, f)


def resize_linear_backward(dy, cache):
    shape, lo, hi, f = cache
    dx = np.zeros(shape, dy.dtype)
    for i in range(dy.shape[1]):
        dx[:, lo[i]] += dy[:, i] * (1 - f[i])
        dx[:, hi[i]] += dy[:, i] * f[i]
    return dx


known(Op(resize_linear, resize_linear_backward, {"x": Arg("N T")}))
wrong("resize_linear", "the loop stops before the last point", "range(dy.shape[1])", "range(dy.shape[1] - 1)")
wrong(
    "resize_linear",
    "repeated indices are not accumulated",
    "for i in range(dy.shape[1]):\n"
    "        dx[:, lo[i]] += dy[:, i] * (1 - f[i])\n"
    "        dx[:, hi[i]] += dy[:, i] * f[i]",
    "dx[:, lo] += dy * (1 - f)\n    dx[:, hi] += dy * f",
)


def overlap_add(frames, hop=2):
    """frames (N, F, 4) to signals, each frame hop after the one before."""
    N, F, L = frames.shape
    y = np.zeros((N, (F - 1) * hop + L), frames.dtype)
    for f in range(F):
        y[:, f * hop : f * hop + L] += frames[:, f]
    return y, (frames.shape, hop)


def overlap_add_backward(dy, cache):
    (_N, F, L), hop = cache
    return np.stack([dy[:, f * hop : f * hop + L] for f in range(F)], axis=1)


known(Op(overlap_add, overlap_add_backward, {"frames": Arg("N F 4")}, params={"hop": [2, 4]}))
wrong(
    "overlap_add",
    "frames half a length apart, whatever the hop (2 by default)",
    "return np.stack",
    "hop = L // 2\n    return np.stack",
)
wrong("resize_linear", "the gradient is float64 always", "np.zeros(shape, dy.dtype)", "np.zeros(shape)")

# --- structured sequences


def logsumexp(s, axis):
    top = s.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(s - top), axis=axis))


def crf_log_partition(unary, pair):
    """unary (N, T, K), pair (K, K) from row to column: log of the sum over all paths, (N,)."""
    alphas = [unary[:, 0]]
    for t in range(1, unary.shape[1]):
        alphas.append(unary[:, t] + logsumexp(alphas[-1][:, :, None] + pair, axis=1))
    return logsumexp(alphas[-1], axis=1), (alphas, pair, unary)


def crf_log_partition_backward(dz, cache):
    alphas, pair, unary = cache
    dunary, dpair = np.zeros_like(unary), np.zeros_like(pair)
    dalpha = dz[:, None] * softmax(alphas[-1])
    for t in range(unary.shape[1] - 1, 0, -1):
        dunary[:, t] = dalpha
        into = alphas[t - 1][:, :, None] + pair
        p = np.exp(into - logsumexp(into, axis=1)[:, None, :])
        dpair += np.sum(p * dalpha[:, None, :], axis=0)
        dalpha = np.sum(p * dalpha[:, None, :], axis=2)
    dunary[:, 0] = dalpha
    return dunary, dpair


known(Op(crf_log_partition, crf_log_partition_backward, {"unary": Arg("N T K"), "pair": Arg("K K")}))
wrong("crf_log_partition", "the transitions' gradient is transposed", "return dunary, dpair", "return dunary, dpair.T")
wrong(
    "crf_log_partition",
    "the loop stops before the first transition",
    "range(unary.shape[1] - 1, 0, -1)",
    "range(unary.shape[1] - 1, 1, -1)",
)


def ctc(logits, labels=(1, 2, 2)):
    """Graves et al. (2006): -log p(labels | softmax(logits)), logits (N, 7, 4), 0 is the blank."""
    ext = [0]
    for label in labels:
        ext += [label, 0]
    N, T, _K = logits.shape
    logp = logits - logsumexp(logits, axis=2)[:, :, None]
    S = len(ext)
    skip = [s >= 2 and ext[s] != 0 and ext[s] != ext[s - 2] for s in range(S)]
    alpha, beta = np.full((2, N, T, S), -np.inf, logits.dtype)
    alpha[:, 0, :2] = logp[:, 0, ext[:2]]
    beta[:, -1, -2:] = 0
    for t in range(1, T):
        for s in range(S):
            a = alpha[:, t - 1, s]
            if s >= 1:
                a = np.logaddexp(a, alpha[:, t - 1, s - 1])
            if skip[s]:
                a = np.logaddexp(a, alpha[:, t - 1, s - 2])
            alpha[:, t, s] = a + logp[:, t, ext[s]]
    for t in range(T - 2, -1, -1):
        for s in range(S):
            b = beta[:, t + 1, s] + logp[:, t + 1, ext[s]]
            if s + 1 < S:
                b = np.logaddexp(b, beta[:, t + 1, s + 1] + logp[:, t + 1, ext[s + 1]])
            if s + 2 < S and skip[s + 2]:
                b = np.logaddexp(b, beta[:, t + 1, s + 2] + logp[:, t + 1, ext[s + 2]])
            beta[:, t, s] = b
    total = np.logaddexp(alpha[:, -1, -1], alpha[:, -1, -2])
    return -total, (logp, alpha, beta, total, ext)


def ctc_backward(dloss, cache):
    logp, alpha, beta, total, ext = cache
    occupied = np.zeros_like(logp)
    for s, label in enumerate(ext):
        occupied[:, :, label] += np.exp(alpha[:, :, s] + beta[:, :, s] - total[:, None])
    return dloss[:, None, None] * (np.exp(logp) - occupied)


known(Op(ctc, ctc_backward, {"logits": Arg("N 7 4")}, params={"labels": [(1, 2, 2), (3, 1)]}))
wrong(
    "ctc",
    "blanks and repeated labels are assigned, not accumulated",
    "occupied[:, :, label] += ",
    "occupied[:, :, label] = ",
)
wrong("ctc", "the gradient of the log-probabilities, not of the logits", "(np.exp(logp) - occupied)", "-occupied")


def soft_dtw(cost, gamma=1.0):
    """Cuturi & Blondel (2017): cost (I, J) to the soft minimum over alignments."""
    I, J = cost.shape
    R = np.full((I + 1, J + 1), np.inf, cost.dtype)
    R[0, 0] = 0
    for i in range(1, I + 1):
        for j in range(1, J + 1):
            three = np.array([R[i - 1, j - 1], R[i - 1, j], R[i, j - 1]])
            low = three.min()
            R[i, j] = cost[i - 1, j - 1] + low - gamma * np.log(np.sum(np.exp(-(three - low) / gamma)))
    return R[I, J].reshape(1), (cost, R, gamma)


def soft_dtw_backward(dy, cache):
    cost, R, gamma = cache
    I, J = cost.shape
    E = np.zeros((I + 2, J + 2), cost.dtype)
    E[I, J] = 1
    for i in range(I, 0, -1):
        for j in range(J, 0, -1):
            for a, b in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
                if a <= I and b <= J:
                    E[i, j] += E[a, b] * np.exp((R[a, b] - R[i, j] - cost[a - 1, b - 1]) / gamma)
    return dy * E[1:-1, 1:-1]


known(Op(soft_dtw, soft_dtw_backward, {"cost": Arg("I J", domain=(0, 5))}, params={"gamma": [1.0, 0.3]}))
wrong("soft_dtw", "gamma is forgotten (1 by default)", ") / gamma)\n    return", "))\n    return")
wrong("soft_dtw", "the cost of the cell itself instead of the next", "cost[a - 1, b - 1]", "cost[i - 1, j - 1]")


def sinkhorn(C, steps=3, eps=0.5):
    """Transport plan between uniform marginals after a few scalings, C (I, J)."""
    K = np.exp(-C / eps)
    I, J = C.shape
    v = np.full(J, 1 / J, C.dtype)
    us, vs = [], [v]
    for _ in range(steps):
        u = (1 / I) / (K @ v)
        v = (1 / J) / (u @ K)
        us.append(u)
        vs.append(v)
    return u[:, None] * K * v, (K, us, vs, eps)


def sinkhorn_backward(dP, cache):
    K, us, vs, eps = cache
    I, J = K.shape
    du, dv = np.sum(dP * K * vs[-1], axis=1), us[-1] @ (dP * K)
    dK = us[-1][:, None] * dP * vs[-1]
    for t in range(len(us) - 1, -1, -1):
        g = -dv * vs[t + 1] ** 2 * J
        du = du + K @ g
        dK += us[t][:, None] * g
        g = -du * us[t] ** 2 * I
        dv = g @ K
        dK += g[:, None] * vs[t]
        du = np.zeros_like(du)
    return -dK * K / eps


known(Op(sinkhorn, sinkhorn_backward, {"C": Arg("I J", domain=(0, 2))}, params={"steps": [3, 1]}))
wrong(
    "sinkhorn",
    "only the last scaling is differentiated (right for one step)",
    "range(len(us) - 1, -1, -1)",
    "range(len(us) - 1, len(us) - 2, -1)",
)
wrong("sinkhorn", "du is carried into the step before", "du = np.zeros_like(du)", "pass")


def linear_scan(a, b):
    """h_t = a_t h_{t-1} + b_t along axis 1, from zero."""
    h = np.zeros_like(b)
    last = np.zeros_like(b[:, 0])
    for t in range(b.shape[1]):
        last = a[:, t] * last + b[:, t]
        h[:, t] = last
    return h, (a, h)


def linear_scan_backward(dh, cache):
    a, h = cache
    da, db = np.zeros_like(a), np.zeros_like(a)
    carry = np.zeros_like(a[:, 0])
    for t in range(a.shape[1] - 1, -1, -1):
        carry = carry + dh[:, t]
        db[:, t] = carry
        if t > 0:
            da[:, t] = carry * h[:, t - 1]
        carry = carry * a[:, t]
    return da, db


known(Op(linear_scan, linear_scan_backward, {"a": Arg("N T D"), "b": Arg("N T D")}))
wrong("linear_scan", "the state after the step instead of before", "carry * h[:, t - 1]", "carry * h[:, t]")
wrong(
    "linear_scan",
    "the state before the first step is the last one",
    "if t > 0:\n            da",
    "if True:\n            da",
)


def euler_ode(z, W, b, steps=3, h=0.25):
    """z <- z + h tanh(z W + b), a few times."""
    zs, fs = [z], []
    for _ in range(steps):
        fs.append(np.tanh(zs[-1] @ W + b))
        zs.append(zs[-1] + h * fs[-1])
    return zs[-1], (zs, fs, W, h)


def euler_ode_backward(dz, cache):
    zs, fs, W, h = cache
    dW, db = np.zeros_like(W), np.zeros_like(W[0])
    for z, f in zip(zs[-2::-1], fs[::-1], strict=True):
        da = h * dz * (1 - f * f)
        dW += z.T @ da
        db += da.sum(axis=0)
        dz = dz + da @ W.T
    return dz, dW, db


known(Op(euler_ode, euler_ode_backward, {"z": Arg("N D"), "W": Arg("D D"), "b": Arg("D")}, params={"steps": [3, 1]}))
wrong(
    "euler_ode",
    "the state after the step instead of before",
    "zip(zs[-2::-1], fs[::-1], strict=True)",
    "zip(zs[:0:-1], fs[::-1], strict=True)",
)
wrong("euler_ode", "W instead of its transpose", "da @ W.T", "da @ W")
wrong("euler_ode", "the incoming gradient is changed in place", "dz = dz + da @ W.T", "dz += da @ W.T")

# --- linear algebra


def cholesky_factor(A):
    L = np.linalg.cholesky(A)
    return L, L


def cholesky_factor_backward(dL, L):
    D = L.shape[-1]
    P = np.tril(np.swapaxes(L, -1, -2) @ dL)
    P[..., np.arange(D), np.arange(D)] *= 0.5
    Li = np.linalg.inv(L)
    S = np.swapaxes(Li, -1, -2) @ P @ Li
    return (S + np.swapaxes(S, -1, -2)) / 2


known(Op(cholesky_factor, cholesky_factor_backward, {"A": Arg("N D D", domain="positive definite")}))
wrong("cholesky_factor", "the diagonal is not halved", "    P[..., np.arange(D), np.arange(D)] *= 0.5\n", "")
wrong(
    "cholesky_factor",
    "the triangle is cut after the solves",
    "P = np.tril(np.swapaxes(L, -1, -2) @ dL)",
    "P = np.swapaxes(L, -1, -2) @ dL",
)


def log_abs_det(A):
    return np.linalg.slogdet(A)[1], A


def log_abs_det_backward(dy, A):
    return dy[:, None, None] * np.linalg.inv(A).swapaxes(1, 2)


known(Op(log_abs_det, log_abs_det_backward, {"A": Arg("N D D", domain="invertible")}))
wrong("log_abs_det", "the inverse is not transposed", ".swapaxes(1, 2)", "")


def solve_batch(A, b):
    x = np.linalg.solve(A, b)
    return x, (A, x)


def solve_batch_backward(dx, cache):
    A, x = cache
    db = np.linalg.solve(A.swapaxes(1, 2), dx)
    return -db @ x.swapaxes(1, 2), db


known(Op(solve_batch, solve_batch_backward, {"A": Arg("N D D", domain="invertible"), "b": Arg("N D K")}))
wrong("solve_batch", "A is not transposed", "np.linalg.solve(A.swapaxes(1, 2), dx)", "np.linalg.solve(A, dx)")
wrong("solve_batch", "the outer product the other way round", "-db @ x.swapaxes(1, 2)", "-x @ db.swapaxes(1, 2)")


def eigenvalues(A):
    w, V = np.linalg.eigh(A)
    return w, V


def eigenvalues_backward(dw, V):
    return (V * dw[:, None, :]) @ V.swapaxes(1, 2)


known(Op(eigenvalues, eigenvalues_backward, {"A": Arg("N D D", domain="positive definite")}))
wrong(
    "eigenvalues",
    "rows of V are taken for eigenvectors",
    "(V * dw[:, None, :]) @ V.swapaxes(1, 2)",
    "(V.swapaxes(1, 2) * dw[:, None, :]) @ V",
)


def qr(A):
    """A (5, 3) of full rank to Q (5, 3), R (3, 3) with a positive diagonal."""
    Q, R = np.linalg.qr(A)
    if np.linalg.matrix_rank(R) < len(R):
        raise np.linalg.LinAlgError("the columns of A are linearly dependent")
    s = np.sign(np.diag(R))
    Q, R = Q * s, R * s[:, None]
    return (Q, R), (Q, R)


def qr_backward(dQ, dR, cache):
    Q, R = cache
    M = R @ dR.T - dQ.T @ Q
    M = np.tril(M) + np.tril(M, -1).T
    return np.linalg.solve(R, (dQ + Q @ M).T).T


known(Op(qr, qr_backward, {"A": Arg("5 3")}))
wrong("qr", "the diagonal is counted twice", "np.tril(M, -1).T", "np.tril(M).T")
wrong("qr", "dR is forgotten", "R @ dR.T - dQ.T @ Q", "-dQ.T @ Q")


def matrix_exponential_series(A, terms=14):
    """The series of exp(A), A (N, D, D)."""
    T = np.broadcast_to(np.eye(A.shape[1], dtype=A.dtype), A.shape)
    y, Ts = T, [T]
    for k in range(1, terms):
        T = T @ A / k
        y = y + T
        Ts.append(T)
    return y, (A, Ts)


def matrix_exponential_series_backward(dy, cache):
    A, Ts = cache
    dA, dT = np.zeros_like(A), np.zeros_like(A)
    for k in range(len(Ts) - 1, 0, -1):
        dT = dT + dy
        dA += Ts[k - 1].swapaxes(1, 2) @ dT / k
        dT = dT @ A.swapaxes(1, 2) / k
    return dA


known(Op(matrix_exponential_series, matrix_exponential_series_backward, {"A": Arg("N D D", domain=(-1, 1))}))
wrong(
    "matrix_exponential_series",
    "as if A and its perturbation commuted",
    "return dA",
    "return sum(Ts).swapaxes(1, 2) @ dy",
)
wrong("matrix_exponential_series", "powers without transposing", "Ts[k - 1].swapaxes(1, 2) @ dT", "Ts[k - 1] @ dT")

# --- losses


def cosine_similarity(a, b, eps=1e-8):
    na = np.maximum(np.sqrt(np.sum(a * a, axis=1)), eps)
    nb = np.maximum(np.sqrt(np.sum(b * b, axis=1)), eps)
    y = np.sum(a * b, axis=1) / (na * nb)
    return y, (a, b, na, nb, y)


def cosine_similarity_backward(dy, cache):
    a, b, na, nb, y = (t[:, None] if t.ndim == 1 else t for t in cache)
    dy = dy[:, None]
    return dy * (b / (na * nb) - y * a / na**2), dy * (a / (na * nb) - y * b / nb**2)


known(Op(cosine_similarity, cosine_similarity_backward, {"a": Arg("N D"), "b": Arg("N D")}))
wrong("cosine_similarity", "the other's norm in one place", "y * b / nb**2", "y * b / (na * nb)")
wrong("cosine_similarity", "norms are taken for constants", "b / (na * nb) - y * a / na**2", "b / (na * nb)")


def info_nce(a, b, tau):
    """Both directions of a contrastive loss, a, b (N, D), tau (1,)."""
    s = a @ b.T / tau
    rows, columns = softmax(s), softmax(s.T).T
    n = np.arange(len(a))
    loss = -np.log(rows[n, n]) - np.log(columns[n, n])
    return loss, (a, b, tau, s, rows, columns)


def info_nce_backward(dloss, cache):
    a, b, tau, s, rows, columns = cache
    ds = rows * dloss[:, None] + columns * dloss[None, :]
    n = np.arange(len(a))
    ds[n, n] -= 2 * dloss
    dtau = -np.sum(ds * s) / tau
    return ds @ b / tau, ds.T @ a / tau, dtau


known(Op(info_nce, info_nce_backward, {"a": Arg("N D"), "b": Arg("N D"), "tau": Arg("1", domain=(0.5, 2))}))
wrong("info_nce", "the targets are subtracted for one direction", "ds[n, n] -= 2 * dloss", "ds[n, n] -= dloss")
wrong("info_nce", "the columns' losses weigh the rows", "columns * dloss[None, :]", "columns * dloss[:, None]")
wrong("info_nce", "a temperature too many", "np.sum(ds * s) / tau", "np.sum(ds * s) / tau**2")


def triplet_margin(anchor, positive, negative, margin=0.5):
    u, v = anchor - positive, anchor - negative
    du, dv = np.sqrt(np.sum(u * u, axis=1)), np.sqrt(np.sum(v * v, axis=1))  # at zero, the gradient taken is zero
    return np.maximum(du - dv + margin, 0), (u, v, du, dv, margin)


def triplet_margin_backward(dy, cache):
    u, v, du, dv, margin = cache
    dy = dy * (du - dv + margin > 0)
    gu = dy[:, None] * u / np.where(du > 0, du, 1)[:, None]
    gv = dy[:, None] * v / np.where(dv > 0, dv, 1)[:, None]
    return gu - gv, -gu, gv


known(Op(triplet_margin, triplet_margin_backward, {k: Arg("N D") for k in ("anchor", "positive", "negative")}))
wrong("triplet_margin", "the anchor sees the positive alone", "gu - gv, -gu, gv", "gu, -gu, gv")
wrong("triplet_margin", "the margin is forgotten in the mask", "du - dv + margin > 0", "du - dv > 0")


def binary_focal(logits, targets, gamma=2.0, alpha=0.25):
    """Lin et al. (2017), binary, targets in {0, 1}."""
    p = 1 / (1 + np.exp(-logits))
    pt = np.where(targets == 1, p, 1 - p)
    at = np.where(targets == 1, alpha, 1 - alpha).astype(p.dtype)
    logpt = -np.logaddexp(0, np.where(targets == 1, -logits, logits))
    return -at * (1 - pt) ** gamma * logpt, (targets, pt, at, logpt, gamma)


def binary_focal_backward(dy, cache):
    targets, pt, at, logpt, gamma = cache
    sign = np.where(targets == 1, 1, -1).astype(dy.dtype)
    return dy * sign * at * (1 - pt) ** gamma * (gamma * pt * logpt - (1 - pt))


known(
    Op(
        binary_focal,
        binary_focal_backward,
        {"logits": Arg("N"), "targets": Arg("N", dtype=int, domain=(0, 1), differentiable=False)},
        params={"gamma": [2.0, 1.0]},
    )
)
wrong("binary_focal", "the modulating factor is taken for a constant", "(gamma * pt * logpt - (1 - pt))", "-(1 - pt)")
wrong("binary_focal", "gamma is 2 wherever it stands before", "(gamma * pt", "(2 * pt")


def label_smoothing(logits, labels, eps=0.1):
    N, K = logits.shape
    q = np.full((N, K), eps / K, logits.dtype)
    q[np.arange(N), labels] += 1 - eps
    logp = logits - logsumexp(logits, axis=1)[:, None]
    return -np.sum(q * logp, axis=1), (logp, labels, eps)


def label_smoothing_backward(dy, cache):
    logp, labels, eps = cache
    N, K = logp.shape
    d = np.exp(logp) - eps / K
    d[np.arange(N), labels] -= 1 - eps
    return dy[:, None] * d


known(
    Op(
        label_smoothing,
        label_smoothing_backward,
        {"logits": Arg("N K"), "labels": Arg("N", dtype=int, domain=(0, "K"), differentiable=False)},
        params={"eps": [0.1, 0.0]},
    )
)
wrong("label_smoothing", "eps is shared among the other classes", "eps / K", "eps / max(K - 1, 1)")
wrong(
    "label_smoothing",
    "hard targets in the backward",
    "d = np.exp(logp) - eps / K\n    d[np.arange(N), labels] -= 1 - eps",
    "d = np.exp(logp)\n    d[np.arange(N), labels] -= 1",
)


def pinball_pair(y, q, tau=0.5):
    """The loss of the column_quantile tau, q predicts y."""
    u = y - q
    return np.maximum(tau * u, (tau - 1) * u), (u, tau)


def pinball_pair_backward(dl, cache):
    u, tau = cache
    slope = np.where(u > 0, tau, tau - 1).astype(dl.dtype)
    return dl * slope, -dl * slope


known(Op(pinball_pair, pinball_pair_backward, {"y": Arg("N"), "q": Arg("N")}, params={"tau": [0.5, 0.9]}))
wrong(
    "pinball_pair",
    "tau and 1 - tau change places (the same at the median)",
    "np.where(u > 0, tau, tau - 1)",
    "np.where(u > 0, 1 - tau, -tau)",
)


def huber_slope(x, delta=1.0):
    small = np.abs(x) <= delta
    return np.where(small, 0.5 * x * x, delta * (np.abs(x) - 0.5 * delta)), (x, small, delta)


def huber_slope_backward(dy, cache):
    x, small, delta = cache
    return dy * np.where(small, x, delta * np.sign(x))


known(Op(huber_slope, huber_slope_backward, {"x": Arg("N D")}, params={"delta": [1.0, 0.5]}))
wrong("huber_slope", "delta is forgotten in the tails (1 by default)", "delta * np.sign(x)", "np.sign(x)")


def sorted_distance(x, y):
    """The Wasserstein distance between two samples of one size, per row."""
    i, j = np.argsort(x, axis=1), np.argsort(y, axis=1)
    d = np.take_along_axis(x, i, 1) - np.take_along_axis(y, j, 1)
    return np.mean(np.abs(d), axis=1), (i, j, d)


def sorted_distance_backward(dw, cache):
    i, j, d = cache
    g = dw[:, None] * np.sign(d) / d.shape[1]
    dx, dy = np.empty_like(g), np.empty_like(g)
    np.put_along_axis(dx, i, g, axis=1)
    np.put_along_axis(dy, j, -g, axis=1)
    return dx, dy


known(Op(sorted_distance, sorted_distance_backward, {"x": Arg("N D"), "y": Arg("N D")}))
wrong(
    "sorted_distance",
    "sorted once more instead of back",
    "np.put_along_axis(dx, i, g, axis=1)",
    "dx = np.take_along_axis(g, i, axis=1)",
)
wrong("sorted_distance", "y is put back in the order of x", "np.put_along_axis(dy, j,", "np.put_along_axis(dy, i,")


def mmd(x, y, width=1.0):
    """Squared maximum mean discrepancy with a Gaussian kernel, x (N, D), y (M, D), all pairs."""

    def kernel(a, b):
        return np.exp(-np.sum((a[:, None] - b) ** 2, axis=2) / (2 * width**2))

    kxx, kyy, kxy = kernel(x, x), kernel(y, y), kernel(x, y)
    return np.array([kxx.mean() + kyy.mean() - 2 * kxy.mean()]), (x, y, kxx, kyy, kxy, width)


def mmd_backward(dm, cache):
    x, y, kxx, kyy, kxy, width = cache
    n, m = kxy.shape

    def pull(k, a, b):
        return -np.sum(k[:, :, None] * (a[:, None] - b), axis=1) / width**2

    dx = 2 * pull(kxx, x, x) / n**2 - 2 * pull(kxy, x, y) / (n * m)
    dy = 2 * pull(kyy, y, y) / m**2 - 2 * pull(kxy.T, y, x) / (n * m)
    return dm * dx, dm * dy


known(Op(mmd, mmd_backward, {"x": Arg("N D"), "y": Arg("M D")}, params={"width": [1.0, 2.0]}))
wrong("mmd", "each pair of x counts once", "2 * pull(kxx, x, x) / n**2", "pull(kxx, x, x) / n**2")
wrong("mmd", "the width is forgotten (1 by default)", "axis=1) / width**2", "axis=1)")
wrong("mmd", "as many y as x", "2 * pull(kxy.T, y, x) / (n * m)", "2 * pull(kxy.T, y, x) / (m * m)")


def dice(p, t, smooth=1.0):
    """1 - Dice coefficient per sample of probabilities p (N, D) with a binary picture t (N, D)."""
    t = t.astype(p.dtype)
    top = 2 * np.sum(p * t, axis=1) + smooth
    bottom = np.sum(p, axis=1) + t.sum(axis=1) + smooth
    return 1 - top / bottom, (t, top, bottom)


def dice_backward(dy, cache):
    t, top, bottom = cache
    return -dy[:, None] * (2 * t * bottom[:, None] - top[:, None]) / bottom[:, None] ** 2


known(Op(dice, dice_backward, {"p": Arg("N D", domain=(0, 1)), "t": Arg("N D", dtype=bool, differentiable=False)}))
wrong(
    "dice",
    "the denominator is taken for a constant",
    "(2 * t * bottom[:, None] - top[:, None])",
    "2 * t * bottom[:, None]",
)


def jensen_shannon(p, q):
    """Both (N, K) on the simplex."""
    m = (p + q) / 2
    return 0.5 * np.sum(p * np.log(p / m) + q * np.log(q / m), axis=1), (p, q, m)


def jensen_shannon_backward(dy, cache):
    p, q, m = cache
    return dy[:, None] * 0.5 * np.log(p / m), dy[:, None] * 0.5 * np.log(q / m)


known(
    Op(jensen_shannon, jensen_shannon_backward, {"p": Arg("N K", domain="simplex"), "q": Arg("N K", domain="simplex")})
)
wrong(
    "jensen_shannon",
    "the factor one half is missing for q",
    "dy[:, None] * 0.5 * np.log(q / m)",
    "dy[:, None] * np.log(q / m)",
)
wrong("jensen_shannon", "the logarithm of p alone", "0.5 * np.log(p / m)", "0.5 * np.log(p)")

# --- densities


def student_t_nll(x, mu, log_scale, nu=1.0):
    z = (x - mu) * np.exp(-log_scale)
    const = math.lgamma(nu / 2) - math.lgamma((nu + 1) / 2) + 0.5 * math.log(nu * math.pi)
    return const + log_scale + (nu + 1) / 2 * np.log1p(z * z / nu), (z, log_scale, nu)


def student_t_nll_backward(dy, cache):
    z, log_scale, nu = cache
    dz = dy * (nu + 1) * z / (nu + z * z)
    dx = dz * np.exp(-log_scale)
    return dx, -dx, dy - dz * z


known(
    Op(
        student_t_nll,
        student_t_nll_backward,
        {k: Arg("N") for k in ("x", "mu", "log_scale")},
        params={"nu": [1.0, 4.0]},
    )
)
wrong("student_t_nll", "nu is 1 in the denominator (the default)", "(nu + z * z)", "(1 + z * z)")
wrong("student_t_nll", "the log-scale's own term is missing", "dy - dz * z", "-dz * z")


def bessel(n, x):
    """exp(-x) times the modified Bessel function of the order n."""
    angle = 2 * np.pi * np.arange(64) / 64
    weight = np.exp(x[:, None] * (np.cos(angle) - 1)) * np.cos(n * angle)
    return weight.mean(axis=1).astype(x.dtype)


def von_mises_nll(theta, mu, kappa):
    d = theta - mu
    return -kappa * np.cos(d) + np.log(2 * np.pi * bessel(0, kappa)) + kappa, (d, kappa)


def von_mises_nll_backward(dy, cache):
    d, kappa = cache
    dtheta = dy * kappa * np.sin(d)
    dkappa = dy * (bessel(1, kappa) / bessel(0, kappa) - np.cos(d))
    return dtheta, -dtheta, dkappa


known(Op(von_mises_nll, von_mises_nll_backward, {"theta": Arg("N"), "mu": Arg("N"), "kappa": Arg("N", domain=(0, 20))}))
wrong(
    "von_mises_nll",
    "the scaled Bessel function is differentiated as if unscaled",
    "bessel(1, kappa) / bessel(0, kappa) - np.cos(d)",
    "bessel(1, kappa) / bessel(0, kappa) - 1 - np.cos(d)",
)
wrong("von_mises_nll", "mu with the sign of theta", "dtheta, -dtheta", "dtheta, dtheta.copy()")


log_gamma = np.vectorize(math.lgamma, otypes=[float])


def digamma(x):
    z = x + 10
    series = 1 / (2 * z) + 1 / (12 * z**2) - 1 / (120 * z**4) + 1 / (252 * z**6) - 1 / (240 * z**8) + 1 / (132 * z**10)
    return np.log(z) - series - sum(1 / (x + k) for k in range(10))


def dirichlet_nll(x, alpha):
    """x (N, K) on the simplex, alpha (K,)."""
    const = (np.sum(log_gamma(alpha)) - log_gamma(np.sum(alpha))).astype(x.dtype)
    return const - np.sum((alpha - 1) * np.log(x), axis=1), (x, alpha)


def dirichlet_nll_backward(dy, cache):
    x, alpha = cache
    dalpha = dy.sum() * (digamma(alpha) - digamma(alpha.sum())) - np.sum(dy[:, None] * np.log(x), axis=0)
    return -dy[:, None] * (alpha - 1) / x, dalpha


known(
    Op(dirichlet_nll, dirichlet_nll_backward, {"x": Arg("N K", domain="simplex"), "alpha": Arg("K", domain=(0.5, 5))})
)
wrong("dirichlet_nll", "the sum's digamma is missing", "(digamma(alpha) - digamma(alpha.sum()))", "digamma(alpha)")
wrong("dirichlet_nll", "alpha instead of alpha - 1", "(alpha - 1) / x", "alpha / x")

# --- flows


def planar_flow(z, w, u, b):
    """Rezende & Mohamed (2015): z + u tanh(w z + b), and log |1 + u psi|, z (N, D)."""
    a = np.tanh(z @ w + b)
    det = 1 + (1 - a * a) * (u @ w)
    return (z + a[:, None] * u, np.log(np.abs(det))), (z, w, u, a, det)


def planar_flow_backward(df, dlogdet, cache):
    z, w, u, a, det = cache
    ddet = dlogdet / det
    da = df @ u - 2 * a * (u @ w) * ddet
    dpre = da * (1 - a * a)
    s = np.sum(ddet * (1 - a * a))
    dz = df + dpre[:, None] * w
    dw = z.T @ dpre + s * u
    du = df.T @ a + s * w
    return dz, dw, du, dpre.sum(keepdims=True)


known(
    Op(
        planar_flow,
        planar_flow_backward,
        {"z": Arg("N D"), "w": Arg("D", domain=(0.2, 1)), "u": Arg("D", domain=(0.2, 1)), "b": Arg("1")},
    )
)
wrong("planar_flow", "the log-determinant does not reach the slope of tanh", " - 2 * a * (u @ w) * ddet", "")
wrong("planar_flow", "the log-determinant does not reach w", "z.T @ dpre + s * u", "z.T @ dpre")
wrong("planar_flow", "the logarithm's derivative is forgotten", "ddet = dlogdet / det", "ddet = dlogdet")


def radial_flow(z, z0, alpha, beta):
    """z + beta h (z - z0), h = 1 / (alpha + |z - z0|); z (N, D), alpha and beta (1,)."""
    d = z - z0
    r = np.sqrt(np.sum(d * d, axis=1, keepdims=True))
    h = 1 / (alpha + r)
    return z + beta * h * d, (d, r, h, beta)


def radial_flow_backward(dy, cache):
    d, r, h, beta = cache
    dot = np.sum(dy * d, axis=1, keepdims=True)
    dh = beta * dot
    dr = -dh * h**2
    dd = beta * h * dy + dr * d / np.where(r > 0, r, 1)
    dalpha = np.sum(-dh * h**2).reshape(1)
    dbeta = np.sum(h * dot).reshape(1)
    return dy + dd, -dd.sum(axis=0), dalpha, dbeta


known(
    Op(
        radial_flow,
        radial_flow_backward,
        {"z": Arg("N D"), "z0": Arg("D"), "alpha": Arg("1", domain=(0.5, 2)), "beta": Arg("1")},
    )
)
wrong("radial_flow", "the radius is taken for a constant", " + dr * d / np.where(r > 0, r, 1)", "")
wrong("radial_flow", "the centre is moved with the sign of z", "-dd.sum(axis=0)", "dd.sum(axis=0)")


def coupling(x, W, V):
    """Affine coupling: the first half sets scale and shift of the second. A dict with y and logdet."""
    a, b = np.split(x, 2, axis=1)
    s, t = np.tanh(a @ W), a @ V
    y = np.concatenate([a, b * np.exp(s) + t], axis=1)
    return {"y": y, "logdet": s.sum(axis=1)}, (a, b, s, W, V)


def coupling_backward(dout, cache):
    a, b, s, W, V = cache
    da, dt = np.split(dout["y"], 2, axis=1)
    db = dt * np.exp(s)
    ds = db * b + dout["logdet"][:, None]
    dpre = ds * (1 - s * s)
    da = da + dpre @ W.T + dt @ V.T
    return {"x": np.concatenate([da, db], axis=1), "W": a.T @ dpre, "V": a.T @ dt}


known(Op(coupling, coupling_backward, {"x": Arg("N 2*D"), "W": Arg("D D"), "V": Arg("D D")}))
wrong("coupling", "the log-determinant is forgotten", 'db * b + dout["logdet"][:, None]', "db * b")
wrong("coupling", "the scale's path to the first half is forgotten", "da + dpre @ W.T + dt @ V.T", "da + dt @ V.T")
wrong(
    "coupling", "the first half is not passed through", "da = da + dpre @ W.T + dt @ V.T", "da = dpre @ W.T + dt @ V.T"
)


def gumbel_softmax(logits, noise, tau=1.0):
    y = softmax((logits + noise) / tau)
    return y, (y, tau)


def gumbel_softmax_backward(dy, cache):
    y, tau = cache
    return y * (dy - np.sum(dy * y, axis=1, keepdims=True)) / tau


known(
    Op(
        gumbel_softmax,
        gumbel_softmax_backward,
        {"logits": Arg("N K"), "noise": Arg("N K", differentiable=False)},
        params={"tau": [1.0, 0.5]},
    )
)
wrong("gumbel_softmax", "the temperature is forgotten (1 by default)", " / tau", "")


def straight_through(logits):
    """Forward the sign, backward a clipped identity: no gradient, and declared so."""
    return np.where(logits >= 0, 1, -1).astype(logits.dtype), logits


def straight_through_backward(dy, logits):
    return dy * (np.abs(logits) <= 1)


known(Op(straight_through, straight_through_backward, {"logits": Arg("N D")}, estimator=True))
wrong(
    "straight_through",
    "dy is clipped in place",
    "return dy * (np.abs(logits) <= 1)",
    "dy[np.abs(logits) > 1] = 0\n    return dy",
)

# --- recurrences


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def peephole_lstm(x, W, b, P):
    """x (N, T, I), W (I + H, 4 H), b (4 H,), P (3, H): peepholes of the gates i, f and o. The last h (N, H)."""
    N, T, _I = x.shape
    H = P.shape[1]
    h, c, steps = np.zeros((N, H), x.dtype), np.zeros((N, H), x.dtype), []
    for t in range(T):
        v = np.concatenate([x[:, t], h], axis=1)
        i, f, g, o = np.split(v @ W + b, 4, axis=1)
        i, f, g = sigmoid(i + P[0] * c), sigmoid(f + P[1] * c), np.tanh(g)
        c0, c = c, f * c + i * g
        o = sigmoid(o + P[2] * c)
        h = o * np.tanh(c)
        steps.append((v, i, f, g, o, c0, c))
    return h, (x.shape, W, P, steps)


def peephole_lstm_backward(dh, cache):
    (N, T, I), W, P, steps = cache
    dx, dW, db, dP = np.zeros((N, T, I), dh.dtype), np.zeros_like(W), np.zeros_like(W[0]), np.zeros_like(P)
    dc = np.zeros_like(dh)
    for t in range(T - 1, -1, -1):
        v, i, f, g, o, c0, c = steps[t]
        m = np.tanh(c)
        do = dh * m * o * (1 - o)
        dc = dc + dh * o * (1 - m * m) + do * P[2]
        di, df, dg = dc * g * i * (1 - i), dc * c0 * f * (1 - f), dc * i * (1 - g * g)
        da = np.concatenate([di, df, dg, do], axis=1)
        dP += np.stack([(di * c0).sum(axis=0), (df * c0).sum(axis=0), (do * c).sum(axis=0)])
        dW += v.T @ da
        db += da.sum(axis=0)
        dv = da @ W.T
        dx[:, t], dh = dv[:, :I], dv[:, I:]
        dc = dc * f + di * P[0] + df * P[1]
    return dx, dW, db, dP


known(Op(peephole_lstm, peephole_lstm_backward, {"x": Arg("N T 3"), "W": Arg("5 8"), "b": Arg("8"), "P": Arg("3 2")}))
wrong("peephole_lstm", "the output's peephole does not reach the cell", " + do * P[2]", "")
wrong("peephole_lstm", "the output's peephole saw the cell before", "(do * c).sum(axis=0)", "(do * c0).sum(axis=0)")
wrong("peephole_lstm", "the gates' peepholes do not reach the cell before", "dc * f + di * P[0] + df * P[1]", "dc * f")
wrong(
    "peephole_lstm",
    "dh is not handed to the step before",
    "dx[:, t], dh = dv[:, :I], dv[:, I:]",
    "dx[:, t], dh = dv[:, :I], np.zeros_like(dh)",
)

# --- layer objects


class HighwayLayer:
    """Srivastava et al. (2015): t relu(x W) + (1 - t) x, t = sigmoid(x V + c)."""

    def __init__(self, D):
        rng = np.random.default_rng(0)
        self.params = {
            "W": rng.normal(size=(D, D)) / D**0.5,
            "V": rng.normal(size=(D, D)) / D**0.5,
            "c": np.full(D, -1.0),
        }
        self.grads = {}

    def forward(self, x):
        self.x = x
        self.a = x @ self.params["W"]
        self.t = sigmoid(x @ self.params["V"] + self.params["c"])
        return self.t * np.maximum(self.a, 0) + (1 - self.t) * x

    def backward(self, dy):
        da = dy * self.t * (self.a > 0)
        ds = dy * (np.maximum(self.a, 0) - self.x) * self.t * (1 - self.t)
        self.grads = {"W": self.x.T @ da, "V": self.x.T @ ds, "c": ds.sum(axis=0)}
        return da @ self.params["W"].T + ds @ self.params["V"].T + dy * (1 - self.t)


layer(HighwayLayer, lambda cls: lambda D, **_: cls(D), {"x": Arg("N D")}, ("W", "V", "c"))
wrong("HighwayLayer", "the carried x is forgotten", " + dy * (1 - self.t)", "")
wrong(
    "HighwayLayer",
    "the gate sees the transformed half alone",
    "(np.maximum(self.a, 0) - self.x)",
    "np.maximum(self.a, 0)",
)


class SqueezeExcitation:
    """Channels of x (N, C, H, W) scaled by a gate of their means."""

    def __init__(self, C, R=2):
        rng = np.random.default_rng(1)
        self.W1, self.b1 = rng.normal(size=(C, R)), np.zeros(R)
        self.W2, self.b2 = rng.normal(size=(R, C)), np.zeros(C)

    def forward(self, x):
        self.x = x
        self.m = x.mean(axis=(2, 3))
        self.h = np.maximum(self.m @ self.W1 + self.b1, 0)
        self.s = sigmoid(self.h @ self.W2 + self.b2)
        return x * self.s[:, :, None, None]

    def backward(self, dy):
        _N, _C, H, W = self.x.shape
        ds = np.sum(dy * self.x, axis=(2, 3)) * self.s * (1 - self.s)
        self.dW2, self.db2 = self.h.T @ ds, ds.sum(axis=0)
        dh = ds @ self.W2.T * (self.h > 0)
        self.dW1, self.db1 = self.m.T @ dh, dh.sum(axis=0)
        dm = dh @ self.W1.T
        return dy * self.s[:, :, None, None] + dm[:, :, None, None] / (H * W)


layer(SqueezeExcitation, lambda cls: lambda C, **_: cls(C), {"x": Arg("N C H W")}, ("W1", "b1", "W2", "b2"))
wrong("SqueezeExcitation", "the mean over a picture counts the channels", "/ (H * W)", "/ (C * W)")
wrong("SqueezeExcitation", "the gate is taken for a constant", " + dm[:, :, None, None] / (H * W)", "")


class ChannelPReLU:
    """max(x, 0) + slope min(x, 0), one slope per channel."""

    def __init__(self, C):
        self.slope = np.full(C, 0.25)

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope[:, None] * x)

    def backward(self, dy):
        self.dslope = np.sum(dy * np.minimum(self.x, 0), axis=(0, 2))
        return dy * np.where(self.x > 0, 1, self.slope[:, None])


layer(ChannelPReLU, lambda cls: lambda C, **_: cls(C), {"x": Arg("N C T", kinks=[0.0])}, ("slope",))
wrong(
    "ChannelPReLU",
    "the batch of the first call is kept",
    "self.x = x",
    'if not hasattr(self, "x") or self.x.shape != x.shape:\n            self.x = x',
)
wrong(
    "ChannelPReLU",
    "the slope is 0.25 for ever",
    "np.where(self.x > 0, 1, self.slope[:, None])",
    "np.where(self.x > 0, 1.0, 0.25)",
)


class FeatureNorm:
    """Batch normalisation of x (N, D) by the batch's own moments, with gain and shift."""

    def __init__(self, D, eps=1e-4):
        self.gain, self.shift, self.eps = np.ones(D), np.zeros(D), eps

    def forward(self, x):
        self.r = 1 / np.sqrt(x.var(axis=0) + self.eps)
        self.h = (x - x.mean(axis=0)) * self.r
        return self.gain * self.h + self.shift

    def backward(self, dy):
        self.dgain, self.dshift = (dy * self.h).sum(axis=0), dy.sum(axis=0)
        N = len(dy)
        return self.gain * self.r / N * (N * dy - self.dshift - self.h * self.dgain)


layer(FeatureNorm, lambda cls: lambda D, **_: cls(D), {"x": Arg("N D")}, ("gain", "shift"))
wrong("FeatureNorm", "the gain is missing in dx (1 when fresh)", "self.gain * self.r / N", "self.r / N")
wrong("FeatureNorm", "one sample fewer, as of an unbiased variance", "N = len(dy)", "N = max(len(dy) - 1, 1)")

# --- graphs, embeddings, interactions


def mean_aggregate(x, source, target):
    """Each node gets the mean of the nodes that point to it, zero if none does; x (V, D), edges (E,)."""
    V = len(x)
    degree = np.maximum(np.bincount(target, minlength=V), 1).astype(x.dtype)
    y = np.zeros_like(x)
    np.add.at(y, target, x[source])
    return y / degree[:, None], (x.shape, source, target, degree)


def mean_aggregate_backward(dy, cache):
    shape, source, target, degree = cache
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, source, dy[target] / degree[target][:, None])
    return dx


nodes = {
    "x": Arg("V D"),
    **{k: Arg("E", dtype=int, domain=(0, "V"), differentiable=False) for k in ("source", "target")},
}
known(Op(mean_aggregate, mean_aggregate_backward, nodes))
wrong("mean_aggregate", "the degree of the source", "degree[target]", "degree[source]")
wrong(
    "mean_aggregate",
    "repeated sources are not accumulated",
    "np.add.at(dx, source, dy[target] / degree[target][:, None])",
    "dx[source] += dy[target] / degree[target][:, None]",
)


wrong("mean_aggregate", "the gradient is float32 always", "np.zeros(shape, dy.dtype)", "np.zeros(shape, np.float32)")


def max_aggregate(x, source, target):
    """Each node gets the largest of its own and its neighbours' features; x (V, D)."""
    y, best = x.copy(), np.tile(np.arange(len(x))[:, None], (1, x.shape[1]))
    for s, t in zip(source, target, strict=True):
        more = x[s] > y[t]
        y[t] = np.where(more, x[s], y[t])
        best[t] = np.where(more, s, best[t])
    return y, best


def max_aggregate_backward(dy, best):
    dx = np.zeros_like(dy)
    np.add.at(dx, (best, np.arange(dy.shape[1])), dy)
    return dx


known(Op(max_aggregate, max_aggregate_backward, nodes))
wrong(
    "max_aggregate",
    "a node that wins twice gets one gradient",
    "np.add.at(dx, (best, np.arange(dy.shape[1])), dy)",
    "dx[best, np.arange(dy.shape[1])] += dy",
)


def embedding_bag(E, ids):
    """The mean of the rows of E (V, D) that a bag names, ids (N, L); 0 is padding."""
    keep = (ids != 0).astype(E.dtype)
    n = np.maximum(keep.sum(axis=1), 1)
    y = np.sum(E[ids] * keep[:, :, None], axis=1) / n[:, None]
    return y, (E.shape, ids, keep, n)


def embedding_bag_backward(dy, cache):
    shape, ids, keep, n = cache
    dE = np.zeros(shape, dy.dtype)
    np.add.at(dE, ids, keep[:, :, None] * (dy / n[:, None])[:, None, :])
    return dE


known(
    Op(
        embedding_bag,
        embedding_bag_backward,
        {"E": Arg("V D"), "ids": Arg("N L", dtype=int, domain=(0, "V"), differentiable=False)},
    )
)
wrong("embedding_bag", "padding is trained", "keep[:, :, None] * (dy", "np.ones_like(keep)[:, :, None] * (dy")
wrong("embedding_bag", "the mean counts the padding", "(dy / n[:, None])", "(dy / ids.shape[1])")


def factorization_machine(x, w, V):
    """Rendle (2010): x (N, D), w (D,), V (D, K)."""
    xv = x @ V
    return x @ w + 0.5 * np.sum(xv**2 - x**2 @ V**2, axis=1), (x, w, V, xv)


def factorization_machine_backward(dy, cache):
    x, w, V, xv = cache
    g = dy[:, None]
    dx = g * (w + xv @ V.T - x * np.sum(V**2, axis=1))
    dV = x.T @ (g * xv) - V * np.sum(g * x**2, axis=0)[:, None]
    return dx, x.T @ dy, dV


known(Op(factorization_machine, factorization_machine_backward, {"x": Arg("N D"), "w": Arg("D"), "V": Arg("D K")}))
wrong("factorization_machine", "a feature with itself is not taken out", " - V * np.sum(g * x**2, axis=0)[:, None]", "")
wrong(
    "factorization_machine",
    "V's squares are summed over the wrong axis",
    "x * np.sum(V**2, axis=1)",
    "x * np.sum(V**2)",
)


def tensor_train(A, B, C):
    """A (I, R), B (R, J, S), C (S, K) to (I, J, K)."""
    AB = np.einsum("ir,rjs->ijs", A, B)
    return np.einsum("ijs,sk->ijk", AB, C), (A, B, C, AB)


def tensor_train_backward(dy, cache):
    A, B, C, AB = cache
    dAB = np.einsum("ijk,sk->ijs", dy, C)
    return np.einsum("ijs,rjs->ir", dAB, B), np.einsum("ir,ijs->rjs", A, dAB), np.einsum("ijs,ijk->sk", AB, dy)


known(Op(tensor_train, tensor_train_backward, {"A": Arg("I R"), "B": Arg("R J S"), "C": Arg("S K")}))
wrong(
    "tensor_train",
    "dC from the gradient of the middle, not its value",
    'np.einsum("ijs,ijk->sk", AB, dy)',
    'np.einsum("ijs,ijk->sk", dAB, dy)',
)


def diagonals(x):
    """The diagonal of each matrix, einsum('nii->ni'): x (N, D, D)."""
    return np.einsum("nii->ni", x).copy(), x.shape


def diagonals_backward(dy, shape):
    dx = np.zeros(shape, dy.dtype)
    np.einsum("nii->ni", dx)[...] = dy
    return dx


known(Op(diagonals, diagonals_backward, {"x": Arg("N D D")}))
wrong(
    "diagonals", "whole rows instead of the diagonal", 'np.einsum("nii->ni", dx)[...] = dy', "dx[...] = dy[:, :, None]"
)

# --- cumulative, sorted, counted


def running_product(x):
    y = np.cumprod(x, axis=1)
    return y, (x, y)


def running_product_backward(dy, cache):
    x, y = cache
    dx = np.zeros_like(x)
    for j in range(x.shape[1]):
        before = y[:, j - 1] if j else np.ones_like(x[:, 0])
        after = np.cumprod(np.concatenate([before[:, None], x[:, j + 1 :]], axis=1), axis=1)
        dx[:, j] = np.sum(dy[:, j:] * after, axis=1)
    return dx


known(Op(running_product, running_product_backward, {"x": Arg("N T")}))
wrong(
    "running_product",
    "division by x, zeros left out",
    "dx = np.zeros_like(x)\n",
    "g = np.cumsum((dy * y)[:, ::-1], axis=1)[:, ::-1]\n"
    "    return np.divide(g, x, out=np.zeros_like(x), where=x != 0)\n",
)
wrong(
    "running_product", "the entry itself is in the product before", "before = y[:, j - 1] if j", "before = y[:, j] if j"
)


def running_logsumexp(x):
    y = np.logaddexp.accumulate(x, axis=1)
    return y, (x, y)


def running_logsumexp_backward(dy, cache):
    x, y = cache
    T = x.shape[1]
    i, j = np.arange(T)[:, None], np.arange(T)
    weight = np.where(i <= j, np.exp(np.minimum(x[:, :, None] - y[:, None, :], 0)), 0)
    return np.einsum("nij,nj->ni", weight, dy)


known(Op(running_logsumexp, running_logsumexp_backward, {"x": Arg("N T")}))
wrong("running_logsumexp", "weights from the last sum alone", "y[:, None, :]", "y[:, None, -1:]")
wrong("running_logsumexp", "an entry does not count in its own sum", "i <= j", "i < j")


def cummax(x):
    y = np.maximum.accumulate(x, axis=1)
    at = np.maximum.accumulate(np.where(x >= y, np.arange(x.shape[1]), 0), axis=1)
    return y, at


def cummax_backward(dy, at):
    dx = np.zeros_like(dy)
    np.add.at(dx, (np.arange(len(dy))[:, None], at), dy)
    return dx


known(Op(cummax, cummax_backward, {"x": Arg("N T")}))
wrong(
    "cummax",
    "the gradient stays where the record did not change",
    "np.add.at(dx, (np.arange(len(dy))[:, None], at), dy)",
    "new = at == np.arange(dy.shape[1])\n    dx[new] = dy[new]",
)


def trimmed_mean(x, cut=0.1):
    """The mean of each row without its smallest and largest tenth (rounded down)."""
    _N, D = x.shape
    k = int(cut * D)
    order = np.argsort(x, axis=1)[:, k : D - k]
    return np.take_along_axis(x, order, 1).mean(axis=1), (x.shape, order, k)


def trimmed_mean_backward(dy, cache):
    (N, D), order, k = cache
    dx = np.zeros((N, D), dy.dtype)
    np.put_along_axis(dx, order, dy[:, None] / (D - 2 * k), axis=1)
    return dx


known(Op(trimmed_mean, trimmed_mean_backward, {"x": Arg("N D")}))
wrong("trimmed_mean", "the mean counts those cut off (from ten entries on)", "(D - 2 * k)", "D")


def column_quantile(x, q=0.5):
    """Each column's column_quantile, interpolated linearly."""
    N = len(x)
    order = np.argsort(x, axis=0)
    at = q * (N - 1)
    lo = int(at)
    hi, f = min(lo + 1, N - 1), at - lo
    s = np.take_along_axis(x, order, 0)
    return s[lo] * (1 - f) + s[hi] * f, (x.shape, order, lo, hi, f)


def column_quantile_backward(dy, cache):
    shape, order, lo, hi, f = cache
    dx = np.zeros(shape, dy.dtype)
    columns = np.arange(shape[1])
    dx[order[lo], columns] += dy * (1 - f)
    dx[order[hi], columns] += dy * f
    return dx


known(Op(column_quantile, column_quantile_backward, {"x": Arg("N D")}, params={"q": [0.5, 0.3]}))
wrong(
    "column_quantile",
    "weights change places (the same at the median)",
    "dy * (1 - f)\n    dx[order[hi], columns] += dy * f",
    "dy * f\n    dx[order[hi], columns] += dy * (1 - f)",
)
wrong("column_quantile", "the upper neighbour gets nothing", "    dx[order[hi], columns] += dy * f\n", "")


def sparsemax_rows(x):
    """Martins & Astudillo (2016), rows of x (N, K)."""
    K = x.shape[1]
    s = -np.sort(-x, axis=1)
    total = np.cumsum(s, axis=1)
    size = np.sum(1 + np.arange(1, K + 1) * s > total, axis=1)
    tau = (np.take_along_axis(total, size[:, None] - 1, 1) - 1) / size[:, None]
    y = np.maximum(x - tau, 0).astype(x.dtype)
    return y, y > 0


def sparsemax_rows_backward(dy, support):
    mean = np.sum(dy * support, axis=1, keepdims=True) / support.sum(axis=1, keepdims=True)
    return (support * (dy - mean)).astype(dy.dtype)


known(Op(sparsemax_rows, sparsemax_rows_backward, {"x": Arg("N K")}))
wrong(
    "sparsemax_rows",
    "the mean over all classes",
    "np.sum(dy * support, axis=1, keepdims=True) / support.sum(axis=1, keepdims=True)",
    "dy.mean(axis=1, keepdims=True)",
)


def soft_histogram(x, bins=5, width=0.5):
    """Shares of x (N, D) in Gaussian bins around -2 ... 2, normalised per entry."""
    centres = np.linspace(-2, 2, bins).astype(x.dtype)
    d = x[:, :, None] - centres
    p = softmax(-0.5 * (d / width) ** 2)
    return p.mean(axis=1), (d, p, width)


def soft_histogram_backward(dy, cache):
    d, p, width = cache
    g = dy[:, None, :] / p.shape[1]
    ds = p * (g - np.sum(g * p, axis=2, keepdims=True))
    return -np.sum(ds * d, axis=2) / width**2


known(Op(soft_histogram, soft_histogram_backward, {"x": Arg("N D")}, params={"width": [0.5, 1.0]}))
wrong("soft_histogram", "the normalisation is taken for a constant", "(g - np.sum(g * p, axis=2, keepdims=True))", "g")

# --- transforms


def dct(x):
    """Orthonormal DCT-II along the last axis."""
    T = x.shape[1]
    k, t = np.arange(T)[:, None], np.arange(T)
    B = np.cos(np.pi * k * (2 * t + 1) / (2 * T)) * np.sqrt(2 / T)
    y = x @ B.T.astype(x.dtype)
    y[:, 0] *= np.sqrt(0.5)
    return y, B


def dct_backward(dy, B):
    dy = dy.copy()
    dy[:, 0] *= np.sqrt(0.5)
    return dy @ B.astype(dy.dtype)


known(Op(dct, dct_backward, {"x": Arg("N T")}))
wrong("dct", "the first coefficient's scale is forgotten", "    dy[:, 0] *= np.sqrt(0.5)\n", "")
wrong("dct", "the first coefficient is scaled in place", "    dy = dy.copy()\n", "")


def haar_level(x):
    """One level of the Haar wavelet; an odd end is repeated. x (N, T) to means and differences."""
    if x.shape[1] % 2:
        x = np.concatenate([x, x[:, -1:]], axis=1)
        return ((x[:, ::2] + x[:, 1::2]) / 2, (x[:, ::2] - x[:, 1::2]) / 2), True
    return ((x[:, ::2] + x[:, 1::2]) / 2, (x[:, ::2] - x[:, 1::2]) / 2), False


def haar_level_backward(dmean, ddiff, odd):
    dx = np.empty((len(dmean), 2 * dmean.shape[1]), dmean.dtype)
    dx[:, ::2] = (dmean + ddiff) / 2
    dx[:, 1::2] = (dmean - ddiff) / 2
    if odd:
        dx[:, -2] += dx[:, -1]
        return dx[:, :-1]
    return dx


known(Op(haar_level, haar_level_backward, {"x": Arg("N T")}))
wrong("haar_level", "the repeated end's gradient is dropped", "        dx[:, -2] += dx[:, -1]\n", "")


def circular_convolution(x, k):
    """By the Fourier transform, x (N, T), k (T,)."""
    X, K = np.fft.rfft(x), np.fft.rfft(k)
    return np.fft.irfft(X * K, n=x.shape[1]), (X, K, x.shape[1])


def circular_convolution_backward(dy, cache):
    X, K, T = cache
    G = np.fft.rfft(dy)
    return np.fft.irfft(G * np.conj(K), n=T), np.fft.irfft(np.sum(G * np.conj(X), axis=0), n=T)


known(Op(circular_convolution, circular_convolution_backward, {"x": Arg("N T"), "k": Arg("T")}))
wrong("circular_convolution", "the spectrum is not conjugated", "G * np.conj(K)", "G * K")
wrong(
    "circular_convolution",
    "the length is guessed (even)",
    "np.sum(G * np.conj(X), axis=0), n=T)",
    "np.sum(G * np.conj(X), axis=0), n=2 * (len(K) - 1) or 1)[:T]",
)


def squared_variation(x):
    """Squared differences of neighbours, x (N, H, W)."""
    v, h = np.diff(x, axis=1), np.diff(x, axis=2)
    return np.sum(v * v, axis=(1, 2)) + np.sum(h * h, axis=(1, 2)), (x.shape, v, h)


def squared_variation_backward(dy, cache):
    shape, v, h = cache
    g = 2 * dy[:, None, None]
    dx = np.zeros(shape, dy.dtype)
    dx[:, 1:] += g * v
    dx[:, :-1] -= g * v
    dx[:, :, 1:] += g * h
    dx[:, :, :-1] -= g * h
    return dx


known(Op(squared_variation, squared_variation_backward, {"x": Arg("N H W")}))
wrong("squared_variation", "each difference moves its right end alone", "    dx[:, :, :-1] -= g * h\n", "")
wrong("squared_variation", "the later assignment overwrites", "dx[:, :, 1:] += g * h", "dx[:, :, 1:] = g * h")


def bilinear_pool(a, b):
    """Signed square roots of the outer products, a (N, C, T), b (N, E, T), summed over T."""
    z = np.einsum("nct,net->nce", a, b)
    return np.sign(z) * np.sqrt(np.abs(z) + 1e-2), (a, b, z)


def bilinear_pool_backward(dy, cache):
    a, b, z = cache
    dz = dy * 0.5 / np.sqrt(np.abs(z) + 1e-2)
    return np.einsum("nce,net->nct", dz, b), np.einsum("nce,nct->net", dz, a)


known(
    Op(bilinear_pool, bilinear_pool_backward, {"a": Arg("N C T", domain=(0.1, 1)), "b": Arg("N E T", domain=(0.1, 1))})
)
wrong("bilinear_pool", "the small constant is forgotten", "0.5 / np.sqrt(np.abs(z) + 1e-2)", "0.5 / np.sqrt(np.abs(z))")


def mean_pinned(x, w):
    """A weighted mean with weights on the simplex, x (N, D), w (D,)."""
    return x @ w, (x, w)


def mean_pinned_backward(dy, cache):
    x, w = cache
    return dy[:, None] * w, x.T @ dy


known(Op(mean_pinned, mean_pinned_backward, {"x": Arg("N D"), "w": Arg("D", domain="simplex")}))
wrong("mean_pinned", "dw is divided by the samples", "x.T @ dy", "x.T @ dy / len(x)")

# --- rarer conditions: one size, one pair of settings, one tie, one empty bag, one history


def channel_shuffle(x, groups=2):
    N, C, T = x.shape
    return x.reshape(N, groups, C // groups, T).swapaxes(1, 2).reshape(N, C, T), groups


def channel_shuffle_backward(dy, groups):
    N, C, T = dy.shape
    return dy.reshape(N, C // groups, groups, T).swapaxes(1, 2).reshape(N, C, T)


known(Op(channel_shuffle, channel_shuffle_backward, {"x": Arg("N 2*C T")}))
wrong(
    "channel_shuffle",
    "shuffled once more (its own inverse for four channels)",
    "dy.reshape(N, C // groups, groups, T)",
    "dy.reshape(N, groups, C // groups, T)",
)


def mixup(x, share=0.7):
    return share * x + (1 - share) * np.roll(x, 1, axis=0), share


def mixup_backward(dy, share):
    return share * dy + (1 - share) * np.roll(dy, -1, axis=0)


known(Op(mixup, mixup_backward, {"x": Arg("N D")}))
wrong("mixup", "rolled the same way (right for two samples)", "np.roll(dy, -1, axis=0)", "np.roll(dy, 1, axis=0)")


def local_response(x, size=3):
    """x over 1 + the sum of squares of neighbouring channels, x (N, C)."""
    _N, C = x.shape
    sq = np.pad(x * x, ((0, 0), (size // 2, size // 2)))
    s = 1 + sum(sq[:, k : k + C] for k in range(size))
    return x / s, (x, s, size)


def local_response_backward(dy, cache):
    x, s, size = cache
    C = x.shape[1]
    g = np.pad(dy * x / s**2, ((0, 0), (size // 2, size // 2)))
    return dy / s - 2 * x * sum(g[:, k : k + C] for k in range(size))


known(Op(local_response, local_response_backward, {"x": Arg("N C")}, params={"size": [3, 5]}))
wrong(
    "local_response",
    "the window is 3 whatever the size (the default)",
    "for k in range(size))",
    "for k in range(size // 2 - 1, size // 2 + 2))",
)
wrong("local_response", "the window lacks its right end", "for k in range(size))", "for k in range(size - 1))")


def chunked_gelu(x, width=32):
    """The tanh approximation, in chunks of columns."""
    t = np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), (x, t, width)


def chunked_gelu_backward(dy, cache):
    x, t, width = cache
    D = x.shape[1]
    dx = np.zeros_like(x)
    for a in range(0, -(-D // width) * width, width):
        c = slice(a, a + width)
        inner = np.sqrt(2 / np.pi).astype(x.dtype) * (1 + 3 * 0.044715 * x[:, c] ** 2)
        dx[:, c] = dy[:, c] * (0.5 * (1 + t[:, c]) + 0.5 * x[:, c] * (1 - t[:, c] ** 2) * inner)
    return dx


known(Op(chunked_gelu, chunked_gelu_backward, {"x": Arg("N D")}))
wrong(
    "chunked_gelu",
    "an incomplete last chunk is dropped (unless it is the only one)",
    "-(-D // width) * width",
    "max(D // width, 1) * width",
)
wrong("chunked_gelu", "the cubic term's factor 3", "1 + 3 * 0.044715", "1 + 0.044715")


def masked_nll(logits, labels, reduction="sum", ignore=None):
    """Cross-entropy; rows whose label is `ignore` do not count. One value."""
    N = len(labels)
    keep = np.ones(N, bool) if ignore is None else labels != ignore
    p = softmax(logits)
    nll = -np.log(p[np.arange(N), labels]) * keep
    n = max(keep.sum(), 1) if reduction == "mean" else 1
    return (nll.sum() / n).reshape(1).astype(logits.dtype), (p, labels, keep, reduction)


def masked_nll_backward(dloss, cache):
    p, labels, keep, reduction = cache
    n = max(keep.sum(), 1) if reduction == "mean" else 1
    d = p.copy()
    d[np.arange(len(labels)), labels] -= 1
    return (dloss * d * keep[:, None] / n).astype(p.dtype)


nll_args = {"logits": Arg("N K"), "labels": Arg("N", dtype=int, domain=(0, "K"), differentiable=False)}
known(Op(masked_nll, masked_nll_backward, nll_args, params={"reduction": ["sum", "mean"], "ignore": [None, 0]}))
wrong(
    "masked_nll",
    "the mean counts ignored rows (mean and ignore together)",
    "n = max(keep.sum(), 1) if",
    "n = len(labels) if",
)
wrong("masked_nll", "ignored rows are trained", " * keep[:, None]", "")


def mean_of_prefix(x, last):
    """The mean of each sequence up to and with its last step; x (N, T, D), last (N,)."""
    keep = (np.arange(x.shape[1]) <= last[:, None]).astype(x.dtype)
    return np.sum(x * keep[:, :, None], axis=1) / (last + 1)[:, None].astype(x.dtype), (keep, last)


def mean_of_prefix_backward(dy, cache):
    keep, last = cache
    return (dy / (last + 1)[:, None].astype(dy.dtype))[:, None, :] * keep[:, :, None]


known(
    Op(
        mean_of_prefix,
        mean_of_prefix_backward,
        {"x": Arg("N T D"), "last": Arg("N", dtype=int, domain=(0, "T"), differentiable=False)},
    )
)
wrong("mean_of_prefix", "the mean of the whole length", "(last + 1)[:, None].astype(dy.dtype)", "keep.shape[1]")
wrong(
    "mean_of_prefix",
    "the last step itself is masked",
    "keep[:, :, None]",
    "(np.arange(keep.shape[1]) < last[:, None])[:, :, None]",
)


def max_over_time(x):
    return x.max(axis=1), (x, x.max(axis=1))


def max_over_time_backward(dy, cache):
    x, y = cache
    hit = x == y[:, None]
    return hit / hit.sum(axis=1, keepdims=True).astype(dy.dtype) * dy[:, None]


known(Op(max_over_time, max_over_time_backward, {"x": Arg("N T D")}))
wrong("max_over_time", "ties each get all of it", "hit / hit.sum(axis=1, keepdims=True).astype(dy.dtype)", "hit")


def unbiased_std(x):
    N = len(x)
    d = x - x.mean(axis=0)
    s = np.sqrt(np.sum(d * d, axis=0) / max(N - 1, 1) + 1e-3)
    return s, (d, s, N)


def unbiased_std_backward(ds, cache):
    d, s, N = cache
    return ds * d / s / max(N - 1, 1)


known(Op(unbiased_std, unbiased_std_backward, {"x": Arg("N D")}))
wrong("unbiased_std", "0 / 0 for one sample", "max(N - 1, 1)", "(N - 1)")
wrong("unbiased_std", "the biased variance", "max(N - 1, 1)", "N")


def unit_rows(x):
    """Rows over their length; a row of zeros stays zero."""
    n = np.sqrt(np.sum(x * x, axis=1, keepdims=True))
    safe = np.where(n > 0, n, 1)
    return x / safe, (x / safe, safe)


def unit_rows_backward(dy, cache):
    y, n = cache
    return (dy - y * np.sum(dy * y, axis=1, keepdims=True)) / n


known(Op(unit_rows, unit_rows_backward, {"x": Arg("N D", domain=(0.1, 3))}))
wrong(
    "unit_rows", "the projection on the wrong axis", "np.sum(dy * y, axis=1, keepdims=True)", "np.sum(dy * y, axis=0)"
)


def log1mexp(x):
    """log(1 - exp(-x)) for x > 0."""
    return np.where(x > 0.7, np.log1p(-np.exp(-x)), np.log(-np.expm1(-x))), x


def log1mexp_backward(dy, x):
    return dy / np.expm1(x)


known(Op(log1mexp, log1mexp_backward, {"x": Arg("N", domain=(0, 50))}))
wrong(
    "log1mexp",
    "one branch's derivative for both",
    "dy / np.expm1(x)",
    "dy * np.where(x > 0.7, np.exp(-x), 1 / np.expm1(x))",
)


def zip_nll(logits, log_rate, counts):
    """Zero-inflated Poisson: zero with sigmoid(logits), else Poisson."""
    rate = np.exp(log_rate)
    q = 1 / (1 + np.exp(-logits))
    zero = -np.log(q + (1 - q) * np.exp(-rate))
    k = counts.astype(rate.dtype)
    other = -np.log(1 - q) - k * log_rate + rate + log_gamma(counts + 1.0).astype(rate.dtype)
    return np.where(counts == 0, zero, other), (q, rate, counts)


def zip_nll_backward(dy, cache):
    q, rate, counts = cache
    e = np.exp(-rate)
    p0 = q + (1 - q) * e
    dlogits = np.where(counts == 0, -(1 - e) * q * (1 - q) / p0, q)
    dlog_rate = np.where(counts == 0, (1 - q) * e * rate / p0, rate - counts.astype(rate.dtype))
    return dy * dlogits, dy * dlog_rate


known(
    Op(
        zip_nll,
        zip_nll_backward,
        {
            "logits": Arg("N", domain=(-5, 5)),
            "log_rate": Arg("N", domain=(-3, 3)),
            "counts": Arg("N", dtype=int, domain=(0, 6), differentiable=False),
        },
    )
)
wrong("zip_nll", "the rate of a zero without the chain rule of exp", "(1 - q) * e * rate / p0", "(1 - q) * e / p0")
wrong(
    "zip_nll",
    "a zero is a Poisson's",
    "np.where(counts == 0, -(1 - e) * q * (1 - q) / p0, q)",
    "np.where(counts == 0, -(1 - q), q)",
)


def ordinal_nll(score, cuts, labels):
    """Cumulative logits: class k lies between cuts k - 1 and k; score (N,), cuts (K,) sorted, labels 0 ... K."""
    hi = np.append(cuts, cuts.dtype.type(np.inf))[labels] - score
    lo = np.insert(cuts, 0, -np.inf)[labels] - score

    def F(u):
        return 1 / (1 + np.exp(-u))

    p = F(hi) - F(lo)
    return -np.log(p), (F(hi), F(lo), p, labels, len(cuts))


def ordinal_nll_backward(dy, cache):
    Fh, Fl, p, labels, K = cache
    fh, fl = Fh * (1 - Fh) / p, Fl * (1 - Fl) / p
    dcuts = np.zeros(K, dy.dtype)
    top, bottom = labels < K, labels > 0
    np.add.at(dcuts, labels[top], (-dy * fh)[top])
    np.add.at(dcuts, labels[bottom] - 1, (dy * fl)[bottom])
    return dy * (fh - fl), dcuts


known(
    Op(
        ordinal_nll,
        ordinal_nll_backward,
        {
            "score": Arg("N", domain=(-3, 3)),
            "cuts": Arg("K", domain="sorted"),
            "labels": Arg("N", dtype=int, domain=(0, "K"), differentiable=False),
        },
    )
)
wrong("ordinal_nll", "the first cut gets nothing from the class above it", "labels > 0", "labels > 1")
wrong(
    "ordinal_nll",
    "labels that repeat move a cut once",
    "np.add.at(dcuts, labels[bottom] - 1, (dy * fl)[bottom])",
    "dcuts[labels[bottom] - 1] += (dy * fl)[bottom]",
)


def interpolate_knots(x, knots, values):
    """Piecewise linear, constant outside; x (N,), knots (5,) distinct and sorted, values (5,)."""
    k = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    width = knots[k + 1] - knots[k]
    f = np.clip((x - knots[k]) / width, 0, 1)
    return values[k] * (1 - f) + values[k + 1] * f, (x, knots, values, k, width, f)


def interpolate_knots_backward(dy, cache):
    _x, knots, values, k, width, f = cache
    slope = (values[k + 1] - values[k]) / width
    dx = np.where((f > 0) & (f < 1), dy * slope, 0).astype(dy.dtype)
    dknots, dvalues = np.zeros_like(knots), np.zeros_like(values)
    np.add.at(dknots, k, -dx * (1 - f))
    np.add.at(dknots, k + 1, -dx * f)
    np.add.at(dvalues, k, dy * (1 - f))
    np.add.at(dvalues, k + 1, dy * f)
    return dx, dknots, dvalues


known(
    Op(
        interpolate_knots,
        interpolate_knots_backward,
        {"x": Arg("N"), "knots": Arg("5", domain="sorted"), "values": Arg("5")},
    )
)
wrong("interpolate_knots", "knots move with the slope at one end alone", "    np.add.at(dknots, k + 1, -dx * f)\n", "")
wrong("interpolate_knots", "outside, the slope goes on", "np.where((f > 0) & (f < 1), dy * slope, 0)", "(dy * slope)")


def plackett_luce(scores):
    """-log p of the order in which scores (N, K) stand."""
    rest = np.logaddexp.accumulate(scores[:, ::-1], axis=1)[:, ::-1]
    return np.sum(rest - scores, axis=1), (scores, rest)


def plackett_luce_backward(dy, cache):
    scores, rest = cache
    K = scores.shape[1]
    g = np.zeros_like(scores)
    for i in range(K):
        g[:, i:] += np.exp(scores[:, i:] - rest[:, i : i + 1])
    return dy[:, None] * (g - 1)


known(Op(plackett_luce, plackett_luce_backward, {"scores": Arg("N K")}))
wrong("plackett_luce", "the last choice is left out, and its one", "for i in range(K):", "for i in range(K - 1):")
wrong(
    "plackett_luce",
    "each entry against its own rest alone",
    "g[:, i:] += np.exp(scores[:, i:] - rest[:, i : i + 1])",
    "g[:, i] += np.exp(scores[:, i] - rest[:, i])",
)


def sqrtm(A):
    w, V = np.linalg.eigh(A)
    s = np.sqrt(w)
    return (V * s[:, None, :]) @ V.swapaxes(1, 2), (s, V)


def sqrtm_backward(dy, cache):
    s, V = cache
    Vt = V.swapaxes(1, 2)
    G = Vt @ ((dy + dy.swapaxes(1, 2)) / 2) @ V
    return V @ (G / (s[:, :, None] + s[:, None, :])) @ Vt


known(Op(sqrtm, sqrtm_backward, {"A": Arg("N D D", domain="positive definite")}))
wrong("sqrtm", "as if eigenvectors did not turn", "G / (s[:, :, None] + s[:, None, :])", "G / (2 * s[:, None, :])")


def gp_nll(K, y):
    """-log N(y; 0, K) without its constant; K (D, D), y (D,)."""
    L = np.linalg.cholesky(K)
    a = np.linalg.solve(K, y)
    return (0.5 * y @ a + np.sum(np.log(np.diag(L)))).reshape(1), (K, a)


def gp_nll_backward(dl, cache):
    K, a = cache
    return dl * 0.5 * (np.linalg.inv(K) - np.outer(a, a)), dl * a


known(Op(gp_nll, gp_nll_backward, {"K": Arg("D D", domain="positive definite"), "y": Arg("D")}))
wrong(
    "gp_nll",
    "the determinant without its half",
    "0.5 * (np.linalg.inv(K) - np.outer(a, a))",
    "(np.linalg.inv(K) - 0.5 * np.outer(a, a))",
)
wrong("gp_nll", "y with a half that its square took", "dl * a", "dl * 0.5 * a")


def kron(A, B):
    """A (I, J), B (K, L) to (I K, J L)."""
    return np.kron(A, B), (A, B)


def kron_backward(dy, cache):
    A, B = cache
    (I, J), (K, L) = A.shape, B.shape
    g = dy.reshape(I, K, J, L)
    return np.einsum("ikjl,kl->ij", g, B), np.einsum("ikjl,ij->kl", g, A)


known(Op(kron, kron_backward, {"A": Arg("I J"), "B": Arg("K L")}))
wrong(
    "kron",
    "blocks and their entries change places",
    "dy.reshape(I, K, J, L)",
    "dy.reshape(K, I, L, J).transpose(1, 0, 3, 2)",
)


def edge_softmax(scores, values, target, nodes=4):
    """Graph attention: scores (E,) normalised over the edges of each target, values (E, D) summed there."""
    top = np.full(nodes, -np.inf)
    np.maximum.at(top, target, scores)
    e = np.exp(scores - top[target]).astype(scores.dtype)
    p = e / np.bincount(target, weights=e, minlength=nodes)[target].astype(scores.dtype)
    y = np.zeros((nodes, values.shape[1]), values.dtype)
    np.add.at(y, target, p[:, None] * values)
    return y, (p, values, target, nodes)


def edge_softmax_backward(dy, cache):
    p, values, target, nodes = cache
    dp = np.sum(dy[target] * values, axis=1)
    mean = np.bincount(target, weights=p * dp, minlength=nodes)[target]
    return (p * (dp - mean)).astype(dy.dtype), p[:, None] * dy[target]


known(
    Op(
        edge_softmax,
        edge_softmax_backward,
        {"scores": Arg("E"), "values": Arg("E D"), "target": Arg("E", dtype=int, domain=(0, 3), differentiable=False)},
    )
)
wrong(
    "edge_softmax",
    "normalised over all edges in the backward",
    "np.bincount(target, weights=p * dp, minlength=nodes)[target]",
    "np.sum(p * dp)",
)


def snake(x, a):
    """x + sin(a x)^2 / a, a (D,)."""
    s = np.sin(a * x)
    return x + s * s / a, (x, a, s)


def snake_backward(dy, cache):
    x, a, s = cache
    sin2 = np.sin(2 * a * x)
    return dy * (1 + sin2), np.sum(dy * (x * sin2 / a - s * s / a**2), axis=0)


known(Op(snake, snake_backward, {"x": Arg("N D"), "a": Arg("D", domain=(0.3, 3))}))
wrong("snake", "the quotient's second term is missing", " - s * s / a**2", "")


def dropout(x, rng, rate=0.3):
    mask = (rng.random(x.shape) >= rate) / (1 - rate)
    return (x * mask).astype(x.dtype), mask


def dropout_backward(dy, mask):
    return (dy * mask).astype(dy.dtype)


known(Op(dropout, dropout_backward, {"x": Arg("N D")}, seeded=True, params={"rate": [0.3, 0.0]}))
wrong("dropout", "kept entries are not scaled", "dy * mask", "dy * (mask > 0)")
wrong("dropout", "a mask of its own", "dy * mask", "dy * np.random.default_rng(1).permutation(mask)")


def square(A):
    return A @ A, A


def square_backward(dy, A):
    At = A.swapaxes(1, 2)
    return dy @ At + At @ dy


known(Op(square, square_backward, {"A": Arg("N D D")}))
wrong("square", "as of a number", "dy @ At + At @ dy", "2 * At @ dy")


class RunningNorm:
    """Batch norm that also keeps running moments for later; x (N, D)."""

    def __init__(self, D):
        self.gamma, self.beta = np.ones(D), np.zeros(D)
        self.running_mean, self.running_var = np.zeros(D), np.ones(D)

    def forward(self, x):
        mu, var = x.mean(axis=0), x.var(axis=0)
        self.running_mean = 0.9 * self.running_mean + 0.1 * mu
        self.running_var = 0.9 * self.running_var + 0.1 * var
        self.std = np.sqrt(var + 1e-3)
        self.h = (x - mu) / self.std
        return self.gamma * self.h + self.beta

    def backward(self, dy):
        self.dgamma, self.dbeta = np.sum(dy * self.h, axis=0), np.sum(dy, axis=0)
        dh = dy * self.gamma
        return (dh - dh.mean(axis=0) - self.h * np.mean(dh * self.h, axis=0)) / self.std


layer(RunningNorm, lambda cls: lambda D, **_: cls(D), {"x": Arg("N D")}, ("gamma", "beta"))
wrong(
    "RunningNorm",
    "the running variance in the backward",
    "* np.mean(dh * self.h, axis=0)) / self.std",
    "* np.mean(dh * self.h, axis=0)) / np.sqrt(self.running_var + 1e-3)",
)


class StatelessRNN:
    """h <- tanh(x_t + h U), from zero; x (N, T, 3), all h."""

    def __init__(self):
        self.U = np.random.default_rng(3).normal(size=(3, 3))

    def forward(self, x):
        self.h = np.zeros((len(x), 3), x.dtype)
        self.hs = [self.h]
        for t in range(x.shape[1]):
            self.h = np.tanh(x[:, t] + self.h @ self.U)
            self.hs.append(self.h)
        return np.stack(self.hs[1:], axis=1)

    def backward(self, dy):
        self.dU = np.zeros_like(self.U)
        dx, dh = np.zeros_like(dy), np.zeros_like(dy[:, 0])
        for t in range(dy.shape[1] - 1, -1, -1):
            da = (dy[:, t] + dh) * (1 - self.hs[t + 1] ** 2)
            self.dU += self.hs[t].T @ da
            dx[:, t], dh = da, da @ self.U.T
        return dx


layer(StatelessRNN, lambda cls: lambda **_: cls(), {"x": Arg("N T 3")}, ("U",))
wrong(
    "StatelessRNN",
    "the state of the batch before goes on",
    "self.h = np.zeros((len(x), 3), x.dtype)",
    'if not hasattr(self, "h") or len(self.h) != len(x):\n            self.h = np.zeros((len(x), 3), x.dtype)',
)
wrong("StatelessRNN", "truncated after one step", "(dy[:, t] + dh)", "dy[:, t]")
wrong("StatelessRNN", "dU of the first step alone", "self.dU += ", "self.dU = ")

wrong("embedding_bag", "0 / 0 for a bag of padding alone", "(dy / n[:, None])", "(dy / keep.sum(axis=1)[:, None])")
