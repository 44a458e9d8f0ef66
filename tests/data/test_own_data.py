"""The user's own arrays by path: every kind, which are taken, and what is said when it is not clear."""

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


def test_a_test_set_in_colour_is_made_grey_with_its_train_set(tmp_path):
    x = RNG.integers(0, 256, (20, 4, 5, 3), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", x_train=x[:15], x_test=x[15:])
    for colour, shape in (("keep", (4, 5, 3)), ("grey", (4, 5)), ("rgb", (4, 5, 3))):
        parts = load_dataset(tmp_path / "x.npz", colour=colour)
        assert [(len(part), part.image_shape) for part in parts] == [(15, shape), (5, shape)]
    np.savez(tmp_path / "x.npz", x_train=X[:30], x_test=X[30:].reshape(10, 16))
    assert load_dataset(tmp_path / "x.npz")[1].image_shape == (4, 4)


def test_a_test_set_of_another_dtype_has_its_own_scale(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=X[:30] / np.float32(255), x_test=X[30:])
    train, test = load_dataset(tmp_path / "x.npz")
    assert (train.max_value, test.max_value) == (1, 255)
    bits = (X > 127).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=bits[:30], x_test=np.zeros_like(bits[30:]))
    assert [part.max_value for part in load_dataset(tmp_path / "x.npz")] == [1, 1]


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
    with pytest.raises(DataError, match=r"holds a, b: choose one with --array NAME \(array=\), or name images x"):
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
    with pytest.raises(DataError, match=r"--colour .* has no effect on a folder of MNIST's files"):
        load_dataset(tmp_path, colour="grey")
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    train, test = load_dataset(tmp_path)  # most models do not look at labels
    assert test.labels is None
    assert train.note.endswith("from idx files, without labels")
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz is missing beside"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u2", "u4", "u8", "f4", "f8"])
@pytest.mark.parametrize("suffix", ["npy", "npy.gz", "npz", "idx", "csv"])
def test_whole_numbers_of_every_size_are_grey_levels_if_they_end_at_255(tmp_path, idx_bytes, dtype, suffix):
    x = X.copy()
    x[0, 0, 0] = 255
    if dtype == "i1":
        x //= 255  # zeros and ones
    if suffix == "idx" and dtype in ("i8", "u2", "u4", "u8"):
        pytest.skip("idx has no such type")
    path, array = tmp_path / f"x.{suffix}", x.astype(dtype)
    if suffix == "npz":
        np.savez(path, imgs=array, other=np.arange(3))
    elif suffix == "idx":
        path.write_bytes(idx_bytes(array))
    elif suffix == "csv":
        np.savetxt(path, array.reshape(40, 16), delimiter=",", fmt="%d")
    else:
        np.save(tmp_path / "x.npy", array)
        if suffix == "npy.gz":
            path.write_bytes(gzip.compress((tmp_path / "x.npy").read_bytes()))
    if dtype.startswith("f") and suffix != "csv":
        return _same(load_dataset(path), hold_out(Images(array)))  # floats stay as they are
    return _same(load_dataset(path), hold_out(Images(x, max_value=1 if dtype == "i1" else 255)))


def test_whole_numbers_whose_white_is_not_known_need_it(tmp_path):
    deep = X.astype(np.uint16) * 16
    np.save(tmp_path / "x.npy", deep)
    with pytest.raises(
        DataError, match=r"whole numbers from \d+ to 40\d\d, whose white is not known: add --max-value 40"
    ):
        load_dataset(tmp_path / "x.npy")
    train, _ = load_dataset(tmp_path / "x.npy", max_value=4095)
    assert (train.max_value, train.dtype) == (4095, np.float32)
    np.testing.assert_array_equal(train[0], hold_out(Images(deep.astype("f4"), max_value=4095))[0][0])
    np.save(tmp_path / "x.npy", X.astype(np.int16) - 128)
    with pytest.raises(DataError, match=r"some of them negative: save \(x \+ 1\d\d\) / "):
        load_dataset(tmp_path / "x.npy", max_value=100)


