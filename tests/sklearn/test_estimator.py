import copy
import importlib.util
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", "1.6", reason="scikit-learn is not installed: it is in the extra sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from npvae.sklearn import VAE
from npvae.training import NonFiniteError

N, D, L = 40, 6, 2


def test_scikit_learns_own_checks():
    outcomes = []
    check_estimator(
        VAE(backend="numpy"), on_fail=None, on_skip=None, callback=lambda **outcome: outcomes.append(outcome)
    )
    failed = {o["check_name"]: o["exception"] for o in outcomes if o["status"] not in ("passed", "skipped")}
    assert not failed
    skipped = {o["check_name"] for o in outcomes if o["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}  # runs where SCIPY_ARRAY_API is set
    assert len(outcomes) > 40


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_float_type_stays(data, small, dtype):
    x = data(dtype=dtype)
    vae = small().fit(x)
    codes = vae.transform(x)
    assert {a.dtype for a in (codes, vae.inverse_transform(codes), vae.sample(3), vae.score_samples(x))} == {
        np.dtype(dtype)
    }
    assert vae.model_.dtype == vae.mean_.dtype == dtype


def test_a_fitted_model_takes_other_number_types(data, small):
    vae = small().fit(data(dtype=np.float32))
    codes = vae.transform(data(dtype=np.float64))
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, vae.transform(data(dtype=np.float32)), rtol=1e-4, atol=1e-5)
    assert vae.partial_fit(data(dtype=np.float64)).model_.dtype == np.float32


def test_the_tags_say_which_types_stay(small):
    assert small().__sklearn_tags__().transformer_tags.preserves_dtype == ["float64", "float32"]


def test_whole_numbers_are_computed_in_float64(data, small):
    x = np.round(10 * data()).astype(np.int16)
    assert small().fit(x).transform(x).dtype == np.float64


def test_shapes_and_names(data, small):
    vae = small().fit(data())
    assert vae.transform(data()).shape == (N, L)
    assert vae.sample(5).shape == (5, D)
    assert vae.score_samples(data()).shape == (N,)
    assert list(vae.get_feature_names_out()) == ["vae0", "vae1"]
    assert [row["epoch"] for row in vae.history_] == [1, 2, 3]


def test_set_output_makes_named_columns(data, small):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: needed for set_output alone")
    frame = pandas.DataFrame(data(), columns=list("abcdef"), index=range(100, 100 + N))
    codes = small().set_output(transform="pandas").fit(frame).transform(frame)
    assert list(codes.columns) == ["vae0", "vae1"]
    assert list(codes.index) == list(frame.index)


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_score_does_not_depend_on_what_stands_beside_it(data, fitted, seed, dtype):
    x = data(dtype=dtype)
    vae = fitted[dtype]
    order = np.random.default_rng(seed).permutation(N)
    part = order[: 1 + seed % N]
    scores = vae.score_samples(x)
    rtol = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(vae.score_samples(x[order]), scores[order], rtol=rtol, atol=rtol)
    np.testing.assert_allclose(vae.score_samples(x[part]), scores[part], rtol=rtol, atol=rtol)


def test_rows_past_a_chunk_are_scored_like_the_first(data, small, monkeypatch):
    monkeypatch.setattr("npvae.sklearn.vae.ROWS", 7)
    x, vae = data(), small().fit(data())
    scores, codes = vae.score_samples(x), vae.transform(x)
    monkeypatch.undo()
    np.testing.assert_allclose(vae.score_samples(x), scores, rtol=1e-12)
    np.testing.assert_allclose(vae.transform(x), codes, rtol=1e-12)


def test_score_is_the_exact_bound_of_a_linear_decoder(data, small):
    # With a linear decoder log p(x) and the posterior p(z|x) are Gaussian in closed form, and
    # bound = log p(x) - KL(q(z|x) || p(z|x)). The bound's integrand is quadratic in eps, so the 2 L points
    # +-sqrt(L) e_i take its expectation exactly.
    x = 100 * data() + 5
    vae = small(hidden=(), beta=3.0, epochs=20).fit(x)
    vae.noise_ = np.sqrt(L) * np.vstack([np.eye(L), -np.eye(L)])

    params = vae.model_.params
    W = params["decoder.0.W"] * vae.scale_  # (L, D), from codes to the units of the data
    b = params["decoder.0.b"] * vae.scale_ + vae.mean_
    s2 = np.exp(params["likelihood.logvar"]) * vae.scale_**2
    C = W.T @ W + s2 * np.eye(D)  # the covariance of x
    r = x - b
    log_p = -(D * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + np.sum(r @ np.linalg.inv(C) * r, axis=1)) / 2
    M = W @ W.T / s2 + np.eye(L)  # the precision of z given x
    mean = r @ W.T @ np.linalg.inv(M) / s2
    mu, logvar = vae.model_.encode((x - vae.mean_) / vae.scale_)
    d = mean - mu
    trace = np.exp(logvar) @ np.diag(M)
    kl = (trace + np.sum(d @ M * d, axis=1) - L - np.linalg.slogdet(M)[1] - logvar.sum(axis=1)) / 2

    np.testing.assert_allclose(vae.score_samples(x), log_p - kl, rtol=1e-10)
    assert vae.score(x) == pytest.approx(np.mean(log_p - kl), rel=1e-10)


def test_paired_noise_takes_out_what_is_odd(data, small):
    noise = small(draws=6).fit(data()).noise_
    assert np.array_equal(noise[3:], -noise[:3])
    assert small(draws=5).fit(data()).noise_.shape == (5, L)


def test_units_do_not_matter(data, small):
    x = data()
    vae, other = small(epochs=20).fit(x), small(epochs=20).fit(1000 * x - 7)
    np.testing.assert_allclose(other.transform(1000 * x - 7), vae.transform(x), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.score_samples(1000 * x - 7), vae.score_samples(x) - D * np.log(1000), rtol=1e-6)
    np.testing.assert_allclose(other.sample(4), 1000 * vae.sample(4) - 7, rtol=1e-6)
    reconstruction = vae.inverse_transform(vae.transform(x))
    np.testing.assert_allclose(other.inverse_transform(vae.transform(x)), 1000 * reconstruction - 7, rtol=1e-6)
    assert other.history_[-1]["loss"] == pytest.approx(vae.history_[-1]["loss"] + D * np.log(1000), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_data_have_no_scale(small, value):
    vae = small().fit(np.full((5, 3), value))
    assert vae.scale_ == 1.0
    np.testing.assert_allclose(vae.mean_, value)


def test_training_raises_the_score(data, small):
    x = data()
    assert small(epochs=100, lr=1e-2).fit(x).score(x) > small(epochs=1).fit(x).score(x) + 1


def test_fit_is_as_many_passes_of_partial_fit(data, small):
    x, whole, passes = data(), small(epochs=3), small()
    whole.fit(x)
    for _ in range(3):
        passes.partial_fit(x)
    assert np.array_equal(whole.model_.params.flat, passes.model_.params.flat)
    assert whole.history_ == passes.history_
    passes.partial_fit(x[:10])
    assert not np.array_equal(whole.model_.params.flat, passes.model_.params.flat)
    assert np.array_equal(passes.fit(x).model_.params.flat, whole.model_.params.flat)  # fit starts anew


def test_the_compiled_path_trains_alike(data, small):
    x = data()
    kernels, pages = (small(backend=backend).fit(x) for backend in ("numba", "numpy"))
    np.testing.assert_allclose(kernels.transform(x), pages.transform(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda vae: pickle.loads(pickle.dumps(vae))])
def test_copies_give_the_same_and_train_on_alike(data, small, copied):
    x, vae = data(), small().fit(data())
    twin = copied(vae)
    assert np.array_equal(twin.transform(x), vae.transform(x))
    assert np.array_equal(twin.score_samples(x), vae.score_samples(x))
    before = vae.transform(x)
    twin.partial_fit(x)
    assert np.array_equal(vae.transform(x), before)
    assert np.array_equal(vae.partial_fit(x).model_.params.flat, twin.model_.params.flat)


def test_clone_in_a_pipeline_under_a_grid_search(data, small):
    x = data()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small()), {"vae__beta": [0.5, 2.0], "vae__latent_dim": [1, 2]}, cv=2
    )
    search.fit(x)
    assert search.best_estimator_.transform(x).shape == (N, search.best_params_["vae__latent_dim"])
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0
    assert clone(small(beta=5.0)).get_params() == small(beta=5.0).get_params()


