"""Images whose rows carry their label beside the pixels, as conditional models take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.data.files import DataError
from npvae.data.images import Images


class LabelledImages:
    """Rows (D + C,): D pixels as floats, then the label as a one-hot vector of C numbers. Stands for Images.

    Raises DataError if the images have no labels, or one that is not in 0 .. classes - 1.
    """

    ndim = 2

    def __init__(self, images: Images, classes: int) -> None:
        if images.labels is None:
            why = f": {images.why_no_labels}" if images.why_no_labels else ""
            raise DataError(f"{images.source}: there are no labels, which a conditional model needs{why}")
        if not 0 <= images.labels.min() <= images.labels.max() < classes:
            found = f"{images.labels.min()} to {images.labels.max()}"
            mend = "number them from 0 on, labels = np.unique(labels, return_inverse=True)[1]"
            raise DataError(f"{images.source}: labels run from {found}, expected 0 to {max(0, classes - 1)}: {mend}")
        self.images, self.classes, self.labels, self.pixels = images, classes, images.labels, images.pixels
        self.image_shape, self.dtype = images.image_shape, images.dtype
        self.note, self.class_names, self.names = images.note, images.class_names, images.names
        self.columns = images.columns

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D + C)."""
        return len(self.images), self.images.shape[1] + self.classes

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Rows by slice or index array -> (B, D + C), a fresh array."""
        one_hot = np.eye(self.classes, dtype=self.dtype)[self.labels[rows]]
        return np.concatenate([self.images[rows], one_hot], axis=1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        rows = self[:]
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def min(self) -> float:
        """Lowest pixel that comes out."""
        return self.images.min()

    def max(self) -> float:
        """Highest pixel that comes out."""
        return self.images.max()
