"""Training: the same seed gives the same bits, the run folder holds what it says, bad input is refused beforehand."""

import json
import re

import numpy as np
import pytest

import npvae
from npvae.training import RunError, evaluate, read_metrics

KEYS = ["epoch", "train_loss", "train_nll", "train_kl", "test_loss", "test_nll", "test_kl", "seconds"]


@pytest.fixture(scope="module")
def digits():
    return npvae.load_dataset("digits")


def small(seed=0, **settings):
    return npvae.VAE(64, (16,), 2, seed=seed, **settings)


def run(digits, out=None, seed=3, epochs=2, **settings):
    train, test = digits
    return npvae.train(small(), train, test, epochs=epochs, seed=seed, out=out, progress=False, **settings)


def test_a_vae_learns_the_digits(digits):
    """From about 40 nats to below what the best picture that ignores its input reaches: the mean digit, 27.1 nats."""
    train, test = digits
    vae = npvae.train(npvae.VAE(64, (64,), 2), train, test, epochs=60, progress=False, lr=2e-3)
    x = test.numpy()
    p = train.numpy().mean(axis=0).clip(1e-6, 1 - 1e-6)
    of_the_mean = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    assert vae.history[0]["test_loss"] > 30
    assert vae.history[-1]["test_loss"] < of_the_mean - 1
    assert 1 < vae.history[-1]["test_kl"] < 5


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "sgd"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(digits, optimizer):
    a, b, c = (run(digits, optimizer=optimizer, seed=seed, lr=1e-3) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a.params.flat, b.params.flat)
    without_time = [[{k: v for k, v in row.items() if k != "seconds"} for row in m.history] for m in (a, b, c)]
    assert without_time[0] == without_time[1]
    assert without_time[0] != without_time[2]


def test_a_row_is_the_mean_over_the_samples_with_its_terms(digits):
    vae = run(digits)
    for row in vae.history:
        assert list(row) == KEYS
        assert row["train_loss"] == pytest.approx(row["train_nll"] + row["train_kl"], rel=1e-5)
        assert row["test_loss"] == pytest.approx(row["test_nll"] + row["test_kl"], rel=1e-5)


def test_a_training_loss_counts_every_sample_once(digits):
    """With a step of no size, a whole epoch is a plain average, last small batch and all."""
    train, _ = digits
    auto = npvae.Autoencoder(64, (16,), 2)
    truth = auto.forward(train.numpy())[0]
    npvae.train(auto, train, epochs=1, optimizer="sgd", lr=1e-30, batch_size=100, progress=False)
    assert auto.history[0]["train_loss"] == pytest.approx(truth, rel=1e-6)
    assert auto.history[0]["test_loss"] is None


def test_evaluate_does_not_depend_on_the_size_of_its_batches(digits):
    auto = npvae.Autoencoder(64, (16,), 2)
    rng = np.random.default_rng(0)
    a, b = (evaluate(auto, digits[1], rng, batch_size=size) for size in (7, 1000))
    assert a == pytest.approx(b, rel=1e-6)


def test_the_run_folder_gives_the_model_back(digits, tmp_path):
    vae = run(digits, out=tmp_path / "run", note={"dataset": "digits"})
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["model"] == "vae"
    assert config["training"] == {
        "epochs": 2, "batch_size": 128, "optimizer": "adam", "lr": 1e-3, "seed": 3, "dataset": "digits",
        "patience": None, "checkpoint_seconds": 30.0, "checkpoint_steps": None, "tensorboard": False,
        "beta_schedule": "constant",
    }  # fmt: skip
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == vae.history == read_metrics(tmp_path / "run")
    again = npvae.load(tmp_path / "run")
    np.testing.assert_array_equal(again.params.flat, vae.params.flat)
    assert again.config == vae.config
    assert again.history == vae.history
    x = digits[1][:5]
    np.testing.assert_array_equal(again.reconstruct(x), vae.reconstruct(x))


def test_float64_models_train_in_float64(digits):
    vae = npvae.train(small(dtype="float64"), *digits, epochs=1, progress=False)
    assert vae.params.flat.dtype == np.float64


