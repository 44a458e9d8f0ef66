# %% [markdown]
# # Two KL divergences: which way round?
#
# KL(q || p) and KL(p || q) are both zero when q = p, and otherwise they disagree about what matters:
#
#     reverse  KL(q || p) = mean over q of  log q(z) - log p(z)      q must not be where p is not
#     forward  KL(p || q) = mean over p of  log p(z) - log q(z)      q must be wherever p is
#
# A variational autoencoder minimises the first: what the ELBO leaves out is KL(q(z|x) || p(z|x)). Here p has two
# humps, q is one Gaussian N(m, exp(r)^2), and both are minimised by plain gradient descent, with gradients by hand.

# %%
import sys
from pathlib import Path

import numpy as np

from npvae.figures import new_figure, save_png, style
from npvae.figures.style import PALE, PALETTE
from npvae.gradcheck import gradcheck

WEIGHT, MEAN, STD = np.array([0.6, 0.4]), np.array([-2.5, 2.5]), np.array([0.7, 0.9])  # the two humps of p
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(40)  # eps and its weight: means over N(0, 1)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()
GRID = np.linspace(-12, 12, 4001)  # z, for means over p
CELL = GRID[1] - GRID[0]


def log_p(z):
    """Log-density of p at z, and its slope d log p / d z."""
    each = np.log(WEIGHT) - np.log(STD) - np.log(2 * np.pi) / 2 - ((z[..., None] - MEAN) / STD) ** 2 / 2
    top = each.max(axis=-1, keepdims=True)
    share = np.exp(each - top)
    total = share.sum(axis=-1)
    slope = (share * (MEAN - z[..., None]) / STD**2).sum(axis=-1) / total
    return np.log(total) + top[..., 0], slope


P = np.exp(log_p(GRID)[0])

# %% [markdown]
# ## Reverse: the mean over q
#
# The reparameterisation trick in one dimension, z = m + exp(r) * eps, with the mean over eps taken by 40 Gauss-Hermite
# points in place of random draws:
#
#     kl = mean of ( -log(2 pi e) / 2 - r - log p(z) )
#     dz = -dlogp/dz,   dm = mean of dz,   dr = -1 + mean of dz * exp(r) * eps


# %%
def reverse_forward(m, r):
    """m, r 0-d -> KL(q || p) in nats."""
    std = np.exp(r)
    z = m + std * NODES
    logp, slope = log_p(z)
    kl = NODE_WEIGHTS @ -logp - np.log(2 * np.pi * np.e) / 2 - r
    return kl, (slope, std)


def reverse_backward(dkl, cache):
    """dkl 0-d -> dm, dr."""
    slope, std = cache
    dz = dkl * NODE_WEIGHTS * -slope
    dm = dz.sum()
    dr = (dz * std * NODES).sum() - dkl
    return dm, dr


# %% [markdown]
# ## Forward: the mean over p
#
#     kl = integral of p(z) ( log p(z) + log(2 pi) / 2 + r + (z - m)^2 exp(-2 r) / 2 )
#     dm = -integral of p(z) (z - m) exp(-2 r),   dr = 1 - integral of p(z) (z - m)^2 exp(-2 r)
#
# Both are zero exactly where m is the mean of p and exp(2 r) its variance: the forward fit matches moments.


# %%
def forward_forward(m, r):
    """m, r 0-d -> KL(p || q) in nats."""
    u = (GRID - m) * np.exp(-r)
    log_q = -(np.log(2 * np.pi) + u**2) / 2 - r
    return CELL * P @ (np.log(P) - log_q), (u, r)


def forward_backward(dkl, cache):
    """dkl 0-d -> dm, dr."""
    u, r = cache
    mass = CELL * P.sum()
    dm = -dkl * CELL * (P @ u) * np.exp(-r)
    dr = dkl * (mass - CELL * (P @ u**2))
    return dm, dr


def descend(forward, backward, m, r, steps, lr=0.05):
    """Plain gradient descent from (m, r); returns the end and its KL."""
    m, r = np.array(m), np.array(r)
    for _ in range(steps):
        _, cache = forward(m, r)
        dm, dr = backward(1.0, cache)
        m, r = m - lr * dm, r - lr * dr
    return float(m), float(r), float(forward(m, r)[0])


