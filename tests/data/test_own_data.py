"""The user's own files by path: every kind, the arrays that are taken, and what is said when it is not clear."""

import gzip
import zipfile

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


TABLES = {
    "a header and labels": ("label,p0,p1\n3,0,255\n1,7,8\n", [[0, 255], [7, 8]], [3, 1], 255),
    "labels last, in quotes": ('"p0";"Class"\n0,5;1\n'.replace(",", "."), [[0.5]], [1], 1),
    "tabs, blanks at the end": ("1\t2.5 \n3\t4\n\n", [[1, 2.5], [3, 4]], None, 1),
    "blanks": ("1 2\n3 4", [[1, 2], [3, 4]], None, 1),
    "a byte order mark": ("\ufeff1,2\n3,4", [[1, 2], [3, 4]], None, 1),
    "a point has a y": ("x,y\n1,2\n3,4", [[1, 2], [3, 4]], None, 1),
    "a label that is no whole number": ("a,target\n1,0.5\n3,4", [[1, 0.5], [3, 4]], None, 1),
    "pandas, with an index": (",a,label\n0,1.5,3\n1,2.5,4", [[1.5], [2.5]], [3, 4], 1),
    "pandas, columns without names": ("0,1,2,3,4,5,6,7\n8,7,6,5,4,3,2,1", [[8, 7, 6, 5, 4, 3, 2, 1]], None, 1),
    "a label and numbered columns": ("label,1,2\n5,6,7", [[6, 7]], [5], 1),
    "a few numbers are no header": ("0,1,2\n5,6,7", [[0, 1, 2], [5, 6, 7]], None, 1),
    "a label alone": ("label\n1\n2", [[1], [2]], None, 1),
    "whole numbers that are no grey levels": ("a,b\n1,200\n3,254", [[1, 200], [3, 254]], None, 1),
}


@pytest.mark.parametrize(("text", "values", "labels", "max_value"), TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("zipped", [False, True])
def test_text_tables(tmp_path, text, values, labels, max_value, zipped):
    content = text.encode()
    path = tmp_path / ("t.csv.gz" if zipped else "t.csv")
    path.write_bytes(gzip.compress(content) if zipped else content)
    images, test = load_parts(path)
    assert test is None
    np.testing.assert_array_equal(images[:], np.array(values, "f4") / np.float32(max_value))
    assert images.labels is None if labels is None else images.labels.tolist() == labels
    assert f"{len(values)} lines of {len(values[0])} numbers" in images.note


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x", r"sample 1, column b is 'x', expected a number"),
        ("1,2\n3,", r"sample 1, column 1 is '', expected a number"),
        ("1,2\n3,4,5", "sample 1 has 3 numbers, sample 0 has 2"),
        ("a,b\n1,2,3", "the header has 2 names, a line 3 numbers"),
        ("a,b\n", "no lines after its header"),
        ("\n \n", "holds no lines"),
        ("0,5;1,5\n1;2", "sample 0, column 0 is '0,5', expected a number"),
        ("1,,3\n4,5,6", "sample 0, column 1 is '', expected a number"),
        ("0,,1\n4,5,6", "sample 0, column 1 is '', expected a number"),
        ("1,x,3\n4,5,6", "sample 0, column 1 is 'x', expected a number"),
        ("1,nan\n2,3", "row 0, pixel 1 is nan, expected finite numbers"),
        ("1_0,2\n3,4", "sample 0, column 0 is '1_0', expected a number"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=f"t.csv: .*({message})"):
        load_dataset(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: write or fetch it again"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file: read it with h5py"),
        (b"\x80\x04\x95", "is a pickle: load it where you trust it"),
        (b"\x01\x02\x03", "not a .npy, .npz, .csv, idx or picture file"),
        (b"caf\xe9, 1", "not a .npy"),
        (b"\x1f\x8bxx", "damaged"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path, content, message):
    (tmp_path / "x.dat").write_bytes(content)
    with pytest.raises(DataError, match=f"x.dat: {message}"):
        load_dataset(tmp_path / "x.dat")


def test_a_zip_of_pictures_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.jpg", b"")
    with pytest.raises(DataError, match=r"x.zip: a zip with 1 .jpg in it and no array: unpack it and give the folder"):
        load_dataset(tmp_path / "x.zip")


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


def test_a_name_that_is_a_data_set_and_a_folder_says_which_was_taken(tmp_path, monkeypatch, png_bytes):
    monkeypatch.chdir(tmp_path)
    assert load_dataset("digits")[0].note == ""
    (tmp_path / "digits").mkdir()
    for i in range(3):
        (tmp_path / "digits" / f"{i}.png").write_bytes(png_bytes(X[i]))
    train, _ = load_dataset("digits")
    assert len(train) == 1501
    assert train.note == "digits: the data set of that name, not the folder ./digits, which you get by writing ./digits"
    assert len(load_dataset("./digits")[0]) == 2


def test_messages_name_the_file(tmp_path):
    x = np.zeros((5, 4), np.float32)
    x[3, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "x.csv").write_text("1,2,3")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"\0\1\2"))
    (tmp_path / "empty").mkdir()
    for name, message in [
        ("x.npy", "x.npy: row 3, pixel 1 is nan"),
        ("x.npz", r"x.npz\[x\]: row 3, pixel 1 is nan"),
        ("x.png", "x.png: cut off after 8 bytes"),
        ("x.csv", "x.csv: one row cannot be split into train and test: give at least two"),
        ("x.gz", "x.gz: not a .npy, .npz, .csv, idx or picture file"),
        ("gone.idx", "gone.idx: no such file"),
        ("empty", "empty: holds no picture: give a folder of .png, .jpg or other picture files"),
    ]:
        with pytest.raises(DataError, match=message):
            load_dataset(tmp_path / name)


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


def test_a_file_of_words_is_no_table_with_labels(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("ann\nbob\ncleo\n", encoding="utf-8")
    with pytest.raises(DataError, match="lines of text are for --model sequence_vae") as said:
        load_dataset(str(path))
    assert "--labels" not in str(said.value)
