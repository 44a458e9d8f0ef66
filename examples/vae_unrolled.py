# %% [markdown]
# # A variational autoencoder, unrolled
#
# The whole of a VAE with nothing hidden: the forward pass one line per step, then the backward pass, one line for the
# gradient of every intermediate, in reverse order. No library but NumPy is used. Each gradient is then compared with
# finite differences and printed in one row.
#
# Read the forward from top to bottom, then the backward next to it, from bottom to top.
#
# Shapes: N samples, D pixels, H hidden units, L latents. `d<name>` is the derivative of the loss by `<name>`, and has
# its shape. Nothing starts at zero, not even a bias: zeros hide wrong gradients.

# %%
from collections import defaultdict

import numpy as np

N, D, H, L = 5, 7, 6, 2
beta = 0.8

rng = np.random.default_rng(2)
x = rng.random((N, D))  # data in [0, 1]
eps = rng.standard_normal((N, L))  # the noise is drawn here, once; after that everything is a plain function
params = {
    "W1": 0.5 * rng.standard_normal((D, H)),
    "b1": 0.5 * rng.standard_normal(H),
    "W_mu": 0.5 * rng.standard_normal((H, L)),
    "b_mu": 0.5 * rng.standard_normal(L),
    "W_logvar": 0.5 * rng.standard_normal((H, L)),
    "b_logvar": 0.5 * rng.standard_normal(L),
    "W2": 0.5 * rng.standard_normal((L, H)),
    "b2": 0.5 * rng.standard_normal(H),
    "W3": 0.5 * rng.standard_normal((H, D)),
    "b3": 0.5 * rng.standard_normal(D),
}


# %% [markdown]
# ## Forward
#
# `add` is zero, except when finite differences nudge one intermediate to see what the loss does.


# %%
def forward(add):
    """Every intermediate by name; the last one is the loss, in nats."""
    W1, b1, W_mu, b_mu, W_logvar, b_logvar, W2, b2, W3, b3 = (params[name] + add[name] for name in params)
    # encoder
    a1 = x @ W1 + b1 + add["a1"]  # (N, H)
    h1 = np.maximum(a1, 0) + add["h1"]  # (N, H)
    mu = h1 @ W_mu + b_mu + add["mu"]  # (N, L)
    logvar = h1 @ W_logvar + b_logvar + add["logvar"]  # (N, L)
    # reparameterisation
    std = np.exp(logvar / 2) + add["std"]  # (N, L)
    z = mu + std * eps + add["z"]  # (N, L)
    # decoder
    a2 = z @ W2 + b2 + add["a2"]  # (N, H)
    h2 = np.maximum(a2, 0) + add["h2"]  # (N, H)
    logits = h2 @ W3 + b3 + add["logits"]  # (N, D)
    # the two terms of the loss
    nll = (np.log(1 + np.exp(logits)) - x * logits).sum(axis=1) + add["nll"]  # (N,)
    kl = (np.exp(logvar) + mu**2 - 1 - logvar).sum(axis=1) / 2 + add["kl"]  # (N,)
    loss = (nll + beta * kl).mean()
    return locals()


# %% [markdown]
# ## Backward
#
# The same lines from the bottom up. `mu` and `logvar` each lie on two paths to the loss, one through z and one through
# kl: their gradients are the sums of what comes back along both.


