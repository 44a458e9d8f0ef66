"""Which steps of a VAE are compiled as a whole: those of which every line is the model's own."""

import numpy as np
import pytest
from numba import config

import npvae
from npvae.kernels.team import pools
from npvae.models.likelihoods.unit_interval import Bernoulli
from npvae.models.small import small
from npvae.steps import Step
from npvae.steps.compiled_vae import CompiledTrace, CompiledVAEStep, why_not

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="it exists compiled only")


@pytest.fixture(autouse=True)
def tiles(monkeypatch):
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")


def drawn(**settings):
    """A VAE whose steps are compiled, 12 samples and their noise."""
    settings = {"data_dim": 7, "hidden": (9,), "activation": "relu", "dtype": "float32", "backend": "numba"} | settings
    return small("vae", np.random.default_rng(0), n=12, **settings)


def is_compiled(step, x, eps):
    """Whether forward and backward of this batch were one compiled function each."""
    _, trace = step.forward(x, eps)
    step.backward(trace)
    return isinstance(trace, CompiledTrace)


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": "float64"},
        {"objective": "free_bits"},
        {"objective": "capacity"},
        {"likelihood": "squared_error"},
        {"likelihood": "continuous_bernoulli"},
        {"likelihood": "gaussian_decoder"},
    ],
    ids=lambda settings: "-".join(settings.values()),
)
def test_other_models_take_the_ops(settings):
    vae, x, eps = drawn(**settings)
    assert why_not(vae)
    step = Step(vae, 12)
    assert why_not(vae) in str(step)
    assert not is_compiled(step, x, eps)


def test_ops_are_taken_where_products_are_not_tiles(monkeypatch):
    vae, x, eps = drawn()
    monkeypatch.setattr(pools, "PRODUCTS", "blas")
    assert "BLAS's on this processor" in why_not(vae)
    assert not is_compiled(Step(vae, 12), x, eps)


def test_the_team_is_woken_for_products_that_are_worth_sharing_and_for_no_others():
    vae, _, _ = drawn(data_dim=200, hidden=(100,))
    for N, told in ((99, "the largest product, 99 x 200 x 100, is too short"), (100, "100 x 200 x 100, is shared")):
        assert CompiledVAEStep(vae, N).shared == (N == 100)
        assert told in str(Step(vae, N))


def test_several_draws_and_models_made_from_it_take_the_ops():
    class Own(npvae.VAE):
        def decoder_forward(self, ops, z, x):
            self.called = True
            return super().decoder_forward(ops, z, x)

    vae, x, eps = drawn()
    assert not is_compiled(Step(vae, 12), x, np.stack([eps, eps]))
    own = Own(7, (9,), 2)
    assert not is_compiled(Step(own, 12), x, eps)
    assert own.called
    conditional = npvae.ConditionalVAE(7, (9,), 2, classes=3)
    labelled = np.hstack([x, np.eye(3, dtype=np.float32)[np.arange(12) % 3]])
    assert not is_compiled(Step(conditional, 12), labelled, eps)


def test_a_forward_that_was_put_in_place_of_the_models_is_called():
    vae, x, eps = drawn()
    called = []

    def forward(x, eps, ops=None, forward=vae.forward):
        called.append(len(x))
        return forward(x, eps, ops)

    vae.forward = forward
    is_compiled(Step(vae, 12), x, eps)
    assert called == [12]


@pytest.mark.parametrize("name", ["posterior_forward", "decoder_backward", "data_of"])
def test_any_method_that_was_put_in_place_of_the_models_is_called(name):
    vae, x, eps = drawn()
    before, called = Step(vae, 12), []
    own = getattr(vae, name)
    setattr(vae, name, lambda *arguments: called.append(name) or own(*arguments))
    is_compiled(Step(vae, 12), x, eps)
    assert called == [name]
    with pytest.raises(ValueError, match="make a new Step of it"):
        before.forward(x, eps)


def test_a_likelihood_made_from_the_bernoulli_is_asked_even_if_it_keeps_its_name():
    class Twice(Bernoulli):
        def forward(self, ops, output, x, params):
            nll, cache = super().forward(ops, output, x, params)
            return 2 * nll, cache

    vae, x, eps = drawn()
    vae.likelihood = Twice()
    assert "Twice" in why_not(vae)
    assert Step(vae, 12).forward(x, eps)[0] == vae.forward(x, eps)[0]


@pytest.mark.parametrize(
    ("setting", "value"), [("activation", "tanh"), ("objective", "free_bits"), ("likelihood", Bernoulli())]
)
def test_a_setting_that_is_compiled_in_cannot_be_exchanged_unnoticed(setting, value):
    vae, x, eps = drawn()
    step = Step(vae, 12)
    setattr(vae, setting, value)
    with pytest.raises(ValueError, match="make a new Step of it"):
        step.forward(x, eps)
