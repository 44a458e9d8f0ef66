# %% [markdown]
# # Why the decoder stops listening
#
# A VAE of sequences has a decoder that reads what it has written so far. That is enough to write well: a language
# model does no more. So the code z has to compete with the letters before, and it loses. While the decoder cannot yet
# read it, z is noise that costs KL; the cheapest thing to do is to make q(z|x) the prior. Then z says nothing, and the
# decoder never learns to listen. What is left is a language model with a code that it ignores.
#
# This is an optimum of the bound, not an accident of one training: if the decoder alone can describe the data as well,
# a KL of 0 is the best there is. Remedies make z worth its price: the KL comes late (annealed, cyclical), or is free
# up to a point (free bits), or the decoder may not read all letters (word dropout), or none (inputless).
#
# Bowman et al. (2016), "Generating Sentences from a Continuous Space".

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.evaluation.sequences import log_p_of_sequences
from npvae.figures import new_figure, save_png, style
from npvae.figures.lines import draw_columns
from npvae.figures.style import INK, PALETTE
from npvae.models import LanguageModel, SequenceVAE

train, test = npvae.load_sequences("names-small")  # 2,000 + 500 first names
SIZES = {"hidden_dim": 32, "embedding_dim": 16}
REMEDIES = {  # settings of the model, and how beta grows in a training of E epochs
    "plain": ({}, lambda E: "constant"),
    "annealed": ({}, lambda E: f"linear:{E / 2}"),
    "cyclical": ({}, lambda E: f"cyclical:{E / 4}"),
    "free bits": ({"objective": "free_bits", "free_bits": 0.25}, lambda E: "constant"),
    "word dropout": ({"word_dropout": 0.5}, lambda E: f"linear:{E / 2}"),
    "inputless": ({"word_dropout": 1.0}, lambda E: f"linear:{E / 2}"),
}
COLOURS = dict(zip(REMEDIES, (PALETTE[i] for i in (6, 1, 4, 0, 5, 2)), strict=True))

# %% [markdown]
# ## One model, six ways to train it
#
# A GRU of 32 numbers each way, a code of 8. Everything but the remedy is the same; the bound is always computed with
# beta = 1 and no letter hidden, whatever the training objective was.


# %%
def one_training(remedy, epochs):
    """A trained model; its history has nll and KL on the held-out names after every epoch."""
    settings, schedule = REMEDIES[remedy]
    vae = SequenceVAE(train.alphabet, train.longest, latent_dim=8, **SIZES, **settings)
    options = {"epochs": epochs, "batch_size": 64, "lr": 5e-3, "beta_schedule": schedule(epochs), "progress": False}
    return npvae.train(vae, train, test, **options)


def baseline(epochs):
    """-log p(x) of a language model on the held-out names, in nats per name: after the last epoch, after the best."""
    model = LanguageModel(train.alphabet, train.longest, **SIZES)
    npvae.train(model, train, test, epochs=epochs, batch_size=64, lr=5e-3, progress=False)
    losses = [row["test_loss"] for row in model.history]
    return losses[-1], min(losses)


# %% [markdown]
# ## Does the decoder listen?
#
# Two questions that the KL alone does not answer. If z is that of another name, how much worse is this name described?
# And if one z is decoded five times, drawing each letter, how often do two of the five share their first letter,
# compared with chance? A decoder that does not listen gives 0 to both.


# %%
def listening(vae, rng):
    """What a foreign code costs in nats per name, and how much likelier a shared first letter is for a shared z."""
    x = test.batch(slice(None))
    mu, _ = vae.encode(x)
    costs = []
    for codes in (mu, mu[rng.permutation(len(mu))]):
        output, _ = vae.decoder_forward(vae.ops, codes, x)
        nll, _ = vae.likelihood.forward(vae.ops, output, vae.tiled(x, 1), vae.params)
        costs.append(float(nll.mean()))
    first = np.array([[name[:1] for name in vae.decode(mu[:200], rng)] for _ in range(5)])  # (5, 200)
    same = np.mean([first[i] == first[j] for i in range(5) for j in range(i)])
    letters = np.unique(first, return_counts=True)[1] / first.size
    return costs[1] - costs[0], float(same - (letters**2).sum())


# %%


def written(models):
    """Columns of names: ways between two codes; one z five times, by a decoder that listens and one that does not."""
    columns, rng = {}, np.random.default_rng(3)
    for remedy in ("plain", "free bits", "inputless"):
        if remedy in models:
            columns[f"{remedy}: anna to oliver"] = models[remedy].interpolate("anna", "oliver", 7)
    for remedy in ("plain", "free bits"):
        if remedy in models:
            z = np.repeat(models[remedy].encode(["oliver"])[0], 5, axis=0)
            columns[f"{remedy}: one z, 5 times"] = models[remedy].decode(z, rng)
    return columns


