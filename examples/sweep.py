# %% [markdown]
# # A sweep: beta by latents, over joblib's backends
#
# One training is a plain function of its settings, so a grid of them needs no scheduler of ours: joblib runs it on the
# cores of this machine, or, by naming another backend, on a cluster.
#
# beta weighs the KL term. The two terms show what it trades: *distortion*, the nats that reconstruction costs, and
# *rate*, the nats that the code carries. A large beta buys a small rate with a large distortion.
#
# Needs joblib, which the extra `sklearn` installs: `pip install -e ".[sklearn]"` in a clone. As a script: `python
# examples/sweep.py` (twenty seconds), or with `--quick`.

# %%
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core a training: the grid is what runs side by side
import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config

import npvae
from npvae.training import evaluate

# %% [markdown]
# ## One cell of the grid
#
# Every cell has its own seed in its settings and shares nothing with another, so a cell's numbers are the same whoever
# computes it, in whatever order.


# %%
def cell(beta, latent_dim, epochs, seed=0):
    """Train one VAE on the digits; its settings, and its terms on held-out digits in nats."""
    train, test = npvae.data.load_digits()
    vae = npvae.VAE(64, (128,), latent_dim, beta=beta, seed=seed)
    npvae.train(vae, train, epochs=epochs, seed=seed, progress=False)
    terms = evaluate(vae, test, np.random.default_rng(seed))
    return {"beta": beta, "latent_dim": latent_dim, "distortion": terms["nll"], "rate": terms["kl"]}


# %% [markdown]
# ## The grid
#
# `parallel_config` says where: "loky" is processes here, "dask" or "ray" a cluster whose client is at hand,
# "threading" threads. The two lines with `Parallel` stay as they are.


# %%
def sweep(betas, latent_dims, epochs, backend="loky", n_jobs=None):
    """Rows of all cells, in the order of the grid."""
    with parallel_config(backend=backend, n_jobs=n_jobs or cpu_count()):
        return Parallel()(delayed(cell)(beta, latent, epochs) for beta in betas for latent in latent_dims)


def show(rows):
    """Print distortion + rate, a line for each beta."""
    latent_dims = sorted({row["latent_dim"] for row in rows})
    print("distortion + rate on held-out digits, in nats\n")
    print(f"{'beta':>6}" + "".join(f"{f'{latent} latents':>20}" for latent in latent_dims))
    for beta in sorted({row["beta"] for row in rows}):
        line = {
            row["latent_dim"]: f"{row['distortion']:.2f} + {row['rate']:.2f}" for row in rows if row["beta"] == beta
        }
        print(f"{beta:>6g}" + "".join(f"{line[latent]:>20}" for latent in latent_dims))


# %%
def main(quick=False):
    """Run the grid and print it; return its rows."""
    start = time.perf_counter()
    rows = sweep((0.5, 4.0), (2,), epochs=1) if quick else sweep((0.25, 0.5, 1.0, 2.0, 4.0), (2, 5, 10), epochs=100)
    seconds = time.perf_counter() - start
    show(rows)
    best = min(rows, key=lambda row: row["distortion"] + row["rate"])
    print(
        f"\nhighest bound on log p(x): beta = {best['beta']:g}, {best['latent_dim']} latents"
        f"\n{len(rows)} trainings in {seconds:.1f} s, {cpu_count()} at a time"
    )
    return rows


# %% [markdown]
# ## What to notice
#
# - Along a line the rate grows with the latents until more of them carry nothing: the KL term leaves them idle.
# - Down a column beta trades rate for distortion. Their plain sum, the bound on log p(x), is best near beta = 1, which
#   is what beta = 1 optimises. At beta = 4 the code says nothing at all: the posterior has collapsed onto the prior.

# %%
if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