def test_arrays_in_colour_and_the_choices_that_concern_them(tmp_path):
    x = RNG.integers(0, 256, (20, 4, 5, 3), dtype=np.uint8)
    np.save(tmp_path / "last.npy", x)
    np.save(tmp_path / "first.npy", x.transpose(0, 3, 1, 2))
    np.savez(tmp_path / "both.npz", a=x, b=x[:, :, :3].transpose(0, 3, 1, 2), labels=np.arange(20))
    for name in ("last.npy", "first.npy"):
        _same(load_dataset(tmp_path / name), hold_out(Images(x)))
        grey = load_dataset(tmp_path / name, colour="grey")[0]
        assert grey.image_shape == (4, 5)
    train, _ = load_dataset(tmp_path / "both.npz", array="a")
    assert (train.image_shape, train.labels) == ((4, 5, 3), None)
    assert train.note.endswith("; left out: b, labels")
    with pytest.raises(DataError, match=r"either axis of 3 could be the colours: say layout='NHWC'"):
        load_dataset(tmp_path / "both.npz", array="b")
    assert load_dataset(tmp_path / "both.npz", array="b", layout="NCHW")[0].image_shape == (4, 3, 3)
    assert load_dataset(tmp_path / "last.npy", colour="rgb")[0].image_shape == (4, 5, 3)
    np.save(tmp_path / "grey.npy", X)
    train, _ = load_dataset(tmp_path / "grey.npy", colour="rgb")
    np.testing.assert_array_equal(train[:].reshape(-1, 4, 4, 3)[..., 1], hold_out(Images(X))[0][:].reshape(-1, 4, 4))
    with pytest.raises(DataError, match="holds a, b, labels, not c"):
        load_dataset(tmp_path / "both.npz", array="c")


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        (
            "grey.npy",
            {"array": "x"},
            r"--array \(array=\) has no effect on a \.npy, only on \.npz, folder of idx files: leave",
        ),
        ("grey.npy", {"resize": (4, 4)}, r"--resize .* has no effect on a \.npy"),
        ("t.csv", {"colour": "grey"}, "--colour .* no effect on a text"),
        ("digits", {"colour": "grey"}, "digits: --colour .* is for the user's own data"),
    ],
)
def test_a_choice_without_an_effect_is_refused(tmp_path, monkeypatch, name, choice, message):
    monkeypatch.chdir(tmp_path)
    np.save("grey.npy", X)
    (tmp_path / "t.csv").write_text("1,2\n3,4\n")
    with pytest.raises(DataError, match=message):
        load_dataset(name, **choice)


def test_a_file_is_what_it_holds_and_not_what_it_is_called(tmp_path, idx_bytes, png_bytes):
    np.save(tmp_path / "x.npy", X)
    content = (tmp_path / "x.npy").read_bytes()
    for name in ("x.npz", "x.csv", "x.idx", "x.jpg", "x"):
        (tmp_path / name).write_bytes(content)
        train, test = load_dataset(tmp_path / name)
        _same((train, test), hold_out(Images(X)))
        assert ("but read as what it holds: npy" in train.note) == (name != "x")
    (tmp_path / "y.npy").write_bytes(idx_bytes(X))
    _same(load_dataset(tmp_path / "y.npy"), hold_out(Images(X)))
    (tmp_path / "z.npy").write_bytes(png_bytes(X[0]))
    assert len(load_parts(tmp_path / "z.npy")[0]) == 1


def test_emnist_by_its_names_and_upright(tmp_path, idx_bytes):
    for name in ("emnist-letters", "emnist-mnist"):
        for part, images in (("train", X[:30]), ("test", X[30:])):
            (tmp_path / f"{name}-{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
            (tmp_path / f"{name}-{part}-labels-idx1-ubyte").write_bytes(idx_bytes(np.ones(len(images), "u1")))
    with pytest.raises(DataError, match="holds emnist-letters, emnist-mnist: choose one with --array NAME"):
        load_dataset(tmp_path)
    train, test = load_dataset(tmp_path, array="emnist-letters")
    assert (len(train), len(test)) == (30, 10)
    np.testing.assert_array_equal(train.pixels[0].reshape(4, 4), X[0].T)
    with pytest.raises(DataError, match="not emnist-digits: choose one of these"):
        load_dataset(tmp_path, array="emnist-digits")
    (tmp_path / "emnist-letters-test-labels-idx1-ubyte").unlink()
    assert load_dataset(tmp_path, array="emnist-letters")[1].labels is None
    (tmp_path / "emnist-letters-test-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="emnist-letters-test-images-idx3-ubyte is missing"):
        load_dataset(tmp_path, array="emnist-letters")


@pytest.mark.parametrize("dtype", ["U", "S", ">U8"])
def test_labels_of_text_in_a_npz_are_names(tmp_path, dtype):
    names = np.array(["가" if dtype != "S" else "ga", "na"] * 20, dtype)
    np.savez(tmp_path / "x.npz", x=X, y=names, x_test=X[:3], y_test=np.array(["na", "na", "xi"], dtype))
    train, test = load_dataset(tmp_path / "x.npz")
    assert train.note.endswith("with labels")
    known = sorted({*np.unique(names.astype(str)), "na", "xi"})
    assert train.class_names == test.class_names == tuple(known)
    assert [known[i] for i in test.labels] == ["na", "na", "xi"]
    assert [known[i] for i in train.labels[:2]] == names[:2].astype(str).tolist()


def test_labels_that_are_objects_are_left_out_and_the_note_says_how_to_save_them(tmp_path):
    np.savez(tmp_path / "x.npz", x=X, y=np.array(["a", None] * 20, object))
    note = load_dataset(tmp_path / "x.npz")[0].note
    assert "without labels" in note
    assert "holds Python objects, expected numbers or text: save np.array(values, dtype=str)" in note


def test_text_is_for_labels_alone(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array([["a", "b"]] * 20))
    with pytest.raises(DataError, match="holds dtype <U1, expected integers or floats"):
        load_dataset(tmp_path / "x.npz")
