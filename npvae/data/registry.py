"""Data sets by name, and the user's own by path."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from npvae.data import local
from npvae.data.digits import load_digits
from npvae.data.files import DataError
from npvae.data.hangul import load_hangul
from npvae.data.images import Images
from npvae.data.mnist import FASHION_MNIST, MNIST, load_idx_set
from npvae.data.own_data import read_own
from npvae.data.read_graph import GRAPHS
from npvae.data.reading import Reading
from npvae.data.shapes import load_shapes
from npvae.data.split import with_test
from npvae.data.text import SEQUENCES
from npvae.scalars import check_path

_LOADERS: dict[str, Callable[[Path | None], tuple[Images, Images]]] = {
    "digits": lambda data_dir: load_digits(),
    "mnist": partial(load_idx_set, MNIST),
    "fashion-mnist": partial(load_idx_set, FASHION_MNIST),
    "binarized-mnist": local.load_binarized_mnist,
    "frey": local.load_frey,
    "omniglot": local.load_omniglot,
    "mnist1d": local.load_mnist1d,
    "shapes": lambda data_dir: load_shapes(),
    "hangul": load_hangul,
    "hangul-serif": partial(load_hangul, typeface="serif"),
}

_NO_CHOICE = Reading()

DATASETS = tuple(_LOADERS)
"""The names that `load_dataset` knows."""


def load_dataset(
    name_or_path: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    array: str | None = None,
    colour: str = "keep",
    resize: tuple[int, int] | None = None,
    layout: str | None = None,
    max_value: float | None = None,
    labels: str | None = None,
) -> tuple[Images, Images]:
    """A data set -> (train, test), both Images.

    By name:

        digits           1,501 + 296 images of 8 x 8, shipped with npvae
        mnist            60,000 + 10,000 of 28 x 28
        fashion-mnist    60,000 + 10,000 of 28 x 28
        binarized-mnist  50,000 + 10,000 of 28 x 28, zeros and ones
        frey             1,769 + 196 of 28 x 20
        omniglot         4,356 + 484 of 28 x 28
        mnist1d          4,000 + 1,000 of 1 x 40, real numbers
        shapes           5,530 + 614 of 16 x 16, drawn from known factors (`npvae.data.shapes`)
        hangul           10,055 + 1,117 of 28 x 28, all modern syllables, shipped with npvae (`npvae.data.hangul`);
                         hangul-serif is the same in another typeface

    data_dir is the folder of the files, or its parent; by default the environment variable NPVAE_DATA. Without either,
    mnist and fashion-mnist are downloaded once (needs the extra `data`); with one, nothing is ever downloaded.

    By path, the user's own data (write ./mnist for a folder that has a data set's name):

        a folder       of pictures in any format that Pillow reads; or of folders of them, one for each class; or of
                       folders train and test of either; or of four idx files named as MNIST's or EMNIST's
        a .npy         images (N, D), (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3, also .npy.gz. Above 1 GiB
                       a .npy is not read but mapped into memory, and its batches stream from disk
        a .npz         images in x_train, x, X, images, data, imgs or the only array; labels, if any, in y_train, y,
                       labels or target; a test set, if any, in x_test with y_test
        an idx file    images, bare or .gz
        a text table   .csv and its like, perhaps with a header line and a column named label; also .gz
        one picture    as a data set of length 1: to encode

    The first bytes of a file say what it holds, and a name that ends otherwise is mentioned. The choices, of which
    those that have no effect are refused, are fields of `npvae.data.reading.Reading`:

        array      the array to take of a .npz, or the set of a folder with several idx sets
        colour     "keep", "grey" or "rgb", for pictures and arrays with colours
        resize     (height, width) for pictures; without it they must be of one size
        layout     "NHWC" or "NCHW", where either axis of an array could hold the colours
        max_value  the number that becomes 1.0
        labels     the column of a table that holds labels, numbers or names, if it is not called label, class, target

    Pixels are uint8, of which 255 becomes 1 (if the train set holds only 0 and 1, these stay 0 and 1), or floats, which
    stay as they are; other whole numbers need a max_value unless they end at 1 or 255. Where there is no test set, one
    row in ten is held out: `npvae.data.split.hold_out`. What was read and what was left out stands in `train.note`.

    Raises DataError for an unknown name, a missing folder, a damaged file, a download that failed.

    Example:
        >>> train, test = npvae.load_dataset("digits")
        >>> train.shape, test.shape
        ((1501, 64), (296, 64))
    """
    reading = Reading(array, colour, resize, layout, max_value, labels)
    return with_test(*load_parts(name_or_path, data_dir, reading))


def load_parts(
    name_or_path: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    reading: Reading = _NO_CHOICE,
) -> tuple[Images, Images | None]:
    """As `load_dataset`, but the user's own data without a test set stay whole: (everything, None)."""
    if data_dir is None:
        data_dir = os.environ.get("NPVAE_DATA") or None
    path = Path() if name_or_path == "" else check_path("name_or_path", name_or_path)
    name = str(name_or_path).lower().replace("_", "-") if isinstance(name_or_path, str) else None
    if name in _LOADERS:
        return _load_named(name, str(name_or_path), None if data_dir is None else Path(data_dir).expanduser(), reading)
    if name != "" and os.path.exists(path):  # Path("") is the folder one is in
        return read_own(path, reading)
    if name is None or any(mark in name for mark in (os.sep, os.altsep) if mark) or path.suffix:
        raise DataError(f"{path}: no such file or folder; the data sets by name are {', '.join(DATASETS)}")
    near = difflib.get_close_matches(name, DATASETS, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    raise DataError(
        f"unknown data set {str(name_or_path)!r}{guess}: expected one of {', '.join(DATASETS)}, "
        "or the path of a folder of pictures, a .npy, a .npz, a .csv or an idx file"
    )


def kept_name(name_or_path: str) -> str:
    """What a run keeps of the data it was trained on: the name of a data set, or the absolute path of the user's."""
    if name_or_path.lower().replace("_", "-") in (*_LOADERS, *SEQUENCES, *GRAPHS):
        return name_or_path
    return os.path.abspath(os.path.expanduser(name_or_path))


def _load_named(name: str, given: str, data_dir: Path | None, reading: Reading) -> tuple[Images, Images]:
    """A data set of _LOADERS, with a note if something of that name lies in the folder one is in."""
    for choice in reading.chosen():
        raise DataError(f"{name}: --{choice.replace('_', '-')} ({choice}=) is for the user's own data: leave it out")
    train, test = _LOADERS[name](data_dir)
    if os.path.exists(given):
        what = "folder" if os.path.isdir(given) else "file"
        other = os.path.join(os.curdir, given)
        train.note = f"{name}: the data set of that name, not the {what} {other}, which you get by writing {other}"
    return train, test