def test_the_score_is_a_bound_whatever_beta_was(data, small):
    x, vae = data(), small(beta=4.0).fit(data())
    scores = vae.score_samples(x)
    vae.model_.beta = 1.0
    assert np.array_equal(vae.score_samples(x), scores)


def test_random_state(data, small):
    x = data()
    assert np.array_equal(small().fit(x).transform(x), small().fit(x).transform(x))
    rng = np.random.RandomState(0)
    first, second = small(random_state=rng).fit(x), small(random_state=rng).fit(x)
    assert not np.array_equal(first.transform(x), second.transform(x))
    starts = [small(random_state=seed, epochs=1, lr=1e-12).fit(x).model_.params["encoder.0.W"] for seed in (0, 1)]
    assert np.abs(starts[0] - starts[1]).max() > 0.1
    vae = small().fit(x)
    assert np.array_equal(vae.sample(3), vae.sample(3))
    assert not np.array_equal(vae.sample(3), vae.sample(3, random_state=1))


def test_samples_have_the_variance_of_the_likelihood_when_pixels_are_drawn(data, small):
    vae = small(epochs=1).fit(data())
    noise = vae.sample(4000, draw_pixels=True) - vae.sample(4000)
    variance = np.exp(float(vae.model_.params["likelihood.logvar"])) * vae.scale_**2
    assert noise.var() == pytest.approx(variance, rel=0.05)  # 24,000 draws: standard error 0.9 %


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"draws": 0}, "draws is 0, expected at least 1"),
        ({"optimizer": "adamw"}, "optimizer 'adamw' is unknown, choose one of sgd, adagrad, adam"),
        ({"latent_dim": 0}, "latent_dim is 0"),
        ({"beta": -1.0}, "beta is -1.0"),
        ({"likelihood": "bernoulli"}, r"bernoulli needs data in \[0, 1\], found"),
    ],
)
def test_settings_out_of_range(data, small, settings, message):
    with pytest.raises(ValueError, match=message):
        small(**settings).fit(data())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_training_before_the_step(data, small):
    vae = small(optimizer="sgd", lr=1e200)
    with pytest.raises(NonFiniteError, match=r"epoch \d, step \d+: .* Try a smaller lr"):
        vae.fit(data())


def test_other_mistakes(data, small):
    vae = small()
    with pytest.raises(NotFittedError):
        vae.transform(data())
    with pytest.raises(NotFittedError):
        vae.inverse_transform(np.zeros((1, L)))
    vae.fit(data())
    with pytest.raises(ValueError, match=r"z has shape \(3, 5\), expected \(N, L\) with L = 2"):
        vae.inverse_transform(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="n_samples is 0"):
        vae.sample(0)
    with pytest.raises(ValueError, match="variance of X overflows"):
        small().fit(data() * 1e200)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    spec = importlib.util.find_spec("npvae.sklearn")
    with pytest.raises(ImportError, match=r"pip install \"scikit-learn>=1.6\""):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
