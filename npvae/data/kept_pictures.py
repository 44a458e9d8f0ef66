"""Decoded pictures, kept in the user's cache so that the next start reads one file instead of thousands.

A copy is named by a digest of everything that decides what is in it: path, size and time of every file, the choices of
reading, the versions of Pillow and of this reader. If any of these changes the name does, and the old copy is removed
when the folder exceeds MAX_KEPT. The environment variable NPVAE_CACHE names another folder; "off" keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npvae.data.files import DataError
from npvae.data.npy import read_npz
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
        files = [
            (os.path.abspath(path), status.st_size, status.st_mtime_ns) for path in paths for status in [path.stat()]
        ]
    except OSError:  # the reader says it better
        return None
    if len(files) < _WORTH_FILES and sum(size for _, size, _ in files) < _WORTH_BYTES:
        return None
    about = [_VERSION, PIL.__version__, reading.colour, reading.resize, files]
    return folder / f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]}.npz"


def read(place: Path) -> tuple[np.ndarray, Counter[Remark]] | None:
    """Pixels and remarks of a copy; None if there is none, or it is damaged: every checksum is compared."""
    if not place.is_file():
        return None
    try:
        arrays = read_npz(place)
        counts = arrays["remarks"].tolist()
        with contextlib.suppress(OSError):
            os.utime(place)  # the oldest are those that were not used for longest
        return arrays["pixels"], Counter({remark: n for remark, n in zip(Remark, counts, strict=True) if n})
    except (DataError, KeyError, ValueError):
        return None


def write(place: Path, pixels: np.ndarray, remarks: Counter[Remark]) -> None:
    """Keep pixels and remarks, whole or not at all. A disk that cannot be written is no reason to stop."""
    if pixels.nbytes > MAX_KEPT:
        return
    part = place.with_name(f"{place.stem}.{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            np.savez(file, pixels=pixels, remarks=np.array([remarks[remark] for remark in Remark]))
        os.replace(part, place)
        _remove_oldest(place)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _remove_oldest(place: Path) -> None:
    """Remove copies until the rest fit into MAX_KEPT; the one just written stays."""
    copies = sorted(place.parent.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in copies:
        total += path.stat().st_size
        if total > MAX_KEPT and path != place:
            with contextlib.suppress(OSError):
                path.unlink()


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
