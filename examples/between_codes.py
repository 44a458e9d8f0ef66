# %% [markdown]
# # What lies between two codes
#
# A toy that leaves no doubt about what is an image of the data and what is not: circles, triangles and squares, all in
# the middle, with their size as the only freedom. Half a circle and half a triangle is none of them.
#
# Two questions:
#
# 1. Take the codes of a circle and of a triangle, and decode the point half-way. Does it look like any shape?
# 2. Throw the decoder away, keep the encoder as it is, and train a new decoder. Was the knowledge in the decoder or in
#    the code?

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.figures import draw_regions, new_figure, save_png, style
from npvae.figures.images import draw_sheet, label_rows

IMAGE = (16, 16)
KINDS = ("circle", "triangle", "square")

# %% [markdown]
# ## The shapes
#
# A pixel is as bright as it lies inside: 1 well inside, 0 well outside, grey within a pixel of the edge, so that a
# small change of size is a small change of the image.


# %%
def shapes(kind, size):
    """Images (N, 256) in [0, 1] of kinds (N,), 0 circle, 1 triangle, 2 square, and sizes (N,) in pixels."""
    y, x = np.mgrid[0:16, 0:16] - 7.5  # pixels from the centre, y down
    size = np.asarray(size)[:, None, None]
    circle = size - np.hypot(x, y)  # how far inside, in pixels
    triangle = np.minimum(size - y, (size + y - 2 * np.abs(x)) / np.sqrt(5))
    square = 0.9 * size - np.maximum(np.abs(x), np.abs(y))
    inside = np.choose(np.asarray(kind)[:, None, None], [circle, triangle, square])
    return np.clip(inside + 0.5, 0, 1).reshape(-1, 256).astype(np.float32)


def draw_data(n, rng):
    """n random shapes with their kinds."""
    kind = rng.integers(0, 3, n)
    return shapes(kind, rng.uniform(3, 7.5, n)), kind


x_train, kind_train = draw_data(1500, np.random.default_rng(0))
x_test, kind_test = draw_data(300, np.random.default_rng(1))


# %%
def fit(model, epochs, keep=""):
    """Train in place with Adam; parameters whose names start with `keep` stay as they are."""
    rng = np.random.default_rng(0)
    adam = npvae.Adam(model.params, lr=2e-3, backend="numpy")
    for _ in range(epochs):
        for x in npvae.minibatches(x_train, 128, rng):
            _, trace = model.forward(x, model.draw_eps(len(x), rng))
            grads = model.backward(trace)
            for name in grads:
                if keep and name.startswith(keep):
                    grads[name] = np.zeros_like(grads[name])  # what has no gradient does not move
            adam.step(grads)
    return model


def codes(model, x):
    """The autoencoder's codes, or the VAE's means: (N, L)."""
    code = model.encode(x)
    return code[0] if isinstance(code, tuple) else code


def test_loss(model):
    """Mean loss on the test shapes, in nats."""
    return model.forward(x_test, model.draw_eps(len(x_test), np.random.default_rng(2)))[0]


def nearest(images):
    """Distance (N,) to the nearest training shape (how far an image is from being a shape), and its kind (N,)."""
    squares = (images**2).sum(axis=1)[:, None] - 2 * images @ x_train.T + (x_train**2).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0)).min(axis=1), kind_train[squares.argmin(axis=1)]


# %% [markdown]
# ## Half-way
#
# Circles and triangles of one size each, and what lies between them: in the pixels, and in each latent space.

# %%
sizes = np.linspace(3.5, 7, 50)
circles, triangles = shapes([0] * 50, sizes), shapes([1] * 50, sizes)


def between(model, a, b, share):
    """The images (N, 256) at this share of the way from a to b: through the codes, or the pixels if model is None."""
    if model is None:
        return (1 - share) * a + share * b
    return model.decode((1 - share) * codes(model, a) + share * codes(model, b))


