"""The linear VAE against probabilistic PCA: an optimum known in closed form, where ELBO = log p(x)."""

import re

import numpy as np
import pytest
from scipy import stats

import npvae
from npvae.evaluation import cubature_eps, probabilistic_pca, set_to_ppca
from npvae.models import LinearVAE


@pytest.fixture(scope="module")
def digits():
    """All 1,797 digits, x / 16, float64."""
    train, test = npvae.load_dataset("digits")
    return np.concatenate([train.numpy(), test.numpy()]).astype(np.float64)


def at_optimum(x, q, **settings):
    solution = probabilistic_pca(x, q, settings.pop("s2", None))
    model = LinearVAE(x.shape[1], q, dtype="float64", backend="numpy", **settings)
    set_to_ppca(model, solution)
    return model, solution


def test_the_closed_form_is_the_density_of_a_gaussian(digits):
    """Its log-likelihood, by SciPy, of the covariance W'W + s2 I; and no better W is near."""
    x = digits[:, 10:22]
    solution = probabilistic_pca(x, 3)
    covariance = solution.W.T @ solution.W + solution.s2 * np.eye(12)
    log_p = stats.multivariate_normal(solution.mean, covariance).logpdf(x)
    assert log_p.mean() == pytest.approx(solution.log_likelihood, rel=1e-10)
    rng = np.random.default_rng(0)
    for _ in range(20):
        W = solution.W + 1e-3 * rng.standard_normal(solution.W.shape)
        near = stats.multivariate_normal(solution.mean, W.T @ W + solution.s2 * np.eye(12)).logpdf(x).mean()
        assert near < solution.log_likelihood


@pytest.mark.parametrize("q", [1, 2, 5, 10])
def test_at_the_closed_form_every_gradient_is_zero_and_the_elbo_is_log_p(digits, q):
    model, solution = at_optimum(digits, q)
    loss, trace = model.forward(digits, cubature_eps(len(digits), q))
    grads = model.backward(trace)
    assert -loss == pytest.approx(solution.log_likelihood, abs=1e-9)
    for name, grad in grads.items():
        assert np.abs(grad).max() < 1e-10, name


def test_one_random_draw_is_not_exact(digits):
    """What the cubature is for: with drawn noise the gradient at the optimum is far from zero."""
    model, _ = at_optimum(digits, 2)
    eps = np.random.default_rng(0).standard_normal((len(digits), 2))
    assert np.abs(model.backward(model.forward(digits, eps)[1]).flat).max() > 1e-2


def test_a_variance_in_place_of_a_standard_deviation_moves_the_optimum(digits):
    """z = mu + exp(logvar) eps beside this KL passes any gradient check; the closed form sees it."""
    model, _ = at_optimum(digits, 2)
    ops = model.ops

    class Wrong:
        def __getattr__(self, name):
            return getattr(ops, name)

        def std_from_logvar_forward(self, logvar):
            return np.exp(logvar), (2 * np.exp(logvar),)

    model.ops = Wrong()
    grads = model.backward(model.forward(digits, cubature_eps(len(digits), 2))[1])
    assert np.abs(grads.flat).max() > 1e-2


def same_moments(x):
    """2 D rows with the mean and covariance of x: all that the objective of a linear model sees of its data."""
    D = x.shape[1]
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    axes = np.sqrt(D * np.maximum(values, 0)) * vectors
    return x.mean(axis=0) + np.concatenate([axes.T, -axes.T])


def test_a_few_rows_with_the_same_moments_have_the_same_loss(digits):
    few, eps = same_moments(digits), np.random.default_rng(0)
    model = LinearVAE(64, 3, dtype="float64", backend="numpy", seed=4)
    model.params.flat[:] += 0.1 * eps.standard_normal(model.params.flat.size)
    losses = [model.forward(x, cubature_eps(len(x), 3))[0] for x in (digits, few)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@pytest.mark.parametrize("q", [1, 2, 5, 10])
def test_training_from_a_random_start_comes_to_the_closed_form(digits, q):
    """Within 0.01 nats, with the exact gradient."""
    solution, x = probabilistic_pca(digits, q), same_moments(digits)
    model = LinearVAE(64, q, dtype="float64", backend="numpy", seed=1)
    model.params["decoder.b"][...] = digits.mean(axis=0)
    loss = train_exactly(model, x, steps=1500, lr=0.02)
    assert -loss == pytest.approx(solution.log_likelihood, abs=0.01)


def train_exactly(model, x, steps, lr):
    """Adam on the exact objective, lr falling to zero along a cosine; the loss at the end."""
    adam, eps = npvae.Adam(model.params, lr=lr, backend="numpy"), cubature_eps(len(x), model.latent_dim)
    for step in range(steps):
        adam.lr = lr * (1 + np.cos(np.pi * step / steps)) / 2 + 1e-12
        adam.step(model.backward(model.forward(x, eps)[1]))
    return model.forward(x, eps)[0]


@pytest.mark.parametrize("gap", [2, 5])
def test_under_a_fixed_variance_exactly_the_directions_above_it_stay_in_use(digits, gap):
    """Posterior collapse at an exact threshold: s2 in the middle of a gap leaves as many latents as lie above it."""
    lam = probabilistic_pca(digits, 10).eigenvalues
    s2 = (lam[gap - 1] + lam[gap]) / 2
    q = gap + 3
    model, solution = at_optimum(digits, q, s2=s2, likelihood="gaussian_fixed", logvar=float(np.log(s2)))
    loss, trace = model.forward(digits, cubature_eps(len(digits), q))
    assert -loss == pytest.approx(solution.log_likelihood, abs=1e-9)
    assert np.abs(model.backward(trace).flat).max() < 1e-10
    assert (np.linalg.norm(solution.W, axis=1) > 0).sum() == gap
    # and descent finds the same number from a random start
    model = LinearVAE(64, q, "gaussian_fixed", logvar=float(np.log(s2)), dtype="float64", backend="numpy", seed=2)
    model.params["decoder.b"][...] = digits.mean(axis=0)
    train_exactly(model, same_moments(digits), steps=1200, lr=0.02)
    singular = np.linalg.svd(model.params["decoder.W"], compute_uv=False)
    assert (singular**2 > 0.2 * (lam[gap - 1] - s2)).sum() == gap
    mu, _ = model.encode(digits)
    assert np.linalg.matrix_rank(np.cov(mu.T), tol=0.02) == gap


def test_wrong_numbers_of_latents_are_refused(digits):
    for q in (0, 64):
        with pytest.raises(ValueError, match=re.escape(f"latent_dim is {q}, expected 1 <= latent_dim < D = 64")):
            probabilistic_pca(digits, q)
    with pytest.raises(ValueError, match="explain all the variance"):
        probabilistic_pca(digits[:5, 20:30], 8)
