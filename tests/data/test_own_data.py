"""The user's own files by path: every kind, the arrays that are taken, and what is said when it is not clear."""

import gzip

import numpy as np
import pytest

from npvae.data import DataError, hold_out, load_dataset
from npvae.data.images import Images
from npvae.data.registry import load_parts

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 4, 4), dtype=np.uint8)
Y = np.arange(40) % 10


def _same(parts, expected):
    for part, other in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part[:], other[:])
        assert part.image_shape == other.image_shape
        assert (part.labels is None) == (other.labels is None)
        if other.labels is not None:
            np.testing.assert_array_equal(part.labels, other.labels)


def test_npy_idx_and_png_hold_the_same(tmp_path, idx_bytes, png_bytes):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.idx").write_bytes(idx_bytes(X))
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx_bytes(X)))
    (tmp_path / "pictures").mkdir()
    for i, x in enumerate(X):
        (tmp_path / "pictures" / f"{i}.png").write_bytes(png_bytes(x))
    names = ["x.npy", "x.idx", "x.gz"]
    if pytest.importorskip("PIL"):
        names.append("pictures")
    for name in names:
        _same(load_dataset(tmp_path / name), hold_out(Images(X)))
        _same(load_dataset(str(tmp_path / name)), hold_out(Images(X)))


@pytest.mark.parametrize("key", ["x", "X", "images", "data", "train", "x_train", "anything"])
@pytest.mark.parametrize("labels", [None, "y", "labels", "y_train", "target"])
def test_npz_by_the_names_people_use(tmp_path, key, labels):
    np.savez(tmp_path / "x.npz", **{key: X} | ({labels: Y} if labels else {}))
    _same(load_dataset(tmp_path / "x.npz"), hold_out(Images(X, Y if labels else None)))


def test_npz_with_a_test_set_of_its_own(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=X[:30], y_train=Y[:30], x_test=X[30:], y_test=Y[30:])
    _same(load_dataset(tmp_path / "x.npz"), (Images(X[:30], Y[:30]), Images(X[30:], Y[30:])))
    np.savez(tmp_path / "x.npz", x_train=X[:30], x_test=X[30:, :2])
    with pytest.raises(DataError, match=r"x_test\]: image_shape is \(4, 4\), but an image has 8 pixels"):
        load_dataset(tmp_path / "x.npz")


def test_parts_are_whole_where_there_is_no_test_set(tmp_path):
    np.save(tmp_path / "one.npy", X[:1])
    everything, test = load_parts(tmp_path / "one.npy")
    assert (len(everything), everything.rows, test) == (1, None, None)
    np.savez(tmp_path / "x.npz", x=X, y=Y)
    everything, test = load_parts(tmp_path / "x.npz")
    np.testing.assert_array_equal(everything.labels, Y)
    assert test is None
    np.savez(tmp_path / "x.npz", x=X, x_test=X[:3])
    assert [len(part) for part in load_parts(tmp_path / "x.npz")] == [40, 3]
    assert [len(part) for part in load_parts("digits")] == [1501, 296]


def test_npz_that_is_not_clear_lists_its_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", a=X, b=X)
    with pytest.raises(DataError, match="holds a, b: name images x and x_test"):
        load_dataset(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz")
    with pytest.raises(DataError, match="holds no arrays"):
        load_dataset(tmp_path / "x.npz")


def test_zeros_and_ones_stay_zeros_and_ones(tmp_path):
    bits = (X > 127).astype(np.uint8)
    np.save(tmp_path / "x.npy", bits)
    train, test = load_dataset(tmp_path / "x.npy")
    assert (train.max_value, test.max_value, train.max()) == (1, 1, 1)
    np.save(tmp_path / "x.npy", bits * 2)
    assert load_dataset(tmp_path / "x.npy")[0].max_value == 255


def test_floats_stay_as_they_are(tmp_path):
    x = RNG.standard_normal((20, 9))
    np.save(tmp_path / "x.npy", x)
    train, test = load_dataset(tmp_path / "x.npy")
    assert train.image_shape == (3, 3)
    rows = np.concatenate([train[:], test[:]])
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], (y := x.astype("f4"))[np.lexsort(y.T)])


def test_a_folder_of_four_idx_files(tmp_path, idx_bytes):
    for name, x in [
        ("train-images-idx3-ubyte", X[:30]),
        ("train-labels-idx1-ubyte", Y[:30].astype("u1")),
        ("t10k-images-idx3-ubyte", X[30:]),
        ("t10k-labels-idx1-ubyte", Y[30:].astype("u1")),
    ]:
        (tmp_path / name).write_bytes(idx_bytes(x))
    _same(load_dataset(tmp_path), (Images(X[:30], Y[:30]), Images(X[30:], Y[30:])))
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is missing beside"):
        load_dataset(tmp_path)


def test_messages_name_the_file(tmp_path):
    x = np.zeros((5, 4), np.float32)
    x[3, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    (tmp_path / "x.png").write_bytes(b"")
    (tmp_path / "x.csv").write_text("1,2,3")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"1,2,3"))
    (tmp_path / "empty").mkdir()
    for name, message in [
        ("x.npy", "x.npy: row 3, pixel 1 is nan"),
        ("x.npz", r"x.npz\[x\]: row 3, pixel 1 is nan"),
        ("x.png", "x.png: a single picture: give the folder"),
        ("x.csv", "x.csv: not a .npy, .npz or idx file: read it, with np.loadtxt if it is text, and np.save it"),
        ("x.gz", "x.gz: starts with bytes 31 2c 32 2c, an idx file with"),
        ("gone.idx", "gone.idx: no such file"),
        ("empty", "empty: holds no .png file"),
    ]:
        with pytest.raises(DataError, match=message):
            load_dataset(tmp_path / name)
