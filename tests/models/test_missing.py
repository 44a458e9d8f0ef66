"""Missing entries: nothing of them is in the loss, and nothing of the loss is in their gradient."""

import numpy as np
import pytest

from npvae.models import LIKELIHOODS, MODELS, VAE
from npvae.models.small import small

BACKENDS = ("numpy", "numba")
KEPT = np.array([0, 1, 3, 5])  # of six columns


def with_gaps(x, rng, D=6):
    """A third of the data (N, D) made NaN; what stands beside it in a row is kept."""
    x = x.copy()
    x[:, :D][rng.random((len(x), D)) < 1 / 3] = np.nan
    return x


def loss_and_grads(model, x, eps):
    loss, trace = model.forward(x, eps)
    return loss, trace, model.backward(trace)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_what_is_missing_costs_exactly_nothing_and_has_exactly_no_gradient(likelihood, dtype, backend):
    rng = np.random.default_rng(0)
    settings = {"likelihood": likelihood, "missing": "ignore", "dtype": dtype, "backend": backend}
    model, x, _ = small("vae", rng, logvar_floor=-3.0, **settings)
    x[:] = np.nan
    output = rng.standard_normal((4, 6 * model.likelihood.outputs_per_pixel)).astype(dtype)
    nll, cache = model.likelihood.forward(model.ops, output, x, model.params)
    grads = model.params.like()
    grads.flat[:] = 0
    doutput = model.likelihood.backward(model.ops, np.ones_like(nll), cache, grads)
    assert nll.tolist() == [0] * 4
    assert doutput.shape == output.shape
    assert not doutput.any()
    assert not grads.flat.any()


def smaller(model, backend):
    """The same model without the columns that are missing: the weights of the others."""
    settings = model.config | {"data_dim": len(KEPT), "missing": "error", "backend": backend}
    other, C = VAE(**settings), model.likelihood.outputs_per_pixel
    by_level = model.likelihood.name == "categorical"
    columns = np.concatenate([KEPT * C + c if by_level else KEPT + 6 * c for c in range(C)])
    columns = np.sort(columns)
    for name, value in model.params.items():
        other.params[name][...] = part_of(name, value, columns)
    return other, columns


def part_of(name, value, columns):
    if name == "encoder.0.W":
        return value[KEPT]
    if name in ("decoder.1.W", "decoder.1.b"):
        return value[..., columns]
    return value[KEPT] if name.startswith("likelihood") and value.ndim else value


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_value_and_gradient_are_those_of_the_model_without_these_entries(likelihood, backend):
    rng = np.random.default_rng(1)
    model, x, eps = small("vae", rng, likelihood=likelihood, missing="ignore", logvar_floor=-3.0, backend=backend)
    gone = np.setdiff1d(np.arange(6), KEPT)
    x[:, gone] = np.nan
    loss, trace, grads = loss_and_grads(model, x, eps)
    other, columns = smaller(model, backend)
    wanted_loss, wanted_trace, wanted = loss_and_grads(other, np.ascontiguousarray(x[:, KEPT]), eps)
    assert loss == pytest.approx(wanted_loss, rel=1e-13)
    np.testing.assert_allclose(trace.nll, wanted_trace.nll, rtol=1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(part_of(name, grad, columns), wanted[name], rtol=1e-11, atol=1e-13, err_msg=name)
    assert not grads["encoder.0.W"][gone].any()
    others = np.setdiff1d(np.arange(grads["decoder.1.b"].size), columns)
    assert not grads["decoder.1.b"][others].any()


@pytest.mark.parametrize("missing", ["ignore", "mask"])
@pytest.mark.parametrize("kind", [kind for kind, model in MODELS.items() if model.takes == "rows"])
def test_every_model_of_rows_takes_gaps(kind, missing):
    """And the gradient is that of the loss: along random directions, by differences."""
    rng = np.random.default_rng(2)
    model, x, eps = small(kind, rng, likelihood="gaussian_pixel", missing=missing)
    x = with_gaps(x, rng)
    loss, _, grads = loss_and_grads(model, x, eps)
    assert np.isfinite(loss)
    start = model.params.flat.copy()
    for _ in range(3):
        direction, slopes = rng.standard_normal(start.size), []
        for h in (1e-5, -1e-5):
            model.params.flat[:] = start + h * direction
            slopes.append(model.forward(x, eps)[0] / (2 * h))
        assert grads.flat @ direction == pytest.approx(sum(slopes), rel=1e-6, abs=1e-7)
    model.params.flat[:] = start
    assert np.isfinite(model.reconstruct(x)).all()


def test_the_encoder_is_told_what_is_missing_if_that_is_chosen():
    x = np.array([[1.0, np.nan, 0.5]])
    for missing, seen in (("ignore", [1, 0, 0.5]), ("mask", [1, 0, 0.5, 0, 1, 0])):
        model = VAE(3, (4,), 2, missing=missing, dtype="float64")
        assert model.encoder_view(x)[0].tolist() == seen
        assert model.params["encoder.0.W"].shape[0] == len(seen)
    as_zero, as_gap = VAE(3, (4,), 2, missing="mask", dtype="float64"), np.array([[1.0, 0.0, 0.5]])
    assert (as_zero.encode(x)[0] != as_zero.encode(as_gap)[0]).any()


def test_where_it_was_not_chosen_nan_is_an_error_that_names_the_row():
    x = np.full((5, 3), 0.5)
    x[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"first nan at \(2, 1\): remove those rows, or let them be, missing='ignore'"):
        VAE(3).likelihood.check(x)
    VAE(3, missing="ignore").likelihood.check(x)
    x[0, 0] = np.inf
    with pytest.raises(ValueError, match=r"first inf at \(0, 0\)"):
        VAE(3, missing="ignore").likelihood.check(x)
    with pytest.raises(ValueError, match="every entry"):
        VAE(3, missing="ignore").likelihood.check(np.full((2, 3), np.nan))


def test_data_without_gaps_are_as_if_nothing_had_been_chosen():
    rng = np.random.default_rng(3)
    for likelihood in LIKELIHOODS:
        model, x, eps = small("vae", rng, likelihood=likelihood)
        gaps = VAE(**model.config | {"missing": "ignore"})
        gaps.params.flat[:] = model.params.flat
        loss, _, grads = loss_and_grads(model, x, eps)
        found, _, found_grads = loss_and_grads(gaps, x, eps)
        assert found == pytest.approx(loss, rel=1e-14)
        np.testing.assert_allclose(found_grads.flat, grads.flat, rtol=1e-12, atol=1e-15)
