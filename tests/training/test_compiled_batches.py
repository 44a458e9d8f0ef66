"""Batches of grey levels by a compiled pass have the bits of those that the data give, and no other data take it."""

import numpy as np
import pytest
from numba import config

import npvae
from npvae.data import Images, as_data
from npvae.training import compiled_batches
from npvae.training.compiled_batches import GreyLevels, compiled

compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="it exists compiled only")
ROWS = np.random.default_rng(1).integers(0, 40, 33)


def pixels(D=784, most=255):
    """(40, D) with every value from 0 to `most`."""
    levels = np.arange(40 * D) % (most + 1)
    return np.random.default_rng(0).permutation(levels).astype(np.uint8).reshape(40, D)


@compiled_only
@pytest.mark.parametrize(("most", "max_value"), [(255, None), (255, 255.3), (255, 1e30), (16, 16), (3, 3.1), (1, 1)])
@pytest.mark.parametrize("kind", ["rows", "images"])
def test_batches_have_the_bits_of_the_data(kind, most, max_value):
    data = as_data(Images(pixels(most=most), max_value=max_value), kind)
    fast = compiled(data, 2000, "numba")
    assert isinstance(fast, GreyLevels)
    for rows in (ROWS, ROWS[:1], ROWS[:0]):
        found, wanted = fast.batch(rows), data.batch(rows)
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(found, wanted)
    out = np.full(found.shape, 7, np.float32)
    assert fast.batch(ROWS[:0], out) is out


@compiled_only
def test_pixels_that_may_not_be_written_to():
    grey = pixels()
    grey.flags.writeable = False
    data = as_data(Images(grey))
    np.testing.assert_array_equal(compiled(data, 128, "numba").batch(ROWS), data.batch(ROWS))


@pytest.mark.parametrize(
    ("x", "batch_size", "backend"),
    [
        (Images(pixels()), 128, "numpy"),
        (Images(pixels()), 8, "numba"),
        (Images(pixels(), dtype=np.float64), 128, "numba"),
        (Images(pixels().astype(np.float32)), 128, "numba"),
        (Images(pixels()[:, ::2]), 128, "numba"),
        (pixels().astype(np.float32), 128, "numba"),
        (npvae.data.Sequences([[1], [2, 3]]), 2**15, "numba"),
    ],
)
def test_other_data_stay_as_they_are(x, batch_size, backend):
    data = as_data(x)
    assert compiled(data, batch_size, backend) is data


def test_doubles_of_floats_stay_as_they_are():
    data = as_data(Images(pixels()), dtype=np.float64)
    assert compiled(data, 128, "numba") is data


def test_a_map_stays_as_it_is_for_its_batches_are_checked(tmp_path):
    np.save(tmp_path / "x.npy", pixels())
    data = as_data(Images(np.load(tmp_path / "x.npy", mmap_mode="r")))
    assert compiled(data, 128, "numba") is data


@compiled_only
def test_a_training_has_the_same_bits(monkeypatch):
    ends, made = [], []
    monkeypatch.setattr(compiled_batches, "GreyLevels", lambda data: made.append(GreyLevels(data)) or made[-1])
    for pays_from in (1, 2**40):
        monkeypatch.setattr(compiled_batches, "PAYS_FROM", pays_from)
        vae = npvae.VAE(20, (8,), 2)
        npvae.train(vae, Images(pixels(D=20)), epochs=2, batch_size=16, progress=False)
        ends.append(vae.params.flat)
    np.testing.assert_array_equal(*ends)
    assert len(made) == 2, "one per epoch, of the first training alone"
