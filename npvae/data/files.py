"""Reading files that may be damaged: one error type, and sizes bounded before anything is allocated."""

from __future__ import annotations

import math
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

MAX_BYTES = 4 * 2**30
"""Most bytes that a reader puts into memory, unless told otherwise. A larger set belongs in a .npy, which is mapped."""

# Deflate (gzip, npz) turns 2 bits into at most 258 bytes, so no honest member declares more than this ratio.
_DEFLATE_RATIO = 1032
_CHUNK = 2**20

# What the standard library and NumPy raise on damaged input. OSError: gzip on a wrong checksum. TypeError: NumPy on a
# dtype that does not exist. RuntimeError: zipfile on an encrypted or patched member.
_FAULTS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


class DataError(ValueError):
    """Data that cannot be used. The message names the file, what was found in it and how to mend it."""


class DataWarning(UserWarning):
    """Data that can be used, though hardly as they were meant."""


@contextmanager
def damage_as_data_error(path: str | os.PathLike[str], mend: str) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into `DataError("path: what was found: mend")`."""
    try:
        yield
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: too large for memory: save it as an uncompressed .npy, which is mapped") from error
    except _FAULTS as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's own, not gzip's
            raise DataError(f"{path}: cannot be read ({error.strerror}): check the file and its permissions") from error
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}): {mend}") from error


def file_size(path: str | os.PathLike[str]) -> int:
    """Bytes in a regular file. DataError if there is none: a pipe or a device could keep a reader waiting for ever."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file: check the path") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}): check the path and its permissions") from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: not a regular file: give the path of a data file")
    return status.st_size


def check_size(path: str | os.PathLike[str], declared: int, max_bytes: int) -> None:
    """DataError if a header declares more than `max_bytes`."""
    if declared > max_bytes:
        raise DataError(
            f"{path}: declares {declared:,} bytes, the limit is {max_bytes:,}: if the file is not damaged, save it as "
            "an uncompressed .npy, which is mapped into memory and not read whole"
        )


def check_compression(path: str | os.PathLike[str], declared: int, compressed: int) -> None:
    """DataError if `declared` bytes cannot come out of `compressed` bytes of deflate: the header lies."""
    if declared > _DEFLATE_RATIO * compressed:
        raise DataError(
            f"{path}: declares {declared:,} bytes from {compressed:,} compressed ones: fetch or write it again"
        )


def read_array(
    path: str | os.PathLike[str], stream: Any, shape: Sequence[int], dtype: np.dtype, max_bytes: int
) -> np.ndarray:
    """Read one array from a binary stream that must end with it -> array of `shape`, in native byte order.

    No more than the declared bytes and one are ever asked of the stream, so a decompression bomb does not unfold.
    DataError, before anything is allocated, if a header declares more than `max_bytes`; and if the stream holds fewer
    bytes than declared, or more.
    """
    declared = math.prod(shape) * dtype.itemsize
    check_size(path, declared, max_bytes)
    raw = np.empty(declared, dtype=np.uint8)
    view, filled = raw.data, 0
    while filled < len(raw):
        count = stream.readinto(view[filled : filled + _CHUNK])
        if not count:
            raise DataError(f"{path}: cut off after {filled:,} of {len(raw):,} bytes of data: fetch or write it again")
        filled += count
    # The read past the end also makes gzip and zip compare their checksums.
    if stream.read(1):
        raise DataError(f"{path}: goes on after the {len(raw):,} bytes its header declares: fetch or write it again")
    array = raw.view(dtype).reshape(shape)
    return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def find_file(data_dir: Path, folders: Sequence[str], names: Sequence[str]) -> Path | None:
    """First of `data_dir/folder/name` and `data_dir/name` that is a file, None if there is none.

    DataError if data_dir is not a folder.
    """
    if not os.path.isdir(data_dir):
        raise DataError(f"{data_dir}: no such folder: check data_dir (--data-dir) and NPVAE_DATA")
    candidates = (data_dir / folder / name for folder in (*folders, "") for name in names)
    return next((path for path in candidates if os.path.isfile(path)), None)
