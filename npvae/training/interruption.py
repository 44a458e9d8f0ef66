"""Ctrl-C, SIGTERM and SIGHUP while a model trains: the first is noted, a second acts as it does without this.

SIGHUP says that the terminal was closed, and system and shell may both say so: a second one is noted as well. Windows
has no SIGHUP. It has SIGBREAK: Ctrl-Break, or the console was closed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

HANGUP, BREAK = (getattr(signal, name, None) for name in ("SIGHUP", "SIGBREAK"))  # None where the system has none
SIGNALS = (signal.SIGINT, signal.SIGTERM, *(number for number in (HANGUP, BREAK) if number is not None))


class Interruption:
    """A context in which the first of SIGNALS sets `asked` and does nothing else.

    The handlers from before are put back by that first signal, or on leaving; that of SIGHUP on leaving alone. So a
    second Ctrl-C raises KeyboardInterrupt wherever the program is, and a second SIGTERM ends it.

    Only the main thread can listen to signals: in any other this does nothing. A signal that was being ignored (as
    under nohup) goes on being ignored.
    """

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if handler not in (None, signal.SIG_IGN):  # None: it was not set from Python and could not be put back
                    self._before[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._put_back(SIGNALS)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = signal.Signals(number)
        self._put_back([each for each in SIGNALS if each != HANGUP])

    def _put_back(self, signals: Iterable[signal.Signals]) -> None:
        for number in signals:
            if number in self._before:
                signal.signal(number, self._before.pop(number))
