"""A folder of pictures as Images: which files are pictures, which folders are classes, and one line that says so."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from npvae.data.files import DataError, DataWarning
from npvae.data.image_shapes import in_words
from npvae.data.images import Images
from npvae.data.picture_arrays import read_pictures
from npvae.data.pictures import Remark, formats
from npvae.data.reading import Reading

# What folders with a split are called. Of several held-out ones the first that is there is the test set.
_TRAIN = ("train", "training")
_TEST = ("test", "testing", "val", "valid", "validation", "dev")
_DEEPEST = 40  # folders in one another: more are a mistake


@dataclass
class _Found:
    """The pictures below a folder, and what else is there."""

    pictures: list[Path] = field(default_factory=list)  # directly in it
    folders: dict[str, _Found] = field(default_factory=dict)  # those with pictures, by name in natural order
    left_out: Counter[str] = field(default_factory=Counter)  # other files of it and of those below, by suffix

    def all_pictures(self) -> list[Path]:
        """Those of it, then those below, folder by folder."""
        return [*self.pictures, *(path for below in self.folders.values() for path in below.all_pictures())]


def read_picture_folder(folder: Path, reading: Reading) -> tuple[Images, Images | None]:
    """Read a folder of pictures -> (train, test), or (everything, None).

    folder   pictures; or folders of them, one for each class (whatever lies deeper belongs to the class); or folders
             train and test of either. Names that begin with a dot are skipped
    reading  what is done with colours and sizes

    The Images have a `note` of one line on what was read and left out, `labels` and `class_names` of the folders, and
    `names` of the files. DataWarning for transparent pictures that are one even colour on white paper.

    DataError if there are no pictures, pictures beside folders of pictures, pictures of several sizes without a
    resize, or one that cannot be read.
    """
    found, root = _look(folder), folder
    left_out = found.left_out
    while not found.pictures and len(found.folders) == 1 and not _split(found):
        name, found = next(iter(found.folders.items()))  # a single folder is no class but a wrapping
        root = root / name
    if not found.pictures and not found.folders:
        beside = f" (left out: {_counted(left_out)})" if left_out else ""
        raise DataError(f"{folder}: holds no picture{beside}: give a folder of .png, .jpg or other picture files")
    _check_not_mixed(root, found)
    parts = _split(found)
    if not parts:
        return _images(folder, root, found, reading, left_out), None
    train, test, unused = parts
    for name in unused:
        left_out[f"folder {name}"] += 1
    names = [list(part.folders) for part in (found.folders[train], found.folders[test])]
    if names[0] != names[1]:
        raise DataError(
            f"{root}: the classes of {train} are {_listed(names[0])}, those of {test} {_listed(names[1])}: "
            "give both the same"
        )
    for name in (train, test):
        _check_not_mixed(root / name, found.folders[name])
    images = _images(folder, root / train, found.folders[train], reading, left_out)
    # In colour if the train set is: a test set of greys alone does not change that.
    like = replace(reading, colour="rgb") if len(images.image_shape) == 3 else reading
    held_out = _images(folder, root / test, found.folders[test], like, Counter())
    if held_out.image_shape != images.image_shape:
        raise DataError(
            f"{root}: pictures of {train} are {in_words(images.image_shape)}, those of {test} "
            f"{in_words(held_out.image_shape)}: add --resize H,W or --colour grey"
        )
    images.note = f"{images.note}; {len(held_out):,} in {test} to test"
    return images, held_out


def read_single_picture(path: Path, reading: Reading) -> Images:
    """One picture as Images of length 1."""
    pixels, remarks, _ = read_pictures([path], reading)
    images = Images(pixels, layout="NHWC", source=str(path))
    images.names = np.array([path.name])
    images.note = f"{path}: {in_words(images.image_shape)}{_said(remarks)}"
    _warn_of_flat(path, remarks)
    return images


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key: 2.png before 10.png. The name itself decides between 1.png and 01.png."""
    # Splitting on digits makes text and number alternate, so entries of two names always compare like with like.
    parts = re.split(r"([0-9]+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _look(folder: Path, depth: int = 0) -> _Found:
    """List a folder and those below it."""
    if depth > _DEEPEST:
        raise DataError(f"{folder}: folders lie in one another {depth} deep: give one of those inside")
    found = _Found()
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}): give a folder of pictures") from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        suffix = os.path.splitext(entry.name)[1].lower()
        if entry.is_dir():
            if entry.is_symlink() and depth > 0:  # it could lead round in a circle
                found.left_out["linked folder"] += 1
                continue
            below = _look(folder / entry.name, depth + 1)
            found.left_out += below.left_out
            if below.pictures or below.folders:
                found.folders[entry.name] = below
            elif not below.left_out:
                found.left_out["empty folder"] += 1
        elif suffix in formats() and entry.is_file():
            found.pictures.append(folder / entry.name)
        else:
            found.left_out[suffix or "without a suffix"] += 1
    return found


