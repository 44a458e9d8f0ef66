"""The .npy and .npz formats of NumPy, read strictly: plain numbers only, nothing unpickled, nothing evaluated.

`numpy.load` is made for files that one has written oneself. Here a file may be cut off, mutated or hostile, so the
header is matched and not evaluated, and its sizes are checked against the file before anything is allocated.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zipfile
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from npvae.data.files import MAX_BYTES, DataError, check_compression, damage_as_data_error, file_size, read_array

MAP_BYTES = 2**30
"""A .npy with more bytes of data than this is mapped into memory, not read, unless told otherwise."""

_MAX_HEADER = 10_000
_MAX_AXES = 8
WRITE_AGAIN = "write it again with numpy.save or numpy.savez"
_HEADER = re.compile(
    rb"\{'descr': *'([<>|=]?[a-zA-Z]\d{1,5})', *'fortran_order': *(True|False), *'shape': *\(([\d, ]*)\),? *\}\s*"
)


class _Header(NamedTuple):
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    length: int  # bytes before the data

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _read_header(path: str | os.PathLike[str], stream: Any, texts: bool = False) -> _Header:
    """Read the header of a .npy, of text only with `texts`. Specification: numpy.lib.format, versions 1.0 to 3.0."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY" or start[6:] not in (b"\x01\0", b"\x02\0", b"\x03\0"):
        raise DataError(f"{path}: does not start as a .npy of version 1, 2 or 3: {WRITE_AGAIN}")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > _MAX_HEADER:
        raise DataError(f"{path}: declares a header of {length:,} bytes, the limit is {_MAX_HEADER:,}: {WRITE_AGAIN}")
    text = stream.read(length)
    found = _HEADER.fullmatch(text)
    if re.match(rb"\{'descr': *'\|O'", text):
        mend = "np.array(values, dtype=str), or numbers" if texts else "np.array(rows, dtype=np.float32)"
        raise DataError(f"{path}: holds Python objects, expected numbers{' or text' * texts}: save {mend}")
    if len(text) < length or not found:
        raise DataError(f"{path}: header {text.rstrip()[:80]!r} is not that of a plain array of numbers: {WRITE_AGAIN}")
    dtype = np.dtype(found[1].decode())
    if not (texts and dtype.kind in "US") and (dtype.kind not in "biuf" or dtype.itemsize > 8):
        raise DataError(f"{path}: holds dtype {dtype}, expected integers or floats of at most 8 bytes: convert it")
    shape = tuple(int(size) for size in found[3].split(b",") if size.strip())
    if len(shape) > _MAX_AXES:
        raise DataError(f"{path}: declares {len(shape)} axes, the limit is {_MAX_AXES}: {WRITE_AGAIN}")
    return _Header(dtype, shape, found[2] == b"True", 8 + width + length)


def _ordered(path: str | os.PathLike[str], stream: Any, header: _Header, max_bytes: int) -> np.ndarray:
    shape = header.shape[::-1] if header.fortran else header.shape
    array = read_array(path, stream, shape, header.dtype, max_bytes)
    return np.ascontiguousarray(array.T) if header.fortran else array


def read_npy(path: str | os.PathLike[str], *, mmap: bool | None = None, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read a .npy of numbers -> C-contiguous array in native byte order, or a read-only numpy.memmap.

    mmap       True to map the file, False to read it, None to map it if its data exceed MAP_BYTES (1 GiB).
    max_bytes  bound of what is read into memory; a mapped file may be of any size.

    It must hold exactly what its header declares. Raises DataError for everything else: missing, damaged, cut off,
    followed by other bytes, objects or strings inside, or mapped in Fortran order (its rows lie scattered).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.eye(2, dtype=np.float32))
        ...     x = npvae.data.read_npy(f"{folder}/x.npy")
        >>> x.shape, x.dtype.name
        ((2, 2), 'float32')
    """
    size = file_size(path)
    with damage_as_data_error(path, WRITE_AGAIN), open(path, "rb") as file:
        header = _read_header(path, file)
        _check_length(path, header, size)
        if mmap is None:
            mmap = header.nbytes > MAP_BYTES
        if not mmap or not header.nbytes:
            return _ordered(path, file, header, max_bytes)
    if header.fortran:
        raise DataError(f"{path}: in Fortran order, rows cannot be streamed: save numpy.ascontiguousarray of it")
    with damage_as_data_error(path, WRITE_AGAIN):
        return np.memmap(path, header.dtype, mode="r", offset=header.length, shape=header.shape)


def read_zipped_npy(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read a .npy inside gzip -> C-contiguous array in native byte order. DataError as for `read_npy`."""
    size = file_size(path)
    with damage_as_data_error(path, WRITE_AGAIN), gzip.open(path) as stream:
        header = _read_header(path, stream)
        check_compression(path, header.nbytes, size)
        return _ordered(path, stream, header, max_bytes)


def _check_length(path: str | os.PathLike[str], header: _Header, size: int) -> None:
    if size != header.length + header.nbytes:
        raise DataError(f"{path}: {size:,} bytes, its header declares {header.length + header.nbytes:,}: {WRITE_AGAIN}")


def npz_names(path: str | os.PathLike[str]) -> list[str]:
    """Names of the arrays in a .npz, in its order. DataError if it is not one."""
    file_size(path)
    with damage_as_data_error(path, WRITE_AGAIN), zipfile.ZipFile(path) as archive:
        return _names(archive)


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_npz(
    path: str | os.PathLike[str],
    names: Iterable[str] | None = None,
    *,
    max_bytes: int = MAX_BYTES,
    texts: bool = False,
) -> dict[str, np.ndarray]:
    """Read the named arrays of a .npz, all if None -> {name: C-contiguous array in native byte order}.

    `max_bytes` bounds their sum. Sizes are checked against the archive before anything is allocated, and the checksum
    of every array is compared. With `texts`, arrays of text are read too. Raises DataError for everything else:
    missing, damaged, a name that is not there, objects or (without `texts`) text inside, compression other than
    deflate.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/both.npz", x=np.eye(2), y=np.arange(2))
        ...     found = npvae.data.read_npz(f"{folder}/both.npz", ["y"])
        >>> found["y"].tolist()
        [0, 1]
    """
    arrays: dict[str, np.ndarray] = {}
    file_size(path)
    with damage_as_data_error(path, WRITE_AGAIN), zipfile.ZipFile(path) as archive:
        present = _names(archive)
        for name in present if names is None else names:
            if name not in present:
                raise DataError(f"{path}: holds {', '.join(present) or 'no arrays'}, not {name!r}: check the name")
            array = _read_member(f"{path}[{name}]", archive, archive.getinfo(name + ".npy"), max_bytes, texts)
            max_bytes -= array.nbytes
            arrays[name] = array
    return arrays


def _read_member(
    label: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int, texts: bool
) -> np.ndarray:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{label}: compressed by method {info.compress_type}, expected none or deflate: {WRITE_AGAIN}")
    with archive.open(info) as stream:
        header = _read_header(label, stream, texts)
        _check_length(label, header, info.file_size)
        check_compression(label, header.nbytes, info.compress_size)
        array = _ordered(label, stream, header, max_bytes)
        if array.dtype.kind == "S":
            return np.char.decode(array, "utf-8")
        return np.array(array.tolist(), dtype=str) if array.dtype.kind == "U" else array  # no letter is out of range
