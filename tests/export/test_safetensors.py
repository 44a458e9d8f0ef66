import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("safetensors", reason="safetensors is not installed: it is in the extra export")

import safetensors.numpy

import npvae
from npvae.cli import main
from npvae.export import WeightsError, from_torch, load, read_tensors, save, to_torch, torch_name, write_tensors
from npvae.models import MODELS
from npvae.models.small import small


def build(kind, dtype="float32", seed=0):
    """A small model of this kind whose every parameter, biases too, is a draw from N(0, 1)."""
    own = {"dtype": dtype}
    if MODELS[kind].takes == "rows":
        own |= {"data_dim": 5} | ({} if kind == "linear_vae" else {"hidden": (4, 3), "activation": "tanh"})
    model, _, _ = small(kind, np.random.default_rng(0), **own)
    model.params.flat[:] = np.random.default_rng(seed).standard_normal(model.params.flat.size)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MODELS)
def test_every_model_comes_back_bit_for_bit(kind, dtype, tmp_path):
    model = build(kind, dtype)
    path = save(model, tmp_path / "model.safetensors")
    for back in (load(path), load(path, build(kind, dtype, seed=1))):
        assert type(back) is type(model)
        assert back.params.flat.tobytes() == model.params.flat.tobytes()
        assert back.config == model.config
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("kind", MODELS)
def test_weights_lie_as_pytorch_has_them(kind, tmp_path):
    model = build(kind)
    tensors = safetensors.numpy.load_file(save(model, tmp_path / "model.safetensors"))
    assert sorted(tensors) == sorted(torch_name(name) for name in model.params)
    for name, value in model.params.items():
        there = tensors[torch_name(name)]
        window = value.ndim == 4  # (P, Q, C, F), there (F, C, P, Q)
        turned = name.endswith((".W", ".Wx", ".Wh"))
        assert np.array_equal(there, value.transpose(3, 2, 0, 1) if window else value.T if turned else value)


def test_names():
    there = {
        "encoder.0.W": "encoder.0.weight",
        "encoder.0.b": "encoder.0.bias",
        "decoder2.3.W": "decoder2.6.weight",
        "encoder.W": "encoder.weight",
        "encoder.conv.1.W": "encoder.conv.2.weight",
        "encoder.logvar": "encoder.logvar",
        "decoder.gru.Wx": "decoder.gru.weight_ih_l0",
        "decoder.gru.bh": "decoder.gru.bias_hh_l0",
        "decoder.embedding.table": "decoder.embedding.weight",
        "likelihood.logvar": "likelihood.logvar",
    }
    assert {name: torch_name(name) for name in there} == there


