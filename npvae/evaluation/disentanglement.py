"""Does each latent stand for one factor of the data? Three scores, for data whose factors are known.

    mutual_information_gap   Chen, Li, Grosse & Duvenaud (2018), "Isolating sources of disentanglement"
    sap_score                Kumar, Sattigeri & Balakrishnan (2018), separated attribute predictability
    beta_vae_score           Higgins et al. (2017), "beta-VAE"; protocol in their appendix A.4

All take codes (N, L), such as the mu of `encode`, and the levels of the factors (N, F), as `npvae.data.shapes` gives
them. The first two fill a table of latents against factors and ask by how much the best latent of a factor is ahead of
the next: a factor that is spread over two latents scores near 0, and a latent that holds two factors is not punished.

What none of them can tell: whether a model would find the factors without being chosen by them. Random seeds move the
scores as much as beta does, and no score can be had without labels (Locatello et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npvae import ops
from npvae.models import Params
from npvae.optim import Adam

_BLOCK = 2**22  # densities held at a time


@dataclass(frozen=True)
class Gap:
    """A table of latents against factors, and by how much the best latent of each factor leads the second."""

    table: np.ndarray  # (L, F): mutual information in nats, or predictability in [0, 1]
    gaps: np.ndarray  # (F,), in [0, 1]

    @property
    def score(self) -> float:
        """The mean gap over the factors: 1 if every factor is held by one latent alone, wholly."""
        return float(self.gaps.mean())


def mutual_information_gap(
    mu: np.ndarray,
    factors: np.ndarray,
    logvar: np.ndarray | None = None,
    *,
    rng: np.random.Generator | None = None,
    draws: int = 1000,
    bins: int = 20,
) -> Gap:
    """MIG from mu (N, L), factors (N, F): the gap in I(z_l; v_f), as a share of the factor's entropy H(v_f).

    logvar  (N, L): the code of a sample is the distribution N(mu, exp(logvar)), and the information is that of Chen et
            al., averaged over `draws` samples of it. Unbiased for the N samples taken as all there are, which with the
            full grid of factors they are; an entry scatters by about 1/sqrt(draws) nats. The gap of the best two
            is biased up where they are equal.
    None    the code is the point mu, cut into `bins` bins of equal width (Locatello et al. 2019). Biased up by about
            (bins - 1)(levels - 1) / (2 N) nats for an entry whose truth is 0, and low where a bin holds several levels.

    What it cannot tell: whether a latent holds other factors as well; and a factor that runs round a circle, which two
    latents hold well together, counts as one that is spread.

    Raises ValueError for shapes that do not fit, codes that are not finite, a factor with one level only.

    Example:
        >>> factors = np.array([[a, b] for a in range(4) for b in range(4)])
        >>> round(float(npvae.evaluation.mutual_information_gap(factors.astype(float), factors).score), 2)
        1.0
    """
    levels = _check(mu, factors)
    if logvar is None:
        table = _binned_information(mu, levels, bins)
    else:
        if np.shape(logvar) != mu.shape:
            raise ValueError(f"logvar has shape {np.shape(logvar)}, expected that of mu, {mu.shape}")
        table = _information(mu, logvar, levels, rng or np.random.default_rng(0), draws)
    return Gap(table, _lead(table) / np.array([_entropy(np.bincount(level)) for level in levels.T]))


def sap_score(codes: np.ndarray, factors: np.ndarray, *, categorical: Sequence[int] = ()) -> Gap:
    """SAP from codes (N, L), factors (N, F): the gap in how well one latent alone predicts a factor.

    An ordered factor is predicted by a straight line through its levels: the squared correlation. One that is listed in
    `categorical` is predicted by thresholds on the latent, one interval a level: the balanced accuracy of the best
    thresholds for the codes given, which is a little too good, moved so that chance is 0 and always right is 1.

    What it cannot tell: how much a latent moves. One that has nearly collapsed but follows a factor faintly counts in
    full: give it the active latents alone (`active_units`). A factor held by a curve that turns back is not seen.

    Raises ValueError for shapes that do not fit, codes that are not finite, a factor with one level only.

    Example:
        >>> factors = np.array([[a, b] for a in range(4) for b in range(4)])
        >>> round(float(npvae.evaluation.sap_score(factors.astype(float), factors).score), 2)  # a latent per factor
        1.0
    """
    levels = _check(codes, factors)
    table = np.zeros((codes.shape[1], levels.shape[1]))
    for f, level in enumerate(levels.T):
        for l, code in enumerate(codes.T.astype(np.float64)):
            table[l, f] = _threshold_accuracy(code, level) if f in categorical else _r_squared(code, level)
    return Gap(table, _lead(table))


def beta_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    rng: np.random.Generator | None = None,
    *,
    points: int = 2000,
    pairs: int = 64,
) -> float:
    """The accuracy with which a linear classifier tells from |difference of codes| which factor was held fixed.

    For each of `points` points a factor is chosen, then `pairs` pairs of samples that agree in it and in nothing else
    but by chance; the point is the mean of |code - code'| over the pairs. A softmax regression is fitted to half of the
    points, and its accuracy on the other half is the score: 1 / F is chance, with a standard error of
    sqrt(score (1 - score) / (points / 2)) beside that of the fit.

    What it cannot tell: it reaches 1 also when each factor is spread over several latents, and when one of the factors
    has no latent at all, as being none of the others (Kim & Mnih 2018). Nor how much the codes move: of a model that
    has collapsed the faint rest is judged, and often well, so read it beside the rate or the active units.

    Raises ValueError for shapes that do not fit, codes that are not finite, a factor with one level only.

    Example:
        >>> factors = np.array([[a, b] for a in range(6) for b in range(6)])
        >>> float(npvae.evaluation.beta_vae_score(factors.astype(float), factors, np.random.default_rng(0))) > 0.95
        True
    """
    levels = _check(codes, factors)
    rng = rng or np.random.default_rng(0)
    fixed = rng.integers(0, levels.shape[1], points)
    x = np.empty((points, codes.shape[1]))
    for f, level in enumerate(levels.T):
        order, count = np.argsort(level, kind="stable"), np.bincount(level)
        first = rng.integers(0, len(codes), (np.count_nonzero(fixed == f), pairs))
        group = level[first]
        second = order[(np.cumsum(count) - count)[group] + (rng.random(first.shape) * count[group]).astype(int)]
        x[fixed == f] = np.abs(codes[first].astype(np.float64) - codes[second]).mean(axis=1)
    x /= x.std() or 1.0  # one scale for all latents: a latent that hardly moves is not blown up
    train = np.arange(points) < points // 2
    W, b = _softmax_regression(x[train], fixed[train], levels.shape[1])
    return float(np.mean((x[~train] @ W + b).argmax(axis=1) == fixed[~train]))


def _check(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The factors as levels 0, 1, 2 ... without holes, (N, F)."""
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or len(codes) < 2:
        raise ValueError(f"codes have shape {codes.shape}, factors {factors.shape}, expected (N, L) and (N, F)")
    if not np.isfinite(codes).all():
        raise ValueError("codes hold numbers that are not finite")
    columns = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in factors.T]
    for f, column in enumerate(columns):
        if not column.any():
            raise ValueError(f"factor {f} has one level only, so nothing can be said about it: leave its column out")
    return np.stack(columns, axis=1)


