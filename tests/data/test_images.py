"""Images: what goes in stays as it is, what comes out is exactly pixels / max_value, and what is wrong is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.data import DataError, Images

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (10, 6), dtype=np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("max_value", [255, 16, 1, 200.5])
def test_every_pixel_value_is_divided_correctly(dtype, max_value):
    values = np.arange(int(max_value) + 1 if max_value < 255 else 256, dtype=np.uint8).reshape(-1, 1)
    out = Images(values, max_value=max_value, dtype=dtype)[:]
    expected = values.astype(np.longdouble) / np.longdouble(max_value)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, expected.astype(dtype))


ROWS = {
    "int": 3,
    "numpy int": np.int64(3),
    "negative int": -1,
    "slice": slice(2, 5),
    "whole": slice(None),
    "step": slice(8, 1, -2),
    "array": np.array([5, 0, 5, 9]),
    "uint": np.array([1, 2], dtype=np.uint16),
    "list": [1, -2],
    "mask": np.arange(10) % 3 == 0,
    "empty": np.array([], dtype=int),
}


@pytest.mark.parametrize("pixels", ["uint8", "float32", "float64", ">f4", "float16", "bool"])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_rows_are_those_of_the_float_array(pixels, rows):
    x = (PIXELS > 100) if pixels == "bool" else PIXELS.astype(pixels)
    expected = x.astype(np.float32) / np.float32(255 if pixels == "uint8" else 1)
    images = Images(x)
    batch = images[rows]
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    assert batch.flags.writeable
    assert not np.shares_memory(batch, x)
    np.testing.assert_array_equal(batch, expected[rows])

    out = np.full_like(batch, 7)
    assert images.batch(rows, out) is out
    np.testing.assert_array_equal(out, batch)


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from(["C", "F", "strided"]),
    st.sampled_from(["u1", "f4", "f8"]),
    st.integers(0, 2**32 - 1),
)
def test_any_layout_gives_c_contiguous_batches(count, data_dim, layout, dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (2 * count, 2 * data_dim)).astype(dtype)
    x = x[::2, ::2] if layout == "strided" else np.array(x[:count, :data_dim], order=layout)
    images, rows = Images(x, max_value=255), rng.integers(0, count, 3)
    for batch in (images[rows], images[:], images[0:1]):
        assert batch.flags.c_contiguous
    np.testing.assert_array_equal(images[rows], (x / 255).astype(np.float32)[rows])


def test_nothing_is_copied_and_nothing_is_changed():
    x = PIXELS.copy()
    images = Images(x)
    assert np.shares_memory(images.pixels, x)
    for rows in ROWS.values():
        batch = images[rows]
        batch += 5
    np.testing.assert_array_equal(x, PIXELS)


def test_it_looks_like_a_float_array():
    images = Images(PIXELS)
    assert (len(images), images.shape, images.ndim, images.dtype) == (10, (10, 6), 2, np.float32)
    assert images.min() == PIXELS.min() / 255
    assert images.max() == PIXELS.max() / 255
    np.testing.assert_array_equal(np.asarray(images), images.numpy())
    assert np.asarray(images, dtype=np.float64).dtype == np.float64
    np.testing.assert_allclose(np.mean(images), PIXELS.mean() / 255, rtol=1e-6)
    assert len(list(images)) == 10  # an int past the end raises IndexError, so it can be iterated


def test_astype_shares_pixels_and_keeps_the_precision_of_float64():
    x = RNG.standard_normal((4, 3))
    images = Images(x)
    double = images.astype("float64")
    np.testing.assert_array_equal(images[:], x.astype(np.float32))
    np.testing.assert_array_equal(double[:], x)
    assert np.shares_memory(double.pixels, x)
    assert images.astype(np.float32) is images


SHAPES = {
    (5, 64): ((5, 64), (8, 8)),
    (5, 40): ((5, 40), (1, 40)),
    (5, 4, 3): ((5, 12), (4, 3)),
    (5, 4, 3, 1): ((5, 12), (4, 3)),
    (5, 1, 4, 3): ((5, 12), (4, 3)),
    (5, 1, 4, 1): ((5, 4), (1, 4)),
    (5, 4, 6, 3): ((5, 72), (4, 6, 3)),
    (5, 3, 6, 3, "NHWC"): ((5, 54), (3, 6, 3)),
    (5, 1, 6, 3): ((5, 18), (6, 3)),  # one channel of 6 x 3, as ever
    (5, 1, 6, 3, "NHWC"): ((5, 18), (1, 6, 3)),
    (5, 3, 6, 1, "NHWC"): ((5, 18), (3, 6)),
}


@pytest.mark.parametrize(("given_shape", "expected"), SHAPES.items(), ids=str)
def test_shapes(given_shape, expected):
    *given_shape, layout = given_shape if isinstance(given_shape[-1], str) else (*given_shape, None)
    x = RNG.integers(0, 256, given_shape, dtype=np.uint8)
    images = Images(x, layout=layout)
    assert (images.shape, images.image_shape) == expected
    np.testing.assert_array_equal(images.pixels.ravel(), x.ravel())


def test_colours_that_come_first_are_put_last():
    x = RNG.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    first = x.transpose(0, 3, 1, 2)
    for images in (Images(first), Images(first, layout="NCHW"), Images(np.ascontiguousarray(first))):
        assert images.image_shape == (4, 6, 3)
        np.testing.assert_array_equal(images.pixels, Images(x).pixels)
    assert "4 x 6 in colour" in repr(Images(x))
    assert Images(x.reshape(5, 72), image_shape=(4, 6, 3)).image_shape == (4, 6, 3)


def test_subset_keeps_labels_with_their_images():
    images = Images(PIXELS, np.arange(10) * 2, max_value=300, image_shape=(2, 3))
    for rows in (slice(2, 5), np.array([7, 1]), np.arange(10) > 6):
        part = images.subset(rows)
        np.testing.assert_array_equal(part[:], images[rows])
        np.testing.assert_array_equal(part.labels, images.labels[rows])
        assert (part.max_value, part.image_shape) == (300, (2, 3))
        np.testing.assert_array_equal(part.rows, np.arange(10)[rows])
        np.testing.assert_array_equal(part.astype(np.float64).rows, part.rows)
        np.testing.assert_array_equal(part.subset(np.array([1, 0])).rows, np.arange(10)[rows][[1, 0]])
    assert images.rows is None
    assert np.shares_memory(images.subset(slice(2, 5)).pixels, PIXELS)


def test_labels_can_be_counted_by_the_names_of_other_classes():
    images = Images(PIXELS, np.arange(10) % 2)
    assert images.with_classes(["dog"]) is images  # its labels have no names
    images.class_names = ("dog", "owl")
    other = images.with_classes(["cat", "owl", "dog"])
    assert (other.labels.tolist(), other.class_names) == ([2, 1] * 5, ("cat", "owl", "dog"))
    assert images.labels.tolist() == [0, 1] * 5
    with pytest.raises(DataError, match="data: class owl is unknown, expected one of cat, dog"):
        images.with_classes(["cat", "dog"])


def test_labels_become_int64():
    for dtype in ("i1", "u1", ">i4", "?"):
        assert Images(PIXELS, np.ones(10, dtype)).labels.dtype == np.int64


REFUSED = {
    "a pixel above max_value": (
        lambda: Images(np.array([[0, 3], [5, 20], [0, 17]], "u1"), max_value=16),
        "row 1, pix.*20",
    ),
    "NaN": (lambda: Images(np.array([[0.0, 1], [2, np.nan], [np.nan, 0]])), "row 1, pixel 1 is nan, expected finite"),
    "infinity": (lambda: Images(np.array([[0, -np.inf]], "f4"), source="a.npy"), "a.npy: row 0, pixel 1 is -inf"),
    "too large for float32": (lambda: Images(np.array([[0.0], [1e300]])), "row 1.*too large for float32"),
    "colours on two axes": (lambda: Images(np.zeros((2, 3, 4, 3), "u1")), r"layout='NHWC' .* or layout='NCHW'"),
    "no colours": (lambda: Images(np.zeros((2, 5, 4, 2), "u1")), "with C = 1 or 3: give grey or red, green and blue"),
    "transparency": (lambda: Images(np.zeros((2, 5, 5, 4), "u1")), r"take three, x\[\.\.\., :3\]"),
    "the wrong layout": (lambda: Images(np.zeros((2, 5, 5, 3), "u1"), layout="NCHW"), "means C = 5, not 1 or 3"),
    "five colours": (lambda: Images(np.zeros((2, 20)), image_shape=(2, 2, 5)), r"image_shape is \(2, 2, 5\)"),
    "one axis": (lambda: Images(np.zeros(4, "u1")), r"shape \(4,\), expected \(N, D\)"),
    "five axes": (lambda: Images(np.zeros((2, 1, 1, 4, 4), "u1")), "expected"),
    "no rows": (lambda: Images(np.zeros((0, 4), "u1")), "no data"),
    "no pixels": (lambda: Images(np.zeros((3, 0))), "no data"),
    "int64 to 255": (lambda: Images(np.array([[0, 255]])), r"int64, exp.*lie in \[0, 255\], x.astype\(np.uint8\)$"),
    "int64 bits": (lambda: Images(np.array([[0, 1]])), r"lie in \[0, 1\], x.astype\(np.uint8\)$"),
    "int64 to 16": (lambda: Images(np.array([[0, 16]])), r"x.astype\(np.uint8\) if 255 is white, x / 16 if 16 is$"),
    "uint16": (lambda: Images(np.array([[9, 700]], "u2")), r"uint16, expected uint8.* x / 700 lies in \[0, 1\]"),
    "below 0": (lambda: Images(np.array([[-5, 15]])), r"\(x \+ 5\) / 20 lies in \[0, 1\]"),
    "complex": (lambda: Images(np.zeros((2, 4), complex)), "complex"),
    "strings": (lambda: Images(np.array([["a"]])), "<U1"),
    "objects": (lambda: Images(np.array([[None]])), "object"),
    "image_shape": (lambda: Images(PIXELS, image_shape=(2, 4)), r"image_shape is \(2, 4\), .* 6 pixels"),
    "count of labels": (lambda: Images(PIXELS, np.arange(9)), r"shape \(9,\), expected integers of shape \(10,\)"),
    "labels as floats": (lambda: Images(PIXELS, np.arange(10.0)), "float64"),
    "one-hot labels": (lambda: Images(PIXELS, np.eye(10, dtype=int)), r"\(10, 10\)"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_data_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_the_bad_row_is_named_wherever_it_is():
    x = np.zeros((3000, 784), np.float32)
    x[2987, 13] = np.nan
    with pytest.raises(DataError, match="row 2987, pixel 13 is nan"):
        Images(x)


@pytest.mark.parametrize(
    "keywords", [{"layout": "middle"}, {"dtype": "float16"}, {"dtype": int}, {"max_value": 0}, {"max_value": np.nan}]
)
def test_bad_arguments(keywords):
    with pytest.raises(ValueError, match="Images: "):
        Images(PIXELS, **keywords)


def test_bad_rows_and_bad_out():
    images = Images(PIXELS)
    for rows in ((0, 1), (slice(None), 2), np.zeros((2, 2), int)):
        with pytest.raises(IndexError, match="Images takes"):
            images[rows]
    for rows in (10, [0, 10], -11):
        with pytest.raises(IndexError):
            images[rows]
    for out in (np.empty((3, 6), "f4"), np.empty((2, 6), "f8"), np.empty((1, 6), "f4")):
        with pytest.raises(ValueError, match="out is"):
            images.batch([0, 1], out)
    with pytest.raises(ValueError, match="out is"):
        images.batch(0, np.empty((2, 6), "f4"))  # would broadcast
    with pytest.raises(IndexError, match="subset"):
        images.subset(3)
    with pytest.raises(IndexError, match="at least one"):
        images.subset([])
    with pytest.raises(ValueError, match="copy=False"):
        images.__array__(copy=False)
