"""The .npy and .npz readers against numpy's writers, and against what numpy.load would swallow."""

import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npvae.data import DataError, read_idx, read_npy, read_npz
from npvae.data.npy import npz_names

DTYPES = ["u1", "i1", "<u2", ">u2", "<i4", ">i8", "<f2", "<f4", ">f4", "<f8", ">f8", "?"]


@given(
    st.sampled_from(DTYPES),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    st.sampled_from("CF"),
    st.sampled_from(["npy", "map", "npz", "packed"]),
    st.integers(0, 2**32 - 1),
)
def test_what_numpy_writes_is_read(tmp_path_factory, dtype, shape, order, how, seed):
    path = tmp_path_factory.getbasetemp() / "round-trip"
    x = np.asarray(np.random.default_rng(seed).integers(0, 100, shape).astype(dtype), order=order)
    if how in ("npz", "packed"):
        with open(path, "wb") as file:
            (np.savez if how == "npz" else np.savez_compressed)(file, x=x)
        read = read_npz(path)["x"]
    else:
        with open(path, "wb") as file:
            np.save(file, x)
        if how == "map" and x.size and x.ndim > 1 and not x.flags.c_contiguous:
            with pytest.raises(DataError, match="Fortran"):
                read_npy(path, mmap=True)
            return
        read = read_npy(path, mmap=how == "map")
    assert read.shape == x.shape
    assert read.dtype.newbyteorder("=") == x.dtype.newbyteorder("=")
    if how != "map":
        assert read.dtype.isnative
        assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, x)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions(tmp_path, version):
    x = np.arange(6.0).reshape(2, 3)
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array(file, x, version=version)
    np.testing.assert_array_equal(read_npy(tmp_path / "x.npy"), x)


def test_only_what_is_large_is_mapped(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros(1000))
    assert type(read_npy(tmp_path / "x.npy")) is np.ndarray
    monkeypatch.setattr("npvae.data.npy.MAP_BYTES", 7999)
    mapped = read_npy(tmp_path / "x.npy")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable


def _npy(header, data=b"", version=1):
    width = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(header)) + header + data


def _header(descr="'<f4'", fortran="False", shape="(2,)"):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()


