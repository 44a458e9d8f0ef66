"""Memory maps: read in part, shuffled by blocks, checked batch by batch, never taken into memory whole."""

import importlib
import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.data import DataError, Images, epoch_order, load_dataset, minibatches, read_npy
from npvae.data import npy as npy_module
from npvae.data.mapped import block_order, mapped_file, read_ahead


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_block_order_is_a_permutation_that_stays_in_its_windows(count, block_rows, window_blocks, seed):
    order = block_order(count, block_rows, window_blocks, np.random.default_rng(seed))
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(count))
    block_at = order // block_rows
    first, last = (
        np.array([np.flatnonzero(block_at == block)[end] for block in np.unique(block_at)]) for end in (0, -1)
    )
    # A block is at work from its first row to its last: never more of them than a window holds.
    assert all(np.sum((first <= at) & (at <= last)) <= window_blocks for at in range(count))


def test_rows_are_mixed_within_a_window():
    order = block_order(1000, 10, 5, np.random.default_rng(0))
    assert np.mean(np.diff(order) == 1) < 0.1
    assert np.mean(np.diff(order[:50] // 10) == 0) < 0.5
    assert order[:50].max() >= 50, "the blocks of the first window come from all over the data"


@pytest.fixture
def mapped(tmp_path):
    path = tmp_path / "x.npy"
    x = np.random.default_rng(0).standard_normal((500, 7)).astype(np.float32)
    np.save(path, x)
    return x, read_npy(path, mmap=True)


def test_a_map_is_known_through_views(mapped):
    x, mapping = mapped
    for view in (mapping, mapping[3:], np.asarray(mapping), mapping.reshape(-1, 1), mapping[::2]):
        assert mapped_file(view) is not None
    for other in (x, x[1:], mapping[[1, 2]], np.array(mapping), mapping + 1, None):
        assert mapped_file(other) is None


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_small_map_gives_each_row_once_and_resumes(mapped, wrapped):
    x, mapping = mapped
    data = Images(mapping) if wrapped else mapping
    order = epoch_order(data, np.random.default_rng(1))
    batches = list(minibatches(data, 64, np.random.default_rng(1)))
    assert all(type(batch) is np.ndarray for batch in batches)
    np.testing.assert_array_equal(np.concatenate(batches), x[order])
    np.testing.assert_array_equal(np.sort(order), np.arange(500))
    rest = np.concatenate(list(minibatches(data, 64, order=order, start=128)))
    np.testing.assert_array_equal(rest, x[order[128:]])


def test_a_map_of_many_windows(tmp_path, monkeypatch):
    monkeypatch.setattr("npvae.data.mapped.BLOCK_BYTES", 8192)
    module = importlib.import_module("npvae.data.minibatches")  # npvae.data.minibatches is the function
    monkeypatch.setattr(module, "WINDOW_BLOCKS", 2)
    asked = []
    monkeypatch.setattr(module, "read_ahead", lambda x, rows: asked.append(rows))
    x = np.random.default_rng(0).integers(0, 256, (9000, 64), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    images = Images(read_npy(tmp_path / "x.npy", mmap=True))
    order = epoch_order(images, np.random.default_rng(1))
    assert len(np.unique(order[:256] // 128)) == 2
    seen = []
    for batch in minibatches(images, 100, order=order):
        seen.append(batch)
        position = sum(map(len, seen))
        assert sum(map(len, asked)) >= min(position + 156, 9000)  # a window of 256 rows ahead of where the batch began
    np.testing.assert_array_equal(np.concatenate(seen), images[order])
    np.testing.assert_array_equal(np.concatenate(asked), order)


def test_read_ahead_asks_for_the_pages_of_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("npvae.data.mapped.BLOCK_BYTES", 8192)
    x = np.zeros((6000, 64), np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapping = read_npy(tmp_path / "x.npy", mmap=True)
    size = len(mapped_file(mapping))
    asked = []

    class Map:
        def __len__(self):
            return size

        def madvise(self, advice, start, length):
            assert start % mmap.PAGESIZE == 0
            assert 0 <= start < start + length <= size
            asked.append((start, start + length))

    real, fake = mapped_file(mapping), Map()
    origin = np.frombuffer(real, np.uint8, count=1)
    monkeypatch.setattr("npvae.data.mapped.mapped_file", lambda x: fake)
    monkeypatch.setattr("npvae.data.mapped.np.frombuffer", lambda *args, **kwargs: origin)
    read_ahead(mapping, np.array([5999, 0, 127, 300]))
    for row in (0, 127, 300, 5999):
        begin = 128 + 64 * row  # 128 bytes of header
        assert any(start <= begin and begin + 64 <= end for start, end in asked), row
    assert len(asked) == 3
    asked.clear()
    monkeypatch.setattr("npvae.data.mapped.WINDOW_BLOCKS", 1)
    read_ahead(mapping, np.array([0, 127, 300, 5999]))
    assert not asked, "rows all over the file: it would be fetched whole"


def test_read_ahead_leaves_alone_what_is_not_local_or_not_a_map(mapped):
    x, mapping = mapped
    read_ahead(x, np.arange(5))
    read_ahead(mapping, np.arange(500))
    read_ahead(mapping[::-1], np.arange(500))
    read_ahead(mapping[100:, 2:], np.arange(400))


def test_bad_values_in_a_map_are_found_in_their_batch(tmp_path):
    x = np.zeros((50, 4), np.float32)
    x[33, 2] = np.inf
    np.save(tmp_path / "x.npy", x)
    images = Images(read_npy(tmp_path / "x.npy", mmap=True), source="x.npy")
    images[:33]
    for rows in (slice(30, 40), [1, 33, 2], 33, np.arange(50) > 10):
        with pytest.raises(DataError, match=r"x.npy: row 33, pixel 2 is inf"):
            images[rows]
    images.subset(slice(0, 20))[:]
    with pytest.raises(DataError, match="row 33"):
        list(minibatches(images, 8, np.random.default_rng(0)))


def test_a_value_too_large_for_float32_in_a_map(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[0.0], [1e300]]))
    images = Images(read_npy(tmp_path / "x.npy", mmap=True))
    with pytest.raises(DataError, match=r"row 1, pixel 0 is 1e\+300, too large for float32"):
        images[:]
    assert images.astype(np.float64)[1] == 1e300


def test_a_map_of_zeros_and_ones_keeps_its_scale_and_refuses_a_two(tmp_path):
    x = np.zeros((3000, 4), np.uint8)
    x[::2] = 1
    x[2500, 1] = 2
    np.save(tmp_path / "x.npy", x)
    mapping = read_npy(tmp_path / "x.npy", mmap=True)
    images = Images(mapping, max_value=1)
    assert images[0].max() == 1
    with pytest.raises(DataError, match="row 2500, pixel 1 is 2, expected at most max_value = 1"):
        images[2490:2510]


def test_load_dataset_maps_what_is_large(tmp_path, monkeypatch):
    monkeypatch.setattr(npy_module, "MAP_BYTES", 1000)
    x = np.zeros((3000, 4), np.uint8)
    x[::2] = 1
    np.save(tmp_path / "x.npy", x)
    train, test = load_dataset(tmp_path / "x.npy")
    assert train.mapped
    assert test.mapped
    assert (len(train), len(test)) == (2700, 300)
    assert train.max_value == 1
    np.testing.assert_array_equal(np.concatenate([train[:], test[:]]), x)

    x[2500, 1] = 2  # behind the head from which the scale is guessed
    np.save(tmp_path / "x.npy", x)
    train, test = load_dataset(tmp_path / "x.npy")
    with pytest.raises(DataError, match=r"x\.npy: row 2500, pixel 1 is 2, expected at most max_value = 1"):
        train[2490:2510]


def test_scattered_maps_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((20, 4, 4), np.uint8))
    mapping = read_npy(tmp_path / "x.npy", mmap=True)
    with pytest.raises(DataError, match="scattered"):
        Images(mapping[:, 1:3, 1:3])
    np.save(tmp_path / "f.npy", np.zeros((20, 4), order="F"))
    with pytest.raises(DataError, match="Fortran order"):
        read_npy(tmp_path / "f.npy", mmap=True)


def _anonymous_bytes():
    return _bytes_in_memory("RssAnon")


def _bytes_in_memory(kind):
    """Of this process: "RssAnon", memory of its own, or "RssFile", pages of files that it has looked at."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith(kind)).split()[1])


def _sparse(path, rows):
    """A .npy of `rows` x 784 float32 zeros that takes no room on disk."""
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 784), np.float32)) | {"shape": (rows, 784)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * 784 * 4)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="resident memory is read from Linux's /proc")
@pytest.mark.parametrize("batches", [20, pytest.param(10**9, marks=pytest.mark.deep)])
def test_four_gigabytes_stream_through_little_memory(tmp_path, batches):
    rows = 4 * 2**30 // (784 * 4)
    try:
        _sparse(tmp_path / "x.npy", rows)
    except OSError as error:
        pytest.skip(f"no sparse file of 4 GiB here: {error}")
    before, read = _anonymous_bytes(), _bytes_in_memory("RssFile")
    train, test = load_dataset(tmp_path / "x.npy")
    assert _bytes_in_memory("RssFile") - read < 2**25  # next to nothing is read
    assert (train.image_shape, len(train) + len(test)) == ((28, 28), rows)
    peak = 0
    for i, x in enumerate(minibatches(train, 128, np.random.default_rng(0))):
        assert not x.any()
        if i % 100 == 0:
            peak = max(peak, _anonymous_bytes())
        if i == batches:
            break
    assert peak - before < 200e6
