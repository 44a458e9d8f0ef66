from itertools import groupby, pairwise

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: it is in the extra bench")
pytest.importorskip("safetensors", reason="safetensors is not installed: it is in the extra export")

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from npvae.data import Graph
from npvae.export import load, save, to_torch
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


class ToRows(nn.Module):
    """(N, F, H, W) as rows of pixels, channels side by side: npvae's order."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class FromRows(nn.Module):
    """The way back."""

    def __init__(self, size, channels):
        super().__init__()
        self.shape = (*size, channels)

    def forward(self, x):
        return x.reshape(-1, *self.shape).permute(0, 3, 1, 2)


def conv_twin(vae):
    """A ConvVAE with one hidden layer as torch.nn modules, unfilled."""
    shapes, f, sizes = vae.params.shapes, MODULES[vae.activation], vae.sizes
    outs, ins = [], []
    for i, (large, small_) in enumerate(pairwise(sizes)):
        _, _, C, F = shapes[f"encoder.conv.{i}.W"]
        outs += [nn.Conv2d(C, F, 4, 2, 1), f()]
        extra = large[0] - 2 * small_[0], large[1] - 2 * small_[1]
        _, _, C, F = shapes[f"decoder.conv.{len(sizes) - 2 - i}.W"]
        ins = [nn.ConvTranspose2d(F, C, 4, 2, 1, output_padding=extra), f(), *ins]
    dense = [nn.Linear(*shapes[f"{part}.dense.{i}.W"]) for part in ("encoder", "decoder") for i in (0, 1)]
    encoder = {"conv": nn.Sequential(*outs), "rows": ToRows(), "dense": nn.Sequential(dense[0], f(), dense[1])}
    decoder = {"dense": nn.Sequential(dense[2], f(), dense[3], f()), "images": FromRows(sizes[-1], vae.channels[-1])}
    decoder |= {"conv": nn.Sequential(*ins[:-1])}
    parts = {name: nn.ModuleDict(part) for name, part in (("encoder", encoder), ("decoder", decoder))}
    return nn.ModuleDict(parts).to(getattr(torch, vae.dtype.name))


def through(part, x):
    for module in part.values():
        x = module(x)
    return x


@pytest.mark.parametrize(("backend", "dtype"), [("numpy", "float64"), ("numba", "float32"), ("numba", "float64")])
@pytest.mark.parametrize("image_shape", [(8, 8, 1), (13, 10, 3)])
def test_a_conv_vae_is_a_module_of_torch_forward_and_backward(image_shape, backend, dtype, tmp_path):
    """Outputs, loss and every gradient, of sizes that are and are not multiples of 4; and the weights come back."""
    settings = {"channels": (5, 17), "hidden": (9,), "latent_dim": 3, "dtype": dtype, "activation": "tanh"}
    vae = MODELS["conv_vae"](image_shape, backend=backend, **settings)
    rng = np.random.default_rng(0)
    vae.params.flat[:] += 0.1 * rng.standard_normal(vae.params.flat.size)
    twin = conv_twin(vae)
    path = save(vae, tmp_path / "model.safetensors")
    twin.load_state_dict(load_file(path))
    x, eps = rng.random((6, *image_shape)).astype(dtype), rng.standard_normal((6, 3)).astype(dtype)

    there, noise = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(eps)
    mu, logvar = through(twin["encoder"], there).chunk(2, 1)
    logits = through(twin["decoder"], mu + torch.exp(logvar / 2) * noise)
    nll = nn.functional.binary_cross_entropy_with_logits(logits, there, reduction="sum")
    wanted = (nll - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())) / len(x)
    wanted.backward()

    loss, trace = vae.forward(x, eps)
    grads = vae.backward(trace)
    tolerance = 3e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(loss, wanted.item(), rtol=tolerance)
    np.testing.assert_allclose(
        trace.output.reshape(x.shape), logits.detach().permute(0, 2, 3, 1).numpy(), atol=tolerance * 10
    )
    named = {name: parameter.grad.numpy() for name, parameter in twin.named_parameters()}
    ours = to_torch(grads)
    assert ours.keys() == named.keys()
    for name, gradient in ours.items():
        np.testing.assert_allclose(gradient, named[name], atol=tolerance * max(1, np.abs(named[name]).max()) * 10)

    save_file({name: tensor.contiguous() for name, tensor in twin.state_dict().items()}, tmp_path / "there.safetensors")
    back = load(tmp_path / "there.safetensors", MODELS["conv_vae"](image_shape, backend=backend, seed=5, **settings))
    assert back.params.flat.tobytes() == vae.params.flat.tobytes()


GRAPH = Graph(np.array([(n, (n * 3 + 1) % 23) for n in range(23)] + [(0, 5), (7, 2), (1, 1)]), 25)


@pytest.mark.parametrize(("backend", "dtype"), [("numpy", "float64"), ("numba", "float32"), ("numba", "float64")])
@pytest.mark.parametrize("features", [0, 6])
@pytest.mark.parametrize("kind", kinds_that_take("graph"))
def test_a_model_of_a_graph_is_torchs_linears_with_its_weights(kind, features, backend, dtype, tmp_path):
    """Outputs, loss and every gradient beside a dense S of all V x V pairs; and the weights come back."""
    rng = np.random.default_rng(0)
    graph = Graph(GRAPH.edges, GRAPH.vertices, rng.standard_normal((25, features)) if features else None)
    settings = {"hidden_dim": 7, "latent_dim": 3, "dtype": dtype, "backend": backend}
    model = MODELS[kind](*graph.sample_shape, seed=1, **settings)
    (inputs, H), (_, outputs) = (model.params[f"encoder.{layer}.W"].shape for layer in (0, 1))
    layers = nn.Linear(inputs, H, bias=False), MODULES[model.activation](), nn.Linear(H, outputs, bias=False)
    twin = nn.ModuleDict({"encoder": nn.Sequential(*layers)}).to(getattr(torch, dtype))
    twin.load_state_dict(load_file(save(model, tmp_path / "model.safetensors")))

    A = np.eye(25)
    A[graph.edges[:, 0], graph.edges[:, 1]] = A[graph.edges[:, 1], graph.edges[:, 0]] = 1
    degree = A.sum(axis=1)
    S = torch.tensor(A / np.sqrt(np.outer(degree, degree))).to(getattr(torch, dtype))
    x = torch.tensor(np.eye(25) if graph.features is None else graph.features).to(S.dtype)
    head = S @ layers[2](layers[1](S @ layers[0](x)))
    eps = rng.standard_normal((25, 3)).astype(dtype) if model.has_posterior else None
    z, kl = head, torch.zeros(())
    if model.has_posterior:
        mu, logvar = head.chunk(2, 1)
        z = mu + torch.exp(logvar / 2) * torch.tensor(eps)
        kl = -0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp()) / 25
    edges = A.sum() - 25  # of 25 * 25 pairs; a loop counts as an edge, and is not counted among them
    weight, norm = (625 - edges) / edges, 625 / (625 - edges) / 2
    target = torch.tensor(A).to(S.dtype)
    bce = nn.functional.binary_cross_entropy_with_logits
    wanted = 25 * norm * bce(z @ z.T, target, pos_weight=torch.tensor(weight, dtype=S.dtype)) + kl  # per vertex
    wanted.backward()

    loss, trace = model.forward(graph, eps)
    grads = to_torch(model.backward(trace))
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    code = model.encode(graph)
    close(code[0] if model.has_posterior else code, mu if model.has_posterior else head, dtype)
    np.testing.assert_allclose(loss, wanted.item(), rtol=tolerance)
    named = {name: parameter.grad.numpy() for name, parameter in twin.named_parameters()}
    assert grads.keys() == named.keys()
    for name, gradient in grads.items():
        np.testing.assert_allclose(gradient, named[name], atol=10 * tolerance * max(1, np.abs(named[name]).max()))

    save_file({name: tensor.contiguous() for name, tensor in twin.state_dict().items()}, tmp_path / "there.safetensors")
    back = load(tmp_path / "there.safetensors", MODELS[kind](*graph.sample_shape, seed=5, **settings))
    assert back.params.flat.tobytes() == model.params.flat.tobytes()
