"""Imputation against the exact conditional mean and variance of a Gaussian, which a linear VAE can be."""

import numpy as np
import pytest

from npvae.evaluation import held_out_error, impute, measures
from npvae.models import VAE, LinearVAE


def linear(missing="ignore"):
    """p(x) = N(m, W'W + s2 I), with an encoder that is not the posterior: the weights have to mend it."""
    model = LinearVAE(4, 1, missing=missing, dtype="float64", backend="numpy")
    model.params["decoder.W"][...] = [[1.0, -2.0, 0.5, 1.5]]
    model.params["decoder.b"][...] = [1.0, 0.0, -1.0, 2.0]
    model.params["likelihood.logvar"][...] = np.log(0.25)
    model.params["encoder.W"][...] = [[0.1], [-0.1], [0.0], [0.1]]
    return model


def test_mean_and_spread_are_those_of_the_conditional_gaussian():
    model = linear()
    W, m = model.params["decoder.W"], model.params["decoder.b"]
    covariance = W.T @ W + 0.25 * np.eye(4)
    x = np.array([[2.0, np.nan, -0.5, np.nan], [np.nan, 1.0, np.nan, 1.0], [1.0, 2.0, 3.0, 4.0]])
    found = impute(model, x, np.random.default_rng(0), samples=4000, draws=800)
    for row, mean, draws in zip(x, found.mean, found.draws.swapaxes(0, 1), strict=True):
        gap = np.isnan(row)
        gain = covariance[np.ix_(gap, ~gap)] @ np.linalg.inv(covariance[np.ix_(~gap, ~gap)])
        np.testing.assert_allclose(mean[gap], m[gap] + gain @ (row - m)[~gap], atol=0.05)
        np.testing.assert_array_equal(mean[~gap], row[~gap])
        variance = np.diag(covariance[np.ix_(gap, gap)] - gain @ covariance[np.ix_(~gap, gap)])
        np.testing.assert_allclose(draws[:, gap].var(axis=0), variance, rtol=0.2)


def test_the_same_seed_gives_the_same_numbers_and_batches_do_not_mix_rows():
    model, rng = linear(), np.random.default_rng(1)
    x = rng.standard_normal((7, 4))
    x[rng.random(x.shape) < 0.3] = np.nan
    first, again = (impute(model, x, np.random.default_rng(0), samples=50, draws=2, rows=100) for _ in range(2))
    np.testing.assert_array_equal(first.mean, again.mean)
    np.testing.assert_array_equal(first.draws, again.draws)
    assert first.draws.shape == (2, 7, 4)


def test_hidden_entries_are_compared_with_the_truth_and_with_column_means():
    model, rng = linear(), np.random.default_rng(2)
    z = rng.standard_normal((400, 1))
    x = z @ model.params["decoder.W"] + model.params["decoder.b"] + 0.5 * rng.standard_normal((400, 4))
    found = held_out_error(model, x, rng)
    assert 120 < found.entries < 200
    assert 0.5 < found.of_model < 0.9 < found.of_column_means
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        held_out_error(model, x, rng, hide=1.0)


def test_evaluation_of_data_with_gaps_tells_the_imputation_error():
    rng = np.random.default_rng(3)
    x = (rng.random((60, 6)) < 0.5).astype("f4")
    x[rng.random(x.shape) < 0.2] = np.nan
    names = [measure.name for measure in measures(VAE(6, (8,), 2, missing="mask"), x, x, samples=20)]
    assert "imputation error" in names
    assert "completeness" not in names
