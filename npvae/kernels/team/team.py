"""Threads that share one product: the caller, and helpers that take pieces of it when they have time.

How a job is shared is in `npvae.kernels.team.jobs`. What follows from it:
- The caller never waits for a helper to begin. If helpers are late, asleep, were lost in a fork or could never be
  started, the caller does it all: slower, with the same result to the last bit.
- A helper in its loop does not hold Python's lock. It looks for work for a fraction of a millisecond, then sleeps until
  it is rung for, so an idle program costs nothing.
- Two Python threads that compute at once do not wait for each other: the one that finds the team taken works alone.

Why not numba's `prange`: its OpenMP threads spin against those of BLAS (a step then takes 12 times as long) and die
in a fork, and its workqueue aborts the process if two Python threads meet in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from npvae.kernels.team.jobs import ASLEEP, STOP, help_out

MAX_HELPERS = 63
INTEGERS = ASLEEP + MAX_HELPERS + 1


def new_state() -> np.ndarray:
    """The state of a team without a job, on cache lines of its own."""
    raw = np.zeros(INTEGERS * 8 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + INTEGERS * 8].view(np.int64)


class Team:
    """The caller and its helpers; helpers are started with the first job."""

    def __init__(self, threads: int) -> None:
        """`threads` counts the caller too."""
        self.threads = max(1, min(threads, MAX_HELPERS + 1))
        self.state = new_state()
        self.taken = threading.Lock()
        self.bells: list[threading.Semaphore] = []
        self.helpers: list[threading.Thread] = []
        self.started = False

    def run(self, job: Callable, *arguments: Any) -> Any:
        """Do a job with the whole team, or alone if another Python thread has it; return what the job returns."""
        if not self.taken.acquire(blocking=False):
            return job(new_state(), *arguments)
        try:
            self._ring()
            return job(self.state, *arguments)
        finally:
            self.taken.release()

    def resize(self, threads: int) -> None:
        """Change the number of threads, from the next job on."""
        self.stop()
        self.threads = max(1, min(threads, MAX_HELPERS + 1))

    def stop(self) -> None:
        """Send the helpers home. A later job starts new ones."""
        with self.taken:
            self.state[STOP] = 1
            for bell in self.bells:
                bell.release()
            for helper in self.helpers:
                helper.join(timeout=1)
            self.state, self.bells, self.helpers, self.started = new_state(), [], [], False

    def forget(self) -> None:
        """After a fork the child has no helpers: it starts its own."""
        self.state, self.bells, self.helpers, self.started = new_state(), [], [], False
        self.taken = threading.Lock()

    def _ring(self) -> None:
        """Wake the helpers that sleep, or start them."""
        if not self.started:
            self._start()
        for me, bell in enumerate(self.bells):
            if self.state[ASLEEP + me]:
                self.state[ASLEEP + me] = 0
                bell.release()

    def _start(self) -> None:
        self.started = True
        for me in range(self.threads - 1):
            bell = threading.Semaphore(0)
            helper = threading.Thread(target=_help, args=(self.state, me, bell), name=f"npvae-{me}", daemon=True)
            try:
                helper.start()
            except RuntimeError:  # the system allows no more threads: the team is as large as it is
                return
            self.bells.append(bell)
            self.helpers.append(helper)


def _help(state: np.ndarray, me: int, bell: threading.Semaphore) -> None:
    while not state[STOP]:
        help_out(state, me)
        bell.acquire()
