# %% [markdown]
# # Convolution and its transpose
#
# A convolution is one small dense layer, the window, that looks at every place of an image with the same weights.
# Going back, every place adds to the gradient of the same window, and what comes back to the image is the window
# again, laid where it had looked. That way back, taken as a layer of its own, makes images larger: a transposed
# convolution.
#
# Every number here comes from `npvae.ops.conv2d` and `npvae.ops.conv2d_transpose`, whose pages derive the gradients.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae import ops
from npvae.data.shapes import make_shapes
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import PALETTE, without_axes
from npvae.steps import Step

# %% [markdown]
# ## One digit, four windows
#
# Each window answers where its pattern is met: bright where it is, dark where its opposite is.

# %%
NAMES = ("upright", "level", "rising", "falling")


def windows():
    """Four windows (3, 3, 1, 4): edges in four directions."""
    W = np.zeros((3, 3, 1, 4))
    W[:, :, 0, 0] = [[-1, 2, -1]] * 3
    W[:, :, 0, 1] = W[:, :, 0, 0].T
    W[:, :, 0, 2] = [[-1, -1, 2], [-1, 2, -1], [2, -1, -1]]
    W[:, :, 0, 3] = W[::-1, :, 0, 2]
    return W / 6


def one_place(x, W, row, column, window):
    """The gradients of a loss that looks at one feature at one place: dx of the image, dW of that window."""
    y, cache = ops.conv2d_forward(x, W, np.zeros(4), padding=1)
    dy = np.zeros_like(y)
    dy[0, row, column, window] = 1
    dx, dW, _ = ops.conv2d_backward(dy, cache)
    return y, dx, dW


def adjoint_error():
    """How far sum(conv2d(x) * y) is from sum(x * conv2d_transpose(y)), for random x and y."""
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((2, 9, 9, 3)), rng.standard_normal((4, 4, 3, 5))
    y, _ = ops.conv2d_forward(x, W, np.zeros(5), stride=2, padding=1)
    other = rng.standard_normal(y.shape)
    back, _ = ops.conv2d_transpose_forward(other, W, np.zeros(3), stride=2, padding=1, extra_rows=1, extra_columns=1)
    return abs((y * other).sum() - (x * back).sum())


# %% [markdown]
# ## Checkerboards
#
# A transposed convolution with stride 2 lays a window over every second pixel. A window of 3 covers some pixels once,
# some twice and some four times, whatever its weights are; a window of 4 covers all of them four times.


# %%
def covered(size):
    """How many windows of this size lie over each pixel of 12 x 12."""
    one = np.ones((1, 6, 6, 1))
    more = 12 - (2 * 5 + size - 2)
    y, _ = ops.conv2d_transpose_forward(
        one, np.ones((size, size, 1, 1)), np.zeros(1), stride=2, padding=1, extra_rows=more, extra_columns=more
    )
    return y[0, :, :, 0]


# %% [markdown]
# ## Moved by one pixel
#
# Wedges, ells and hearts in nine places; then the same ones, one pixel to the right. A dense layer has a weight for
# every pixel and has never seen these. A convolution has one window for all places: does that help?


# %%
def pictures(quick):
    """Images (N, 16, 16, 1) in nine places, and the same moved to the right by one pixel."""
    shapes = make_shapes(size=16, levels=(3, 2, 8, 3, 3))
    x = shapes.x.reshape(-1, 16, 16, 1)[:: 2 if quick else 1]
    return x, np.roll(x, 1, axis=2)


def fit(vae, x, epochs, seed=0):
    """Train on x."""
    rng, adam, step = np.random.default_rng(seed), npvae.Adam(vae.params, lr=2e-3), Step(vae, 32)
    for _ in range(epochs):
        for batch in npvae.minibatches(x, 32, rng):
            _, trace = step.forward(batch, vae.draw_eps(len(batch), rng))
            adam.step(step.backward(trace))
    return vae


def nats(vae, x):
    """The mean loss on x, over ten draws of noise."""
    rng = np.random.default_rng(1)
    return float(np.mean([vae.forward(x, vae.draw_eps(len(x), rng))[0] for _ in range(10)]))


