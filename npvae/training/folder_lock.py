"""One process at a time trains in a folder: a lock that the system takes back when its process ends."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK, getattr(errno, "EDEADLOCK", errno.EDEADLK))


class FolderTaken(Exception):
    """Another process has the lock."""


def lock_folder(folder: Path) -> int:
    """Lock a folder -> a handle; `unlock` gives it back. Raises FolderTaken if another process has it.

    -1 where nothing can be locked: on some network file systems.
    """
    try:
        import fcntl
    except ImportError:
        return _lock_a_file(folder / ".lock")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return _failed(handle, error)
    return handle


def unlock(handle: int) -> None:
    """Give a lock back."""
    if handle >= 0:
        os.close(handle)


def _lock_a_file(path: Path) -> int:
    """Windows locks bytes of files, not folders: the first byte of a file that stays empty."""
    import msvcrt

    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError as error:
        return _failed(handle, error)
    return handle


def _failed(handle: int, error: OSError) -> int:
    os.close(handle)
    if error.errno in _TAKEN:
        raise FolderTaken from None
    return -1
