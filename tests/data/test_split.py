"""The held-out part: the same rows on every machine and with every NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.data import DataError, Images, hold_out
from npvae.data.split import joined


@given(st.integers(2, 300))
def test_every_row_is_in_one_part(count):
    images = Images(np.arange(count, dtype=np.float32)[:, None], np.arange(count))
    train, test = hold_out(images)
    assert len(test) == max(1, count // 10)
    np.testing.assert_array_equal(np.sort(np.concatenate([train[:], test[:]])[:, 0]), np.arange(count))
    for part in (train, test):
        np.testing.assert_array_equal(part[:][:, 0], part.labels)
        np.testing.assert_array_equal(part.rows, part.labels)
        assert (np.diff(part.labels) > 0).all()


def test_the_rows_never_change():
    """Results depend on them: these were drawn once, by two versions of NumPy, and written down."""
    _, test = hold_out(Images(np.zeros((100, 1)), np.arange(100)))
    assert test.labels.tolist() == [2, 3, 11, 13, 20, 48, 53, 59, 62, 92]


@pytest.mark.parametrize("labels", [True, False])
def test_joined_are_all_images_and_their_rows(labels):
    images = Images(np.arange(40, dtype=np.uint8).reshape(20, 2), np.arange(20) if labels else None, max_value=50)
    train, test = hold_out(images)
    again = joined(train, test)
    np.testing.assert_array_equal(again[:], images[again.rows])
    assert (again.image_shape, again.max_value) == (images.image_shape, 50)
    assert sorted(again.rows) == list(range(20))
    if labels:
        np.testing.assert_array_equal(again.labels, again.rows)
    apart = joined(images, Images(images.pixels[:3], max_value=50))
    assert (len(apart), apart.rows, apart.labels) == (23, None, None)


def test_one_row_cannot_be_split():
    with pytest.raises(DataError, match="at least two"):
        hold_out(Images(np.zeros((1, 4))))
