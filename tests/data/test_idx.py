"""The idx reader: every type and shape of the format, and a header that lies."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest

from npvae.data import DataError, read_idx


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (0, 5)], ids=str)
@pytest.mark.parametrize("zipped", [False, True])
def test_round_trip(tmp_path, idx_bytes, dtype, shape, zipped):
    x = np.random.default_rng(0).integers(-100, 100, shape).astype(dtype)
    content = idx_bytes(x)
    path = tmp_path / "no-telling-name"
    path.write_bytes(gzip.compress(content) if zipped else content)
    read = read_idx(path)
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, x)


def test_a_known_file(tmp_path):
    """Two int32 written out by hand, so that reader and test cannot share a mistake."""
    path = tmp_path / "two.idx"
    path.write_bytes(bytes.fromhex("00000c01 00000002 00000102 fffffffe".replace(" ", "")))
    assert read_idx(str(path)).tolist() == [258, -2]


def test_gzip_in_several_members_is_one_stream(tmp_path, idx_bytes):
    x = np.arange(50, dtype="u1")
    content = idx_bytes(x)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content[:20]) + gzip.compress(content[20:]))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz"), x)


HEADERS = {
    "empty": (b"", r"bytes \(none\)"),
    "not idx": (b"\x89PNG\r\n\x1a\n", "89 50 4e 47"),
    "unknown type": (b"\0\0\x0a\x01\0\0\0\0", "00 00 0a 01"),
    "no axes": (b"\0\0\x08\x00", "number of axes"),
    "too many axes": (b"\0\0\x08\x09" + b"\0\0\0\1" * 9, "number of axes"),
    "cut off in the sizes": (b"\0\0\x08\x03\0\0\0\1", "inside its header"),
    "too short": (b"\0\0\x08\x01\0\0\0\3ab", "10 bytes, its header .* declares 11"),
    "too long": (b"\0\0\x08\x01\0\0\0\3abcd", "12 bytes, its header .* declares 11"),
    "4 GiB in 8 bytes": (b"\0\0\x08\x01\xff\xff\xff\xff", "declares 4,294,967,303"),
    "more than all memory": (b"\0\0\x0e\x08" + b"\xff" * 32, "36 bytes, its header .* declares 9"),
    "zero times huge": (b"\0\0\x0e\x08" + b"\xff" * 28 + b"\0" * 4, "damaged"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", HEADERS)
def test_wrong_headers(tmp_path, name, zipped):
    content, message = HEADERS[name]
    path = tmp_path / "a.idx"
    path.write_bytes(gzip.compress(content) if zipped else content)
    if zipped:
        message = {
            "too short": "cut off after 2 of 3 bytes",
            "too long": "goes on after the 3 bytes",
            "more than all memory": "declares 9.* bytes from",
            "4 GiB in 8 bytes": "declares 4,294,967,295 bytes from",
        }.get(name, message)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_bomb_does_not_unfold(tmp_path, monkeypatch):
    """100 MiB of zeros behind a header that declares 1,000 bytes: no more than these are unpacked."""
    content = b"\0\0\x08\x01" + struct.pack(">I", 1000) + bytes(100 * 2**20)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(content, compresslevel=1))
    del content
    unpacked = []

    class Watched(gzip.GzipFile):
        def close(self):
            unpacked.append(0 if self.closed else self.tell())
            super().close()

    monkeypatch.setattr(gzip, "GzipFile", Watched)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="goes on after the 1,000 bytes"):
            read_idx(tmp_path / "bomb.gz")
        assert tracemalloc.get_traced_memory()[1] < 2**20
        assert 1008 < max(unpacked) < 10_000
    finally:
        tracemalloc.stop()


def test_an_honest_giant_is_refused_by_the_bound(tmp_path):
    content = b"\0\0\x08\x01" + struct.pack(">I", 2**20) + bytes(2**20)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert read_idx(tmp_path / "a.gz").size == 2**20  # 1,000 times smaller than it is: the best that deflate does
    with pytest.raises(DataError, match=r"the limit is 1,000,000: .*save it as an uncompressed .npy"):
        read_idx(tmp_path / "a.gz", max_bytes=1_000_000)


def test_what_is_no_file(tmp_path):
    for path, message in [
        (tmp_path / "absent.idx", "no such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / ("a" * 300), "cannot be read"),
        ("a\0b", "cannot be read"),
    ]:
        with pytest.raises(DataError, match=message):
            read_idx(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_no_permission(tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(b"\0\0\x08\x01\0\0\0\0")
    path.chmod(0)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_idx(path)
