"""The user's own data: arrays in files of every usual kind, and folders of pictures or of idx files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from npvae.data.files import MAX_BYTES, DataError
from npvae.data.idx import read_idx
from npvae.data.image_shapes import in_words
from npvae.data.images import Images
from npvae.data.labels import read_labels
from npvae.data.luma import to_colours
from npvae.data.mapped import mapped_file
from npvae.data.mnist import find_idx_files, find_named_idx_files, read_idx_files
from npvae.data.npy import npz_names, read_npy, read_npz, read_zipped_npy
from npvae.data.picture_folders import read_picture_folder, read_single_picture
from npvae.data.png import read_png_folder
from npvae.data.reading import Reading
from npvae.data.sniff import disagreement, kind_of
from npvae.data.split import with_test
from npvae.data.tables import read_table

# The names under which people save arrays in a .npz, the most telling first.
_TRAIN = ("x_train", "X_train", "train_images", "x", "X", "images", "data", "train", "imgs", "image", "img", "pixels")
_TEST = ("x_test", "X_test", "test_images", "test")
_TRAIN_LABELS = ("y_train", "train_labels", "y", "labels", "target")
_TEST_LABELS = ("y_test", "test_labels")

_LOOKED_AT = 1000  # rows of a memory map from which its scale is guessed
_NO_CHOICE = Reading()


def read_own(path: Path, reading: Reading = _NO_CHOICE) -> tuple[Images, Images | None]:
    """Read the user's own data -> (train, test), or (everything, None). `load_dataset` lists what may be there.

    DataError if it cannot be used, or if a choice of `reading` has no effect on it.
    """
    if path.is_dir():
        return _read_folder(path, reading)
    kind, zipped = kind_of(path)
    _check_choices(path, reading, kind)
    if kind == "picture":
        images, test = read_single_picture(path, reading), None
    elif kind == "npz":
        images, test = read_images_of_npz(path, reading)
    elif kind == "text":
        images, test = _read_table(path, reading, zipped), None
    else:
        read = read_idx if kind == "idx" else read_zipped_npy if zipped else read_npy
        images, test = _as_images(read(path), None, reading, str(path)), None
    images.note += disagreement(path, kind)
    return images, test


def _read_folder(path: Path, reading: Reading) -> tuple[Images, Images | None]:
    idx_files = find_idx_files(path)
    if idx_files is not None:
        _check_choices(path, reading, "folder of MNIST's files")
        return read_idx_files(idx_files)
    if reading.as_010:
        return Images(read_png_folder(path), source=str(path)), None
    named = find_named_idx_files(path, reading.array)
    _check_choices(path, reading, "folder of pictures" if named is None else "folder of idx files")
    return read_picture_folder(path, reading) if named is None else read_idx_files(named)


_TAKES = {  # choice -> what it is for
    "array": ("npz", "folder of idx files"),
    "resize": ("folder of pictures", "picture"),
    "layout": ("npy", "npz", "idx"),
    "max_value": ("npy", "npz", "idx", "text"),
    "labels": ("text",),
    "colour": ("folder of pictures", "picture", "npy", "npz", "idx"),
}

_IN_WORDS = {"npy": ".npy", "npz": ".npz", "idx": "idx file", "text": "text table"}


def _check_choices(path: Path, reading: Reading, kind: str) -> None:
    """DataError for a choice that would have no effect."""
    for name in reading.chosen():
        if kind not in _TAKES[name]:
            option = "--" + name.replace("_", "-")
            raise DataError(
                f"{path}: {option} ({name}=) has no effect on a {_IN_WORDS.get(kind, kind)}, only on "
                f"{', '.join(_IN_WORDS.get(each, each) for each in _TAKES[name])}: leave it out"
            )


def _read_table(path: Path, reading: Reading, zipped: bool) -> Images:
    """A text table as Images. Whole numbers that go up to 255 exactly are grey levels; others stay what they are.

    Columns whose names are words are measurements, (1, D), even if D is a square.
    """
    table = read_table(path, zipped=zipped, gaps=reading.gaps, labels=reading.labels)
    if "labels" in reading.chosen() and table.label_name != reading.labels:
        found = f"its columns are {', '.join(table.columns)}" if table.columns else "it has no header line"
        raise DataError(f"{path}: holds no column {reading.labels!r} of labels beside its data: {found}")
    values, max_value = table.values, reading.max_value
    with np.errstate(invalid="ignore"):
        is_grey = (
            max_value is None
            and not reading.counts
            and values.min() >= 0
            and values.max() == 255  # not so if one is missing
            and (values == np.rint(values)).all()
        )
    if is_grey:
        values = values.astype(np.uint8)
    names = table.columns or ()
    measured = any(not re.search(r"\d", name) for name in names)  # pixels are numbered: pixel0, 1x1
    images = Images(
        values,
        table.labels,
        image_shape=(1, values.shape[1]) if measured else None,
        max_value=max_value,
        columns=table.columns,
        source=str(path),
        gaps=reading.gaps,
    )
    labels = f", labels in column {table.label_name}" if table.label_name else ""
    grey = ", whole numbers up to 255, taken as grey levels" if is_grey else ""
    images.note = f"{path}: {len(images):,} lines of {values.shape[1]:,} numbers{labels}{grey}"
    return images


def load_npz(path: Path) -> tuple[Images, Images]:
    """Read a .npz -> (train, test), with labels if it has some. Without a test set, one row in ten is held out."""
    return with_test(*read_images_of_npz(path))


def read_images_of_npz(path: Path, reading: Reading = _NO_CHOICE) -> tuple[Images, Images | None]:
    """Read a .npz -> (train, test), or (everything, None). `load_dataset` says which arrays are taken."""
    names = npz_names(path)
    train, test, train_labels, test_labels = _chosen(path, names, reading.array)
    arrays = read_npz(path, [name for name in (train, test) if name])
    images = _as_images(arrays[train], _labels_of(path, train_labels), reading, f"{path}[{train}]")
    others = [name for name in names if name not in (train, test, train_labels, test_labels)]
    images.note += f"; left out: {', '.join(others)}" if others else ""
    if test is None:
        return images, None
    if arrays[test].dtype == arrays[train].dtype:  # else each has the scale of its own dtype
        reading = replace(reading, max_value=images.max_value)
    labels = _labels_of(path, test_labels)
    return _in_the_same_classes(images, _as_images(arrays[test], labels, reading, f"{path}[{test}]", like=images))


def _in_the_same_classes(train: Images, test: Images) -> tuple[Images, Images]:
    """Both sets, their labels of text numbered alike: a class may be in one of them alone."""
    if train.class_names is None or test.class_names is None:
        return train, test
    names = sorted({*train.class_names, *test.class_names})
    return train.with_classes(names), test.with_classes(names)


def _labels_of(path: Path, name: str | None) -> np.ndarray | DataError | None:
    """The labels of a .npz; what is wrong with them, if they cannot be read; None if there are none."""
    if name is None:
        return None
    try:
        return read_npz(path, [name], texts=True)[name]
    except DataError as error:
        return error


def _chosen(path: Path, names: Sequence[str], array: str | None) -> tuple[str, str | None, str | None, str | None]:
    """Which arrays are images to train on, images to test on, and the labels of either."""
    if array is not None and array not in names:
        raise DataError(f"{path}: holds {', '.join(names) or 'no arrays'}, not {array}: choose one of these")
    train, test = _first(_TRAIN, names), _first(_TEST, names)
    train_labels, test_labels = _first(_TRAIN_LABELS, names), _first(_TEST_LABELS, names)
    if array is not None and array != train:
        # Another array than the usual one: the usual test set and labels need not belong to it.
        return array, None, None, None
    if train is None:
        others = [name for name in names if name not in (test, train_labels, test_labels)]
        if len(others) != 1:
            if not names:
                raise DataError(f"{path}: holds no arrays: save some, numpy.savez(path, x=images)")
            raise DataError(
                f"{path}: holds {', '.join(names)}: choose one with --array NAME (array=), or name "
                "images x and x_test, labels y and y_test"
            )
        train = others[0]
    return train, test, train_labels, test_labels


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _as_images(
    array: np.ndarray,
    labels: np.ndarray | DataError | None,
    reading: Reading,
    source: str,
    like: Images | None = None,
) -> Images:
    """An array of pixels as Images, with a note. `like` are the images whose shape these share.

    Labels that cannot be read are left out, and the note says why: most models do not look at them.
    """
    if reading.counts and array.dtype.kind in "iu":
        array = array.astype(np.float32)
    pixels, max_value = _scaled(array, reading.max_value, source)
    why_not = str(labels) if isinstance(labels, DataError) else ""
    if isinstance(labels, np.ndarray):
        why_not = read_labels(labels, len(pixels)).why_not
    labels = None if why_not or isinstance(labels, DataError) else labels
    images = Images(pixels, labels, layout=reading.layout, max_value=max_value, source=source, gaps=reading.gaps)
    images = to_colours(images, reading.colour)
    if like is not None:
        if images.shape[1] != like.shape[1]:
            raise DataError(f"{source}: image_shape is {like.image_shape}, but an image has {images.shape[1]} pixels")
        images.image_shape = like.image_shape
    scale = "as they are" if images.max_value == 1 else f"of which {images.max_value:g} becomes 1"
    images.why_no_labels = why_not
    with_labels = f", without labels ({why_not})" if why_not else "" if labels is None else ", with labels"
    images.note = f"{source}: {len(images):,} of {in_words(images.image_shape)}, {array.dtype} {scale}{with_labels}"
    return images


def _scaled(array: np.ndarray, max_value: float | None, source: str) -> tuple[np.ndarray, float | None]:
    """Pixels that Images take, and the max_value of them; None for the usual one of their dtype.

    Of uint8 the images are zeros and ones if there is nothing else, otherwise 255 is white. Only the head of a memory
    map is looked at: should a larger value follow, `Images` refuses the batch it is in. Other whole numbers are
    zeros and ones, or go up to 255 exactly, or need a max_value.
    """
    if array.dtype == np.uint8 and array.size:
        head = array[:_LOOKED_AT] if mapped_file(array) is not None else array
        return array, max_value if max_value is not None else 1 if head.max() <= 1 else None
    if array.dtype.kind not in "iu" or array.size == 0:
        return array, max_value
    if mapped_file(array) is not None and array.nbytes > MAX_BYTES:
        raise DataError(f"{source}: {array.dtype} of {array.nbytes:,} bytes: save it as uint8 or float32")
    low, high = int(array.min()), int(array.max())
    if low < 0:
        raise DataError(
            f"{source}: whole numbers from {low} to {high}, some of them negative: save (x + {-low}) / {high - low}"
        )
    if max_value is None and high > 1 and high != 255:
        raise DataError(
            f"{source}: whole numbers from {low} to {high}, whose white is not known: add --max-value {high} "
            "(max_value=), or the number that is white"
        )
    whole = array.astype(np.uint8 if high <= 255 else np.float32 if high < 2**24 else np.float64)
    return whole, max_value if max_value is not None else 1 if high <= 1 else 255
