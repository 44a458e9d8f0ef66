# %% [markdown]
# # The bug museum
#
# Mistakes that are, or were, in public VAE code, some of it well known. None of them crashes. Each is put into a small
# VAE here, by exchanging one or two of its ops; then three things are asked of it: what pictures it makes, which loss
# it prints and which loss it really has, and which check notices it.
#
# A gradient check asks whether the backward is the derivative of the forward. If the forward itself is wrong and the
# backward is its derivative, all is well as far as it can tell. So there must be checks of another kind.

# %%
import os
import sys
import textwrap
from itertools import product
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae import ops
from npvae.evaluation import log_marginal, posterior_gap
from npvae.figures import new_figure, save_png, style
from npvae.figures.images import draw_sheet, label_rows
from npvae.gradcheck import check_model

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
IMAGE = (8, 8)

# %% [markdown]
# ## The exhibits
#
# Each returns the ops that it exchanges, by name.


# %%
def log_std_in_the_sampler():
    """The sampler reads logvar as log(std); the KL does not."""

    def forward(logvar):
        std = np.exp(logvar)  # right: exp(logvar / 2)
        return std, (std,)

    def backward(dstd, cache):
        return dstd * cache[0]

    return {"std_from_logvar_forward": forward, "std_from_logvar_backward": backward}


def noise_drawn_twice():
    """The backward pass draws its own eps."""
    rng = np.random.default_rng(3)

    def backward(dz, cache):
        return dz * 1, dz * rng.standard_normal(dz.shape)  # right: dz * eps

    return {"reparameterize_backward": backward}


def one_noise_for_the_batch():
    """eps is drawn once, for one sample, and broadcast: the change is in draw_eps, see `exhibit`."""
    return {}


def kl_without_its_half():
    """KL = sum of (var + mu^2 - 1 - logvar), not divided by 2."""

    def forward(mu, logvar):
        kl, cache = ops.gaussian_kl_forward(mu, logvar)
        return 2 * kl, cache

    def backward(dkl, cache):
        return ops.gaussian_kl_backward(2 * dkl, cache)

    return {"gaussian_kl_forward": forward, "gaussian_kl_backward": backward}


def kl_with_its_sign_turned():
    """Loss = nll - kl."""

    def forward(mu, logvar):
        kl, cache = ops.gaussian_kl_forward(mu, logvar)
        return -kl, cache

    def backward(dkl, cache):
        return ops.gaussian_kl_backward(-dkl, cache)

    return {"gaussian_kl_forward": forward, "gaussian_kl_backward": backward}


def mean_of_pixels():
    """The nll is averaged over the pixels, the KL summed over the latents."""

    def forward(logits, x):
        nll, cache = ops.bernoulli_nll_forward(logits, x)
        return nll / logits.shape[1], (cache, logits.shape[1])

    def backward(dnll, cache):
        return ops.bernoulli_nll_backward(dnll / cache[1], cache[0])

    return {"bernoulli_nll_forward": forward, "bernoulli_nll_backward": backward}


def sigmoid_twice():
    """The decoder ends in a sigmoid, and the loss, which takes logits, applies another."""

    def forward(logits, x):
        p, p_cache = ops.sigmoid_forward(logits)
        nll, cache = ops.bernoulli_nll_forward(p, x)  # right: logits
        return nll, (cache, p_cache)

    def backward(dnll, cache):
        return ops.sigmoid_backward(ops.bernoulli_nll_backward(dnll, cache[0]), cache[1])

    return {"bernoulli_nll_forward": forward, "bernoulli_nll_backward": backward}


def iwae_weights_not_normalised():
    """The gradient is weighed with w / max(w), not with w / sum(w)."""

    def forward(log_w):
        bound, _ = ops.log_mean_exp_forward(log_w)
        return bound, (np.exp(log_w - log_w.max(axis=0)),)

    def backward(dbound, cache):
        return dbound * cache[0]  # right: divided by the sum

    return {"log_mean_exp_forward": forward, "log_mean_exp_backward": backward}


def iwae_weights_upside_down():
    """log q - log p for log p - log q: the weights are 1 / w, and the worst sample gets the gradient."""

    def forward(log_w):
        bound, cache = ops.log_mean_exp_forward(-log_w)
        return -bound, cache

    return {"log_mean_exp_forward": forward}


EXHIBITS = {
    "no mistake": dict,
    "log-std in the sampler, logvar in the KL": log_std_in_the_sampler,
    "noise drawn anew in the backward": noise_drawn_twice,
    "one noise vector for the whole batch": one_noise_for_the_batch,
    "KL without its ½": kl_without_its_half,
    "KL with its sign turned": kl_with_its_sign_turned,
    "mean over pixels, sum over latents": mean_of_pixels,
    "sigmoid applied twice": sigmoid_twice,
    "IWAE weights not normalised": iwae_weights_not_normalised,
    "IWAE weights upside down": iwae_weights_upside_down,
}


