"""A VAE's step, compiled as a whole, is the step of the ops; and it is taken where it should be, nowhere else."""

import copy
import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

import npvae
from npvae.kernels.team import pools
from npvae.kernels.team.team import Team
from npvae.ops import ACTIVATIONS
from npvae.steps import Step
from npvae.steps.compiled_vae import LOOK_EVERY, CompiledTrace, CompiledVAEStep, elbo_backward
from npvae.steps.mlp import NEEDS_DX

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="it exists compiled only")
PARTS = ("mu", "logvar", "std", "z", "output", "nll", "kl")
EPS = 2.0**-23


@pytest.fixture(autouse=True)
def tiles(monkeypatch):
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")


def drawn(N, hidden=(9,), L=2, D=7, seed=0, scale=1.0, **settings):
    """A VAE with biases that are not zero, a batch and its noise."""
    rng = np.random.default_rng(seed)
    vae = npvae.VAE(D, hidden, L, **settings)
    vae.params.flat[:] = scale * rng.standard_normal(vae.params.flat.shape) / 3
    return vae, rng.random((N, D)).astype(vae.dtype), vae.draw_eps(N, rng)


def step_of(vae, x, eps, step=None):
    """Loss, the parts of the trace and the gradients, of a Step or of the model itself; whether it was compiled."""
    way = vae if step is None else step
    loss, trace = way.forward(x, eps)
    parts = {name: getattr(trace, name).copy() for name in PARTS}
    return loss, parts, way.backward(trace).flat.copy(), isinstance(trace, CompiledTrace)


def in_double(vae):
    """The same model in float64, by the pages."""
    double = npvae.VAE(**(vae.config | {"dtype": "float64", "backend": "numpy"}))
    double.params.flat[:] = vae.params.flat
    return double


def assert_same(vae, x, eps):
    """The compiled step beside the pages in double precision: values within their roundings, shapes and dtypes too."""
    loss, parts, grads, small = step_of(vae, x, eps, Step(vae, len(x)))
    assert small
    exact_loss, exact, exact_grads, _ = step_of(in_double(vae), x.astype(float), eps.astype(float))
    assert loss == pytest.approx(exact_loss, rel=100 * EPS)
    for name, part in parts.items():
        assert (part.shape, part.dtype) == (exact[name].shape, np.float32)
        np.testing.assert_allclose(part, exact[name], rtol=300 * EPS, atol=300 * EPS * np.abs(exact[name]).max())
    np.testing.assert_allclose(grads, exact_grads, rtol=1e-4, atol=300 * EPS * np.abs(exact_grads).max())


@given(
    N=st.integers(1, 70),
    hidden=st.lists(st.integers(1, 40), max_size=3),
    L=st.integers(1, 18),
    D=st.integers(1, 50),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    beta=st.sampled_from([0, 1, 0.5, 4.0]),
    seed=st.integers(0, 2**31),
)
def test_any_small_step_is_that_of_the_pages(N, hidden, L, D, activation, beta, seed):
    kinked = {"relu": "softplus", "leaky_relu": "elu"}  # a kink may lie between single and double precision
    activation = kinked.get(activation, activation)
    assert_same(*drawn(N, tuple(hidden), L, D, seed, activation=activation, beta=beta))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_the_one_that_was_asked_for(activation):
    for N in (1, 16, 100):
        assert_same(*drawn(N, (20, 12), activation=activation, seed=N))


def test_the_slopes_by_differences_of_the_loss():
    """Not by way of any other backward."""
    vae, x, eps = drawn(5, (6,), activation="tanh", beta=3.0)
    _, _, grads, small = step_of(vae, x, eps, Step(vae, len(x)))
    assert small
    double, h = in_double(vae), 1e-6
    for i in range(grads.size):
        losses = []
        for step in (h, -h):
            double.params.flat[i] += step
            losses.append(double.forward(x.astype(float), eps.astype(float))[0])
            double.params.flat[i] -= step
        assert grads[i] == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("layout", ["read-only", "F", "strided"])
def test_any_layout_gives_the_same_bits(layout):
    vae, x, eps = drawn(33)
    wanted_loss, _, wanted, _ = step_of(vae, x, eps, Step(vae, len(x)))
    for which in ("x", "eps"):
        arrays = {"x": x.copy(), "eps": eps.copy()}
        if layout == "read-only":
            arrays[which].flags.writeable = False
        elif layout == "F":
            arrays[which] = np.asfortranarray(arrays[which])
        else:
            arrays[which] = np.repeat(arrays[which], 2, axis=1)[:, ::2]
        loss, _, grads, small = step_of(vae, arrays["x"], arrays["eps"], Step(vae, len(x)))
        assert small
        assert loss == wanted_loss
        np.testing.assert_array_equal(grads, wanted)