# %%
def main(quick=False, folder="pictures"):
    """Check the gradients, fit both ways, compare; returns the numbers."""
    numbers = {}
    point = (np.array(0.7), np.array(-0.2))
    for name, pair in (
        ("reverse", (reverse_forward, reverse_backward)),
        ("forward", (forward_forward, forward_backward)),
    ):
        report = gradcheck(*pair, point)
        numbers[f"{name} gradient"] = bool(report)
        print(f"gradient of the {name} KL against finite differences: {'agrees' if report else report}")

    steps = 400 if quick else 2000
    mean, variance = CELL * P @ GRID, CELL * P @ GRID**2 - (CELL * P @ GRID) ** 2
    fits = {
        "reverse, from the left": descend(reverse_forward, reverse_backward, -1.0, -0.5, steps),
        "reverse, from the right": descend(reverse_forward, reverse_backward, 1.0, -0.5, steps),
        "forward": descend(forward_forward, forward_backward, 1.0, 0.0, steps),
    }
    print(
        f"\np has mean {mean:.3f} and std {np.sqrt(variance):.3f}; its humps are at -2.5 (std 0.7) and 2.5 (std 0.9)\n"
    )
    print(f"{'fit by gradient descent':<26}{'mean':>8}{'std':>8}{'KL(q||p)':>11}{'KL(p||q)':>11}")
    for name, (m, r, _) in fits.items():
        both = [float(f(np.array(m), np.array(r))[0]) for f in (reverse_forward, forward_forward)]
        numbers[name] = {"mean": m, "std": float(np.exp(r)), "reverse": both[0], "forward": both[1]}
        print(f"{name:<26}{m:>8.3f}{np.exp(r):>8.3f}{both[0]:>11.3f}{both[1]:>11.3f}")
    numbers |= {"mean of p": float(mean), "std of p": float(np.sqrt(variance))}

    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(fits), Path(folder) / "two_kl_divergences.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - Reverse KL ends on one hump, and which one depends on the start. It pays for every place where q is and p is not;
#   for the hump that it has forgotten it pays next to nothing. What remains is minus the log of its own hump's weight:
#   log(1 / 0.6) = 0.51 nats for the left one, log(1 / 0.4) = 0.92 for the right.
# - Forward KL ends at the mean and the variance of p, with its highest density in the valley where p has next to none.
#   It has one minimum: the log-density of a Gaussian is concave.
# - The posterior of a VAE is fitted the first way. Where the true p(z|x) has two humps, q(z|x) keeps one, and looks
#   surer of itself than it should be. Draws from q are good codes; do not trust its width.
# - The forward direction needs draws from p. Nobody can draw from the true posterior: so the ELBO goes the other way.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(fits):
    """p and the three fits; the reverse divergence against m, with its two valleys."""
    figure = new_figure(3.6, "Reverse KL takes one hump; forward KL covers both")
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
    shown = (GRID > -6) & (GRID < 6)
    z = GRID[shown]
    left.fill_between(z, P[shown], color=PALE, alpha=0.35, linewidth=0)
    left.annotate("p", (-2.5, 0.15), ha="center", size=12)
    looks = {
        "reverse, from the left": (PALETTE[0], "reverse KL,\nstarted left", (-3.3, 0.45), "right"),
        "reverse, from the right": (PALETTE[4], "reverse KL,\nstarted right", (3.4, 0.32), "left"),
        "forward": (PALETTE[6], "forward KL", (0, 0.17), "center"),
    }
    for name, (colour, text, place, align) in looks.items():
        m, r, _ = fits[name]
        left.plot(z, np.exp(-(((z - m) / np.exp(r)) ** 2) / 2 - r) / np.sqrt(2 * np.pi), color=colour)
        left.annotate(text, place, color=colour, ha=align)
    left.set(xlabel="z", ylabel="density", ylim=(0, None))

    means = np.linspace(-4.5, 5, 191)
    for forward, r, colour, text in (
        (reverse_forward, np.log(0.8), PALETTE[0], "KL(q || p)"),
        (forward_forward, np.log(2.6), PALETTE[6], "KL(p || q)"),
    ):
        curve = [float(forward(np.array(m), np.array(r))[0]) for m in means]
        right.plot(means, curve, color=colour, label=f"{text}, σ = {np.exp(r):.1f}")
    right.legend(frameon=False, loc="upper center")
    right.set(xlabel="mean m of q", ylabel="nats", ylim=(0, 7), title="two valleys, or one")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
