"""Files that are written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OF_A_RUN = "make room or mend the folder; the last checkpoint is as it was"


def write_whole(path: Path, data: bytes, mend: str = _OF_A_RUN) -> None:
    """Put data where `path` is: into path + ".part" in the same folder, synced to the disk, read back, then renamed.

    Whoever looks at `path`, at any moment and after any crash, finds the old file or the new one.
    OSError if it cannot be done; what was there is then as it was.
    """
    part = path.with_name(path.name + ".part")
    try:
        with named_errors(path, mend):
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if part.read_bytes() != data:
                raise OSError(errno.EIO, "it does not read back as it was written")
            os.replace(part, path)
            _sync_folder(path.parent)
    finally:
        with suppress(OSError):  # the error that is on its way says more
            part.unlink(missing_ok=True)


@contextmanager
def named_errors(path: Path, mend: str = _OF_A_RUN) -> Iterator[None]:
    """OSErrors of the same kind that name the file and say what to do, which is `mend`."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be written ({error.strerror or error}): {mend}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power; where folders cannot be opened (Windows) it needs no help."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
