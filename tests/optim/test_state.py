"""An optimiser's state, saved and resumed: what follows has the same bits; what does not fit is refused."""

import tempfile

import numpy as np
import pytest

import npvae
from npvae.models import Params
from npvae.optim import OPTIMIZERS, SGD, Adagrad, Adam
from npvae.optim.checks import copy_state

SHAPES = {"W": (3, 4), "b": (4,)}
KINDS = pytest.mark.parametrize(
    ("kind", "settings", "names"),
    [
        (SGD, {"momentum": 0.9}, {"v"}),
        (Adagrad, {}, {"G"}),
        (Adam, {}, {"m", "v", "t"}),
    ],
    ids=["sgd", "adagrad", "adam"],
)


def start(seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return Params(SHAPES, rng.standard_normal(16).astype(dtype)), rng


def steps(optimizer, params, rng, count):
    for _ in range(count):
        optimizer.step(params.like(rng.standard_normal(16).astype(params.flat.dtype)))


def begun(kind, settings, seed, count):
    """An optimiser after so many steps, its parameters, and what draws their gradients."""
    params, rng = start(seed)
    optimizer = kind(params, **settings)
    steps(optimizer, params, rng, count)
    return optimizer, params, rng


def copied(optimizer):
    return {name: array.copy() for name, array in optimizer.state().items()}


@KINDS
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_new_optimiser_goes_on_where_the_old_one_stood(kind, settings, names, backend):
    old, params, rng = begun(kind, settings | {"backend": backend}, 0, 5)
    assert old.state().keys() == names
    kept = copied(old)
    twin, twin_rng = params.like(params.flat.copy()), np.random.default_rng()
    twin_rng.bit_generator.state = rng.bit_generator.state
    steps(old, params, rng, 5)

    new = kind(twin, backend=backend, **settings)
    new.load_state(kept)
    steps(new, twin, twin_rng, 5)
    np.testing.assert_array_equal(twin.flat, params.flat)
    for name, array in old.state().items():
        np.testing.assert_array_equal(new.state()[name], array)
        assert new.state()[name].dtype == array.dtype


@KINDS
def test_a_loaded_state_is_a_copy(kind, settings, names):
    optimizer, params, rng = begun(kind, settings, 1, 2)
    kept = copied(optimizer)
    optimizer.load_state(kept)
    before = {name: array.copy() for name, array in kept.items()}
    steps(optimizer, params, rng, 1)
    for name in kept:
        np.testing.assert_array_equal(kept[name], before[name])
    assert any((optimizer.state()[name] != before[name]).any() for name in names)


@KINDS
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_changed(kind, settings, names):
    optimizer, _, _ = begun(kind, settings, 2, 3)
    before = copied(optimizer)
    name = sorted(names)[-1]
    wrong = [
        {},
        {**before, "w": before[name]},
        {other: before[other] for other in names if other != name},
        {**before, name: np.zeros(17, before[name].dtype)},
        {**before, name: before[name].astype(np.float16)},
    ]
    for state in wrong:
        with pytest.raises(ValueError, match=rf"^{kind.__name__}: .*expected"):
            optimizer.load_state(state)
        for own, array in optimizer.state().items():
            np.testing.assert_array_equal(array, before[own])


def test_messages_name_what_is_there_and_what_should_be():
    own = {"a": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match=r"^X: the state holds b, c, expected a$"):
        copy_state("X", own, {"c": np.zeros(3), "b": np.zeros(3)})
    with pytest.raises(
        ValueError, match=r"^X: a in the state is float64 of shape \(3,\), expected float32 of shape \(3,\)$"
    ):
        copy_state("X", own, {"a": np.zeros(3)})


def test_defaults_are_those_of_the_papers_and_of_the_documentation():
    params, _ = start(0)
    sgd, adagrad, adam = (kind(params) for kind in (SGD, Adagrad, Adam))
    assert (sgd.lr, sgd.momentum) == (1e-2, 0)
    assert (adagrad.lr, adagrad.eps) == (1e-2, 1e-10)
    assert (adam.lr, adam.betas, adam.eps, adam.t) == (1e-3, (0.9, 0.999), 1e-8, 0)
    assert list(OPTIMIZERS) == ["sgd", "adagrad", "adam"]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SGD, {"lr": 0.0}),
        (SGD, {"lr": np.inf}),
        (SGD, {"momentum": 1.0}),
        (SGD, {"momentum": -0.1}),
        (Adagrad, {"lr": -1.0}),
        (Adagrad, {"eps": 0.0}),
        (Adam, {"lr": np.nan}),
        (Adam, {"eps": 0.0}),
        (Adam, {"betas": (1.0, 0.5)}),
        (Adam, {"betas": (0.5, 1.0)}),
        (Adam, {"betas": (-0.1, 0.5)}),
    ],
)
def test_settings_out_of_range(kind, settings):
    name = next(iter(settings))
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name}"):
        kind(start(0)[0], **settings)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(SGD, {"momentum": 0.0}), (SGD, {"momentum": 0.999}), (Adam, {"betas": (0.0, 0.0)}), (SGD, {"lr": 1e300})],
)
def test_settings_at_the_edge(kind, settings):
    kind(start(0)[0], **settings)


LAYOUTS = {
    "read-only": lambda a: _read_only(a.copy()),
    "not aligned": lambda a: np.frombuffer(bytearray(b"0" + a.tobytes()), np.uint8)[1:].view(a.dtype),
    "not contiguous": lambda a: np.repeat(a, 2)[::2],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "mapped": lambda a: _mapped(a),
}


def _read_only(a):
    a.flags.writeable = False
    return a


def _mapped(a):
    with tempfile.TemporaryFile() as file:
        a.tofile(file)
        file.flush()
        return np.memmap(file, a.dtype, mode="r", shape=a.shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
def test_parameters_and_state_of_any_layout_are_trained_as_they_are(make, layout):
    """joblib maps large arrays read-only from a file; to compiled code such an array has another type."""
    models, x = [npvae.VAE(6, (5,), 2) for _ in range(2)], np.zeros((4, 6), np.float32)
    models[1].params = models[1].params.like(LAYOUTS[layout](models[1].params.flat))
    optimizers = [make(model.params) for model in models]
    copied = {n: LAYOUTS[layout](a) if getattr(a, "ndim", 0) else a for n, a in vars(optimizers[1]).items()}
    optimizers[1].__setstate__(copied)
    for model, optimizer in zip(models, optimizers, strict=True):
        for _ in range(2):
            _, trace = model.forward(x, np.ones((4, 2), np.float32))
            optimizer.step(model.backward(trace))
    np.testing.assert_array_equal(models[0].params.flat, models[1].params.flat)


def test_parameters_that_were_made_read_only_are_refused_in_a_sentence():
    model = npvae.VAE(6, (5,), 2)
    adam = npvae.Adam(model.params)
    model.params.flat.flags.writeable = False
    with pytest.raises(ValueError, match=r"Adam: the parameters are read-only: .* copy\.deepcopy\(model\)"):
        adam.step(model.params.like())