def _lead(table: np.ndarray) -> np.ndarray:
    """Best less second-best latent of each factor, (F,); with one latent its own value."""
    ranked = np.sort(np.concatenate([table, np.zeros_like(table[:1])]), axis=0)
    return ranked[-1] - ranked[-2]


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def _information(
    mu: np.ndarray, logvar: np.ndarray, levels: np.ndarray, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """I(z_l; v_f) (L, F) in nats: the mean over draws of log q(z_l|v_f) - log q(z_l), q being mixtures over samples."""
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    (N, L), F = mu.shape, levels.shape[1]
    rows = rng.permutation(N)[np.arange(draws) % N]
    z = mu[rows] + np.exp(logvar[rows] / 2) * rng.standard_normal((draws, L))
    one_hot = [np.eye(level.max() + 1)[level] for level in levels.T]  # (N, levels) each
    table, step = np.zeros((L, F)), max(1, _BLOCK // N)
    for start in range(0, draws, step):
        part = rows[start : start + step]
        for l in range(L):
            difference = z[start : start + step, l, np.newaxis] - mu[:, l]
            log_q = -0.5 * (difference**2 * np.exp(-logvar[:, l]) + logvar[:, l])  # (S, N)
            q = np.exp(log_q - log_q.max(axis=1, keepdims=True))
            everywhere = q.mean(axis=1)
            for f, group in enumerate(one_hot):
                same = (q @ group / group.sum(axis=0))[np.arange(len(part)), levels[part, f]]
                table[l, f] += np.log(same / everywhere).sum()
    return table / draws


def _binned_information(codes: np.ndarray, levels: np.ndarray, bins: int) -> np.ndarray:
    """I(bin of code_l; v_f) (L, F) in nats, from counts."""
    table = np.zeros((codes.shape[1], levels.shape[1]))
    for l, code in enumerate(codes.T.astype(np.float64)):
        width = np.ptp(code) / bins
        bin_of = (
            np.minimum((code - code.min()) / width, bins - 1).astype(int) if width > 0 else np.zeros(len(code), int)
        )
        for f, level in enumerate(levels.T):
            joint = np.zeros((bins, level.max() + 1))
            np.add.at(joint, (bin_of, level), 1)
            table[l, f] = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1)) - _entropy(joint.ravel())
    return table


