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
from npvae.models.letters import Letters
from npvae.models.mlp import mlp_forward
from npvae.models.small import kinds_that_take, small
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
@pytest.mark.parametrize("kind", kinds_that_take("rows"))
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


def sequence_module(model):
    """The decoder and encoder of a sequence model out of torch's own modules, named as `to_torch` names them."""
    H, E = model.hidden_dim, model.embedding_dim
    C, L = len(model.alphabet) + 1, model.latent_dim
    decoder = {"embedding": nn.Embedding(C, E), "gru": nn.GRU(E + L, H, batch_first=True), "out": nn.Linear(H, C)}
    parts = {"decoder": nn.ModuleDict(decoder)}
    parts["decoder"].register_parameter("unknown", nn.Parameter(torch.zeros(E)))
    if L:
        encoder = {"embedding": nn.Embedding(C, E), "gru": nn.GRU(E, H, batch_first=True), "head": nn.Linear(H, 2 * L)}
        parts["encoder"], parts["decoder"]["start"] = nn.ModuleDict(encoder), nn.Linear(L, H)
    return nn.ModuleDict(parts).to(getattr(torch, model.dtype.name))


@pytest.mark.parametrize("kind", kinds_that_take("sequences"))
def test_a_model_of_sequences_is_torchs_modules_with_its_weights(kind, tmp_path):
    """The same logits of every letter from torch.nn.GRU, and the same code of every line; and the weights come back."""
    model, x, _ = small(kind, np.random.default_rng(0), n=6)
    twin = sequence_module(model)
    twin.load_state_dict(load_file(save(model, tmp_path / "m.safetensors")))
    letters = Letters(x.ids, x.lengths)
    read, told = (torch.from_numpy(part) for part in (letters.read, letters.told))
    e = twin["decoder"]["embedding"](read)
    h0 = torch.zeros(1, len(x), model.hidden_dim, dtype=torch.float64)
    if model.latent_dim:
        lengths = torch.from_numpy(x.lengths)
        given = nn.utils.rnn.pack_padded_sequence(
            twin["encoder"]["embedding"](torch.from_numpy(x.ids)), lengths, batch_first=True, enforce_sorted=False
        )
        head = twin["encoder"]["head"](twin["encoder"]["gru"](given)[1][0])
        close(np.concatenate(model.encode(x), axis=1), head, "float64")
        z = head[:, : model.latent_dim]
        e = torch.cat([e, z[:, None].expand(-1, e.shape[1], -1)], dim=2)
        h0 = torch.tanh(twin["decoder"]["start"](z))[None]
    logits = twin["decoder"]["out"](twin["decoder"]["gru"](e, h0)[0])
    nll = nn.functional.cross_entropy(logits.transpose(1, 2), told, reduction="none")
    is_letter = torch.arange(told.shape[1]) < torch.from_numpy(letters.predictions)[:, None]
    eps = np.zeros((len(x), model.latent_dim))
    close(model.forward(x, eps)[1].nll, (nll * is_letter).sum(dim=1), "float64")

    fresh = sequence_module(model)
    save_file(fresh.state_dict(), tmp_path / "torch.safetensors")
    load(tmp_path / "torch.safetensors", model)
    np.testing.assert_array_equal(model.params["decoder.gru.Wh"].T, fresh["decoder"]["gru"].weight_hh_l0.detach())


@pytest.mark.parametrize("kind", kinds_that_take("rows"))
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
