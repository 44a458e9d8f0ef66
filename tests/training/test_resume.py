"""N steps, an end, and M more steps give the bits of N + M steps: at any split, for everything that training has."""

import os
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npvae
from npvae.data import Images, Text
from npvae.models import MODELS
from npvae.training import EnvironmentWarning, RunError, read_checkpoint, read_metrics

KINDS = {
    "vae": {},
    "capacity": {"objective": "capacity", "capacity": 2.0},
    "free bits": {"objective": "free_bits"},
    "dreg": {"objective": "dreg", "samples": 3},
    "autoencoder": {},
    "denoising_autoencoder": {},
    "conditional_vae": {"classes": 2},
    "iwae": {"samples": 2},
    "two_layer_vae": {},
}
MODEL_SETTINGS = st.fixed_dictionaries(
    {
        "likelihood": st.sampled_from(["bernoulli", "squared_error", "gaussian_scalar", "gaussian_decoder"]),
        "activation": st.sampled_from(["relu", "tanh", "silu"]),
        "dtype": st.sampled_from(["float32", "float64"]),
        "backend": st.sampled_from(["numpy", "numba"]),
    }
)
SETTINGS = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 5),
        "batch_size": st.integers(3, 45),
        "optimizer": st.sampled_from(["adam", "adagrad", "sgd"]),
        "lr": st.just(1e-3),
        "seed": st.integers(0, 99),
        "patience": st.none() | st.integers(1, 3),
        "beta_schedule": st.sampled_from(["constant", "linear:2.5", "cyclical:1.5"]),
        "checkpoint_steps": st.integers(1, 7),
    }
)
DATA = st.sampled_from(["test", "valid", "both"])


def make_model(kind, settings):
    data_dim = 10 if kind == "conditional_vae" else 12  # its rows end in labels
    return MODELS.get(kind, npvae.VAE)(data_dim, latent_dim=2, **KINDS[kind], **settings)


@given(
    st.sampled_from(sorted(KINDS)), MODEL_SETTINGS, SETTINGS, DATA, st.lists(st.integers(0, 30), min_size=1, max_size=3)
)
def test_resume_is_exact(crash_at, x, same_rows, kind, model, settings, held_out, splits):
    if kind == "conditional_vae":
        x = np.concatenate([x[:, :10], np.eye(2, dtype=x.dtype)[(x[:, 11] > 0.5).astype(int)]], axis=1)
    data = {"x_train": x[:30]}
    data |= {"x_test": x[30:35]} if held_out != "valid" else {}
    data |= {"x_valid": x[35:]} if held_out != "test" else {}
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(os, "fsync"):
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        truth = npvae.train(make_model(kind, model), **data, **settings, out=whole, progress=False)
        with crash_at(splits[0]):
            npvae.train(make_model(kind, model), **data, **settings, out=broken, progress=False)
        for split in splits[1:]:
            with crash_at(split):
                npvae.resume(broken, **data, progress=False)
        resumed = npvae.resume(broken, **data, progress=False)

        np.testing.assert_array_equal(resumed.params.flat, truth.params.flat)
        same_rows(resumed.history, truth.history)
        same_rows(read_metrics(broken), truth.history)
        a, b = read_checkpoint(broken), read_checkpoint(whole)
        assert a.arrays.keys() == b.arrays.keys()
        for name in a.arrays:
            np.testing.assert_array_equal(a.arrays[name], b.arrays[name])
        assert (a.about["rng"], a.about["test_rng"]) == (b.about["rng"], b.about["test_rng"])
        np.testing.assert_array_equal(npvae.load(broken).params.flat, truth.params.flat)