# %%
def backward(v):
    """The gradient of the loss by every intermediate and parameter, by name, last first."""
    W_mu, W_logvar, W2, W3 = params["W_mu"], params["W_logvar"], params["W2"], params["W3"]
    # the two terms of the loss
    dkl = np.full(N, beta / N)
    dnll = np.full(N, 1 / N)
    dlogvar_kl = dkl[:, None] * (np.exp(v["logvar"]) - 1) / 2
    dmu_kl = dkl[:, None] * v["mu"]
    dlogits = dnll[:, None] * (1 / (1 + np.exp(-v["logits"])) - x)
    # decoder
    db3 = dlogits.sum(axis=0)
    dW3 = v["h2"].T @ dlogits
    dh2 = dlogits @ W3.T
    da2 = dh2 * (v["a2"] > 0)
    db2 = da2.sum(axis=0)
    dW2 = v["z"].T @ da2
    dz = da2 @ W2.T
    # reparameterisation: dz_dmu = 1, dz_dstd = eps
    dstd = dz * eps
    dmu_z = dz * 1
    dlogvar_z = dstd * v["std"] / 2
    dlogvar = dlogvar_z + dlogvar_kl
    dmu = dmu_z + dmu_kl
    # encoder
    db_logvar = dlogvar.sum(axis=0)
    dW_logvar = v["h1"].T @ dlogvar
    db_mu = dmu.sum(axis=0)
    dW_mu = v["h1"].T @ dmu
    dh1 = dmu @ W_mu.T + dlogvar @ W_logvar.T
    da1 = dh1 * (v["a1"] > 0)
    db1 = da1.sum(axis=0)
    dW1 = x.T @ da1
    return {
        "kl": dkl, "nll": dnll, "logits": dlogits, "b3": db3, "W3": dW3, "h2": dh2, "a2": da2, "b2": db2, "W2": dW2,
        "z": dz, "std": dstd, "logvar": dlogvar, "mu": dmu, "b_logvar": db_logvar, "W_logvar": dW_logvar,
        "b_mu": db_mu, "W_mu": dW_mu, "h1": dh1, "a1": da1, "b1": db1, "W1": dW1,
    }  # fmt: skip


# %% [markdown]
# ## The check
#
# Nudge one entry up and down by h, see what the loss does: (loss(+h) - loss(-h)) / 2h. The error of this formula is of
# the order of h squared, and that of rounding of the order of 1e-16 / h, so h = 1e-5 leaves ten digits to compare.


# %%
def numeric_gradient(name, shape, h=1e-5):
    """d loss / d name by central differences, entry by entry."""
    gradient = np.empty(shape)
    for index in np.ndindex(shape):
        nudge = np.zeros(shape)
        nudge[index] = h
        up = forward(defaultdict(float, {name: nudge}))["loss"]
        down = forward(defaultdict(float, {name: -nudge}))["loss"]
        gradient[index] = (up - down) / (2 * h)
    return gradient


def main():
    """Print one row per gradient and return the largest relative error."""
    values = forward(defaultdict(float))
    gradients = backward(values)
    print(
        f"loss = {values['loss']:.6f} nats = nll {values['nll'].mean():.6f} + {beta} * kl {values['kl'].mean():.6f}\n"
    )
    print("gradient     shape     analytic norm   numeric norm  max difference  relative")
    worst = 0.0
    for name, analytic in gradients.items():
        numeric = numeric_gradient(name, analytic.shape)
        difference = np.abs(analytic - numeric).max()
        relative = difference / np.abs(numeric).max()
        worst = max(worst, relative)
        print(
            f"d{name:<11} {analytic.shape!s:<8} {np.linalg.norm(analytic):>14.8f} {np.linalg.norm(numeric):>14.8f}"
            f" {difference:>15.1e} {relative:>9.1e}"
        )
    print(f"\nlargest relative error {worst:.1e}")
    mu, std, noise, z = values["mu"][0, 0], values["std"][0, 0], eps[0, 0], values["z"][0, 0]
    dz, dstd = gradients["z"][0, 0], gradients["std"][0, 0]
    print("\nthe first latent of the first sample")
    print(f"  z = mu + std * eps = {mu:.6f} + {std:.6f} * {noise:.6f} = {z:.6f}")
    print(f"  dstd = dz * eps = {dz:.6f} * {noise:.6f} = {dstd:.6f}")
    return worst


# %% [markdown]
# ## What to notice
#
# - `dstd` is `dz * eps`: where the noise happened to be negative, a larger std would have moved z the other way.
# - `dmu` and `dlogvar` are sums of two paths. Leave out one and the loss still falls for a while; only a check
#   notices.
# - `dh1` is a sum too: h1 feeds both heads.
# - Nothing has a gradient by eps. That is the trick: the randomness is an input.

# %%
if __name__ == "__main__":
    main()
