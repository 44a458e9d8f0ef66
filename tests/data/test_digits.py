"""The built-in digits: scikit-learn's pixels, and a test set that is what its docstring says."""

import numpy as np
import pytest

from npvae.data import load_dataset, load_digits, read_npz
from npvae.data.digits import PATH


def test_the_shipped_pixels_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    truth, shipped = datasets.load_digits(), read_npz(PATH)
    assert shipped["pixels"].dtype == shipped["labels"].dtype == np.uint8
    np.testing.assert_array_equal(shipped["pixels"], truth.data)
    np.testing.assert_array_equal(shipped["labels"], truth.target)


def test_every_sixth_image_of_a_digit_is_for_testing():
    train, test = load_digits()
    assert (train.shape, test.shape) == ((1501, 64), (296, 64))
    assert (train.image_shape, train.max_value) == ((8, 8), 16)
    assert (train.min(), train.max(), train[:].max()) == (0, 1, 1)
    shipped = read_npz(PATH)
    seen, rows = dict.fromkeys(range(10), 0), {True: [], False: []}
    for row, digit in enumerate(shipped["labels"].tolist()):
        seen[digit] += 1
        rows[seen[digit] % 6 == 0].append(row)
    for part, held_out in ((train, False), (test, True)):
        np.testing.assert_array_equal(part.pixels, shipped["pixels"][rows[held_out]])
        np.testing.assert_array_equal(part.labels, shipped["labels"][rows[held_out]])
    np.testing.assert_allclose(np.bincount(test.labels) / np.bincount(train.labels), 1 / 5, atol=0.01)


def test_by_name_no_folder_is_looked_at(monkeypatch):
    monkeypatch.setenv("NPVAE_DATA", "/nowhere")
    train, test = load_dataset("digits", "/nowhere")
    assert (len(train), len(test)) == (1501, 296)


def test_the_licence_is_beside_the_data():
    text = PATH.with_name("LICENSE-digits.txt").read_text()
    for words in ("CC BY 4.0", "E. Alpaydin and C. Kaynak", "1998", "BSD 3-Clause", "What was done"):
        assert words in text
