"""MIG, SAP and the beta-VAE score on codes made from the factors, where the scores are known."""

import numpy as np
import pytest
from scipy import stats

from npvae.evaluation import beta_vae_score, mutual_information_gap, sap_score


@pytest.fixture
def grid():
    """All combinations of 3 * 4 * 5 levels, each ten times, (600, 3)."""
    return np.repeat(np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), axis=1), 10, axis=0)


def narrow(codes):
    return np.full(codes.shape, -12.0)


def test_one_latent_a_factor_scores_one(grid):
    codes = grid[:, [2, 0, 1]] * np.array([1.0, -3.0, 0.5])
    entropy = np.log([3, 4, 5])
    gap = mutual_information_gap(codes, grid, narrow(codes))
    assert gap.score == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(gap.table, np.diag(entropy)[[2, 0, 1]], atol=1e-9)
    binned = mutual_information_gap(codes, grid)
    assert binned.score == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(binned.table, gap.table, atol=1e-9)
    assert sap_score(codes, grid).score == pytest.approx(1)
    assert sap_score(codes, grid, categorical=(0, 1, 2)).score == pytest.approx(1)
    assert beta_vae_score(codes, grid) == 1


def test_codes_that_know_nothing_score_nothing():
    """Against 3,000 independent codes the entries are what their stated bias and scatter allow."""
    rng = np.random.default_rng(0)
    factors, codes = rng.integers(0, 4, (3000, 3)), rng.standard_normal((3000, 5))
    assert (np.abs(mutual_information_gap(codes, factors, narrow(codes) + 12).table) < 5e-3).all()
    bias = 19 * 3 / (2 * 3000)
    table = mutual_information_gap(codes, factors).table
    assert table.mean() == pytest.approx(bias, rel=0.3)
    assert sap_score(codes, factors).score < 0.01
    assert sap_score(codes, factors, categorical=(0, 1, 2)).score < 0.03
    score = beta_vae_score(codes, factors)
    assert abs(score - 1 / 3) < 5 * np.sqrt(2 / 9 / 1000)


def test_collapsed_latents_hold_nothing(grid):
    codes = np.concatenate([grid.astype(float), np.zeros((600, 2))], axis=1)
    gap = mutual_information_gap(codes, grid, np.concatenate([narrow(grid), np.zeros((600, 2))], axis=1))
    np.testing.assert_array_equal(gap.table[3:], 0)
    assert gap.score == pytest.approx(1)
    np.testing.assert_array_equal(mutual_information_gap(codes, grid).table[3:], 0)
    for table in (sap_score(codes, grid).table, sap_score(codes, grid, categorical=(0, 1, 2)).table):
        np.testing.assert_allclose(table[3:], 0, atol=1e-14)


def test_a_factor_held_twice_has_no_gap_and_the_beta_vae_score_does_not_see_it(grid):
    codes = np.concatenate([grid, grid], axis=1).astype(float)
    assert mutual_information_gap(codes, grid, narrow(codes)).score == pytest.approx(0, abs=1e-6)
    assert mutual_information_gap(codes, grid).score == 0
    assert sap_score(codes, grid).score == pytest.approx(0, abs=1e-12)
    assert beta_vae_score(codes, grid) == 1


def test_two_factors_turned_by_45_degrees_have_no_gap():
    factors = np.stack(np.unravel_index(np.arange(64), (8, 8)), axis=1)
    codes = (factors - 3.5) @ np.array([[1.0, 1.0], [1.0, -1.0]])
    assert mutual_information_gap(codes, factors).score == pytest.approx(0, abs=1e-12)
    assert sap_score(codes, factors).score == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(sap_score(codes, factors).table, 0.5)


