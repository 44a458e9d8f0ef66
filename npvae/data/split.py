"""The held-out part of data that come without one; training and test set put together again."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.data.files import DataError
from npvae.data.images import Images

TEST_FRACTION = 0.1
_SEED = 0


def hold_out(images: Any) -> tuple[Any, Any]:
    """Split Images, or Text, -> (train, test): one row in ten, at least one, is for testing; always the same rows.

    The rows are drawn without regard to labels by a fixed seed, and both parts keep the order of the data. Of a memory
    map the last tenth is held out instead, since drawn rows would have to be copied: shuffle such a file when it is
    written. Raises DataError if there are fewer than two rows.

    Example:
        >>> train, held_out = npvae.data.hold_out(npvae.load_dataset("digits")[0])
        >>> len(train) + len(held_out)
        1501
    """
    count = len(images)
    if count < 2:
        raise DataError(f"{images.source}: one row cannot be split into train and test: give at least two")
    tests = max(1, int(count * TEST_FRACTION))
    if getattr(images, "mapped", False):
        return images.subset(slice(0, count - tests)), images.subset(slice(count - tests, count))
    # The raw stream of a bit generator is the same in every NumPy; Generator.permutation need not be (NEP 19).
    drawn = np.argsort(np.random.PCG64(_SEED).random_raw(count), kind="stable")
    return images.subset(np.sort(drawn[tests:])), images.subset(np.sort(drawn[:tests]))


def with_test(images: Images, test: Images | None) -> tuple[Images, Images]:
    """Images and their test set; if that is None, the two parts of `hold_out`."""
    return hold_out(images) if test is None else (images, test)


def joined(train: Images, test: Images) -> Images:
    """All images of both, those of `test` last, read into memory; with labels if both have some."""
    both = train, test
    labels = [part.labels for part in both if part.labels is not None]
    images = Images(
        np.concatenate([part.pixels for part in both]),
        np.concatenate(labels) if len(labels) == 2 else None,
        image_shape=train.image_shape,
        max_value=train.max_value,
        dtype=train.dtype,
        source=train.source,
        gaps=train.gaps,
    )
    images.class_names, images.note = train.class_names, train.note
    if train.names is not None and test.names is not None:
        images.names = np.concatenate([train.names, test.names])
    rows = [np.asarray(part.rows) for part in both if part.rows is not None]
    images.rows = np.concatenate(rows) if len(rows) == 2 else None
    return images