WRONG = {
    "empty": (b"", "does not start as a .npy"),
    "a zip": (b"PK\3\4" + bytes(60), "does not start as a .npy"),
    "version 4": (_npy(_header(), bytes(8), version=4), "version 1, 2 or 3"),
    "a huge header": (_npy(b"{" * 20_000, version=2), "a header of 20,000 bytes"),
    "a header of 4 GiB": (b"\x93NUMPY\2\0\xff\xff\xff\xff", "a header of 4,294,967,295 bytes"),
    "cut off in the header": (_npy(_header())[:40], "not that of a plain array"),
    "an expression": (_npy(_header(shape="(__import__('os').getpid(),)")), "not that of a plain array"),
    "deep brackets": (_npy(_header(shape="(" * 3000 + ")" * 3000)), "not that of a plain array"),
    "negative": (_npy(_header(shape="(-2,)"), bytes(8)), "not that of a plain array"),
    "blank in a number": (_npy(_header(shape="(1 2,)"), bytes(48)), "damaged"),
    "a record": (_npy(_header(descr="[('a', '<f4')]"), bytes(8)), "not that of a plain array"),
    "strings": (_npy(_header(descr="'<U5'"), bytes(40)), "dtype <U5, expected integers or floats"),
    "objects": (_npy(_header(descr="'|O'"), bytes(8)), "holds Python objects, expected numbers: save np.array"),
    "padding": (_npy(_header(shape="(2,]") + b" " * 60), '}" is not that of a plain array'),
    "complex": (_npy(_header(descr="'<c8'"), bytes(16)), "complex64"),
    "dates": (_npy(_header(descr="'<M8'"), bytes(16)), "datetime64"),
    "no such dtype": (_npy(_header(descr="'<f3'"), bytes(6)), "damaged"),
    "too short": (_npy(_header(), bytes(7)), "bytes, its header declares"),
    "too long": (_npy(_header(), bytes(9)), "bytes, its header declares"),
    "exabytes": (_npy(_header(shape="(999999999999, 999999999)")), "its header declares 3,999"),
    "a number of 5,000 digits": (_npy(_header(shape="(" + "9" * 5000 + ",)")), "its header declares 399|damaged"),
    "zero times huge": (_npy(_header(shape="(0, 99999999999999999999)")), "damaged"),
    "nine axes": (_npy(_header(shape="(1, 1, 1, 1, 1, 1, 1, 1, 2)"), bytes(8)), "9 axes"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("how", ["read", "map", "npz"])
def test_wrong_files(tmp_path, name, how):
    content, message = WRONG[name]
    path = tmp_path / "x.npy"
    if how == "npz":
        path = tmp_path / "x.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content)
    else:
        path.write_bytes(content)
    if name == "zero times huge" and how == "map":
        message = "damaged|no data"
    with pytest.raises(DataError, match=message) as caught:
        read_npz(path) if how == "npz" else read_npy(path, mmap=how == "map")
    assert str(path) in str(caught.value)


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_nothing_is_unpickled(tmp_path):
    objects = np.array([_Trap()], dtype=object)
    np.save(tmp_path / "x.npy", objects)
    np.savez(tmp_path / "x.npz", x=objects)
    (tmp_path / "y.npy").write_bytes(pickle.dumps(_Trap()))
    for read, name in [(read_npy, "x.npy"), (read_npz, "x.npz"), (read_npy, "y.npy"), (read_npz, "y.npy")]:
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)


def test_npz_gives_the_arrays_that_are_asked_for(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, b=np.arange(3), a=np.eye(2), words=np.array(["no number"]))
    assert npz_names(path) == ["b", "a", "words"]
    assert list(read_npz(path, ["a", "b"])) == ["a", "b"]
    assert read_npz(path, []) == {}
    with pytest.raises(DataError, match=r"words\]: holds dtype <U9"):
        read_npz(path)
    with pytest.raises(DataError, match="holds b, a, words, not 'c'"):
        read_npz(path, ["c"])


def test_the_bound_holds_for_the_sum(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(100), b=np.zeros(100))
    assert len(read_npz(tmp_path / "x.npz", max_bytes=1600)) == 2
    with pytest.raises(DataError, match=r"x.npz\[b\]: declares 800 bytes, the limit is 799"):
        read_npz(tmp_path / "x.npz", max_bytes=1599)
    np.save(tmp_path / "x.npy", np.zeros(100))
    with pytest.raises(DataError, match="declares 800 bytes, the limit is 799"):
        read_npy(tmp_path / "x.npy", max_bytes=799)
    assert read_npy(tmp_path / "x.npy", max_bytes=799, mmap=True).shape == (100,)


def test_a_bomb_does_not_unfold(tmp_path):
    """100 MiB of zeros, declared as two floats, or declared as 3 GiB: neither is allocated."""
    bombs = {
        "two floats": zipfile.ZipFile(tmp_path / "two floats", "w", zipfile.ZIP_DEFLATED, compresslevel=1),
        "3 GiB": zipfile.ZipFile(tmp_path / "3 GiB", "w", zipfile.ZIP_DEFLATED),
    }
    with bombs["two floats"] as archive:
        archive.writestr("x.npy", _npy(_header(), bytes(100 * 2**20)))
    with bombs["3 GiB"] as archive:
        archive.writestr("x.npy", _npy(_header(shape="(805306368,)"), bytes(1000)))
    tracemalloc.start()
    try:
        for name in bombs:
            with pytest.raises(DataError, match="its header declares"):
                read_npz(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_an_archive_that_lies_about_its_sizes(tmp_path):
    """Both the header and the directory of the archive declare 3 GiB; 1,000 bytes are there."""
    content = _npy(_header(shape="(805306368,)"))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content + bytes(1000))
        archive.getinfo("x.npy").file_size = len(content) + 3 * 2**30
    with pytest.raises(DataError, match=r"declares 3,221,225,472 bytes from [0-9]{2,3} compressed ones"):
        read_npz(tmp_path / "x.npz")


def test_other_compression_is_refused(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
            archive.writestr("x.npy", stream.getvalue())
        with pytest.raises(DataError, match=r"compressed by method \d+, expected none or deflate"):
            read_npz(tmp_path / "x.npz")


def test_zip_features_that_numpy_never_writes(tmp_path):
    """Encryption, patched data, an offset of 2**64 - 1: zipfile has a different exception for each."""
    np.savez(tmp_path / "good.npz", x=np.arange(3))
    good = (tmp_path / "good.npz").read_bytes()
    flags = good.index(b"PK\1\2") + 8
    cases = {}
    for name, bit in (("encrypted", 0x01), ("patched", 0x20), ("strongly encrypted", 0x40)):
        content = bytearray(good)
        content[flags] |= bit
        cases[name] = bytes(content)
    stream = io.BytesIO(good)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("y.npy", b"")
        archive.getinfo("x.npy").header_offset = 2**64 - 1
    cases["far away"] = stream.getvalue()
    for name, content in cases.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            read_npz(path, ["x"])


def test_no_memory(tmp_path, monkeypatch, idx_bytes):
    (tmp_path / "x.idx").write_bytes(idx_bytes(np.arange(3, dtype="u1")))

    def refuse(*args, **keywords):
        raise MemoryError

    monkeypatch.setattr("npvae.data.files.np.empty", refuse)
    with pytest.raises(DataError, match=r"x\.idx: too large for memory: save it as an uncompressed .npy"):
        read_idx(tmp_path / "x.idx")


def test_what_is_no_file(tmp_path):
    for read in (read_npy, read_npz, npz_names):
        with pytest.raises(DataError, match="no such file"):
            read(tmp_path / "absent.npz")
        with pytest.raises(DataError, match="not a regular file"):
            read(tmp_path)
