"""MNIST and the data sets that come in its four idx files: found in a folder, or downloaded once."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.data.download import download
from npvae.data.files import DataError, find_file
from npvae.data.idx import read_idx
from npvae.data.images import Images

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True)
class IdxSet:
    """A data set in MNIST's four files.

    folders      where people keep it below a data folder (the second name is torchvision's)
    url          where the files are published, with a slash at the end
    hashes       of the files in the order of FILES, as pooch writes them
    test_labels  the first ten labels of the test set: several data sets share the file names
    """

    name: str
    folders: tuple[str, ...]
    url: str
    hashes: tuple[str, str, str, str]
    test_labels: tuple[int, ...]


MNIST = IdxSet(
    name="mnist",
    folders=("mnist", "MNIST/raw"),
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    hashes=(
        "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    test_labels=(7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
)
FASHION_MNIST = IdxSet(
    name="fashion-mnist",
    folders=("fashion-mnist", "FashionMNIST/raw"),
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    hashes=(
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
    ),
    test_labels=(9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
)
_SETS = (MNIST, FASHION_MNIST)


def load_idx_set(wanted: IdxSet, data_dir: Path | None) -> tuple[Images, Images]:
    """A data set of _SETS -> (train, test), from a folder, or downloaded if `data_dir` is None.

    The files may lie in `data_dir` itself or in one of `wanted.folders` below it, with or without .gz. DataError if
    they do not, if one is damaged, or if they are another set's files.
    """
    if data_dir is None:
        paths = download(wanted.name, wanted.url, dict(zip(FILES, wanted.hashes, strict=True)))
    else:
        found = find_idx_files(data_dir, wanted.folders)
        if found is None:
            raise DataError(
                f"{data_dir}: holds no {FILES[0]} of {wanted.name}: point data_dir (--data-dir) at the folder with its "
                "four idx files, or leave it out to download them"
            )
        paths = found
    train, test = read_idx_files(paths)
    for other in _SETS:
        if other is not wanted and test.labels is not None and tuple(test.labels[:10]) == other.test_labels:
            raise DataError(
                f"{paths[3]}: holds the labels of {other.name}, not of {wanted.name}: choose the other name"
            )
    return train, test


def find_idx_files(data_dir: Path, folders: Sequence[str] = ()) -> list[Path] | None:
    """The four files in `data_dir/folder` or `data_dir`, in the order of FILES; None if the first is not there.

    DataError if the first is there and another is missing.
    """
    first = find_file(data_dir, folders, _spellings(FILES[0]))
    if first is None:
        return None
    paths = [find_file(first.parent, (), _spellings(name)) for name in FILES]
    for path, name in zip(paths, FILES, strict=True):
        if path is None:
            raise DataError(f"{first.parent}: {name} is missing beside {first.name}: put all four files there")
    return [path for path in paths if path is not None]


def find_named_idx_files(folder: Path, chosen: str | None = None) -> list[Path] | None:
    """The four files of a set whose name stands before them, such as emnist-letters-train-images-idx3-ubyte.gz.

    None if there is none. DataError if there are several and none is chosen, or one of the four is missing.
    """
    pattern = re.compile(r"(.+)-train-images[-.]idx3-ubyte(\.gz)?")
    found = [match for match in map(pattern.fullmatch, sorted(os.listdir(folder))) if match]
    sets = {match[1]: match[2] or "" for match in found}
    if not sets:
        return None
    if chosen is None and len(sets) > 1:
        raise DataError(f"{folder}: holds {', '.join(sets)}: choose one with --array NAME (array=)")
    name = chosen or next(iter(sets))
    if name not in sets:
        raise DataError(f"{folder}: holds {', '.join(sets)}, not {name}: choose one of these")
    paths = []
    for part in ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"):
        path = find_file(folder, (), _spellings(f"{name}-{part}-ubyte.gz"))
        if path is None:
            raise DataError(f"{folder}: {name}-{part}-ubyte is missing: put all four files of {name} there")
        paths.append(path)
    return paths


def _spellings(name: str) -> list[str]:
    bare = name.removesuffix(".gz")
    return [name, bare, bare.replace("-idx", ".idx")]


def read_idx_files(paths: Sequence[Path]) -> tuple[Images, Images]:
    """Train images, train labels, test images, test labels -> (train, test)."""
    train_images, train_labels, test_images, test_labels = paths
    pixels = [read_idx(path) for path in (train_images, test_images)]
    if train_images.name.startswith("emnist-"):  # lies on its side in the published files
        pixels = [np.ascontiguousarray(part.transpose(0, 2, 1)) for part in pixels if part.ndim == 3]
    train = Images(pixels[0], read_idx(train_labels), source=str(train_images))
    test = Images(pixels[1], read_idx(test_labels), source=str(test_images))
    train.note = f"{train_images.parent}: {len(train):,} and {len(test):,} to test, from four idx files"
    if test.image_shape != train.image_shape:
        raise DataError(
            f"{test_images}: images are {test.image_shape}, those of the train set {train.image_shape}: check the files"
        )
    return train, test
