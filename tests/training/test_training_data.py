"""Data larger than memory goes through the loop without filling it, and its batches are checked as they come."""

import sys

import numpy as np
import pytest

import npvae
from npvae.data import DataError, Images, Sequences, as_data
from npvae.data.contract import mapped_array
from npvae.training.training_data import describe

STEPS = 60
TRAIN = """
import re, signal, sys
from pathlib import Path
import numpy as np
import npvae

def anonymous():  # MB of memory that is not pages of a file
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

train = npvae.data.Images(npvae.data.read_npy(sys.argv[1]))
model, peak = npvae.VAE(784, (64,), 4, backend="numpy"), []
forward = model.forward

def watched(*args):
    peak.append(anonymous())
    if len(peak) == int(sys.argv[3]):
        signal.raise_signal(signal.SIGINT)
    return forward(*args)

model.forward = watched
npvae.train(model, train, out=sys.argv[2], checkpoint_steps=20, progress=False)
print(len(train), max(*peak, anonymous()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_memory_map_of_four_gigabytes_stays_out_of_memory(python, tmp_path):
    """A sparse file: as long as one, but without its blocks on the disk. Checkpoints are written meanwhile."""
    rows = 4 * 2**30 // 784
    np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(rows, 784))
    done = python("-c", TRAIN, tmp_path / "x.npy", tmp_path / "run", STEPS)
    found, megabytes = done.stdout.split()
    assert int(found) == rows
    assert float(megabytes) < 500
    about = npvae.training.read_checkpoint(tmp_path / "run").about
    assert about["step"] == STEPS
    assert "Go on with" in done.stderr


@pytest.fixture
def mapped(tmp_path):
    """Writes rows into a .npy and maps it."""

    def write(rows):
        np.save(tmp_path / "x.npy", rows)
        return np.load(tmp_path / "x.npy", mmap_mode="r")

    return write


def test_a_mapped_array_trains_as_the_same_array_in_memory(small, x, mapped):
    a, b = (npvae.train(small(), data, epochs=3, batch_size=8, progress=False) for data in (x, mapped(x)))
    np.testing.assert_array_equal(a.params.flat, b.params.flat)


def test_a_bad_value_far_down_in_a_map_is_refused_when_it_is_reached(small, mapped):
    rows = np.full((3000, 12), 0.5, np.float32)
    rows[2345, 6] = 1.5
    for data in (mapped(rows), Images(mapped(rows))):
        with pytest.raises(ValueError, match=r"bernoulli needs data in \[0, 1\], found \[0.5, 1.5\]"):
            npvae.train(small(), data, epochs=1, progress=False)
    rows[2345, 6] = np.nan
    with pytest.raises(DataError, match=r"row 2345, pixel 6 is nan"):
        npvae.train(small(), Images(mapped(rows)), epochs=1, progress=False)
    with pytest.raises(ValueError, match="not finite"):
        npvae.train(small(), mapped(rows), epochs=1, progress=False)


def test_the_head_of_a_map_is_refused_beforehand(small, mapped, tmp_path):
    with pytest.raises(ValueError, match=r"x_train: bernoulli needs data in \[0, 1\]"):
        npvae.train(small(), mapped(np.full((20, 12), 7, np.float32)), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_what_is_a_map(x, mapped):
    for data in (mapped(x), Images(mapped(x)), mapped(x)[3:], as_data(mapped(x))):
        assert mapped_array(data) is not None
    for data in (x, Images(x), as_data(x), Sequences([[1]])):
        assert mapped_array(data) is None


def test_a_description_depends_on_the_values_and_not_on_how_they_are_held(x):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 12)
    floats = pixels.astype(np.float32) / 255
    assert describe(Images(pixels), None, None) == describe(floats, None, None)
    assert describe(floats.astype(np.float64), None, None) == describe(floats, None, None)
    assert describe(np.asfortranarray(floats), None, None) == describe(floats, None, None)
    assert describe(floats, None, None)["x_train"] == {"rows": 4, "columns": 12, "checksum": "dd4328d8"}
    changed = floats.copy()
    changed[2, 3] += 1
    for other in (changed, floats[:3], floats[::-1], np.pad(floats, ((0, 0), (0, 1)))):
        assert describe(other, None, None) != describe(floats, None, None)
    assert describe(x, x[:3], None) == {**describe(x, None, None), "x_test": describe(x[:3], None, None)["x_train"]}