def test_a_batch_of_another_size_has_arrays_of_its_own():
    vae, x, eps = drawn(40)
    step = Step(vae, len(x))
    for rows in (40, 7, 40, 1):
        loss, parts, grads, small = step_of(vae, x[:rows], eps[:rows], step)
        wanted_loss, wanted, wanted_grads, _ = step_of(vae, x[:rows], eps[:rows], Step(vae, rows))
        assert small
        assert loss == wanted_loss
        np.testing.assert_array_equal(parts["output"], wanted["output"])
        np.testing.assert_array_equal(grads, wanted_grads)


def test_means_are_taken_with_the_step():
    vae, x, eps = drawn(33)
    _, trace = Step(vae, 33).forward(x, eps)
    assert trace.means == pytest.approx((trace.nll.mean(dtype=float), trace.kl.mean(dtype=float)), rel=1e-12)


def test_a_batch_beyond_its_arrays_is_refused_before_anything_is_written():
    vae, x, eps = drawn(5)
    with pytest.raises(ValueError, match="a batch of 5 is too large for arrays of 4"):
        CompiledVAEStep(vae, 4).forward(x, eps)


def test_the_arrays_that_it_computes_in_outlive_their_names():
    vae, x, eps = drawn(12, (9, 8))
    step = Step(vae, 12)
    wanted = step_of(vae, x, eps)[2]
    gc.collect()
    crowd = [np.full((12, 9), np.nan, np.float32) for _ in range(500)]
    np.testing.assert_allclose(step_of(vae, x, eps, step)[2], wanted, rtol=1e-4, atol=1e-6)
    assert np.isnan(crowd).all()


def test_a_second_backward_gives_the_gradients_again_in_their_place():
    vae, x, eps = drawn(12)
    step = Step(vae, 12)
    _, trace = step.forward(x, eps)
    grads = step.backward(trace)
    first = grads.flat.copy()
    grads.flat[:] = np.nan
    assert step.backward(trace) is grads
    np.testing.assert_array_equal(grads.flat, first)


def test_an_earlier_trace_is_refused_and_so_is_one_without_its_step():
    vae, x, eps = drawn(12)
    step = Step(vae, 12)
    _, earlier = step.forward(x, eps)
    _, trace = step.forward(x, eps)
    with pytest.raises(ValueError, match="an earlier forward, whose buffers the next has written over"):
        step.backward(earlier)
    with pytest.raises(ValueError, match="call backward of the Step that made it"):
        vae.backward(trace)


def test_the_gradient_with_respect_to_the_data_is_not_computed():
    vae, _, _ = drawn(12, (9, 8))
    step = CompiledVAEStep(vae, 12)
    assert step.encoder.table[:, NEEDS_DX].tolist() == [0, 1, 1]
    assert step.decoder.table[:, NEEDS_DX].tolist() == [1, 1, 1]


def test_the_weight_of_the_kl_term_may_change_from_step_to_step():
    vae, x, eps = drawn(12)
    step = Step(vae, len(x))
    for beta in (0, 0.5, 1):
        vae.beta = beta
        loss, parts, grads, _ = step_of(vae, x, eps, step)
        assert loss == pytest.approx(parts["nll"].mean() + beta * parts["kl"].mean(), rel=1e-6)
        np.testing.assert_allclose(grads, step_of(vae, x, eps)[2], rtol=1e-4, atol=1e-6)
    assert len(elbo_backward.signatures) == 1, "a whole number is compiled for like any other"


def test_what_is_not_a_number_stays_so():
    for name in ("encoder.0.W", "decoder.1.b"):
        vae, x, eps = drawn(12)
        vae.params[name].flat[0] = np.nan
        loss, parts, grads, small = step_of(vae, x, eps, Step(vae, len(x)))
        assert small
        assert np.isnan(loss)
        assert np.isnan(parts["nll"]).any()
        assert np.isnan(grads).any()


def test_a_training_goes_the_way_of_the_ops():
    x = np.random.default_rng(1).random((200, 7), np.float32)
    ends = []
    for small in (True, False):
        vae, _, _ = drawn(1, activation="tanh")
        adam, way, rng = npvae.Adam(vae.params), Step(vae, 50) if small else vae, np.random.default_rng(2)
        for start in range(0, 200, 50):
            adam.step(way.backward(way.forward(x[start : start + 50], vae.draw_eps(50, rng))[1]))
        ends.append(vae.params.flat.copy())
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-5)
    assert not np.array_equal(ends[0], drawn(1, activation="tanh")[0].params.flat)