# %%
def main(quick=False, folder="pictures"):
    """Windows on a digit, gradients of one place, checkerboards, and shapes that move; returns the numbers."""
    train, _ = npvae.load_dataset("digits")
    digit = train.numpy()[int(np.flatnonzero(train.labels == 4)[0])].reshape(1, 8, 8, 1).astype(float)
    W, place = windows(), (3, 4)
    y, dx, dW = one_place(digit, W, *place, 0)
    patch = np.pad(digit[0, :, :, 0], 1)[place[0] : place[0] + 3, place[1] : place[1] + 3]
    laid = np.zeros((8, 8))
    laid[place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2] = W[:, :, 0, 0]
    found = {
        "dx is the window": float(np.abs(dx[0, :, :, 0] - laid).max()),
        "dW is the patch": float(np.abs(dW[:, :, 0, 0] - patch).max()),
        "adjoint": float(adjoint_error()),
    }
    print("one feature at one place: dx is the window, laid there; dW is the part of the digit that it saw")
    for name, error in found.items():
        print(f"    {name:<18} off by {error:.1e}")
    counts = {size: covered(size)[2:-2, 2:-2] for size in (3, 4)}
    for size, count in counts.items():
        print(f"window of {size}, stride 2: pixels inside are covered by {sorted(set(count.ravel().tolist()))} windows")

    x, moved = pictures(quick)
    conv = npvae.ConvVAE((16, 16), (16, 32), (32,), 8)
    mlp = npvae.VAE(256, (95,), 8)
    models, epochs = {"MLP": mlp, "convolution": conv}, 30 if quick else 200
    loss = {}
    print(f"\n{len(x)} shapes in nine places; −ELBO in nats")
    for name, vae in models.items():
        of = (lambda images: images.reshape(len(images), -1)) if name == "MLP" else (lambda images: images)
        fit(vae, of(x), epochs)
        loss[name] = {"as trained": nats(vae, of(x)), "moved": nats(vae, of(moved))}
        print(f"{name:<12}{vae.params.flat.size:>8,} parameters: as trained {loss[name]['as trained']:6.1f}, "
              f"moved by one pixel {loss[name]['moved']:6.1f}")  # fmt: skip
    some = [5, 60, 110] if quick else [10, 130, 300]
    by_mlp = mlp.reconstruct(moved[some].reshape(3, -1)).reshape(-1, 16, 16, 1)
    rows = [moved[some], by_mlp, conv.reconstruct(moved[some])]
    shown = np.concatenate([np.concatenate(list(np.pad(row[..., 0], ((0, 0), (0, 1), (0, 1)), constant_values=1)), 1)
                            for row in rows], 1)  # fmt: skip
    Path(folder).mkdir(exist_ok=True)
    picture = draw(digit[0, :, :, 0], y, dx, dW, place, loss, shown)
    print("picture:", save_png(picture, Path(folder) / "convolution.png", colours=128))
    return {**found, "counts": counts, "loss": loss}


# %% [markdown]
# ## What to notice
#
# - dx is the window itself, laid where it had looked; dW is the part of the image that it saw there. A loss that looks
#   at all places adds all of these up: that is the whole backward pass.
# - With a window of 3 and stride 2 the pattern of 1, 2 and 4 is there before any training, and training has to undo
#   it. Windows of 4 cover every pixel equally often: this is why npvae's convolutional models use them.
# - Moved by one pixel, the shapes cost both models more, and the convolution no less than the MLP of as many weights.
#   Two steps of stride 2 move as the image does only when that moves by 4 pixels, and the dense layers that follow
#   have a weight for every place again. Windows save weights; they do not make a code that ignores where things are.
# - What they save is much on larger images: on MNIST a convolutional VAE of 112,649 parameters ends at 103.5 nats, as
#   does PyTorch's, and an MLP of 652,824 at 105.7 (benchmarks/reproduce/README.md, "Convolution on MNIST").

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
def painted(size, seed=0):
    """A smooth image of 8 channels made larger by random positive windows: what an untrained decoder draws."""
    rng = np.random.default_rng(seed)
    at = np.linspace(-1, 1, 6)
    x = np.exp(-(at[:, None, None] ** 2) - (at[None, :, None] - 0.3 * rng.standard_normal(8)) ** 2)[np.newaxis]
    more = 12 - (2 * 5 + size - 2)
    W = rng.random((size, size, 1, 8)) / size
    y, _ = ops.conv2d_transpose_forward(x, W, np.zeros(1), 2, 1, more, more)
    return y[0, :, :, 0]


@style()
def draw(digit, y, dx, dW, place, loss, shown):
    """Feature maps and gradients above, checkerboards and the moved shapes below."""
    figure = new_figure(5.4, "One window for every place, and its way back")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.15])
    axes = above.subplots(1, 7)
    top = np.abs(y).max()
    axes[0].imshow(digit, cmap="gray")
    axes[0].set_title("x")
    row, column = place
    axes[0].add_patch(_frame(column - 1.5, row - 1.5, 3))
    for k, name in enumerate(NAMES):
        axes[k + 1].imshow(y[0, :, :, k], cmap="RdBu_r", vmin=-top, vmax=top)
        axes[k + 1].set_title(name)
    axes[1].add_patch(_frame(column - 0.5, row - 0.5, 1))
    axes[5].imshow(dx[0, :, :, 0], cmap="RdBu_r", vmin=-0.4, vmax=0.4)
    axes[5].set_title("dx: the window")
    axes[6].imshow(dW[:, :, 0, 0], cmap="gray", vmin=0, vmax=1)
    axes[6].set_title("dW: what it saw")
    left, right = below.subfigures(1, 2, width_ratios=[1.05, 1])
    boards = left.subplots(2, 2)
    for column, size in enumerate((3, 4)):
        boards[0, column].imshow(covered(size), cmap="viridis", vmin=0, vmax=4)
        boards[0, column].set_title(f"window of {size}, stride 2")
        boards[1, column].imshow(painted(size), cmap="gray")
    boards[0, 0].set_ylabel("windows over it")
    boards[1, 0].set_ylabel("random weights")
    for part in (*axes, *boards.ravel()):
        without_axes(part)
    upper, lower = right.subplots(2, 1, height_ratios=[1, 1])
    upper.imshow(shown, cmap="gray", vmin=0, vmax=1)
    without_axes(upper)
    upper.set_title("moved by one pixel; MLP; convolution")
    names = list(loss)
    lower.barh(names, [loss[name]["moved"] for name in names], 0.6, color=PALETTE[1], label="moved by one pixel")
    lower.barh(names, [loss[name]["as trained"] for name in names], 0.6, color=PALETTE[0], label="as trained")
    lower.set(xlabel="−ELBO, nats")
    lower.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.45, 1), ncols=2, reverse=True)
    return figure


def _frame(left, top, size):
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), size, size, fill=False, edgecolor=PALETTE[1], linewidth=1.5)


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
