"""Data sets by name: found in a folder or below it, told apart, and near misses named."""

import gzip
import os

import numpy as np
import pytest

from npvae.data import DATASETS, DataError, load_dataset
from npvae.data.mnist import FASHION_MNIST, FILES, MNIST

SHAPES = {
    "digits": (1501, 296, (8, 8), 10),
    "shapes": (5530, 614, (16, 16), 3),
    "mnist": (60_000, 10_000, (28, 28), 10),
    "binarized-mnist": (50_000, 10_000, (28, 28), None),
    "frey": (1769, 196, (28, 20), None),
    "omniglot": (4356, 484, (28, 28), 8),
    "mnist1d": (4000, 1000, (1, 40), 10),
    "hangul": (10_055, 1117, (28, 28), 6),
    "hangul-serif": (10_055, 1117, (28, 28), 6),
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("NPVAE_DATA", raising=False)


@pytest.mark.parametrize("name", SHAPES)
def test_real_data(shared_data, name):
    train, test = load_dataset(name, shared_data)
    found = (len(train), len(test), train.image_shape)
    assert found == SHAPES[name][:3]
    assert test.image_shape == train.image_shape
    for part in (train, test):
        assert (None if part.labels is None else len(np.unique(part.labels))) == SHAPES[name][3]
        if name != "mnist1d":
            assert 0 <= part.min() < part.max() <= 1
    if name == "binarized-mnist":
        assert set(np.unique(train[:1000])) == {0, 1}


def test_train_and_test_of_omniglot_share_no_image(shared_data):
    train, test = load_dataset("omniglot", shared_data)
    assert not {x.tobytes() for x in train.pixels} & {x.tobytes() for x in test.pixels}


def test_mnist_is_mnist(shared_data):
    train, _ = load_dataset("mnist", shared_data / "mnist")
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert round(float(np.mean(train.pixels)) / 255, 4) == 0.1307  # the mean that everyone normalises with


def _write(folder, idx_bytes, test_labels, zipped=True, spelling="-idx"):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name, count in zip(FILES, (20, 20, 10, 10), strict=True):
        x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        if "labels" in name:
            x = np.resize(np.array(test_labels, "u1"), count)
        content = idx_bytes(x)
        name = name.replace("-idx", spelling)
        if zipped:
            (folder / name).write_bytes(gzip.compress(content, 1))
        else:
            (folder / name.removesuffix(".gz")).write_bytes(content)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_four_files_are_found_where_people_keep_them(tmp_path, idx_bytes, name, below, zipped):
    wanted = MNIST if name == "mnist" else FASHION_MNIST
    for folder in wanted.folders if below else ("",):
        _write(tmp_path / "data" / folder, idx_bytes, wanted.test_labels, zipped, "-idx" if zipped else ".idx")
        train, test = load_dataset(name, tmp_path / "data")
        assert (train.shape, test.shape, train.image_shape) == ((20, 784), (10, 784), (28, 28))
        assert tuple(test.labels) == wanted.test_labels


def test_the_environment_is_the_default_folder(tmp_path, idx_bytes, monkeypatch):
    _write(tmp_path / "mnist", idx_bytes, MNIST.test_labels)
    monkeypatch.setenv("NPVAE_DATA", str(tmp_path))
    assert len(load_dataset("mnist")[0]) == 20
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(DataError, match="elsewhere: holds no train-images"):
        load_dataset("mnist", tmp_path / "elsewhere")
    for name in ("mnist", "frey"):
        with pytest.raises(DataError, match="absent: no such folder: check data_dir"):
            load_dataset(name, tmp_path / "absent")


def test_names_may_be_spelt_otherwise(tmp_path, idx_bytes):
    _write(tmp_path, idx_bytes, FASHION_MNIST.test_labels)
    for name in ("fashion-mnist", "Fashion-MNIST", "fashion_mnist"):
        assert len(load_dataset(name, tmp_path)[1]) == 10


def test_one_set_is_not_taken_for_another(tmp_path, idx_bytes):
    for wanted, other in ((MNIST, FASHION_MNIST), (FASHION_MNIST, MNIST)):
        _write(tmp_path, idx_bytes, other.test_labels)
        with pytest.raises(DataError, match=f"holds the labels of {other.name}, not of {wanted.name}"):
            load_dataset(wanted.name, tmp_path)


def test_a_damaged_file_in_the_folder(tmp_path, idx_bytes):
    _write(tmp_path, idx_bytes, MNIST.test_labels)
    content = (tmp_path / FILES[0]).read_bytes()
    (tmp_path / FILES[0]).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=FILES[0]):
        load_dataset("mnist", tmp_path)


def test_files_that_do_not_belong_together(tmp_path, idx_bytes):
    _write(tmp_path, idx_bytes, MNIST.test_labels)
    (tmp_path / FILES[2]).write_bytes(idx_bytes(np.zeros((10, 8, 8), "u1")))
    with pytest.raises(DataError, match=r"\(8, 8\), those of the train set \(28, 28\)"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"unknown data set 'mnits' \(did you mean mnist\?\): expected one of digits, mnist"),
        ("FashionMNIST", "did you mean fashion-mnist"),
        ("xyzzy", "unknown data set 'xyzzy': expected one of"),
        ("", "unknown data set '': expected one of"),
        ("data/x.npy", "data/x.npy: no such file or folder"),
        ("faces.npz", "faces.npz: no such file or folder"),
        ("a\0b", "unknown data set"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(DataError, match=message):
        load_dataset(name)


@pytest.mark.parametrize("name", ["binarized-mnist", "frey", "omniglot", "mnist1d"])
def test_what_is_never_downloaded_says_where_to_put_it(name, tmp_path):
    with pytest.raises(DataError, match=f"{name}: is not downloaded: point data_dir"):
        load_dataset(name)
    with pytest.raises(DataError, match=r"holds neither .*\.npz"):
        load_dataset(name, tmp_path)


def test_every_name_is_documented():
    for name in DATASETS:
        assert f"        {name} " in load_dataset.__doc__


def test_a_path_of_windows_is_told_as_a_path_with_either_mark(monkeypatch):
    monkeypatch.setattr(os, "sep", "\\")
    monkeypatch.setattr(os, "altsep", "/")
    for path in ("pets/cats", "pets\\cats"):
        with pytest.raises(DataError, match="no such file or folder; the data sets by name are"):
            load_dataset(path)
