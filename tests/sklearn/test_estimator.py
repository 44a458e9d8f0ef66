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

from npvae.sklearn import VAE, ConvVAE
from npvae.training import NonFiniteError

N, D, L = 40, 6, 2


def data(seed=0, n=N, dtype=np.float64):
    """Points near a curved sheet in D dimensions, off the origin."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, L))
    x = np.tanh(z @ rng.standard_normal((L, D))) + 0.1 * rng.standard_normal((n, D)) + 3
    return x.astype(dtype)


def small(**settings):
    return VAE(**{"latent_dim": L, "hidden": (8,), "epochs": 3, "backend": "numpy", "random_state": 0} | settings)


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
def test_a_float_type_stays(dtype):
    x = data(dtype=dtype)
    vae = small().fit(x)
    codes = vae.transform(x)
    assert {a.dtype for a in (codes, vae.inverse_transform(codes), vae.sample(3), vae.score_samples(x))} == {
        np.dtype(dtype)
    }
    assert vae.model_.dtype == vae.mean_.dtype == dtype


def test_a_fitted_model_takes_other_number_types():
    vae = small().fit(data(dtype=np.float32))
    codes = vae.transform(data(dtype=np.float64))
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, vae.transform(data(dtype=np.float32)), rtol=1e-4, atol=1e-5)
    assert vae.partial_fit(data(dtype=np.float64)).model_.dtype == np.float32


def test_the_tags_say_which_types_stay():
    assert small().__sklearn_tags__().transformer_tags.preserves_dtype == ["float64", "float32"]


def test_whole_numbers_are_computed_in_float64():
    x = np.round(10 * data()).astype(np.int16)
    assert small().fit(x).transform(x).dtype == np.float64


def test_shapes_and_names():
    vae = small().fit(data())
    assert vae.transform(data()).shape == (N, L)
    assert vae.sample(5).shape == (5, D)
    assert vae.score_samples(data()).shape == (N,)
    assert list(vae.get_feature_names_out()) == ["vae0", "vae1"]
    assert [row["epoch"] for row in vae.history_] == [1, 2, 3]


def test_set_output_makes_named_columns():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: needed for set_output alone")
    frame = pandas.DataFrame(data(), columns=list("abcdef"), index=range(100, 100 + N))
    codes = small().set_output(transform="pandas").fit(frame).transform(frame)
    assert list(codes.columns) == ["vae0", "vae1"]
    assert list(codes.index) == list(frame.index)


@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_score_does_not_depend_on_what_stands_beside_it(seed, dtype):
    x = data(dtype=dtype)
    vae = _FITTED[dtype]
    order = np.random.default_rng(seed).permutation(N)
    part = order[: 1 + seed % N]
    scores = vae.score_samples(x)
    rtol = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(vae.score_samples(x[order]), scores[order], rtol=rtol, atol=rtol)
    np.testing.assert_allclose(vae.score_samples(x[part]), scores[part], rtol=rtol, atol=rtol)


_FITTED = {dtype: small().fit(data(dtype=dtype)) for dtype in (np.float32, np.float64)}


def test_rows_past_a_chunk_are_scored_like_the_first(monkeypatch):
    monkeypatch.setattr("npvae.sklearn.vae.ROWS", 7)
    x, vae = data(), small().fit(data())
    scores, codes = vae.score_samples(x), vae.transform(x)
    monkeypatch.undo()
    np.testing.assert_allclose(vae.score_samples(x), scores, rtol=1e-12)
    np.testing.assert_allclose(vae.transform(x), codes, rtol=1e-12)


def test_score_is_the_exact_bound_of_a_linear_decoder():
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


def test_paired_noise_takes_out_what_is_odd():
    noise = small(draws=6).fit(data()).noise_
    assert np.array_equal(noise[3:], -noise[:3])
    assert small(draws=5).fit(data()).noise_.shape == (5, L)


def test_units_do_not_matter():
    x = data()
    vae, other = small(epochs=20).fit(x), small(epochs=20).fit(1000 * x - 7)
    np.testing.assert_allclose(other.transform(1000 * x - 7), vae.transform(x), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.score_samples(1000 * x - 7), vae.score_samples(x) - D * np.log(1000), rtol=1e-6)
    np.testing.assert_allclose(other.sample(4), 1000 * vae.sample(4) - 7, rtol=1e-6)
    reconstruction = vae.inverse_transform(vae.transform(x))
    np.testing.assert_allclose(other.inverse_transform(vae.transform(x)), 1000 * reconstruction - 7, rtol=1e-6)
    assert other.history_[-1]["loss"] == pytest.approx(vae.history_[-1]["loss"] + D * np.log(1000), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_data_have_no_scale(value):
    vae = small().fit(np.full((5, 3), value))
    assert vae.scale_ == 1.0
    np.testing.assert_allclose(vae.mean_, value)


def test_training_raises_the_score():
    x = data()
    assert small(epochs=100, lr=1e-2).fit(x).score(x) > small(epochs=1).fit(x).score(x) + 1


def test_fit_is_as_many_passes_of_partial_fit():
    x, whole, passes = data(), small(epochs=3), small()
    whole.fit(x)
    for _ in range(3):
        passes.partial_fit(x)
    assert np.array_equal(whole.model_.params.flat, passes.model_.params.flat)
    assert whole.history_ == passes.history_
    passes.partial_fit(x[:10])
    assert not np.array_equal(whole.model_.params.flat, passes.model_.params.flat)
    assert np.array_equal(passes.fit(x).model_.params.flat, whole.model_.params.flat)  # fit starts anew


def test_the_compiled_path_trains_alike():
    x = data()
    kernels, pages = (small(backend=backend).fit(x) for backend in ("numba", "numpy"))
    np.testing.assert_allclose(kernels.transform(x), pages.transform(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda vae: pickle.loads(pickle.dumps(vae))])
def test_copies_give_the_same_and_train_on_alike(copied):
    x, vae = data(), small().fit(data())
    twin = copied(vae)
    assert np.array_equal(twin.transform(x), vae.transform(x))
    assert np.array_equal(twin.score_samples(x), vae.score_samples(x))
    before = vae.transform(x)
    twin.partial_fit(x)
    assert np.array_equal(vae.transform(x), before)
    assert np.array_equal(vae.partial_fit(x).model_.params.flat, twin.model_.params.flat)


def test_clone_in_a_pipeline_under_a_grid_search():
    x = data()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small()), {"vae__beta": [0.5, 2.0], "vae__latent_dim": [1, 2]}, cv=2
    )
    search.fit(x)
    assert search.best_estimator_.transform(x).shape == (N, search.best_params_["vae__latent_dim"])
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0
    assert clone(small(beta=5.0)).get_params() == small(beta=5.0).get_params()


def test_the_score_is_a_bound_whatever_beta_was():
    x, vae = data(), small(beta=4.0).fit(data())
    scores = vae.score_samples(x)
    vae.model_.beta = 1.0
    assert np.array_equal(vae.score_samples(x), scores)


def test_random_state():
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


def test_samples_have_the_variance_of_the_likelihood_when_pixels_are_drawn():
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
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        small(**settings).fit(data())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_training_before_the_step():
    vae = small(optimizer="sgd", lr=1e200)
    with pytest.raises(NonFiniteError, match=r"epoch \d, step \d+: .* Try a smaller lr"):
        vae.fit(data())


def test_other_mistakes():
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


@pytest.mark.parametrize("likelihood", ["gaussian_scalar", "bernoulli"])
def test_images_go_in_and_come_out(likelihood):
    rng = np.random.default_rng(0)
    bright = rng.random(60)
    x = np.zeros((60, 7, 6, 3))
    x[:, 1:4] = bright[:, None, None, None]
    vae = ConvVAE(2, channels=(3, 4), hidden=(8,), epochs=20, likelihood=likelihood, lr=0.01, random_state=0).fit(x)
    codes = vae.transform(x)
    assert codes.shape == (60, 2)
    assert vae.inverse_transform(codes).shape == x.shape
    assert vae.sample(3).shape == (3, 7, 6, 3)
    assert vae.score_samples(x).shape == (60,)
    assert vae.history_[-1]["loss"] < vae.history_[0]["loss"]
    twin = clone(vae)
    for _ in range(20):
        twin.partial_fit(x)
    np.testing.assert_array_equal(twin.model_.params.flat, vae.model_.params.flat)
    again = pickle.loads(pickle.dumps(vae))
    np.testing.assert_array_equal(again.transform(x), codes)
    assert ConvVAE(channels=(3,), epochs=1, backend="numpy").fit(x[..., 0]).sample().shape == (1, 7, 6, 1)
    with pytest.raises(ValueError, match=r"images of shape \(6, 7, 3\), expected \(7, 6, 3\)"):
        vae.transform(x.transpose(0, 2, 1, 3))
    with pytest.raises(ValueError, match=r"expected images \(N, H, W, C\)"):
        vae.fit(x.reshape(60, -1))
    with pytest.raises(NotFittedError):
        ConvVAE().transform(x)


def test_patience_stops_and_keeps_the_best_epoch():
    x = data(n=60)
    vae = small(epochs=400, lr=0.02, patience=5, validation_fraction=0.2).fit(x)
    losses = [row["valid_loss"] for row in vae.history_]
    assert len(losses) < 400
    assert int(np.argmin(losses)) == len(losses) - 1 - 5
    again = small(epochs=int(np.argmin(losses)) + 1, lr=0.02, patience=400, validation_fraction=0.2).fit(x)
    np.testing.assert_array_equal(vae.model_.params.flat, again.model_.params.flat)  # the best epoch's parameters
    assert again.history_ == vae.history_[: len(again.history_)]


def test_without_patience_nothing_is_held_out():
    x = data()
    plain, same = small().fit(x), small(validation_fraction=0.5, verbose=0).fit(x)
    np.testing.assert_array_equal(plain.model_.params.flat, same.model_.params.flat)
    assert "valid_loss" not in plain.history_[0]


@pytest.mark.parametrize(
    "settings",
    [{"patience": 1, "validation_fraction": 1.5}, {"patience": 1, "validation_fraction": 0}],
)
def test_held_out_data_must_be_some_and_not_all(settings):
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        small(**settings).fit(data())
    with pytest.raises(ValueError, match="of 1 samples, which leaves none to train on"):
        small(patience=1).fit(data(n=1))
    with pytest.raises(ValueError, match="VAE: patience is 0, expected at least 1"):
        small(patience=0).fit(data())


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 20), (2, 60)])
def test_progress_is_printed_if_wanted(capsys, verbose, lines):
    small(epochs=60, verbose=verbose).fit(data())
    out = capsys.readouterr().out.splitlines()
    assert lines <= len(out) <= lines + (verbose == 1)
    if out:
        assert out[-1].startswith("[VAE] epoch 60/60: loss ")
    small(epochs=2, verbose=2, patience=1).fit(data())
    assert ", valid_loss " in capsys.readouterr().out
