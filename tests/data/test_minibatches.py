"""Minibatches: every row once, shuffled by the generator alone, resumable at any position."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.data import Images, epoch_order, minibatches


def rows_of(count, data_dim=3, dtype=np.float32):
    """(N, D) floats whose first column is the row."""
    return (np.arange(count)[:, None] + np.zeros(data_dim)).astype(dtype)


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 2**32 - 1))
def test_every_row_comes_once_and_the_last_batch_is_kept(count, batch_size, wrapped, seed):
    x = rows_of(count)
    batches = list(minibatches(Images(x) if wrapped else x, batch_size, np.random.default_rng(seed)))
    sizes = [len(batch) for batch in batches]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert 1 <= sizes[-1] <= batch_size
    seen = np.concatenate(batches)
    np.testing.assert_array_equal(seen, x[np.random.default_rng(seed).permutation(count)])
    np.testing.assert_array_equal(np.sort(seen[:, 0]), np.arange(count))


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 2**32 - 1), st.data())
def test_an_epoch_resumes_where_it_stopped(count, batch_size, seed, data):
    x = rows_of(count)
    whole = list(minibatches(x, batch_size, np.random.default_rng(seed)))
    done = data.draw(st.integers(0, len(whole)))
    order = epoch_order(x, np.random.default_rng(seed))
    rest = list(minibatches(x, batch_size, order=order, start=min(done * batch_size, count)))
    assert len(rest) == len(whole) - done
    for batch, expected in zip(rest, whole[done:], strict=True):
        np.testing.assert_array_equal(batch, expected)


def test_without_a_generator_rows_come_as_they_lie():
    np.testing.assert_array_equal(np.concatenate(list(minibatches(rows_of(7), 3))), rows_of(7))


def test_the_order_is_drawn_by_the_call_and_nothing_after():
    rng = np.random.default_rng(3)
    batches = minibatches(rows_of(9), 2, rng)
    state = rng.bit_generator.state
    assert state != np.random.default_rng(3).bit_generator.state
    list(batches)
    assert rng.bit_generator.state == state


def test_two_epochs_differ():
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(list(minibatches(rows_of(50), 10, rng))) for _ in range(2))
    assert (first != second).any()


def test_dtype_follows_the_data():
    assert next(minibatches(rows_of(3, dtype=np.float64), 2)).dtype == np.float64
    assert next(minibatches(Images(rows_of(3, dtype=np.float64)), 2)).dtype == np.float32
    assert next(minibatches(Images(rows_of(3), dtype="float64"), 2)).dtype == np.float64


@pytest.mark.parametrize("wrapped", [False, True])
def test_batches_are_fresh_arrays_unless_there_is_a_buffer(wrapped):
    x = rows_of(5)
    data = Images(x) if wrapped else x
    batches = list(minibatches(data, 2))
    assert not np.shares_memory(batches[0], batches[1])
    assert not np.shares_memory(batches[0], x)
    out = np.empty((2, 3), np.float32)
    for batch, expected in zip(minibatches(data, 2, out=out), batches, strict=True):
        assert np.shares_memory(batch, out)
        np.testing.assert_array_equal(batch, expected)


X = rows_of(5)
RNG = np.random.default_rng(0)
REFUSED = {
    "batch size 0": (lambda: minibatches(X, 0, RNG), "batch_size is 0, expected at least 1"),
    "negative batch size": (lambda: minibatches(X, -3, RNG), "batch_size is -3"),
    "no rows": (lambda: minibatches(X[:0], 2, RNG), "no rows"),
    "integers": (lambda: minibatches(np.zeros((3, 2), "u1"), 2, RNG), r"uint8, expected floats: Images\(x\)"),
    "images not flat": (lambda: minibatches(np.zeros((3, 2, 2)), 2, RNG), r"shape \(3, 2, 2\), expected \(N, D\)"),
    "a list": (lambda: minibatches([[0.0]], 2, RNG), "x is list, expected an array or npvae.data.Images"),
    "a seed": (lambda: minibatches(X, 2, 0), r"rng is int, expected.*default_rng\(seed\)"),
    "a legacy generator": (lambda: minibatches(X, 2, np.random), "rng is module"),
    "rng and order": (lambda: minibatches(X, 2, RNG, order=np.arange(5)), "both rng and order"),
    "a row that is not there": (lambda: minibatches(X, 2, order=np.array([0, 5])), "rows 0 ... 4"),
    "a negative row": (lambda: minibatches(X, 2, order=np.array([0, -1])), "rows 0 ... 4"),
    "an order of floats": (lambda: minibatches(X, 2, order=np.arange(5.0)), "1-D array of rows"),
    "start too far": (lambda: minibatches(X, 2, start=6), "start is 6, expected 0 to 5"),
    "negative start": (lambda: minibatches(X, 2, start=-1), "start is -1"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_mistakes_show_at_the_call(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_batch_size_that_is_no_integer_is_a_type_error():
    with pytest.raises(TypeError):
        minibatches(X, 2.5, RNG)
