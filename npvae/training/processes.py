"""Several processes that train as one: each takes its share of every batch, and the gradients are averaged.

Every process holds the whole state of training. All draw the same order of the samples and the same noise for whole
batches, and compute on their own rows of them; what one process would have computed is the weighted mean

    loss = sum(n[r] / N * loss[r] for r in range(P))
    grad = sum(n[r] / N * grad[r] for r in range(P))        n[r] rows are the share of process r, N those of the batch

so P processes take the steps of one, but for the order of additions. The all-reduce of the flat gradients is
the only large exchange; process 0 alone writes and prints. `comm` is a communicator of mpi4py; without one there is
one process, and nothing here does anything.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from npvae.console import surviving
from npvae.models import OBJECTIVES
from npvae.params import Params

_HEAD_START = 1.0  # seconds in which process 0 can say what is wrong, if it is wrong everywhere
_ON_ITS_WAY = 0.3  # seconds until mpiexec has passed on what was printed: it drops the rest when a job is aborted


class Processes:
    """`rank` 0 ... `size` - 1 of the processes in `comm`, and what they do together.

    As a context it ends all of them, with an error, when one is left by an exception: the others would wait for it
    for ever.
    """

    def __init__(self, comm: Any = None) -> None:
        """Take the processes of a communicator of mpi4py; None is this process alone."""
        self.comm = comm
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()

    def bounds(self, n: int) -> tuple[int, int]:
        """The rows start ... stop - 1 of n that are this process's. Shares differ by one row at most."""
        each, more = divmod(n, self.size)
        start = self.rank * each + min(self.rank, more)
        return start, start + each + (self.rank < more)

    def weight(self, n: int) -> float:
        """What part of n rows is this process's."""
        start, stop = self.bounds(n)
        return (stop - start) / n

    def rows(self, start: int, n: int) -> slice:
        """Where this process's part of n rows from `start` on stands; the first of them where it has none."""
        first, stop = self.bounds(n)
        return slice(start + first, start + stop) if first < stop else slice(start, start + 1)

    def share(self, rows: Any) -> Any:
        """Take this process's part of rows (N,), (N, ...) or (K, N, L); None of None.

        A process whose part is empty computes on the first row, with weight 0, so that it does what the others do.
        """
        if self.size == 1 or rows is None:
            return rows
        axis = 1 if rows.ndim == 3 else 0
        own = self.rows(0, rows.shape[axis])
        return np.ascontiguousarray(rows[:, own] if axis else rows[own])

    def share_of_batches(self, order: np.ndarray, batch_size: int) -> tuple[np.ndarray, int]:
        """Rows in training order -> this process's part of each batch, one after the other; its rows per batch."""
        if self.size == 1 or len(order) == 0:
            return order, batch_size
        parts = [self.share(order[start : start + batch_size]) for start in range(0, len(order), batch_size)]
        return np.concatenate(parts), len(parts[0])

    def average(self, grads: Params, n: int) -> None:
        """Gradients of shares become the gradient of a batch of n, in place, the same on every process."""
        if self.size > 1:
            grads.flat *= self.weight(n)
            self.comm.Allreduce(_in_place(), grads.flat)

    def mean(self, values: tuple[float, ...], n: int) -> tuple[float, ...]:
        """Means over shares become means over a batch of n."""
        if self.size == 1:
            return values
        return tuple(self.sum(np.array(values) * self.weight(n)).tolist())

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over processes of a few float64, in place."""
        if self.size > 1:
            self.comm.Allreduce(_in_place(), values)
        return values

    def any(self, flag: object) -> bool:
        """True on all processes if it is on one: they stop at the same step."""
        return bool(flag) if self.size == 1 else bool(self.sum(np.array([float(bool(flag))]))[0])

    def in_turn(self, call: Callable[[], Any]) -> Any:
        """What a call gives; process 0 is through with it before the others begin: it may download a file."""
        if self.size == 1:
            return call()
        result = call() if self.rank == 0 else None
        self.comm.Barrier()
        return result if self.rank == 0 else call()

    def check_same(self, params: Params, step: int) -> None:
        """RuntimeError if not all processes hold the same parameters, bit for bit."""
        if self.size > 1:
            sums = self.comm.allgather(zlib.crc32(params.flat.tobytes()))
            if len(set(sums)) > 1:
                found = ", ".join(f"{found:08x}" for found in sums)
                mend = (
                    "give the model one seed" if step == 0 else "run them on machines and libraries that are the same"
                )
                raise RuntimeError(
                    f"after step {step} the processes hold different parameters (checksums {found}): {mend}"
                )

    def check_model(self, model: Any) -> None:
        """ValueError for a model whose loss on a batch is not the mean of its losses on parts of it."""
        if self.size > 1 and getattr(model, "takes", "rows") == "graph":
            raise ValueError(f"one graph is one sample, which {self.size} processes cannot share: train in one process")
        row = OBJECTIVES.get(getattr(model, "objective", ""))
        if self.size > 1 and row is not None and row.bends_the_mean:
            raise ValueError(
                f"{model.objective} takes the mean of kl over the whole batch before it weighs it, which {self.size} "
                "processes with a share each cannot: train in one process, or choose another objective"
            )

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.size == 1 or error is None:
            return
        if self.rank:
            time.sleep(_HEAD_START)
        told, printed = surviving(sys.stderr), surviving(sys.stdout)
        if isinstance(error, (ValueError, OSError, ArithmeticError, MemoryError, KeyboardInterrupt)):
            told.write(f"npvae: error: {error or kind} (process {self.rank} of {self.size})\n")
        else:
            told.write("".join(traceback.format_exception(error)))
        printed.flush()
        told.flush()
        time.sleep(_ON_ITS_WAY)
        self.comm.Abort(2)
        os._exit(2)  # MPICH 5 comes back from Abort for a moment


ALONE = Processes()


def _in_place() -> Any:
    from mpi4py import MPI

    return MPI.IN_PLACE