def exhibit(name, data_dim, hidden, right=False):
    """A VAE of two latents with this mistake; or its twin without."""
    iwae = {"objective": "iwae", "samples": 5} if "IWAE" in name else {}
    vae = npvae.VAE(data_dim, (hidden,), 2, "tanh", dtype="float64", backend="numpy", seed=1, **iwae)
    if right:
        return vae
    vae.ops = SimpleNamespace(**(vars(ops) | EXHIBITS[name]()))
    if EXHIBITS[name] is one_noise_for_the_batch:
        vae.draw_eps = lambda n, rng: np.repeat(rng.standard_normal((1, 2)), n, axis=0)
    return vae


# %% [markdown]
# ## The checks
#
# Each gets a model of 5 pixels and 2 latents and returns True if it finds nothing wrong, None if it does not apply.


# %%
def gradient(name, vae, x, rng):
    """Is the backward the derivative of the forward? Finite differences on the flat parameter vector."""
    return bool(check_model(vae, x, rng.standard_normal((4, len(x), 2))))


def sampler_and_kl(name, vae, x, rng):
    """Is the mean of log q(z) - log p(z) over the model's own z its KL? Exactly so, by three Gauss-Hermite nodes."""
    if "IWAE" in name:
        return None  # no analytic KL
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    by_samples = np.zeros(len(x))
    for i, j in product(range(3), repeat=2):
        _, t = vae.forward(x, np.tile([nodes[i], nodes[j]], (len(x), 1)))
        zero = np.zeros_like(t.z)
        log_q, log_p = (ops.gaussian_log_density_forward(t.z, *of)[0] for of in ((t.mu, t.logvar), (zero, zero)))
        by_samples += weights[i] * weights[j] / weights.sum() ** 2 * (log_q - log_p)
    return bool(np.allclose(by_samples, t.kl, rtol=1e-10))


def sums_to_one(name, vae, x, rng):
    """Do the probabilities of all 32 images sum to 1, for some output of the decoder?"""
    images = np.array(list(product((0.0, 1.0), repeat=5)))
    output = np.tile(rng.standard_normal(5), (32, 1))
    nll, _ = vae.likelihood.forward(vae.ops, output, images, vae.params)
    return bool(np.isclose(np.exp(-nll).sum(), 1, rtol=1e-10))


def extremes(name, vae, x, rng):
    """Can the decoder be certain? Logits of ±10,000 on the right side cost 0 nats, on the wrong side 10,000 a pixel."""
    output = np.array([[1e4, -1e4, 1e4, -1e4, 1e4]])
    hit, miss = (1.0 * (output > 0), 1.0 * (output < 0))
    cost = [vae.likelihood.forward(vae.ops, output, image, vae.params)[0][0] for image in (hit, miss)]
    return bool(cost[0] == 0 and cost[1] > 1e3)


def noise_of_its_own(name, vae, x, rng):
    """Do two copies of one input in a batch get two different z?"""
    twins = np.tile(x[:1], (2, 1))
    _, trace = vae.forward(twins, vae.draw_eps(2, rng))
    z = trace.z.reshape(-1, 2, 2)
    return bool((z[:, 0] != z[:, 1]).all())


def elbo_identity(name, vae, x, rng):
    """Is log p(x) + loss, averaged over eps, the KL from q to the true posterior? Both by quadrature, on right code."""
    right = exhibit(name, 5, 4, right=True)
    right.params.flat[...] = vae.params.flat
    marginal = log_marginal(right, x)
    gap = posterior_gap(right, x, marginal.grid)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    loss = np.array([
        sum(weights[i] * weights[j] * vae.forward(row[None], np.array([[nodes[i], nodes[j]]]))[0]
            for i, j in product(range(20), repeat=2))
        for row in x
    ])  # fmt: skip
    return bool(np.allclose(marginal.log_p + loss, gap, atol=1e-3))


def more_samples_tighten(name, vae, x, rng):
    """Is the bound of ten draws per input above the bound of one, on average over 4,000 draws?"""
    if "IWAE" not in name:
        return None
    many = np.tile(x[:1], (4000, 1))
    one, ten = (vae.forward(many, rng.standard_normal((K, 4000, 2)))[0] for K in (1, 10))
    return bool(ten < one)


CHECKS = {
    "gradient": gradient,
    "sampler and KL agree": sampler_and_kl,
    "p(x given z) sums to 1": sums_to_one,
    "extremes": extremes,
    "own noise": noise_of_its_own,
    "ELBO identity": elbo_identity,
    "more samples tighten": more_samples_tighten,
}