@pytest.fixture
def with_threads(monkeypatch):
    """Set how many threads compute."""
    teams = []

    def use(threads):
        teams.append(Team(threads))
        monkeypatch.setattr(pools, "team", teams[-1])

    yield use
    for team in teams:
        team.stop()


def mostly_zero(x, rng):
    """x (N, D) with a few columns other than zero: as in pictures, many columns are zero for all."""
    return x * (rng.random(x.shape[1]) < 0.2).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("zeros", [False, True])
def test_a_shared_step_is_that_of_the_pages_and_has_the_same_bits_for_any_number_of_threads(
    with_threads, zeros, activation
):
    vae, x, eps = drawn(130, (200, 70), L=9, D=330, scale=0.2, activation=activation)
    x = mostly_zero(x, np.random.default_rng(5)) if zeros else x
    steps = []
    for threads in (1, 3):
        with_threads(threads)
        for _ in range(3):
            steps.append(step_of(vae, x, eps, Step(vae, len(x))))
    double = step_of(in_double(vae), x.astype(float), eps.astype(float))
    assert steps[0][0] == pytest.approx(double[0], rel=100 * EPS)
    np.testing.assert_allclose(steps[0][2], double[2], rtol=1e-3, atol=3000 * EPS * np.abs(double[2]).max())
    for loss, parts, grads, small in steps:
        assert small
        assert loss == steps[0][0]
        np.testing.assert_array_equal(parts["output"], steps[0][1]["output"])
        np.testing.assert_array_equal(grads, steps[0][2])


def test_zeros_are_skipped_in_products_of_the_data_and_change_no_bit(monkeypatch):
    vae, x, eps = drawn(130, (200,), D=330)
    x = mostly_zero(x, np.random.default_rng(5))
    step, called = Step(vae, len(x)), []
    monkeypatch.setattr("npvae.steps.compiled_vae.skip_zeros", lambda calls, wanted: called.append(wanted))
    dense = step_of(vae, x, eps, step)
    monkeypatch.undo()
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    skipping = step_of(vae, x, eps, Step(vae, len(x)))
    assert called == [True]
    assert skipping[0] == dense[0]
    np.testing.assert_array_equal(skipping[2], dense[2])


def test_whether_data_are_mostly_zeros_is_looked_at_now_and_then(monkeypatch):
    vae, x, eps = drawn(130, (200,), D=330)
    step, called = Step(vae, len(x)), []
    step_of(vae, x, eps, step)
    monkeypatch.setattr("npvae.steps.compiled_vae.skip_zeros", lambda calls, wanted: called.append(wanted))
    dense, zeros = x, mostly_zero(x, np.random.default_rng(5))
    for batch in [dense] * (LOOK_EVERY - 1) + [zeros] * LOOK_EVERY + [dense]:
        step.forward(batch, eps)
    assert called == [True, False]


@pytest.mark.parametrize("wrong", ["shape", "dtype", "noise", "the noise's dtype"])
def test_every_batch_is_checked_also_after_one_that_was_right(wrong):
    vae, x, eps = drawn(12)
    step = Step(vae, 12)
    step.forward(x, eps)
    bad_x = {"shape": x[:, 1:], "dtype": x.astype(np.float64)}.get(wrong, x)
    bad_eps = {"noise": eps[:, 1:], "the noise's dtype": eps.astype(np.float64)}.get(wrong, eps)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"expected|computes in"):
            step.forward(bad_x, bad_eps)


def test_a_weight_that_is_not_finite_is_not_skipped():
    vae, x, eps = drawn(130, (200,), D=330)
    x = mostly_zero(x, np.random.default_rng(5))
    nothing = np.flatnonzero(~x.any(axis=0))[0]
    vae.params["encoder.0.W"][nothing] = np.inf
    assert np.isnan(step_of(vae, x, eps, Step(vae, len(x)))[0])


def test_a_copy_of_the_model_has_a_step_of_its_own():
    vae, x, eps = drawn(12)
    step = Step(vae, 12)
    _, _, grads, _ = step_of(vae, x, eps, step)
    other = copy.deepcopy(vae)
    other.params.flat[:] = 0
    np.testing.assert_array_equal(step_of(vae, x, eps, step)[2], grads)
    assert not np.array_equal(step_of(other, x, eps, Step(other, 12))[2], grads)
