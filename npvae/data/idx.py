"""The idx format of MNIST: a magic number, the sizes big-endian, then the bare array, often inside gzip."""

from __future__ import annotations

import gzip
import math
import os
from typing import Any

import numpy as np

from npvae.data.files import MAX_BYTES, DataError, check_compression, damage_as_data_error, file_size, read_array

# LeCun, Cortes & Burges, "The MNIST database of handwritten digits": type codes of the third byte.
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_AXES = 8
_MEND = "fetch it again, or check that it is an idx file"


def read_idx(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read an idx file, bare or inside gzip (told apart by content, not by name) -> array, native byte order.

    `max_bytes` bounds the array. It must hold exactly what its header declares. Raises DataError for everything else:
    missing, not idx, damaged, cut off, followed by other bytes, too large.
    """
    size = file_size(path)
    with damage_as_data_error(path, _MEND), open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not zipped:
            return _read(path, file, size, max_bytes, zipped=False)
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            return _read(path, stream, size, max_bytes, zipped=True)


def _read(path: str | os.PathLike[str], stream: Any, size: int, max_bytes: int, *, zipped: bool) -> np.ndarray:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES or not 1 <= magic[3] <= _MAX_AXES:
        raise DataError(
            f"{path}: starts with bytes {magic.hex(' ') or '(none)'}, an idx file with 00 00, a type code 08 to 0e and "
            f"the number of axes, 01 to {_MAX_AXES:02x}: {_MEND}"
        )
    dtype, axes = np.dtype(DTYPES[magic[2]]), magic[3]
    sizes = stream.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError(f"{path}: cut off inside its header: {_MEND}")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    declared = math.prod(shape) * dtype.itemsize
    if zipped:
        check_compression(path, declared, size)
    elif size != 4 + 4 * axes + declared:
        raise DataError(f"{path}: {size:,} bytes, its header {shape} declares {4 + 4 * axes + declared:,}: {_MEND}")
    return read_array(path, stream, shape, dtype, max_bytes)