def layouts(array):
    """The same numbers, or some of them, as they may lie in memory."""
    wide = np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)
    return {
        "C": array,
        "Fortran": np.asfortranarray(array),
        "transposed": array.T,
        "strided": wide[::2, ::3],
        "reversed": array[::-1, ::-1],
        "columns": array[:, : max(1, array.shape[1] // 2)],
        "broadcast": np.broadcast_to(array[0], array.shape),
        "one number": array[0, 0].reshape(()),
    }


@given(
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_arrays_of_every_layout_come_back_bit_for_bit(rows, columns, dtype, seed, tmp_path_factory):
    arrays = layouts(np.random.default_rng(seed).standard_normal((rows, columns)).astype(dtype))
    path = tmp_path_factory.getbasetemp() / "layouts.safetensors"
    write_tensors(path, arrays, {})
    back, _ = read_tensors(path)
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        assert back[name].dtype == dtype
        assert back[name].tobytes() == array.tobytes()  # in the order of the entries, whatever the layout


def test_model_whose_parameters_are_views_of_any_layout():
    # `to_torch` takes any mapping of names to arrays: gradients, or arrays that a user has turned and cut.
    a = np.random.default_rng(0).standard_normal((4, 6))
    for name, array in layouts(a).items():
        there = to_torch({"encoder.0.W": array})["encoder.0.weight"]
        assert there.flags.c_contiguous, name
        assert not np.shares_memory(there, a)
        assert np.array_equal(there, array.T)


def test_gradients_have_the_same_names():
    model = build("vae", "float64")
    rng = np.random.default_rng(0)
    _, trace = model.forward(rng.random((3, 5)), rng.standard_normal((3, 2)))
    grads = model.backward(trace)
    assert to_torch(grads).keys() == to_torch(model.params).keys()
    assert np.array_equal(to_torch(grads)["decoder.4.weight"], grads["decoder.2.W"].T)


def test_float32_weights_fit_a_float64_model_but_not_the_other_way(tmp_path):
    narrow, wide = build("vae", "float32"), build("vae", "float64", seed=1)
    load(save(narrow, tmp_path / "narrow.safetensors"), wide)
    assert np.array_equal(wide.params.flat, narrow.params.flat)
    path = save(build("vae", "float64"), tmp_path / "wide.safetensors")
    with pytest.raises(WeightsError, match=r"wide.safetensors: .* is float64, this model computes in float32"):
        load(path, narrow)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("encoder.2.bias"), "encoder.2.bias missing"),
        (lambda t: t.update(head=np.zeros(3)), "head unknown"),
        (
            lambda t: t.update({"encoder.0.weight": t["encoder.0.weight"].T}),
            r"shape \(5, 4\), this model needs \(4, 5\)",
        ),
        (lambda t: t.update({"decoder.0.bias": np.full(3, np.nan, np.float32)}), "decoder.0.bias holds numbers that"),
        (lambda t: t.update({"decoder.0.bias": np.zeros(3)}), "float64, this model computes in float32"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(change, message):
    model = build("vae")
    before = model.params.flat.copy()
    tensors = to_torch(build("vae", seed=1).params)
    change(tensors)
    with pytest.raises(ValueError, match=message):
        from_torch(tensors, model.params)
    assert np.array_equal(model.params.flat, before)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    whole = save(build("vae"), path).read_bytes()
    rng = np.random.default_rng(0)
    cuts = [whole[:n] for n in (0, 1, 7, 8, 100, len(whole) - 1)] + [whole + b"x", rng.bytes(300), b"\xff" * 300]
    for data in cuts:
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=r"model.safetensors cannot be read as safetensors"):
            load(path)
    with pytest.raises(FileNotFoundError, match=r"nothing.safetensors is not there"):
        load(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"npvae.model": "vae"},
        {"npvae.model": "diffusion", "npvae.settings": "{}"},
        {"npvae.model": "vae", "npvae.settings": "{"},
        {"npvae.model": "vae", "npvae.settings": "[]"},
        {"npvae.model": "vae", "npvae.settings": json.dumps({"data_dim": 5, "width": 3})},
        {"npvae.model": "vae", "npvae.settings": json.dumps({"data_dim": -5})},
    ],
)
def test_a_file_without_usable_settings_needs_a_model(metadata, tmp_path):
    model, path = build("vae"), tmp_path / "model.safetensors"
    write_tensors(path, to_torch(model.params), metadata)
    with pytest.raises(WeightsError, match=r"model.safetensors: "):
        load(path)
    assert np.array_equal(load(path, build("vae", seed=1)).params.flat, model.params.flat)


def test_command_line(tmp_path, capsys):
    x = np.random.default_rng(0).random((20, 5), dtype=np.float32)
    model = npvae.VAE(5, (4,), 2, backend="numpy")
    npvae.train(model, x, epochs=1, out=tmp_path / "run", progress=False)
    assert main(["export", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "encoder.2.weight     (4, 4)" in printed
    assert np.array_equal(load(tmp_path / "run" / "model.safetensors").params.flat, model.params.flat)
    assert main(["export", str(tmp_path / "run")]) == 2
    assert "exists already" in capsys.readouterr().err
