"""The estimator's doors: settings that change between fits, data of any kind, arrays that joblib has mapped."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
import joblib

import npvae.sklearn
from npvae.training import NonFiniteError

RNG = np.random.default_rng(0)
X = RNG.random((60, 5))


def vae(**settings):
    return npvae.sklearn.VAE(**{"hidden": (8,), "epochs": 2, "random_state": 0, "likelihood": "bernoulli", **settings})


CALLS = {
    "fit": lambda v, X: vae().fit(X),
    "partial_fit": lambda v, X: v.partial_fit(X),
    "transform": lambda v, X: v.transform(X),
    "score_samples": lambda v, X: v.score_samples(X),
    "score": lambda v, X: v.score(X),
}
BAD = {
    "0 to 255": (X / X.max() * 255, "bernoulli needs data in .* divide by 255"),
    "-1 to 1": (2 * X - 1, "bernoulli needs data in "),
    "NaN": (np.where(X.max() == X, np.nan, X), "NaN"),
    "infinity": (np.where(X.max() == X, np.inf, X), "infinity"),
    "width": (X[:, :3], "3 features"),
    "images": (X.reshape(60, 5, 1), "dim 3|3 dim|Found array with dim 3"),
    "empty": (X[:0], r"0 sample\(s\)"),
    "text": (X.astype(str).astype(object) + "a", "could not convert|numeric|string"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_refuses_bad_data(call, bad):
    data, message = BAD[bad]
    if (call, bad) == ("fit", "width"):
        pytest.skip("a fit takes any width")
    with pytest.raises(ValueError, match=message):
        CALLS[call](vae().fit(X), data)


@pytest.mark.parametrize("codes", [np.full((2, 2), np.nan), np.zeros((2, 3)), np.zeros(2), "codes"])
def test_codes_that_are_none(codes):
    with pytest.raises(ValueError, match=r"NaN|shape \(2, 3\), expected|1D array|string"):
        vae().fit(X).inverse_transform(codes)


@pytest.mark.parametrize("name", ["lr", "beta", "batch_size"])
def test_a_setting_that_can_change_holds_from_the_next_pass_on(name):
    value = {"lr": 0.1, "beta": 7.0, "batch_size": 10}[name]
    kept, changed = vae().fit(X), vae().fit(X).set_params(**{name: value})
    kept.partial_fit(X)
    changed.partial_fit(X)
    assert not np.array_equal(kept.model_.params.flat, changed.model_.params.flat)
    assert {"lr": changed.optimizer_.lr, "beta": changed.model_.beta, "batch_size": changed.batch_size}[name] == value
    assert changed.model_.config["beta"] == changed.beta


@pytest.mark.parametrize(
    ("name", "value"),
    [("latent_dim", 5), ("hidden", (9,)), ("activation", "tanh"), ("likelihood", "squared_error"), ("logvar", -1.0),
     ("optimizer", "sgd"), ("draws", 4), ("backend", "numpy")],
)  # fmt: skip
def test_a_setting_that_a_fitted_model_cannot_take_is_refused(name, value):
    fitted = vae().fit(X)
    before = fitted.model_.params.flat.copy()
    fitted.set_params(**{name: value})
    with pytest.raises(
        ValueError, match=rf"VAE: {name} is .*, the fitted model has .*: call fit, or set_params\({name}="
    ):
        fitted.partial_fit(X)
    np.testing.assert_array_equal(fitted.model_.params.flat, before)
    fitted.fit(X).partial_fit(X)


def test_hidden_may_be_a_list_or_a_tuple_of_the_same():
    fitted = vae(hidden=[8]).fit(X)
    fitted.set_params(hidden=(8,)).partial_fit(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 3.0}, "VAE: epochs is 3.0, expected a whole number"),
        ({"batch_size": "8"}, "VAE: batch_size is '8', expected a whole number"),
        ({"draws": 2.5}, "VAE: draws is 2.5, expected a whole number"),
        ({"lr": "0.1"}, "lr is '0.1', expected a finite number above 0"),
        ({"beta": None}, "beta is None, expected a finite number of at least 0"),
        ({"optimizer": ["adam"]}, "VAE: optimizer .* is unknown"),
        ({"draws": 0}, "VAE: draws is 0, expected at least 1"),
        ({"verbose": "yes"}, "VAE: verbose is 'yes', expected a whole number"),
        ({"verbose": -1}, "VAE: verbose is -1, expected at least 0"),
        ({"verbose": None}, "VAE: verbose is None, expected a whole number"),
        ({"patience": 2.5}, "VAE: patience is 2.5, expected a whole number"),
        ({"validation_fraction": "0.1"}, "VAE: validation_fraction is '0.1', expected a share between 0 and 1"),
        ({"validation_fraction": None}, "VAE: validation_fraction is None, expected a share between 0 and 1"),
        ({"validation_fraction": 1.0}, "VAE: validation_fraction is 1.0, expected a share between 0 and 1"),
    ],
)
def test_settings_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        vae(**settings).fit(X)
    with pytest.raises(ValueError, match=message):
        vae(**settings).partial_fit(X)
    fitted = vae().fit(X)
    before = fitted.model_.params.flat.copy()
    with pytest.raises(ValueError, match=message):
        fitted.set_params(**settings).partial_fit(X)
    np.testing.assert_array_equal(fitted.model_.params.flat, before)


def test_verbose_may_be_a_flag(capsys):
    vae(verbose=True).fit(X)
    assert "[VAE] epoch 1/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "VAE: draws is 0, expected at least 1"),
        ({"draws": "3"}, "VAE: draws is '3', expected a whole number"),
        ({"samples": 2.5}, "VAE: samples is 2.5, expected a whole number"),
    ],
)
def test_imputing_in_no_ways_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        vae(missing="ignore").fit(X).impute(X, **options)


def test_an_estimator_that_joblib_has_mapped_read_only_works_and_trains_on(tmp_path):
    fitted = vae(hidden=(600,), latent_dim=300).fit(X)
    assert fitted.model_.params.flat.nbytes > 2**20
    joblib.dump(fitted, tmp_path / "vae.joblib")
    mapped = joblib.load(tmp_path / "vae.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(mapped.score_samples(X), fitted.score_samples(X))
    mapped.partial_fit(X)
    fitted.partial_fit(X)
    np.testing.assert_array_equal(mapped.model_.params.flat, fitted.model_.params.flat)


def test_a_learning_rate_beyond_reason_is_an_error(recwarn):
    with pytest.raises(NonFiniteError):
        vae(lr=1e38, likelihood="gaussian_scalar", optimizer="sgd").fit(X.astype(np.float32))
    assert not recwarn.list
