"""Streams that do not fail: what cannot be shown is dropped, letters that are not there are replaced, work goes on.

A terminal closes, the reader of a pipe leaves, a disk fills up, an encoding lacks a letter. Everything that a training
or a command says to a person goes through `surviving`, so none of this decides whether a training lives.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Surviving:
    """A text stream around another, or around None, whose `write` and `flush` never raise.

    lost  what went wrong, after which nothing more is written; None while all is well
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.lost: Exception | None = None

    def write(self, text: str) -> int:
        """Write, with "?" for letters that the stream's encoding lacks."""
        if self.stream is not None and self.lost is None:
            try:
                self._write(text)
            except (OSError, ValueError) as error:  # ValueError: the stream is closed
                self.lost = error
        return len(text)

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            self.stream.write(text.encode(encoding, "replace").decode(encoding))

    def flush(self) -> None:
        """Pass on what is held back, if that is possible."""
        if self.stream is not None and self.lost is None:
            try:
                self.stream.flush()
            except (OSError, ValueError) as error:
                self.lost = error

    def isatty(self) -> bool:
        """True if a person looks at a terminal."""
        try:
            return self.lost is None and bool(self.stream.isatty())
        except (AttributeError, ValueError):
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def surviving(stream: Any) -> Surviving:
    """The stream, such that writing to it never raises."""
    return stream if isinstance(stream, Surviving) else Surviving(stream)


@contextmanager
def surviving_streams() -> Iterator[tuple[Surviving, Surviving]]:
    """Within this context sys.stdout and sys.stderr do not fail. Gives both, so that the caller can ask what was lost.

    Afterwards a stream that is lost leads nowhere, for the interpreter flushes it once more when it ends.
    """
    _fill_closed_handles()
    before = sys.stdout, sys.stderr
    out, err = surviving(before[0]), surviving(before[1])
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        for stream in (out, err):
            stream.flush()
            if stream.lost is not None:
                _lead_nowhere(stream.stream)
        sys.stdout, sys.stderr = before


def is_interrupt(error: BaseException) -> bool:
    """True for a Ctrl-C, also one in the middle of an import: of it Python 3.11 and older make a RuntimeError."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)


def reader_left(stream: Surviving) -> bool:
    """True if nothing was lost that anybody wanted: all is written, or whoever read it has seen enough."""
    lost = stream.lost
    left = (errno.EPIPE, errno.EIO, errno.EBADF, *([errno.EINVAL] if sys.platform == "win32" else []))
    return lost is None or not isinstance(lost, OSError) or lost.errno in left


def _fill_closed_handles() -> None:
    """Open handles 0 to 2 that are closed, or the next file that is opened would get what is written to stderr."""
    with suppress(OSError):
        handle = os.open(os.devnull, os.O_RDWR)
        while handle < 3:
            handle = os.open(os.devnull, os.O_RDWR)
        os.close(handle)


def _lead_nowhere(stream: Any) -> None:
    with suppress(OSError, ValueError, AttributeError):
        handle = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, handle)
        os.close(nowhere)