# %%
def main(quick=False, folder="pictures"):
    """Train with every remedy, ask each decoder whether it listens; returns the numbers."""
    epochs = 12 if quick else 40
    remedies = ["plain", "free bits", "inputless"] if quick else list(REMEDIES)
    last, best = baseline(epochs)
    numbers, models = {"language model": last, "its best": best}, {}
    print(f"language model: {last:.2f} nats per name, exact ({best:.2f} at its best epoch)\n")
    heads = ("KL", "nll", "bound", "-log p", "foreign z costs", "same first letter")
    print(f"{'nats per name':<14}" + "".join(f"{head:>{max(8, len(head) + 2)}}" for head in heads))
    for remedy in remedies:
        vae = models[remedy] = one_training(remedy, epochs)
        row = {name: vae.history[-1][f"test_{name}"] for name in ("kl", "nll")}
        row["bound"] = row["kl"] + row["nll"]
        samples, names = (10, test.subset(slice(100))) if quick else (50, test)
        row["-log p"] = -float(log_p_of_sequences(vae, names, np.random.default_rng(0), samples=samples).log_p.mean())
        row["foreign"], row["same"] = listening(vae, np.random.default_rng(1))
        numbers[remedy] = row
        cells = "".join(f"{row[name]:>8.2f}" for name in ("kl", "nll", "bound", "-log p"))
        print(f"{remedy:<14}{cells}{row['foreign']:>17.2f}{row['same'] + 0.0:>19.1%}")
    for title, lines in written(models).items():
        print(f"{title:<28}{', '.join(lines)}")
    Path(folder).mkdir(exist_ok=True)
    picture = draw(models, best)
    print("picture:", save_png(picture, Path(folder) / "why_the_decoder_stops_listening.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - Plain, the KL is 0 from the first epoch to the last: every name has the same code, a foreign code costs nothing,
#   and all ways between two codes stand still. The bound is that of a language model, which it now is.
# - A KL above 0 is bought: with free bits, or by paying late. What it buys is seen where a foreign z costs nats, and
#   where the way from one name to another passes through others. But five names from one z have little more in common
#   than chance: two nats are less than a first letter (log 26 = 3.3), and the decoder adds the rest as it pleases.
# - Annealing lets z have several nats while they are cheap, and takes most of them back; what stays is more than plain
#   training ever finds. Cyclical training does it again in every cycle.
# - Inputless the decoder has nothing but z. It listens most, and the names show what z alone can say: lengths and a
#   letter or two. Its bound is the worst of all: reading the letters so far is worth more than 8 latents.
# - No remedy beats the language model at its best epoch, and for the bound a KL of 0 is a legitimate optimum: whoever
#   wants a code has a reason other than the likelihood.
# - 2,000 names are few, and all of these models are past their best epoch at the end. On 30,033 names, three seeds,
#   each model at its best epoch, the story is the same (benchmarks/reproduce/README.md, "Names"): in nats per name the
#   language model has 14.34, plain training 14.37 with a KL of 0.09, free bits 15.94 with 8.37, and inputless 17.14.
#   By -log p(x) plain training is level with the language model, and every remedy is behind. PyTorch's models agree.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(models, baseline_nats):
    """KL and what is left to tell, through training; below, what z alone decides."""
    figure = new_figure(6.4, "The decoder listens only if it has to")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.05])
    kl, nll = top.subplots(1, 2)
    for i, (remedy, vae) in enumerate(models.items()):
        epochs = [row["epoch"] for row in vae.history]
        kl.plot(epochs, [row["test_kl"] for row in vae.history], color=COLOURS[remedy])
        nll.plot(epochs, [row["test_nll"] for row in vae.history], color=COLOURS[remedy])
        kl.text(0.99, 0.99 - 0.08 * i, remedy, color=COLOURS[remedy], ha="right", va="top", transform=kl.transAxes)
    nll.axhline(baseline_nats, color=INK, linewidth=1, linestyle=":")
    kl.set(xlabel="epoch", ylabel="nats per name", title="KL: what z says", ylim=(-0.4, 1.9 * kl.get_ylim()[1]))
    nll.set(xlabel="epoch", title="nll: what is left for the letters (dotted: no code)", ylim=(None, baseline_nats + 4))
    draw_columns(bottom.subplots(), written(models))
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
