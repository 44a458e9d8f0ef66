"""What `mpiexec -n P npvae ...` says to each of the processes that it starts, through their environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npvae.training.processes import Processes

_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # where MPICH and Open MPI say how many processes there are
_LOCAL_SIZES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")  # and how many of them on this machine


def started_processes() -> Processes:
    """What mpiexec has started, of which this process is one. ValueError if mpi4py is missing or of another MPI."""
    from npvae.training.processes import ALONE, Processes

    size = _number(_SIZES)
    if size == 1:
        return ALONE
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"mpiexec started {size} processes, but {error}: pip install mpi4py mpich") from None
    if MPI.COMM_WORLD.Get_size() != size:
        raise ValueError(
            f"mpiexec started {size} processes, but mpi4py finds {MPI.COMM_WORLD.Get_size()}: it belongs to another "
            "MPI than this mpiexec. The extra mpi installs both, in the bin folder of the same Python"
        )
    return Processes(MPI.COMM_WORLD)


def share_cores() -> None:
    """Give each process on this machine its part of the cores, unless the environment says otherwise.

    It must be called before NumPy is imported: OpenBLAS asks once.
    """
    local = _number(_LOCAL_SIZES)
    if local > 1 and "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, cores // local)))


def _number(names: tuple[str, ...]) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()), 1)
