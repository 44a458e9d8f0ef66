"""The built-in data: 1,797 handwritten digits of 8 x 8 pixels, shipped with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from npvae.data.images import Images
from npvae.data.npy import read_npz

PATH = Path(__file__).with_name("digits.npz")
"""Members `pixels` (1797, 64) uint8, 0 ... 16, and `labels` (1797,) uint8, as in sklearn.datasets.load_digits."""


def load_digits() -> tuple[Images, Images]:
    """The digits -> (train, test): 1,501 and 296 Images with labels 0 to 9; pixel / 16 comes out.

    Every sixth image of a digit, in the order of the file, is for testing, so the test set has one sixth of every digit
    and no random generator is involved. All 13 writers are in both parts.

    Alpaydin & Kaynak (1998), "Optical recognition of handwritten digits", UCI Machine Learning Repository;
    LICENSE-digits.txt beside this file.

    Example:
        >>> train, test = npvae.data.load_digits()
        >>> train.shape
        (1501, 64)
    """
    arrays = read_npz(PATH)
    images = Images(arrays["pixels"], arrays["labels"], max_value=16, source="digits")
    test = np.zeros(len(images), dtype=bool)
    for digit in range(10):
        test[np.flatnonzero(images.labels == digit)[5::6]] = True
    return images.subset(np.flatnonzero(~test)), images.subset(np.flatnonzero(test))