def inspect(name):
    """What every check says of this exhibit."""
    rng = np.random.default_rng(2)
    x = (rng.random((3, 5)) < 0.5).astype(float)
    vae = exhibit(name, 5, 4)
    vae.params.flat[...] += 0.3 * rng.standard_normal(vae.params.flat.size)  # nothing at zero: zeros hide mistakes
    return {check: run(name, vae, x, rng) for check, run in CHECKS.items()}


def as_table(verdicts):
    """The verdicts as a table in Markdown."""
    words = {True: "passes", False: "**sees it**", None: "–"}
    lines = ["| mistake | " + " | ".join(CHECKS) + " |", "|---" * (len(CHECKS) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(words[v] for v in row.values()) + " |" for name, row in verdicts.items()]
    return "\n".join(lines)


# %% [markdown]
# ## What they do in training
#
# 64-64-2 on the digits. The program prints its own loss; the table also gives the loss of the same parameters,
# computed by right code.


# %%
def fit(name, epochs):
    """The trained exhibit, the loss that it prints for the test digits, and the one that it has, in nats."""
    vae, right = exhibit(name, 64, 64), exhibit(name, 64, 64, right=True)
    rng = np.random.default_rng(0)
    adam = npvae.Adam(vae.params, lr=2e-3, backend="numpy")
    for _ in range(epochs):
        for x in npvae.minibatches(x_train, 128, rng):
            loss, trace = vae.forward(x, vae.draw_eps(len(x), rng))
            if loss > -1e6:  # below that, it only falls for ever
                adam.step(vae.backward(trace))
    right.params.flat[...] = vae.params.flat
    eps = vae.draw_eps(len(x_test), np.random.default_rng(4))
    return vae, vae.forward(x_test, eps)[0], right.forward(x_test, right.draw_eps(len(x_test), rng))[0]


# %%
def main(quick=False, folder="pictures"):
    """Inspect and train every exhibit; returns the verdicts, the table, and both losses of each."""
    verdicts = {name: inspect(name) for name in EXHIBITS}
    table = as_table(verdicts)
    print(table)
    unseen = [name for name, row in verdicts.items() if name != "no mistake" and row["gradient"]]
    print(f"\n{len(unseen)} of {len(EXHIBITS) - 1} mistakes pass the gradient check\n")
    models, printed, real = {}, {}, {}
    print(f"{'trained on the digits':<44}{'prints':>12}{'is':>12}   nats")
    for name in EXHIBITS:
        models[name], printed[name], real[name] = fit(name, 15 if quick else 150)
        print(f"{name:<44}{printed[name]:>12.2f}{real[name]:>12.2f}")
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(models, printed, real), Path(folder) / "bug_museum.png", colours=256))
    return {"verdicts": verdicts, "table": table, "printed": printed, "real": real}


# %% [markdown]
# ## What to notice
#
# - Seven of the nine pass the gradient check, because their backward is the derivative of their forward, to the last
#   digit. The gradient check notices what is wrong between the two passes; the other checks notice what is wrong with
#   both.
# - The ELBO identity, log p(x) - ELBO = KL(q || p(z|x)), notices every mistake in the values of the loss. It needs few
#   latents, but a mistake in the code shows with few latents, too.
# - A printed loss proves nothing: log-std in the sampler prints 23.7 nats, better than the right code's 25.1, and is
#   worse. Mean over pixels prints 0.42, and has learned nothing: its KL weighs 64 times too much.
# - Pictures prove little: of nine mistakes three can be told from a right VAE's by eye.
# - Two that survive best: noise drawn anew (samples only a little vaguer), and one noise vector for the whole batch.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(models, printed, real):
    """A row for each exhibit: its name, reconstructions, samples, and its losses."""
    figure = new_figure(5.2, "None of them crashes: what each mistake does to the picture and to the loss")
    left, right = figure.subplots(1, 2, width_ratios=[5, 8])
    some = x_test[[0, 1, 2, 3, 5]]
    rows = [some, *(vae.reconstruct(some) for vae in models.values())]
    draw_sheet(left, [images.reshape(-1, *IMAGE) for images in rows])
    samples = [vae.sample(8, np.random.default_rng(6)).reshape(-1, *IMAGE) for vae in models.values()]
    draw_sheet(right, [train.numpy()[:8].reshape(-1, *IMAGE), *samples])
    label_rows(left, ["digits", *(textwrap.fill(name, 24) for name in models)], IMAGE)
    right.yaxis.tick_right()
    label_rows(
        right, ["", *(f"prints {amount(printed[name])}\nis {amount(real[name])} nats" for name in models)], IMAGE
    )
    left.set_title("reconstructions")
    right.set_title("samples")
    return figure


def amount(nats):
    """A loss as the picture writes it."""
    return (f"{nats:.1f}" if abs(nats) < 1e4 else f"{nats:,.0f}").replace("-", "−")


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
