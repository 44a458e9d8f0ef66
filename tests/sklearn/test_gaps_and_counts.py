"""The estimator on tables with gaps and on counts: what it imputes, what it refuses, scikit-learn's own checks."""

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6", reason="scikit-learn is not installed: it is in the extra sklearn")

from sklearn.utils.estimator_checks import check_estimator

from npvae.sklearn import VAE, ConvVAE


def small(**settings):
    return VAE(**{"latent_dim": 2, "hidden": (16,), "epochs": 5, "backend": "numpy", "random_state": 0} | settings)


def table(n=300, seed=0):
    """Six columns that one number explains, in units of their own, with some noise; a fifth of it missing."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 1))
    whole = 50 + 20 * (z @ np.array([[1, -1, 0.5, 2, -0.7, 1.5]]) + 0.1 * rng.standard_normal((n, 6)))
    gaps = whole.copy()
    gaps[rng.random(whole.shape) < 0.2] = np.nan
    return whole, gaps


@pytest.mark.parametrize("settings", [{"missing": "ignore"}, {"missing": "mask"}], ids=lambda s: s["missing"])
def test_scikit_learns_own_checks(settings):
    outcomes = []
    check_estimator(
        VAE(backend="numpy", **settings),
        on_fail=None,
        on_skip=None,
        callback=lambda **outcome: outcomes.append(outcome),
    )
    failed = {o["check_name"]: o["exception"] for o in outcomes if o["status"] not in ("passed", "skipped")}
    assert not failed
    assert len(outcomes) > 40


def test_gaps_are_imputed_in_the_units_of_the_data_and_what_is_seen_stays():
    whole, gaps = table()
    vae = small(missing="ignore", epochs=150, lr=3e-3).fit(gaps)
    filled, seen = vae.impute(gaps), ~np.isnan(gaps)
    np.testing.assert_allclose(filled[seen], gaps[seen], rtol=1e-12)
    error = np.sqrt(np.mean((filled - whole)[~seen] ** 2))
    by_means = np.sqrt(np.mean((np.nanmean(gaps, axis=0) - whole)[~seen] ** 2))
    assert error < by_means / 3
    draws = vae.impute(gaps, draws=40)
    assert draws.shape == (40, *gaps.shape)
    assert np.ptp(draws[:, seen], axis=0).max() < 1e-9
    spread = draws[:, ~seen].std(axis=0)
    assert 0.3 * error < np.sqrt(np.mean(spread**2)) < 3 * error, "draws are as far apart as they are wrong"
    np.testing.assert_allclose(draws.mean(axis=0)[~seen], filled[~seen], atol=6 * spread.max() / np.sqrt(40))


def test_a_score_counts_what_is_seen():
    """In other units of the data the density of k seen entries changes by k logs of the factor."""
    _, gaps = table()
    scores = small(missing="ignore").fit(gaps).score_samples(gaps)
    in_other_units = small(missing="ignore").fit(1000 * gaps).score_samples(1000 * gaps)
    seen = (~np.isnan(gaps)).sum(axis=1)
    np.testing.assert_allclose(in_other_units, scores - seen * np.log(1000), rtol=1e-6)


def test_a_column_that_is_never_seen_does_no_harm():
    _, gaps = table(60)
    gaps[:, 2] = np.nan
    vae = small(missing="ignore").fit(gaps)
    assert np.isfinite(vae.impute(gaps)).all()
    assert np.isfinite(vae.transform(gaps)).all()


def test_imputing_has_to_be_chosen():
    whole, gaps = table(60)
    with pytest.raises(ValueError, match="NaN"):
        small().fit(gaps)
    with pytest.raises(ValueError, match='make it with missing="ignore" to impute'):
        small().fit(whole).impute(whole)
    with pytest.raises(ValueError, match="samples is 0, expected at least 1"):
        small(missing="ignore").fit(gaps).impute(gaps, samples=0)


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial", "negative_binomial_decoder"])
def test_counts_are_trained_sampled_and_imputed(likelihood):
    rng = np.random.default_rng(0)
    rates = np.exp(1 + rng.standard_normal((200, 1)) @ rng.standard_normal((1, 8)) / 2)
    x = rng.poisson(rates).astype(float)
    gaps = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    vae = small(likelihood=likelihood, missing="ignore", offset="row", epochs=30).fit(gaps)
    assert vae.history_[-1]["loss"] < vae.history_[0]["loss"]
    drawn = vae.impute(gaps, draws=2)
    assert (drawn == np.rint(drawn)).all()
    assert (drawn >= 0).all()
    assert np.isfinite(vae.score_samples(x)).all()


def test_the_digits_have_a_binomial_likelihood():
    from sklearn.datasets import load_digits

    x = load_digits(return_X_y=True)[0][:300] / 16
    vae = small(likelihood="binomial", levels=17, epochs=20).fit(x)
    assert vae.history_[-1]["loss"] < vae.history_[0]["loss"]
    drawn = vae.sample(5, draw_pixels=True) * 16
    np.testing.assert_allclose(drawn, np.rint(drawn), atol=1e-9)


@pytest.mark.parametrize("missing", ["ignore", "mask"])
def test_images_with_gaps_are_imputed_as_images(missing):
    rng = np.random.default_rng(0)
    x = rng.random((30, 1, 1, 1)) * np.ones((30, 4, 5, 3))
    x[rng.random(x.shape) < 0.2] = np.nan
    settings = {"channels": (3,), "hidden": (), "epochs": 2, "backend": "numpy", "random_state": 0}
    vae = ConvVAE(1, missing=missing, **settings).fit(x)
    filled, draws, seen = vae.impute(x, samples=5), vae.impute(x, samples=5, draws=2), ~np.isnan(x)
    assert (filled.shape, draws.shape) == (x.shape, (2, *x.shape))
    np.testing.assert_allclose(filled[seen], x[seen], rtol=1e-12)
    np.testing.assert_allclose(draws[:, seen], np.tile(x[seen], (2, 1)), rtol=1e-12)


def test_a_kind_of_estimator_adds_its_settings_to_those_of_all():
    own = ConvVAE().get_params().keys() - VAE().get_params().keys()
    assert own == {"channels"}
    assert VAE().get_params().keys() <= ConvVAE().get_params().keys()
