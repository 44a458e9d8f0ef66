"""The guard: nothing that is not finite gets past it, what is named is what broke, and nothing was overwritten."""

from types import SimpleNamespace

import numpy as np
import pytest

import npvae
from npvae.data import Images
from npvae.training import NonFiniteError
from npvae.training.guard import check_finite, check_params


def small(**settings):
    return npvae.VAE(64, (16,), 2, **{"backend": "numpy", **settings})


@pytest.fixture
def parts():
    """loss, trace and grads of a step in order."""
    vae, rng = small(), np.random.default_rng(0)
    loss, trace = vae.forward(rng.random((5, 64), np.float32), vae.draw_eps(5, rng))
    return loss, trace, vae.backward(trace)


def refusal(loss, trace, grads, **place):
    with pytest.raises(NonFiniteError) as caught:
        check_finite(loss, trace, grads, **({"epoch": 3, "step": 7} | place))
    return str(caught.value)


def test_a_step_in_order_passes(parts):
    check_finite(*parts, epoch=1, step=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_every_gradient_is_looked_at(parts, value):
    loss, trace, grads = parts
    for i in range(0, grads.flat.size, 97):
        before, grads.flat[i] = grads.flat[i], value
        assert "gradient of" in refusal(loss, trace, grads)
        grads.flat[i] = before


def test_the_layer_that_broke_first_is_named(parts):
    """The backward runs from the last layer to the first, and a NaN goes along."""
    loss, trace, grads = parts
    for name in ("encoder.0.W", "encoder.1.b", "decoder.0.W"):
        grads[name][...] = np.nan
    message = refusal(loss, trace, grads, saved="The last checkpoint is here.")
    assert message == (
        "epoch 3, step 7: the gradient of decoder.0.W (and 2 more before it) is not finite. The step was not taken. "
        "Try a smaller lr, and look at the data's scale. The last checkpoint is here."
    )


def test_a_gradient_whose_square_is_not_finite_is_refused_and_a_merely_large_sum_is_not(parts):
    loss, trace, grads = parts
    grads.flat[:] = 1e18  # the squares are finite, their sum over 2,244 numbers is not
    check_finite(loss, trace, grads, epoch=1, step=1)
    grads["encoder.1.W"][0, 0] = -1e30
    assert "the gradient of encoder.1.W reaches 1e+30, too large to square" in refusal(loss, trace, grads)


def test_term_array_samples_and_rows_are_named(parts):
    _, trace, grads = parts
    trace.logvar[[1, 4], 0] = np.inf
    trace.kl[[1, 4]] = np.inf
    message = refusal(np.inf, trace, grads, rows=np.array([70, 71, 72, 73, 74]))
    assert "epoch 3, step 7: the loss is inf because of its kl, and logvar is the first array that is not" in message
    assert "for 2 samples of the batch, 1, 4: rows 71, 74 of the training data" in message
    trace.logvar[...], trace.nll[:] = 0, np.nan
    assert "the loss is nan because of its nll and kl, for 5 samples of the batch, 0, 1, 2, 3, 4." in refusal(
        np.nan, trace, grads
    )


def test_every_sample_whose_loss_broke_is_named_though_another_broke_earlier_in_the_forward(parts):
    """Which entry of mu overflows first depends on the order of a sum, and so on the processor."""
    _, trace, grads = parts
    trace.mu[1], trace.nll[[1, 3]] = np.inf, np.nan
    message = refusal(np.nan, trace, grads, rows=np.arange(70, 75))
    assert "mu is the first array that is not finite: inf, for 2 samples of the batch, 1, 3: rows 71, 73 of" in message


def test_several_samples_an_input_are_led_back_to_its_row():
    trace = SimpleNamespace(nll=np.array([0, 0, 0, 0, np.nan, 0]), kl=np.zeros(6))  # 2 samples of 3 inputs
    assert "samples of the batch, 4: rows 8 of" in refusal(np.nan, trace, None, rows=np.array([7, 8, 9]))


def test_a_sum_that_overflows_by_itself(parts):
    _, trace, grads = parts
    assert "their sum is too large" in refusal(np.inf, trace, grads)


def test_parameters_are_named():
    vae = small()
    check_params(vae.params, step=4)
    vae.params["decoder.1.b"][3:5] = np.inf
    with pytest.raises(
        NonFiniteError, match=r"after step 4: decoder\.1\.b holds 2 numbers that are not finite, first inf"
    ):
        check_params(vae.params, step=4)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_training_stops_before_the_step_and_before_anything_is_saved(tmp_path, backend):
    """A row that makes the loss overflow after some good steps: what is in memory and on disk is from before it.

    And no warning of NumPy's comes before the error, which would fail this test.
    """
    x = np.zeros((40, 64), np.float32)
    x[29] = 3e38
    vae = small(likelihood="squared_error", backend=backend)
    rows = []

    def forward(x, eps, ops=None, forward=vae.forward):
        result = forward(x, eps, ops)
        rows.append(vae.params.flat.copy())
        return result

    vae.forward = forward
    expected = (
        r"the loss is (inf|nan) because of its nll and kl, .*: rows 29 of the training data"
        r".*The last checkpoint is of epoch 1, step "
    )
    with pytest.raises(NonFiniteError, match=expected):
        npvae.train(vae, Images(x), batch_size=4, seed=2, out=tmp_path, checkpoint_steps=1, progress=False)
    assert len(rows) > 2
    np.testing.assert_array_equal(vae.params.flat, rows[-1])
    np.testing.assert_array_equal(npvae.load(tmp_path).params.flat, rows[-1])
    assert npvae.training.read_checkpoint(tmp_path).about["step"] == len(rows) - 1


def test_a_step_that_makes_parameters_infinite_is_never_saved(tmp_path):
    """Finite gradients, but a learning rate beyond reason."""
    vae, x = small(likelihood="squared_error"), np.full((20, 64), 50, np.float32)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match=r"after step 1: .* holds .* not finite"):
        npvae.train(vae, x, lr=3e38, batch_size=10, optimizer="sgd", out=tmp_path, checkpoint_steps=1, progress=False)
    assert np.isfinite(npvae.load(tmp_path).params.flat).all()


def test_parameters_that_are_not_finite_to_begin_with(tmp_path):
    vae = small()
    vae.params["decoder.1.b"][0] = np.inf
    with pytest.raises(NonFiniteError, match=r"after step 0: decoder\.1\.b"):
        npvae.train(vae, np.zeros((5, 64), np.float32), out=tmp_path / "run", progress=False)
