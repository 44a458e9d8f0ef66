from itertools import groupby

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install npvae[bench]")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install npvae[export]")

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from npvae.export import load, save
from npvae.models import MODELS
from npvae.models.mlp import mlp_forward
from npvae.ops import ACTIVATIONS

MODULES = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def build(kind, dtype, activation="tanh"):
    """A model of some width, with biases that are not zero."""
    widths = {} if kind == "linear_vae" else {"hidden": (24, 17), "activation": activation}
    model = MODELS[kind](30, latent_dim=5, dtype=dtype, backend="numpy", seed=1, **widths)
    rng = np.random.default_rng(2)
    for value in model.params.values():
        if value.ndim < 2:
            value[...] = 0.3 * rng.standard_normal(value.shape)
    return model


def torch_twin(model):
    """A Sequential (or a single Linear) for every part of the model: {part: module}, unfilled."""
    parts = {}
    names = [name for name in model.params if name.split(".")[-1] == "W"]
    for part, layers in groupby(names, key=lambda name: name.split(".")[0]):
        linears = [nn.Linear(*model.params[layer].shape) for layer in layers]
        between = [module for linear in linears for module in (linear, MODULES[model.activation]())][:-1]
        parts[part] = linears[0] if f"{part}.W" in names else nn.Sequential(*between)
    return nn.ModuleDict(parts).to(getattr(torch, model.dtype.name))


def close(ours, theirs, dtype):
    scale = np.abs(ours).max()
    assert np.abs(ours - theirs.detach().numpy()).max() <= TOLERANCE[dtype] * max(1.0, scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MODELS)
def test_every_part_of_every_model_gives_the_same_outputs_in_torch(kind, dtype, tmp_path):
    model = build(kind, dtype)
    twin = torch_twin(model)
    _, unknown = twin.load_state_dict(load_file(save(model, tmp_path / "model.safetensors")), strict=False)
    assert all(name.split(".")[-1] == "logvar" for name in unknown)  # a likelihood's or linear encoder's own
    rng = np.random.default_rng(0)
    for part, module in twin.items():
        linears = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
        x = rng.standard_normal((50, linears[0].in_features)).astype(dtype)
        if len(linears) == 1:
            ours, _ = model.ops.dense_forward(x, model.params[f"{part}.W"], model.params[f"{part}.b"])
        else:
            ours, _ = mlp_forward(model.ops, x, model.params, part, len(linears), model.activation)
        close(ours, module(torch.from_numpy(x)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_encoder_and_decoder_give_the_same_outputs_in_torch(activation, dtype, backend, tmp_path):
    path = save(build("vae", dtype, activation), tmp_path / "vae.safetensors")
    vae = load(path, MODELS["vae"](**(load(path).config | {"backend": backend})))
    twin = torch_twin(vae)
    twin.load_state_dict(load_file(path))
    rng = np.random.default_rng(0)
    x, z = rng.random((50, 30)).astype(dtype), rng.standard_normal((50, 5)).astype(dtype)
    close(np.concatenate(vae.encode(x), axis=1), twin["encoder"](torch.from_numpy(x)), dtype)
    close(vae.decode(z), torch.sigmoid(twin["decoder"](torch.from_numpy(z))), dtype)


@pytest.mark.parametrize("kind", MODELS)
def test_weights_made_in_torch_come_here(kind, tmp_path):
    model = build(kind, "float32")
    twin = torch_twin(model)
    tensors = twin.state_dict()
    own = {name: torch.zeros(value.shape) for name, value in model.params.items() if name.endswith("logvar")}
    save_file(tensors | own, tmp_path / "torch.safetensors")
    load(tmp_path / "torch.safetensors", model)
    for name, value in model.params.items():
        if name.split(".")[-1] == "W" and name.count(".") == 2:
            part, layer, _ = name.split(".")
            assert np.array_equal(value.T, tensors[f"{part}.{2 * int(layer)}.weight"].numpy())
    save(model, tmp_path / "back.safetensors")
    back = load_file(tmp_path / "back.safetensors")
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())