def _check_not_mixed(root: Path, found: _Found) -> None:
    if found.pictures and found.folders:
        raise DataError(
            f"{root}: holds {_pictures(len(found.pictures))} beside folders of pictures "
            f"({_listed(list(found.folders))}): "
            "put those into a folder of their own if folders are classes, or take the folders out"
        )


def _split(found: _Found) -> tuple[str, str, list[str]] | None:
    """Names of the train folder, the test folder and those of other held-out data; None if folders are classes."""
    by_role = {name.lower(): name for name in found.folders}
    train = [by_role[name] for name in _TRAIN if name in by_role]
    tests = [by_role[name] for name in _TEST if name in by_role]
    if found.pictures or len(train) != 1 or not tests or len(train) + len(tests) != len(found.folders):
        return None
    return train[0], tests[0], tests[1:]


def _images(folder: Path, root: Path, found: _Found, reading: Reading, left_out: Counter[str]) -> Images:
    paths, classes = found.all_pictures(), list(found.folders)
    pixels, remarks, kept = read_pictures(paths, reading)
    labels = None
    if classes:
        counts = [len(below.all_pictures()) for below in found.folders.values()]
        labels = np.repeat(np.arange(len(classes)), counts)
    images = Images(pixels, labels, layout="NHWC", source=str(folder))
    images.class_names = tuple(classes) or None
    names = [os.fspath(path) for path in paths]
    start = len(os.path.join(root, ""))
    images.names = np.array([name[start:].replace(os.sep, "/") for name in names])
    suffixes = Counter(os.path.splitext(name)[1].lower() for name in names)
    of_classes = f" in {len(classes):,} folders as classes" if classes else ""
    images.note = f"{folder}: {_counted(suffixes)}{of_classes}, {in_words(images.image_shape)}{_said(remarks)}"
    if left_out:
        images.note += f"; left out: {_counted(left_out)}"
    if kept:
        images.note += f"; from the copy in {kept}"
    _warn_of_flat(folder, remarks)
    return images


def _said(remarks: Counter[Remark]) -> str:
    said = [f"{count:,} {remark.value}" for remark, count in remarks.items() if remark is not Remark.FLAT]
    return f" ({'; '.join(said)})" if said else ""


def _warn_of_flat(source: Path, remarks: Counter[Remark]) -> None:
    if remarks[Remark.FLAT]:
        warnings.warn(f"{source}: {_pictures(remarks[Remark.FLAT])} {Remark.FLAT.value}", DataWarning, stacklevel=2)


def _pictures(count: int) -> str:
    return f"{count:,} picture" + "s" * (count != 1)


def _counted(counts: Counter[str]) -> str:
    """1,204 .jpg, 2 .txt, 2 empty folders: the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {what}{'s' * (count > 1 and what.endswith('folder'))}" for what, count in ordered)


def _listed(names: Sequence[str], most: int = 5) -> str:
    if not names:
        return "none"
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
