"""Decoded pictures, kept in the user's cache so that the next start reads one file instead of thousands.

A copy is named by a digest of everything that decides what is in it: path, size and time of every file, the choices of
reading, the versions of Pillow and of this reader. If any of these changes the name does, and the old copy is removed
when the folder exceeds MAX_KEPT. The environment variable NPVAE_CACHE names another folder; "off" keeps nothing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npvae.data.npy import read_npy
from npvae.data.pictures import Remark
from npvae.data.reading import Reading

MAX_KEPT = 4 * 2**30
"""Bytes that all copies together may take; the oldest are removed."""

_VERSION = 1  # of the reader: raise it when the same files come to give other pixels
_WORTH_FILES, _WORTH_BYTES = 1000, 2**24  # below both, the pictures themselves are read fast enough


def place_of(paths: Sequence[Path], reading: Reading) -> Path | None:
    """Where the copy of these pictures is kept; None if nothing is to be kept of them."""
    folder = _folder()
    if folder is None:
        return None
    import PIL

    try:
        files = [(_absolute(path), *_size_and_time(path)) for path in paths]
    except OSError:  # the reader says it better
        return None
    if len(files) < _WORTH_FILES and sum(size for _, size, _ in files) < _WORTH_BYTES:
        return None
    about = [_VERSION, PIL.__version__, reading.colour, reading.resize, files]
    return folder / f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]}.npy"


def read(place: Path) -> tuple[np.ndarray, Counter[Remark]] | None:
    """Pixels and remarks of a copy; None if there is none, or its checksum is wrong."""
    beside = place.with_suffix(".json")
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
        pixels = read_npy(place, mmap=False)
        if zlib.crc32(pixels.data) != about["crc32"]:
            return None
        with contextlib.suppress(OSError):
            os.utime(place)  # the oldest are those that were not used for longest
        return pixels, Counter({Remark[name]: count for name, count in about["remarks"].items()})
    except (OSError, ValueError, KeyError, TypeError):  # DataError is a ValueError
        return None


def write(place: Path, pixels: np.ndarray, remarks: Counter[Remark]) -> None:
    """Keep pixels and remarks, whole or not at all. A disk that cannot be written is no reason to stop."""
    if pixels.nbytes > MAX_KEPT:
        return
    part = place.with_name(f"{place.stem}.{os.getpid()}.part")
    about = {
        "crc32": zlib.crc32(pixels.data),
        "remarks": {remark.name: count for remark, count in remarks.items() if count},
    }
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            np.save(file, pixels)
        os.replace(part, place)
        part.write_text(json.dumps(about), encoding="utf-8")
        os.replace(part, place.with_suffix(".json"))
        _remove_oldest(place)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _remove_oldest(place: Path) -> None:
    """Remove copies until the rest fit into MAX_KEPT; the one just written stays."""
    copies = sorted(place.parent.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in copies:
        total += path.stat().st_size
        if total > MAX_KEPT and path != place:
            with contextlib.suppress(OSError):
                path.unlink()
                path.with_suffix(".json").unlink(missing_ok=True)


def _absolute(path: Path) -> str:
    folder, name = os.path.split(path)
    return os.path.join(_absolute_folder(folder, os.getcwd()), name)


@functools.lru_cache(maxsize=64)
def _absolute_folder(folder: str, here: str) -> str:
    return os.path.normpath(os.path.join(here, folder))


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _folder() -> Path | None:
    """The folder of the copies, if there is to be one."""
    chosen = os.environ.get("NPVAE_CACHE", "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen).expanduser() / "pictures"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "npvae" / "pictures"
