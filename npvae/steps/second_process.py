"""A second process that compiles too, where nothing is compiled yet and a core is idle.

Numba's compiler holds one lock, so threads gain nothing. Two processes share a list of tasks through the cache on disk:
this one takes from its front, the second from its back, and what the second has compiled is loaded here. It asks for
each task with a line on its standard output; a thread of this process answers with the number of one. So no task is
begun twice, and if the second process dies, or takes too long, what it had in hand is compiled here. It may cost time,
never a result. It ends with its standard input, so it outlives this process by one task at most.

Only `npvae train` and `npvae warmup` start it: a library that is imported starts no program.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from signal import SIG_IGN, SIGINT, signal
from threading import Condition, Thread
from typing import Any, NamedTuple

PATIENCE = 5.0  # seconds for the second process's last task, or as long as this one took for all of its own
READY, DONE = "ready", "done"

_permitted = False


class Task(NamedTuple):
    """One thing to compile."""

    compile: Callable[[], object]  # compiles it, or loads it from disk
    is_kept: Callable[[], bool]  # whether it is on disk already


@contextmanager
def permitted(yes: bool = True) -> Iterator[None]:
    """Within this context a step may start a second process for what it has to compile."""
    global _permitted
    before, _permitted = _permitted, yes
    try:
        yield
    finally:
        _permitted = before


def compile_ahead(make: Callable[..., Sequence[Task]], *arguments: Any) -> None:
    """`compile_with_a_second` if that is permitted and anything is missing; else nothing: calls compile what they need.

    Arguments are as there.
    """
    if not _permitted or not can_start():
        return
    missing = [i for i, task in enumerate(make(*arguments)) if not task.is_kept()]
    if len(missing) > 1:
        compile_with_a_second(make, arguments, missing)


def can_start() -> bool:
    """Whether a second process can be started, has a core of its own, and can hand over what it compiles."""
    if not sys.executable or getattr(sys, "frozen", False):  # the executable of a frozen program is no Python
        return False
    from numba.core import config

    from npvae.kernels import jit
    from npvae.kernels.team import pools

    return not config.DISABLE_JIT and pools.team.threads > 1 and jit.cache_folder() is not None  # type: ignore[attr-defined]


def compile_with_a_second(
    make: Callable[..., Sequence[Task]],
    arguments: Sequence[Any],
    numbers: Sequence[int],
    tell: Callable[[str], None] | None = None,
) -> None:
    """Compile the tasks of these numbers, some of them in a second process; all of them here if it does not start.

    make       gives the tasks; a function at the top of a module, called with the same arguments in both processes
    arguments  strings, numbers or bools
    tell       called with the name of each kernel that the second process has compiled, from another thread
    """
    tasks = make(*arguments)
    try:
        second = SecondProcess(make, arguments, numbers, tell)
    except OSError:  # the system allows no more processes
        for number in numbers:
            tasks[number].compile()
        return
    with second:
        for number in second.left():
            tasks[number].compile()


class SecondProcess:
    """The process, the task that it has in hand, and the tasks that nobody has begun."""

    def __init__(
        self,
        make: Callable[..., Sequence[Task]],
        arguments: Sequence[Any],
        numbers: Sequence[int],
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Start it. Arguments are those of `compile_with_a_second`. Raises OSError if the system does not start it."""
        self.waiting, self.changed, self.tell = deque(numbers), Condition(), tell
        self.in_hand: int | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-c", program(make, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows
        )
        self.thread = Thread(target=self._answer, name="npvae-second-process", daemon=True)
        self.thread.start()

    def __enter__(self) -> SecondProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # what it has finished is on disk
        self.thread.join()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def left(self) -> Iterator[int]:
        """The numbers of the tasks that are this process's, from the front, until none is left in either hand."""
        start = time.monotonic()
        while (number := self._next(max(PATIENCE, time.monotonic() - start))) is not None:
            yield number

    def _next(self, patience: float) -> int | None:
        with self.changed:
            if not self.changed.wait_for(lambda: self.waiting or self.in_hand is None, patience):
                self.process.kill()
                self.changed.wait_for(lambda: self.waiting)  # the thread hands back what it had in hand
            return self.waiting.popleft() if self.waiting else None

    def _answer(self) -> None:
        """Give the second process a task whenever it asks; take back what it has in hand when it is gone."""
        try:
            for line in self.process.stdout:  # type: ignore[union-attr]
                word, *names = line.split() or [""]
                if word not in (READY, DONE):
                    continue
                with self.changed:
                    self.in_hand = self.waiting.pop() if self.waiting else None
                    self.changed.notify()
                if self.tell is not None:
                    for name in names:
                        self.tell(name)
                if self.in_hand is not None:
                    print(self.in_hand, file=self.process.stdin, flush=True)
        except OSError:  # it ended before it read the number
            pass
        finally:
            with self.changed:
                if self.in_hand is not None:
                    self.waiting.append(self.in_hand)
                self.in_hand = None
                self.changed.notify()


def program(make: Callable, arguments: Sequence[Any]) -> str:
    """What the second process runs. It imports from where this one does, not from the folder that it is started in."""
    path = [entry for entry in sys.path if isinstance(entry, str)]
    return (
        f"import sys; sys.path[:] = {path!r}\n"
        f"from {__name__} import serve\n"
        f"from {make.__module__} import {make.__name__} as make\n"
        f"import json; serve(make(*json.loads({json.dumps(arguments)!r})))"
    )


def serve(tasks: Sequence[Task]) -> None:
    """In the second process: compile the tasks whose numbers are read, until the first process closes the pipe."""
    signal(SIGINT, SIG_IGN)  # Ctrl-C reaches both, and the first decides what becomes of it
    answers, sys.stdout = sys.stdout, sys.stderr
    from npvae.kernels import jit

    print(READY, file=answers, flush=True)
    for line in sys.stdin:
        compiled: list[str] = []
        with jit.when_compiling(compiled.append):
            tasks[int(line)].compile()
        print(DONE, *compiled, file=answers, flush=True)
