"""What a file holds, by its first bytes and not by its name."""

from __future__ import annotations

import codecs
import gzip
import os
import zipfile
from collections import Counter
from pathlib import Path

from npvae.data.decoding import encoding_of
from npvae.data.files import DataError, damage_as_data_error, file_size
from npvae.data.idx import DTYPES
from npvae.data.pictures import formats

_HEAD = 4096
_READ_WITH = {  # first bytes -> what such a file is called, and how its data get into a .npy
    b"\x89HDF": ("an HDF5 file", "read it with h5py and np.save the array"),
    b"MATLAB 5.0": ("a MATLAB file", "read it with scipy.io.loadmat and np.save the array"),
    b"PAR1": ("a Parquet file", "read it with pandas and save it as .csv"),
    b"%PDF": ("a PDF", "save its pictures as .png"),
    b"BZh": ("compressed by bzip2", "unpack it"),
    b"\xfd7zXZ": ("compressed by xz", "unpack it"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it and give the folder"),
    b"Rar!": ("a RAR archive", "unpack it and give the folder"),
    **dict.fromkeys(  # protocols 2 to 5
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        ("a pickle", "load it where you trust it, and np.save the array"),
    ),
}
_BY_SUFFIX = {".npy": "npy", ".npz": "npz", ".csv": "text", ".tsv": "text", ".txt": "text", ".idx": "idx"}


def kind_of(path: Path) -> tuple[str, bool]:
    """What a file holds, "npy", "npz", "idx", "picture" or "text", and whether gzip is around it.

    DataError for a file that cannot be read, is empty, or is none of these: the message says what it is, if that is
    known. A damaged file whose name has a known ending counts as what it is called: its reader says what is wrong.
    """
    if file_size(path) == 0:
        raise DataError(f"{path}: is empty: write or fetch it again")
    with damage_as_data_error(path, "fetch it again"):
        with open(path, "rb") as file:
            head = file.read(_HEAD)
        zipped = head[:2] == b"\x1f\x8b"
        if zipped:
            with gzip.open(path) as stream:
                head = stream.read(_HEAD)
    named = _BY_SUFFIX.get(Path(path.stem).suffix.lower() if zipped else path.suffix.lower())
    kind = _by_content(path, head, zipped)
    if kind is not None:
        return kind, zipped
    if named is not None:
        return named, zipped
    if not zipped and path.suffix.lower() in formats():
        return "picture", False
    raise DataError(f"{path}: {_unknown(head)}")


def _by_content(path: Path, head: bytes, zipped: bool) -> str | None:
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head[:2] == b"\0\0" and len(head) > 4 and head[2] in DTYPES and 1 <= head[3] <= 8:
        return "idx"
    if head.lstrip()[:1] in (b"{", b"["):
        raise DataError(f"{path}: is JSON or its like: read it with its own program and np.save the array")
    if zipped:
        return "text" if _is_text(head) else None
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        _check_holds_arrays(path)
        return "npz"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")) or head[8:12] == b"WEBP":
        return "picture"
    return "text" if _is_text(head) else None


def _check_holds_arrays(path: Path) -> None:
    """DataError for a .zip of other things than arrays."""
    with damage_as_data_error(path, "fetch or write it again"), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    if names and not any(name.endswith(".npy") for name in names):
        suffix, count = Counter(Path(name).suffix or "files" for name in names).most_common(1)[0]
        raise DataError(f"{path}: a zip with {count:,} {suffix} in it and no array: unpack it and give the folder")


def _is_text(head: bytes) -> bool:
    """True for text without control characters, by its byte order mark. The head may end inside a character."""
    try:
        text = codecs.getincrementaldecoder(encoding_of(head))().decode(head)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)


def _unknown(head: bytes) -> str:
    for start, (what, mend) in _READ_WITH.items():
        if head.startswith(start):
            return f"is {what}: {mend}"
    return "not a .npy, .npz, .csv, idx or picture file: read it with its own program and np.save the array"


def disagreement(path: os.PathLike[str], kind: str) -> str:
    """What to say of a file whose name ends as if it held something else; empty if it does not."""
    path = Path(path)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    named = _BY_SUFFIX.get(suffix.lower(), "picture" if suffix.lower() in formats() else None)
    return f"; named {suffix}, but read as what it holds: {kind}" if named not in (None, kind) else ""
