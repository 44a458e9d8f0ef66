"""Files that hold no array of images: each is named for what it is, and every message names the file."""

import gzip
import zipfile

import numpy as np
import pytest

from npvae.data import DataError, load_dataset

X = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)


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