@pytest.mark.usefixtures("no_sync")
def test_other_data_layouts_resume_exactly(crash_at, small, tmp_path):
    """Images of uint8 pixels, and a memory map of them, which is shuffled by blocks."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 12), dtype=np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for name, x in (("images", Images(pixels)), ("mapped", Images(mapped))):
        truth = npvae.train(small(), x, epochs=3, batch_size=8, progress=False)
        with crash_at(13):
            settings = {"epochs": 3, "batch_size": 8, "checkpoint_steps": 1, "progress": False}
            npvae.train(small(), x, out=tmp_path / name, **settings)
        np.testing.assert_array_equal(npvae.resume(tmp_path / name, x, progress=False).params.flat, truth.params.flat)


COLOURED = np.random.default_rng(0).random((24, 9, 6, 3), dtype=np.float32)
NAMES = Text(["ann", "bo", "cy", "dee", "ed", "flo", "gus", "hal", "ida", "jo", "kay", "lou"] * 3)


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize(
    ("x", "kind", "arguments"),
    [
        (COLOURED, "conv_vae", {"channels": (2, 3), "hidden": (5,), "backend": "numpy"}),
        (COLOURED, "conv_vae", {"channels": (2, 3), "hidden": (5,), "backend": "numba"}),
        (NAMES, "sequence_vae", {"max_length": 3, "hidden_dim": 5, "word_dropout": 0.3, "backend": "numpy"}),
    ],
)
def test_images_and_sequences_resume_exactly_in_the_middle_of_an_epoch(crash_at, tmp_path, x, kind, arguments):
    def fresh():
        return MODELS[kind](x.alphabet if x is NAMES else x.shape[1:], latent_dim=2, **arguments)

    settings = {"epochs": 3, "batch_size": 5, "progress": False}
    truth = npvae.train(fresh(), x, **settings)
    with crash_at(-(-len(x) // 5) + 3):
        npvae.train(fresh(), x, out=tmp_path, checkpoint_steps=2, **settings)
    assert 0 < read_checkpoint(tmp_path).about["seen"] < len(x)
    again = npvae.resume(tmp_path, x, progress=False)
    np.testing.assert_array_equal(again.params.flat, truth.params.flat)
    assert npvae.load(tmp_path).config == truth.config


@pytest.mark.usefixtures("no_sync")
def test_more_epochs_can_be_asked_for(small, x, tmp_path, same_rows):
    truth = npvae.train(small(), x, epochs=5, out=tmp_path / "five", progress=False)
    npvae.train(small(), x, epochs=3, out=tmp_path / "run", progress=False)
    more = npvae.resume(tmp_path / "run", x, epochs=5, progress=False)
    np.testing.assert_array_equal(more.params.flat, truth.params.flat)
    same_rows(more.history, truth.history)
    config = npvae.training.read_config(tmp_path / "run")
    assert config == npvae.training.read_config(tmp_path / "five")


@pytest.mark.usefixtures("no_sync")
def test_fewer_epochs_than_have_begun_are_refused_and_the_plan_stays(crash_at, small, x, tmp_path):
    settings = {"batch_size": 8, "checkpoint_steps": 1, "progress": False}
    with crash_at(2 * len(range(0, len(x), 8)) + 1):
        npvae.train(small(), x, epochs=50, out=tmp_path, **settings)  # two epochs and a step
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for epochs in (1, 2):
        with pytest.raises(ValueError, match=rf"epochs is {epochs}, but the run has come to epoch 3 of 50: give 3 or"):
            npvae.resume(tmp_path, x, epochs=epochs, progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert len(npvae.resume(tmp_path, x, epochs=3, progress=False).history) == 3
    assert len(npvae.resume(tmp_path, x, epochs=3, progress=False).history) == 3
    with pytest.raises(ValueError, match="epochs is 2, but the run has come to epoch 3 of 3"):
        npvae.resume(tmp_path, x, epochs=2, progress=False)


@pytest.mark.usefixtures("no_sync")
def test_a_run_that_is_finished_says_so(small, x, tmp_path, capsys):
    npvae.train(small(), x, epochs=2, out=tmp_path, progress=False)
    npvae.resume(tmp_path, x)
    assert "nothing is left to train: the run has ended with epoch 2. More epochs go on" in capsys.readouterr().err
    npvae.resume(tmp_path, x, epochs=3)
    assert "nothing is left" not in capsys.readouterr().err


@pytest.mark.usefixtures("no_sync")
def test_a_finished_run_is_given_back_as_it_is(small, x, tmp_path):
    vae = npvae.train(small(), x[10:], x[:10], epochs=3, out=tmp_path, progress=False)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "checkpoint.npz"}
    again = npvae.resume(tmp_path, x[10:], x[:10], progress=False)
    np.testing.assert_array_equal(again.params.flat, vae.params.flat)
    assert again.history == vae.history
    assert again.history.interrupted == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "checkpoint.npz"} == files


@pytest.mark.usefixtures("no_sync")
def test_config_and_metrics_are_brought_back_to_the_checkpoint(crash_at, small, x, tmp_path, same_rows):
    """A kill can lose config.json, tear the last line of metrics, or leave rows that the checkpoint does not know."""
    truth = npvae.train(small(), x, epochs=6, out=tmp_path / "truth", progress=False)
    with crash_at(4):
        npvae.train(small(), x, epochs=6, out=tmp_path / "run", progress=False)  # one step an epoch, saved at the start
    metrics = tmp_path / "run" / "metrics.jsonl"
    assert len(read_metrics(tmp_path / "run")) == 4
    assert read_checkpoint(tmp_path / "run").about["step"] == 0
    with open(metrics, "a") as file:
        file.write('{"epoch": 5, "train_lo')
    assert len(read_metrics(tmp_path / "run")) == 4
    (tmp_path / "run" / "config.json").unlink()
    (tmp_path / "run" / "checkpoint.npz.part").write_bytes(b"half of a")
    npvae.resume(tmp_path / "run", x, progress=False)
    same_rows(read_metrics(tmp_path / "run"), truth.history)
    names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("truth", "run")]
    assert names[0] == names[1]


@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"x_train": 1}, r"x_train is 31 rows of 12, checksum \w+, the run was started with 30 rows of 12"),
        ({"x_test": None}, r"x_test is not given, the run was started with 5 rows of 12"),
        ({"x_valid": 2}, r"x_valid is 5 rows of 12, checksum \w+, the run was started with not given"),
        ({"x_test": 3}, r"x_test is 5 rows of 12, checksum \w+, the run was started with 5 rows of 12, checksum \w+"),
    ],
)
def test_other_data_are_refused(small, x, tmp_path, other, message):
    changed = {1: x[:31], 2: x[35:], 3: x[30:35] * 0.5, None: None}
    data = {"x_train": x[:30], "x_test": x[30:35]}
    npvae.train(small(), **data, epochs=1, out=tmp_path, progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=message):
        npvae.resume(tmp_path, **(data | {name: changed[which] for name, which in other.items()}), progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("no_sync")
def test_another_environment_is_a_warning_that_says_so(small, x, tmp_path, monkeypatch):
    npvae.train(small(), x, epochs=1, out=tmp_path, progress=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    monkeypatch.setattr(np, "__version__", "9.9")
    expected = r"resume: OPENBLAS_NUM_THREADS was .* and is 3, numpy was .* and is 9\.9\. Training goes on"
    with pytest.warns(EnvironmentWarning, match=expected):
        npvae.resume(tmp_path, x, epochs=2, progress=False)


def test_a_folder_without_a_run(x, tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunError, match=r"holds no run to go on with: there is no checkpoint\.npz"):
            npvae.resume(folder, x)


def test_only_one_process_may_train_in_a_folder(small, x, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    npvae.train(small(), x, epochs=1, out=tmp_path, progress=False)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)  # a second handle excludes others as another process does
    try:
        with pytest.raises(RunError, match="another process is training in"):
            npvae.resume(tmp_path, x, epochs=2, progress=False)
    finally:
        os.close(handle)
    npvae.resume(tmp_path, x, epochs=2, progress=False)


@pytest.mark.usefixtures("no_sync")
class TestEarlyStopping:
    """lr is so large that the held-out loss goes up again."""

    SETTINGS = {"epochs": 60, "lr": 0.05, "batch_size": 10, "progress": False}  # noqa: RUF012

    def losses(self, model, part):
        return [row[f"{part}_loss"] for row in model.history]

    def test_stops_after_so_many_epochs_without_a_lower_loss_and_keeps_the_best(self, small, x, tmp_path):
        vae = npvae.train(small(), x[:30], x_valid=x[30:], patience=4, out=tmp_path, **self.SETTINGS)
        losses = self.losses(vae, "valid")
        best = int(np.argmin(losses))
        assert len(losses) == best + 1 + 4 < 60
        upto = npvae.train(small(), x[:30], x_valid=x[30:], **(self.SETTINGS | {"epochs": best + 1}))
        np.testing.assert_array_equal(vae.params.flat, upto.params.flat)
        np.testing.assert_array_equal(npvae.load(tmp_path).params.flat, vae.params.flat)
        np.testing.assert_array_equal(npvae.load(tmp_path, best=True).params.flat, vae.params.flat)
        again = npvae.resume(tmp_path, x[:30], x_valid=x[30:], progress=False)
        np.testing.assert_array_equal(again.params.flat, vae.params.flat)
        assert len(again.history) == len(losses)

    def test_without_patience_the_last_is_returned_and_the_best_is_kept_beside_it(self, small, x, tmp_path):
        vae = npvae.train(small(), x[:30], x[30:], out=tmp_path, **(self.SETTINGS | {"epochs": 30}))
        best = int(np.argmin(self.losses(vae, "test")))
        assert best < 29
        upto = npvae.train(small(), x[:30], x[30:], **(self.SETTINGS | {"epochs": best + 1}))
        np.testing.assert_array_equal(npvae.load(tmp_path, best=True).params.flat, upto.params.flat)
        np.testing.assert_array_equal(npvae.load(tmp_path).params.flat, vae.params.flat)

    def test_the_validation_data_decide_when_there_are_test_data_too(self, small, x):
        vae = npvae.train(small(), x[:20], x[20:30], x_valid=x[30:], patience=3, **self.SETTINGS)
        losses = self.losses(vae, "valid")
        assert len(losses) == np.argmin(losses) + 1 + 3
        keys = ["epoch", "train_loss", "train_nll", "train_kl", "test_loss", "test_nll", "test_kl",
                "valid_loss", "valid_nll", "valid_kl", "seconds"]  # fmt: skip
        assert list(vae.history[0]) == keys

    def test_the_validation_noise_is_the_same_each_epoch(self, small, x):
        vae = npvae.train(small(), x[:30], x[30:], x_valid=x[30:], lr=1e-30, optimizer="sgd", epochs=2, progress=False)
        assert vae.history[0]["valid_loss"] == vae.history[1]["valid_loss"]
        assert vae.history[0]["test_loss"] != vae.history[1]["test_loss"]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_loss_that_is_not_finite_is_never_the_best(self, small, x, monkeypatch, bad):
        losses = iter([bad, 3.0, bad, 2.0, bad, bad, 1.0])
        monkeypatch.setattr(
            "npvae.training.loop.held_out_losses", lambda *_: ({"loss": next(losses), "nll": 0.0, "kl": 0.0}, {})
        )
        vae = npvae.train(small(), x[:30], x[30:], patience=2, epochs=20, progress=False)
        assert len(vae.history) == 6

    def test_needs_data_to_judge_by(self, small, x):
        with pytest.raises(ValueError, match="patience is 3, but there is no held-out data to judge by: give x_valid"):
            npvae.train(small(), x, patience=3)
