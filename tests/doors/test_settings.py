"""A setting of the wrong kind is refused by its name, wherever it is given."""

import json

import numpy as np
import pytest

import npvae
from npvae.as_json import as_json
from npvae.training.settings import Settings

X = np.zeros((4, 12), np.float32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 3.0}, "epochs is 3.0, expected a whole number"),
        ({"epochs": True}, "epochs is True, expected a whole number"),
        ({"epochs": "3"}, "epochs is '3', expected a whole number"),
        ({"batch_size": 16.0}, "batch_size is 16.0, expected a whole number"),
        ({"seed": None}, "seed is None, expected a whole number"),
        ({"patience": "5"}, "patience is '5', expected a whole number"),
        ({"lr": "0.1"}, "lr is '0.1', expected a number above 0, or None for the optimizer's own"),
        ({"lr": -1.0}, "lr is -1.0, expected a finite number above 0"),
        ({"optimizer": None}, "optimizer None is unknown, choose one of"),
        ({"optimizer": ["adam"]}, r"optimizer \['adam'\] is unknown"),
        ({"checkpoint_seconds": "30"}, "checkpoint_seconds is '30', expected at least 0, or None for never"),
        ({"checkpoint_steps": 2.5}, "checkpoint_steps is 2.5, expected a whole number"),
        ({"beta_schedule": None}, "beta_schedule is None, expected constant, linear:E or cyclical:E"),
        ({"tensorboard": "yes"}, "tensorboard is 'yes', expected True or False"),
    ],
)
def test_of_training(settings, message):
    with pytest.raises(ValueError, match=message):
        npvae.train(npvae.VAE(12, (4,), 2), X, progress=False, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"logvar": None}, "logvar is None, expected a finite number"),
        ({"logvar": "-2"}, "logvar is '-2', expected a finite number"),
        ({"logvar_floor": "low"}, "logvar_floor is 'low', expected a finite number, or None for no floor"),
        ({"levels": 1}, "levels is 1, expected at least 2"),
        ({"levels": 256.0}, "levels is 256.0, expected a whole number"),
        ({"latent_dim": 2.0}, "latent_dim is 2.0, expected a whole number"),
        ({"latent_dim": True}, "latent_dim is True, expected a whole number"),
        ({"beta": "1"}, "beta is '1', expected a finite number of at least 0"),
        ({"beta": True}, "beta is True, expected a finite number"),
        ({"alpha": None}, "alpha is None, expected a finite number"),
        ({"likelihood": ["bernoulli"]}, r"likelihood \['bernoulli'\] is unknown"),
        ({"activation": None}, "activation None is unknown"),
        ({"dtype": None}, "dtype None is not supported, choose float32 or float64"),
        ({"dtype": "floaty"}, "dtype 'floaty' is not supported"),
        ({"backend": 3}, "backend 3 is unknown"),
    ],
)
def test_of_models(settings, message):
    with pytest.raises(ValueError, match=message):
        npvae.VAE(12, **settings)


@pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
def test_of_optimisers(make):
    vae = npvae.VAE(12, (4,), 2)
    with pytest.raises(ValueError, match=r"lr is '0\.1', expected a finite number above 0"):
        make(vae.params, lr="0.1")
    with pytest.raises(ValueError, match=r"params are a VAE, expected Params: model\.params"):
        make(vae)


def test_of_moments():
    params = npvae.VAE(12, (4,), 2).params
    with pytest.raises(ValueError, match=r"momentum is '0\.9', expected 0 <= momentum < 1"):
        npvae.SGD(params, momentum="0.9")
    for betas in (0.9, (0.9,), ("0.9", "0.99")):
        with pytest.raises(ValueError, match=r"betas are .*, expected two numbers"):
            npvae.Adam(params, betas=betas)


def test_of_minibatches_and_measures():
    with pytest.raises(ValueError, match=r"minibatches: batch_size is 16\.0, expected a whole number"):
        npvae.minibatches(X, 16.0)
    vae, rng = npvae.VAE(12, (4,), 2), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"samples is 5\.0, expected a whole number"):
        npvae.evaluation.log_p_by_importance(vae, X, rng, samples=5.0)
    with pytest.raises(ValueError, match="draws is 0, expected at least 1"):
        npvae.evaluation.rate_distortion(vae, X, rng, draws=0)
    with pytest.raises(ValueError, match="rng is 0, expected a generator"):
        npvae.training.evaluate(vae, X, 0)


def test_numbers_of_numpy_are_numbers_and_end_in_config_as_such(tmp_path):
    settings = {"beta": np.float32(0.5), "latent_dim": np.int64(2), "logvar": np.float32(-1)}
    vae = npvae.VAE(12, (np.int32(4),), likelihood="gaussian_scalar", **settings)
    npvae.train(vae, X, epochs=np.int64(1), lr=np.float32(0.01), out=tmp_path / "r", progress=False)
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["model_settings"]["beta"] == 0.5
    assert config["training"]["epochs"] == 1
    npvae.resume(tmp_path / "r", X, epochs=2, progress=False)


def test_settings_are_plain():
    assert type(Settings(epochs=np.int64(3)).epochs) is int


def test_json_that_has_no_word_for_it_is_refused_by_its_place():
    assert json.loads(as_json({"a": [1, np.float32(2.5), None]})) == {"a": [1, 2.5, None]}
    with pytest.raises(ValueError, match=r"rows\[1\]\.loss is nan, which JSON cannot hold"):
        as_json({"rows": [{"loss": 1.0}, {"loss": float("nan")}]})
    with pytest.raises(ValueError, match="the value is inf"):
        as_json(np.float64("inf"))
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        as_json({"a": object()})
