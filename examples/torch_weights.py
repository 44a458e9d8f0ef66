# %% [markdown]
# # The same VAE in PyTorch: weights, outputs, gradients
#
# A VAE trained here is written to safetensors, under the names that `torch.nn.Sequential` gives its layers. PyTorch
# loads it, gives the same numbers, and its autograd is an independent witness for every gradient written by hand.
#
# Needs the extra `export` and PyTorch: `pip install -e ".[export]" torch` in a clone. As a script: `python
# examples/torch_weights.py` (ten seconds), or with `--quick`.

# %%
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import npvae
from npvae.export import load, save, to_torch

# %% [markdown]
# ## The module
#
# A `Linear` of PyTorch keeps its weight as (outputs, inputs); here `W` is (inputs, outputs), so that code reads `x @ W
# + b`. `save` transposes. Layer i of our encoder is module 2 i of the Sequential: between two there is a ReLU.


# %%
class TorchVAE(nn.Module):
    """784-400-(20)-400-784 in PyTorch, for any widths."""

    def __init__(self, data_dim, hidden_dim, latent_dim):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(data_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 2 * latent_dim))
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, data_dim))

    def forward(self, x, eps):
        """The loss, as npvae defines it, and the decoder's logits."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        logits = self.decoder(mu + torch.exp(logvar / 2) * eps)
        nll = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
        kl = 0.5 * (torch.exp(logvar) + mu**2 - 1 - logvar).sum(dim=1)
        return (nll + kl).mean(), logits


# %% [markdown]
# ## The same outputs, and every gradient against autograd
#
# The ten lines that anybody can put under a model of their own:


# %%
def compare(vae, path):
    """Largest difference of logits and of each gradient, relative to the largest entry: {name: difference}."""
    twin = TorchVAE(vae.data_dim, vae.hidden[0], vae.latent_dim).to(getattr(torch, vae.dtype.name))
    twin.load_state_dict(load_file(save(vae, path)))
    rng = np.random.default_rng(0)
    x = npvae.data.load_digits()[1][:100].astype(vae.dtype)
    eps = rng.standard_normal((100, vae.latent_dim), dtype=vae.dtype)
    loss, trace = vae.forward(x, eps)
    torch_loss, logits = twin(torch.from_numpy(x), torch.from_numpy(eps))
    torch_loss.backward()
    ours = {"loss": np.array(loss), "logits": trace.output} | to_torch(vae.backward(trace))
    theirs = {"loss": torch_loss, "logits": logits} | {name: p.grad for name, p in twin.named_parameters()}
    theirs = {name: tensor.detach().numpy() for name, tensor in theirs.items()}
    return {name: np.abs(ours[name] - theirs[name]).max() / np.abs(theirs[name]).max() for name in theirs}


# %%
def main(quick=False):
    """Print the differences in float32 and float64; return {dtype: {name: difference}}."""
    train, _ = npvae.data.load_digits()
    differences = {}
    with tempfile.TemporaryDirectory() as folder:
        for dtype in ("float32", "float64"):
            vae = npvae.VAE(64, (64,), 5, dtype=dtype, seed=1)
            npvae.train(vae, train, epochs=2 if quick else 100, progress=False)
            differences[dtype] = compare(vae, Path(folder) / "vae.safetensors")

        print(f"{'largest relative difference':<28} {'float32':>9} {'float64':>9}\n")
        for name in differences["float32"]:
            what = name if name in ("loss", "logits") else f"gradient of {name}"
            print(f"{what:<28} {differences['float32'][name]:>9.1e} {differences['float64'][name]:>9.1e}")

        # And back: weights made in PyTorch, into a model of the same widths.
        path = Path(folder) / "from_torch.safetensors"
        twin = TorchVAE(64, 64, 5)
        save_file(twin.state_dict(), path)
        vae = load(path, npvae.VAE(64, (64,), 5))
        same = np.array_equal(vae.params["encoder.1.W"].T, twin.state_dict()["encoder.2.weight"].numpy())
        print(f"\nPyTorch's weights here, bit for bit: {'yes' if same else 'NO'}")
    return differences


# %% [markdown]
# ## What to notice
#
# - In float64 the two agree to about 1e-15. They were written by different people in different ways: a mistake in a
#   formula here would show at the first digit.
# - In float32 they differ in the seventh digit: the same sums, added up in another order.

# %%
if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