@pytest.mark.parametrize(("distance", "logvars"), [(0.5, (0, 0)), (1.0, (-1, 1)), (3.0, (1, 0)), (0.0, (-2, 2))])
def test_information_of_two_overlapping_gaussians(distance, logvars):
    """z from one of two Gaussians, each half of the time: I(z; which) is an integral over one dimension."""
    z = np.linspace(-25, 25, 20001)
    p, q = (stats.norm.pdf(z, m, np.exp(v / 2)) for m, v in zip((distance, -distance), logvars, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.nan_to_num(each * np.log(2 * each / (p + q))) for each in (p, q)]
    truth = np.mean(terms, axis=0).sum() * (z[1] - z[0])
    factors = np.arange(40)[:, np.newaxis] % 2
    mu, logvar = np.where(factors == 0, distance, -distance).astype(float), np.where(factors == 0, *logvars)
    rng = np.random.default_rng(0)
    gaps = [mutual_information_gap(mu, factors, logvar, rng=rng, draws=4000) for _ in range(10)]
    found = np.array([gap.table[0, 0] for gap in gaps])
    assert abs(found.mean() - truth) < 5 * found.std() / np.sqrt(10)
    assert gaps[0].score == pytest.approx(truth / np.log(2), abs=0.05)


def test_few_draws_are_taken_from_everywhere():
    """Samples usually come sorted by a factor; the first of them alone would know one level of it."""
    factors = np.sort(np.arange(4000)[:, np.newaxis] % 4, axis=0)
    gap = mutual_information_gap(factors * 1.0, factors, narrow(factors), draws=400)
    np.testing.assert_allclose(gap.table, np.log(4))
    half = mutual_information_gap(np.minimum(factors, 1) * 1.0, factors, narrow(factors), draws=400)
    truth = np.log(4) - 0.75 * np.log(3)
    assert half.table[0, 0] == pytest.approx(truth, abs=0.1)


def test_information_does_not_depend_on_the_block(grid, monkeypatch):
    codes = grid + np.random.default_rng(0).standard_normal(grid.shape)
    whole = mutual_information_gap(codes, grid, np.zeros(grid.shape), draws=50)
    monkeypatch.setattr("npvae.evaluation.disentanglement._BLOCK", 600 * 7)
    in_parts = mutual_information_gap(codes, grid, np.zeros(grid.shape), draws=50)
    np.testing.assert_allclose(whole.table, in_parts.table, rtol=1e-12)


def test_sap_of_a_straight_line_with_noise_is_its_r_squared():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 10, (50_000, 1))
    codes = np.concatenate([factors + rng.normal(0, 2, factors.shape), rng.standard_normal(factors.shape)], axis=1)
    variance = (10**2 - 1) / 12
    assert sap_score(codes, factors).score == pytest.approx(variance / (variance + 4), abs=0.01)


def test_the_best_thresholds_are_the_best():
    """Against every pair of thresholds, on a small case with ties; and the reverse order of the classes."""
    rng = np.random.default_rng(1)
    level = rng.permutation(np.repeat(np.arange(3), [10, 15, 20]))
    code = np.round(np.array([2.0, 0.0, 1.0])[level] + rng.normal(0, 0.6, 45), 1)
    cuts = np.concatenate([[-np.inf], np.unique(code) + 0.05])
    right = [
        np.mean([part[level == k].mean() for k, part in ((1, code < a), (2, (code >= a) & (code < b)), (0, code >= b))])
        for a in cuts
        for b in cuts
        if a <= b
    ]
    table = sap_score(code[:, np.newaxis], level[:, np.newaxis], categorical=(0,)).table
    assert table[0, 0] == pytest.approx((max(right) - 1 / 3) / (2 / 3))


def test_beta_vae_score_of_a_code_that_lacks_one_factor_is_still_one(grid):
    """Kim & Mnih (2018): the last factor is recognised as being none of the others. The page says so."""
    assert beta_vae_score(grid[:, :2].astype(float), grid) == pytest.approx(1, abs=0.02)
    assert beta_vae_score(grid[:, :1].astype(float), grid) == pytest.approx(2 / 3, abs=0.1)


def test_levels_may_have_any_names(grid):
    codes = grid + np.random.default_rng(0).normal(0, 0.3, grid.shape)
    renamed = grid * 7 - 3
    assert mutual_information_gap(codes, renamed).score == mutual_information_gap(codes, grid).score
    assert sap_score(codes, renamed, categorical=(0,)).score == pytest.approx(
        sap_score(codes, grid, categorical=(0,)).score
    )


def test_what_cannot_be_scored_is_refused(grid):
    codes = grid.astype(float)
    for score in (mutual_information_gap, sap_score, beta_vae_score):
        with pytest.raises(ValueError, match="factor 1 has one level only"):
            score(codes, grid * np.array([1, 0, 1]))
        with pytest.raises(ValueError, match=r"codes have shape \(600,\)"):
            score(codes[:, 0], grid)
        with pytest.raises(ValueError, match="not finite"):
            score(codes * np.nan, grid)
    with pytest.raises(ValueError, match="logvar has shape"):
        mutual_information_gap(codes, grid, codes[:, :2])