def test_the_folder_of_a_run_is_never_written_over(digits, tmp_path):
    run(digits, out=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RunError, match=r"already holds a run \(config\.json\): choose another folder"):
        run(digits, out=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"epochs": 1.5}, "epochs is 1.5, expected a whole number"),
        ({"epochs": None}, "epochs is None, expected a whole number"),
        ({"seed": -1}, "seed is -1, expected at least 0"),
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"optimizer": "adamw"}, "optimizer 'adamw' is unknown, choose one of sgd, adagrad, adam"),
        ({"lr": -1.0}, "lr is -1.0, expected a finite number above 0"),
        ({"lr": float("nan")}, "lr is nan"),
    ],
)
def test_settings_out_of_range_are_refused_and_nothing_is_written(digits, tmp_path, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        npvae.train(small(), digits[0], out=tmp_path / "run", progress=False, **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.full((5, 64), np.nan, np.float32),
            "x_train: data holds 320 values that are not finite, first nan at (0, 0)",
        ),
        (np.full((5, 64), 200.0), "x_train: bernoulli needs data in [0, 1], found [200, 200]: divide by 255"),
        (np.full((5, 64), 200, np.uint8), "x_train: bernoulli needs data in [0, 1], found [200, 200]: divide by 255"),
        (np.ones((5, 64), np.int64), "x_train holds int64, expected floats: pass x_train.astype('float32')"),
        (
            np.ones((5, 8, 8)),
            "x_train has shape (5, 8, 8), expected (N, D) with N >= 1 and D = 64: pass x_train.reshape",
        ),
        (np.ones((5, 63)), "x_train has shape (5, 63), expected (N, D) with N >= 1 and D = 64"),
        (np.ones((0, 64)), "x_train has shape (0, 64)"),
        (np.full((5, 64), "a"), "x_train"),
    ],
)
def test_data_that_does_not_fit_is_refused(x, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        npvae.train(small(), x, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["truncated", "garbage", "missing", "other shape"])
def test_a_damaged_run_is_one_error_that_names_the_file(digits, tmp_path, damage):
    run(digits, out=tmp_path, epochs=1)
    model = tmp_path / "model.npz"
    whole = model.read_bytes()
    if damage == "truncated":
        model.write_bytes(whole[: len(whole) // 2])
    elif damage == "garbage":
        model.write_bytes(b"not a zip file")
    elif damage == "missing":
        model.unlink()
    else:
        np.savez(model, **{name: np.zeros((2, 2)) for name in small().params})
    with pytest.raises(RunError, match=r"model\.npz"):
        npvae.load(tmp_path)


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(RunError, match=r"holds no run: there is no config\.json"):
        npvae.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read as JSON"):
        npvae.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model": "gan"}')
    with pytest.raises(RunError, match="does not describe a run"):
        npvae.load(tmp_path)


def test_each_epoch_is_reported_to_the_caller(tmp_path):
    x = np.random.default_rng(0).random((20, 12), np.float32)
    seen, model = [], npvae.VAE(12, (5,), 2, backend="numpy")
    npvae.train(model, x, epochs=3, progress=False, out=tmp_path / "r", on_epoch=lambda *args: seen.append(args))
    assert [given is model for given, _ in seen] == [True] * 3
    assert [row for _, row in seen] == list(model.history)

    def stop(_, row):
        raise StopIteration(row["epoch"])

    with pytest.raises(StopIteration, match="4"):  # it ends the training, which can be resumed
        npvae.resume(tmp_path / "r", x, epochs=6, progress=False, on_epoch=stop)
    model = npvae.resume(tmp_path / "r", x, epochs=6, progress=False)
    assert [row["epoch"] for row in model.history] == [1, 2, 3, 4, 5, 6]
    whole = npvae.train(npvae.VAE(12, (5,), 2, backend="numpy"), x, epochs=6, progress=False)
    np.testing.assert_array_equal(model.params.flat, whole.params.flat)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "sgd"])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_run_goes_on_with_another_learning_rate(tmp_path, optimizer, backend):
    x = np.random.default_rng(0).random((20, 12), np.float32)
    settings = {"optimizer": optimizer, "lr": 1e-3, "progress": False}
    npvae.train(npvae.VAE(12, (5,), 2, backend=backend), x, epochs=1, out=tmp_path / "r", **settings)
    before = npvae.load(tmp_path / "r").params.flat.copy()
    for lr, moved in ((1e-12, False), (1e-2, True)):
        model = npvae.resume(tmp_path / "r", x, epochs=2 + moved, lr=lr, progress=False)
        assert (np.abs(model.params.flat - before).max() > 1e-5) == moved
        assert npvae.training.read_config(tmp_path / "r")["training"]["lr"] == lr
    with pytest.raises(ValueError, match="resume: lr is nan, expected a finite number above 0"):
        npvae.resume(tmp_path / "r", x, lr=float("nan"), progress=False)