def _r_squared(code: np.ndarray, level: np.ndarray) -> float:
    code, centred = code - code.mean(), level - level.mean()
    variance = (code**2).sum() * (centred**2).sum()
    return float((code * centred).sum() ** 2 / variance) if variance > 0 else 0.0


def _threshold_accuracy(code: np.ndarray, level: np.ndarray) -> float:
    """Balanced accuracy of the best intervals, one a level in the order of their medians, 0 for chance, 1 for right."""
    classes = level.max() + 1
    values, at = np.unique(code, return_inverse=True)
    hits = np.zeros((len(values) + 1, classes))
    np.add.at(hits, (at.reshape(-1) + 1, level), 1 / np.bincount(level)[level])
    hits = hits.cumsum(axis=0)  # share of each level among the values below each threshold
    order = np.argsort([np.median(code[level == c]) for c in range(classes)], kind="stable")
    best = np.zeros(len(hits))  # right so far, if everything below the threshold lies in the intervals so far
    for c in order:
        best = hits[:, c] + np.maximum.accumulate(best - hits[:, c])
    return float((best[-1] - 1) / (classes - 1))


def _softmax_regression(x: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points x (N, L), labels (N,) -> W (L, classes), b (classes,), by 500 steps of Adam over all points."""
    params = Params.zeros({"W": (x.shape[1], classes), "b": (classes,)}, np.dtype(np.float64))
    adam, grads = Adam(params, lr=0.1, backend="numpy"), params.like()
    dnll = np.full(len(x), 1 / len(x))
    for _ in range(500):
        logits, cache = ops.dense_forward(x, params["W"], params["b"])
        _, nll_cache = ops.categorical_nll_forward(logits[:, np.newaxis], labels[:, np.newaxis])
        dlogits = ops.categorical_nll_backward(dnll, nll_cache)[:, 0]
        _, grads["W"], grads["b"] = ops.dense_backward(dlogits, cache, needs_dx=False)
        adam.step(grads)
    return params["W"], params["b"]
