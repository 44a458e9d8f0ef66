# %% [markdown]
# # Edges as nearness
#
# Points can describe a graph: give every vertex a place, and join those that are near each other. The decoder of a
# graph VAE is no more than that, `p(edge n, m) = sigmoid(z[n] . z[m])`, without a single parameter; all that is
# learned is where the points go. Two questions here.
#
# **Which edges are missing?** Hide a tenth of the edges, place the vertices by the others, and look for pairs that are
# near and not joined.
#
# **What does collapse cost?** Draw whole graphs of eight vertices with two hidden communities. Their log p(x) is an
# exact sum over the 128 ways to take sides, so that a model's distance to the truth is known to the third decimal.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.data import Graph, split_links
from npvae.data.communities import log_p_of_communities, make_communities
from npvae.evaluation import log_p_by_importance
from npvae.figures import new_figure, save_png, style
from npvae.figures.graph import draw_points
from npvae.figures.style import PALETTE

# %% [markdown]
# ## Where the vertices go
#
# 240 vertices in three clusters, joined mostly within. The model gets the edges that remain, and no labels. With two
# latents the points can be drawn as they are: seen from 0, vertices of a cluster lie in one direction, because the
# product of two points is large where both are far out at a small angle.


# %%
def three_clusters(rng, vertices=240, inside=0.12, between=0.006):
    """A graph with labels."""
    labels = np.arange(vertices) * 3 // vertices
    a, b = np.triu_indices(vertices, 1)
    p = np.where(labels[a] == labels[b], inside, between)
    joined = rng.random(len(a)) < p
    return Graph(np.stack([a[joined], b[joined]], axis=1), vertices, labels=labels)


def place(split, model, epochs):
    """Train on the edges that are seen, and score those that were held out."""
    npvae.train(model, split.train, split.test, epochs=epochs, lr=0.01, progress=False)
    return model.held_out(split.test)


# %% [markdown]
# ## The price of collapse
#
# Each of the 28 edges has the same probability, 0.475. A decoder that says so for every pair and ignores z is a
# saddle: along no single direction does the loss fall, and plain training stays there. Free bits make the first half
# nat of each latent free, so the code gets used; once it is, the plain bound keeps it.

# %%
WAYS = {
    "plain": ("elbo", "elbo"),
    "free bits": ("free_bits", "free_bits"),
    "free bits, then plain": ("free_bits", "elbo"),
}


def price(way, x, x_test, exact, epochs):
    """KL(data || model) in nats after each epoch's end of the two phases: list, and the KL term at the end."""
    model, gaps = npvae.VAE(28, (128, 128), 16, free_bits=0.5, seed=0), []
    for phase, objective in enumerate(WAYS[way]):
        model.objective = objective
        for epoch in range(epochs):
            npvae.train(model, x, epochs=1, seed=100 * phase + epoch, progress=False)
            log_p = log_p_by_importance(model, x_test, np.random.default_rng(0), samples=100).log_p
            gaps.append(float(exact - log_p.mean()))
    mu, logvar = model.encode(x_test)
    return gaps, float(((np.exp(logvar) + mu**2 - 1 - logvar) / 2).sum(axis=1).mean())


def main(quick=False, folder="pictures"):
    """Predict links of three clusters; train three ways on small graphs; returns the numbers."""
    split = split_links(three_clusters(np.random.default_rng(0)))
    numbers = {}
    for kind in (npvae.GraphAutoencoder, npvae.GraphVAE):
        model = kind(*split.train.sample_shape, latent_dim=2)
        found = numbers[kind.__name__] = place(split, model, 60 if quick else 200)
        print(
            f"{kind.__name__:<17} AUC {found['auc']:.3f}, AP {found['ap']:.3f}, {len(split.test.edges)} edges held out"
        )
    pairs, _ = model.missing_edges(split.train, 50)
    labels = split.train.labels
    numbers["inside"] = float((labels[pairs[:, 0]] == labels[pairs[:, 1]]).mean())
    print(f"of the 50 most probable missing edges {numbers['inside']:.0%} lie within a cluster\n")

    rng = np.random.default_rng(0)
    x, x_test = (make_communities(n, rng)[0].astype(np.float32) for n in (10_000 if quick else 50_000, 1000))
    exact = float(log_p_of_communities(x_test).mean())
    print(f"two communities on 8 vertices: -log p(x) is {-exact:.3f} nats, exactly")
    prices = {way: price(way, x, x_test, exact, 1 if quick else 5) for way in WAYS}
    for way, (gaps, kl) in prices.items():
        print(f"  {way:<24} KL(data || model) {gaps[-1]:.3f} nats, KL(q || p) {kl:.2f}")
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(model, split, found, prices), Path(folder) / "edges_as_nearness.png", colours=256))
    return numbers | {"prices": prices, "exact": exact}


# %% [markdown]
# ## What to notice
#
# - Nobody told the model that there are clusters. To join many within and few across, it can only put clusters into
#   directions of their own.
# - Held-out edges never enter the encoder. If they did, the AUC would be a measure of memory.
# - The autoencoder predicts links as well as the VAE: a prior is not what makes nearness.
# - Plain training of the small graphs stays 4.3 nats away from the truth: exactly the price of independent edges, and
#   its code of 0 nats is no accident of one seed but a saddle.
# - Free bits halve that price. They keep a code of 8.6 nats, more than the seven hidden coins hold (4.9), because half
#   a nat per latent costs nothing. Where the plain bound takes over, 2.6 of them go, and p(x) loses nothing by it.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(model, split, found, prices):
    """Left the points, in the middle the scores, right the price over epochs."""
    figure = new_figure(3.4, "Edges as nearness, and what it costs not to use the code")
    left, middle, right = figure.subplots(1, 3)
    draw_points(left, model.points(split.train), split.train)
    left.set_title("three clusters, two latents", size=9)
    z = model.points(split.train)
    for pairs, name, colour in (
        (split.test.edges, "held-out edges", PALETTE[0]),
        (split.test.non_edges, "no edges", PALETTE[6]),
    ):
        scores = (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(axis=1)
        middle.hist(scores, 20, color=colour, alpha=0.6, label=name)
    middle.set_title(f"AUC {found['auc']:.3f}", size=9)
    middle.set(xlabel="z[n] . z[m], the logit of an edge", ylabel="pairs")
    middle.set_ylim(0, 1.3 * middle.get_ylim()[1])  # the legend stands above the bars
    middle.legend(fontsize=8, loc="upper left", ncols=2, columnspacing=1, handlelength=1.2)
    for (way, (gaps, kl)), colour, width in zip(prices.items(), PALETTE[6:3:-2] + PALETTE[:1], (2, 4, 2), strict=True):
        right.plot(np.arange(1, len(gaps) + 1), gaps, color=colour, linewidth=width, label=f"{way}: {kl:.1f}")
    right.set(ylim=(0, None), xlabel="epoch")
    right.legend(fontsize=8, loc="lower left", title="and nats of the code", title_fontsize=8)
    right.set_title("KL(data || model), nats", size=9)
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
