"""Data of the user's own: a .npy, a .npz, an idx file, a folder of PNGs or of MNIST's four idx files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npvae.data.files import DataError
from npvae.data.idx import looks_like_idx, read_idx
from npvae.data.images import Images
from npvae.data.mapped import mapped_file
from npvae.data.mnist import find_idx_files, read_idx_files
from npvae.data.npy import npz_names, read_npy, read_npz
from npvae.data.png import read_png_folder
from npvae.data.split import with_test

# The names under which people save arrays in a .npz, the most telling first.
_TRAIN = ("x_train", "X_train", "train_images", "x", "X", "images", "data", "train")
_TEST = ("x_test", "X_test", "test_images", "test")
_TRAIN_LABELS = ("y_train", "train_labels", "y", "labels", "target")
_TEST_LABELS = ("y_test", "test_labels")

_LOOKED_AT = 1000  # rows of a memory map from which its scale is guessed


def read_own(path: Path, gaps: bool = False) -> tuple[Images, Images | None]:
    """Read the user's own data -> (train, test), or (everything, None). What may be there is told in `load_dataset`."""
    if path.is_dir():
        idx_files = find_idx_files(path)
        if idx_files is not None:
            return read_idx_files(idx_files)
        return Images(read_png_folder(path), source=str(path)), None
    if path.suffix.lower() == ".npz":
        return read_images_of_npz(path, gaps)
    if path.suffix.lower() == ".png":
        raise DataError(f"{path}: a single picture: give the folder it is in")
    if path.suffix.lower() == ".npy":
        pixels = read_npy(path)
    elif looks_like_idx(path):
        pixels = read_idx(path)
    else:
        raise DataError(f"{path}: not a .npy, .npz or idx file: read it, with np.loadtxt if it is text, and np.save it")
    return Images(pixels, max_value=_scale(pixels), source=str(path), gaps=gaps), None


def load_npz(path: Path) -> tuple[Images, Images]:
    """Read a .npz -> (train, test), with labels if it has some. Without a test set, one row in ten is held out."""
    return with_test(*read_images_of_npz(path))


def read_images_of_npz(path: Path, gaps: bool = False) -> tuple[Images, Images | None]:
    """Read a .npz -> (train, test), or (everything, None). Which arrays are taken is told in `load_dataset`."""
    names = npz_names(path)
    train, test = _first(_TRAIN, names), _first(_TEST, names)
    train_labels, test_labels = _first(_TRAIN_LABELS, names), _first(_TEST_LABELS, names)
    if train is None:
        others = [name for name in names if name not in (test, train_labels, test_labels)]
        if len(others) != 1:
            raise DataError(
                f"{path}: holds {', '.join(names) or 'no arrays'}: name images x and x_test, labels y and y_test"
            )
        train = others[0]
    arrays = read_npz(path, [name for name in (train, test, train_labels, test_labels) if name])
    max_value = _scale(arrays[train])
    labels = arrays[train_labels] if train_labels else None
    images = Images(arrays[train], labels, max_value=max_value, source=f"{path}[{train}]", gaps=gaps)
    if test is None:
        return images, None
    labels = arrays[test_labels] if test_labels else None
    held_out = Images(
        arrays[test], labels, image_shape=images.image_shape, max_value=max_value, source=f"{path}[{test}]", gaps=gaps
    )
    return images, held_out


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _scale(pixels: np.ndarray) -> float | None:
    """The max_value of the user's pixels: 1 if they are uint8 and only 0 and 1, None for the usual one of their dtype.

    Only the head of a memory map is looked at. Should a larger value follow, `Images` refuses the batch it is in.
    """
    if pixels.dtype != np.uint8 or pixels.size == 0:
        return None
    head = pixels[:_LOOKED_AT] if mapped_file(pixels) is not None else pixels
    return 1 if head.max() <= 1 else None