# %%
def main(quick=False, folder="pictures"):
    """Train, walk, replace the decoder; returns the numbers."""
    epochs = 15 if quick else 200
    ae = fit(npvae.Autoencoder(256, (64,), 2, backend="numpy"), epochs)
    vae = fit(npvae.VAE(256, (64,), 2, backend="numpy"), epochs)

    noise = np.random.default_rng(3).standard_normal((1000, 2))
    images = {
        "test shapes": x_test,
        "half-way, pixels": between(None, circles, triangles, 0.5),
        "half-way, autoencoder": between(ae, circles, triangles, 0.5),
        "half-way, vae": between(vae, circles, triangles, 0.5),
        "prior, autoencoder": ae.decode(noise),
        "prior, vae": vae.decode(noise),
    }
    numbers = {name: float(np.median(nearest(some)[0])) for name, some in images.items()}
    print("distance to the nearest training shape, median")
    for name, distance in numbers.items():
        print(f"  {name:<24}{distance:.2f}")
    for name, model in (("autoencoder", ae), ("vae", vae)):
        kinds = np.bincount(nearest(images[f"prior, {name}"])[1], minlength=3) / len(noise)
        spread = float(np.sqrt(np.mean(codes(model, x_test) ** 2)))
        numbers |= {f"kinds, {name}": kinds, f"spread, {name}": spread}
        each = ", ".join(f"{share:.0%} {kind}s" for share, kind in zip(kinds, KINDS, strict=True))
        print(f"{name}: codes of length {spread:.1f} a latent; z ~ N(0, I) decodes nearest to {each}")

    other = npvae.VAE(256, (64,), 2, backend="numpy", seed=1)
    for name in vae.params:
        if name.startswith("encoder"):
            other.params[name] = vae.params[name]
    numbers["before"] = test_loss(other)
    fit(other, epochs, keep="encoder")
    numbers["old decoder"], numbers["new decoder"] = test_loss(vae), test_loss(other)
    numbers["encoder kept"] = all(
        np.array_equal(vae.params[name], other.params[name]) for name in vae.params if name.startswith("encoder")
    )
    decoder = [name for name in vae.params if name.startswith("decoder")]
    numbers["decoder difference"] = float(
        np.linalg.norm(np.concatenate([(vae.params[name] - other.params[name]).ravel() for name in decoder]))
        / np.linalg.norm(np.concatenate([vae.params[name].ravel() for name in decoder]))
    )
    print("\ntest loss in nats, the encoder held fixed")
    print(f"  its own decoder                {numbers['old decoder']:.2f}")
    print(f"  a new one, before training     {numbers['before']:.2f}")
    print(f"  a new one, trained             {numbers['new decoder']:.2f}")
    print(f"  weights of the two decoders differ by {numbers['decoder difference']:.0%} of their length")

    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(ae, vae, vae, other), Path(folder) / "between_codes.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - Each kind is a curve, and to go along it is to change the size. Nobody told the network about kinds or sizes.
# - Half-way between a circle and a triangle the pixels give both at once, at 2.8 from any shape. Both latent spaces do
#   better (0.8 and 0.9), because the way leads past the squares; but between the curves lies no shape either. A latent
#   space does not invent shapes where there never was any data.
# - Draws from N(0, I) are where the two part. The VAE's curves wind through the prior's two circles, so all three
#   kinds come out. The autoencoder's lie wherever they happened to end up, ten times as far out, and no draw finds a
#   circle.
# - A new decoder on the old codes reaches the same loss with other weights. All that the reconstruction needs is in
#   the code; a decoder can be trained again.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(ae, vae, old, new):
    """The latent spaces, walks from a circle to a triangle, and the two decoders' images."""
    figure = new_figure(6.2, "Three kinds of shape are three curves. What lies between them?")
    above, below = figure.subfigures(2, 1, height_ratios=[3.6, 2.5])
    left, right = above.subplots(1, 2)
    draw_regions(left, codes(ae, x_test).astype(float), None, kind_test)
    mu, logvar = (part.astype(float) for part in vae.encode(x_test))
    draw_regions(right, mu, np.exp(logvar)[:, :, None] * np.eye(2), kind_test)
    left.set_title("autoencoder (0 circle, 1 triangle, 2 square)", size=10)
    right.set_title("VAE", size=10)
    for axes in (left, right):
        axes.set(xlabel="z1", ylabel="z2")

    rng = np.random.default_rng(5)
    a, b, noise = circles[[35]], triangles[[35]], rng.standard_normal((8, 2))
    steps = np.linspace(0, 1, 8, dtype=np.float32)[:, None]
    walks, decoders = below.subplots(1, 2)
    rows = {
        "pixels": between(None, a, b, steps),
        "autoencoder": between(ae, a, b, steps),
        "VAE": between(vae, a, b, steps),
        "autoencoder,\nz ~ N(0, I)": ae.decode(noise),
        "VAE,\nz ~ N(0, I)": vae.decode(noise),
    }
    draw_sheet(walks, [images.reshape(-1, *IMAGE) for images in rows.values()])
    label_rows(walks, list(rows), IMAGE)
    walks.set_title("from a circle to a triangle; from the prior")
    some = x_test[:7]
    rows = {"input": some, "its decoder": old.reconstruct(some), "a new\ndecoder": new.reconstruct(some)}
    draw_sheet(decoders, [images.reshape(-1, *IMAGE) for images in rows.values()])
    label_rows(decoders, list(rows), IMAGE)
    decoders.set_title("one encoder, two decoders")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
