"""Who computes what, without MPI: a communicator here is a rank and a size."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npvae
from npvae.cli.mpiexec import share_cores, started_processes
from npvae.training.processes import ALONE, Processes


def process(rank, size):
    return Processes(SimpleNamespace(Get_rank=lambda: rank, Get_size=lambda: size))


def all_of(size):
    return [process(rank, size) for rank in range(size)]


@given(n=st.integers(1, 200), size=st.integers(1, 40))
def test_shares_are_a_partition_in_order_and_even(n, size):
    bounds = [one.bounds(n) for one in all_of(size)]
    assert [row for start, stop in bounds for row in range(start, stop)] == list(range(n))
    lengths = [stop - start for start, stop in bounds]
    assert max(lengths) - min(lengths) <= 1
    assert sum(one.weight(n) for one in all_of(size)) == pytest.approx(1)


@given(n=st.integers(0, 60), batch_size=st.integers(1, 30), size=st.integers(1, 9), seed=st.integers(0, 99))
def test_batches_of_shares_are_the_shares_of_batches(n, batch_size, size, seed):
    order = np.random.default_rng(seed).permutation(n)
    for one in all_of(size):
        own, share_size = one.share_of_batches(order, batch_size)
        batches = [own[start : start + share_size] for start in range(0, len(own), share_size)]
        expected = [one.share(order[start : start + batch_size]) for start in range(0, n, batch_size)]
        assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in expected]


@pytest.mark.parametrize("shape", [(7,), (7, 3), (5, 7, 3)])
def test_a_share_of_noise_is_that_of_the_rows(shape):
    rows = np.arange(np.prod(shape)).reshape(shape)
    axis = 1 if len(shape) == 3 else 0
    assert np.array_equal(np.concatenate([one.share(rows) for one in all_of(3)], axis=axis), rows)
    assert all(one.share(rows).flags.c_contiguous for one in all_of(3))


def test_whoever_has_no_row_computes_on_the_first_with_weight_0():
    rows = np.arange(6).reshape(2, 3)
    assert [one.share(rows).tolist() for one in all_of(3)] == [[[0, 1, 2]], [[3, 4, 5]], [[0, 1, 2]]]
    assert [one.weight(2) for one in all_of(3)] == [0.5, 0.5, 0.0]


def test_alone_nothing_is_copied_or_changed():
    rows = np.zeros((3, 2))
    grads = npvae.VAE(2, (2,), 1, backend="numpy").params
    before = grads.flat.copy()
    assert ALONE.share(rows) is rows
    assert ALONE.share(None) is None
    assert ALONE.share_of_batches(rows, 4) == (rows, 4)
    ALONE.average(grads, 3)
    assert np.array_equal(grads.flat, before)
    assert ALONE.mean((1.0, 2.0), 3) == (1.0, 2.0)
    assert [ALONE.any(flag) for flag in (None, 2)] == [False, True]
    assert ALONE.in_turn(lambda: 5) == 5


@pytest.mark.parametrize("objective", ["free_bits", "capacity"])
def test_objectives_that_are_no_mean_over_samples_are_refused(objective):
    model = npvae.VAE(3, (2,), 1, objective=objective, backend="numpy")
    with pytest.raises(ValueError, match=f"{objective} takes the mean of kl over the whole batch"):
        process(0, 2).check_model(model)
    ALONE.check_model(model)
    process(0, 2).check_model(npvae.VAE(3, (2,), 1, backend="numpy"))


def test_different_parameters_are_noticed():
    params = npvae.VAE(3, (2,), 1, backend="numpy").params
    one = process(0, 2)
    one.comm.allgather = lambda value: [value, value]
    one.check_same(params, step=3)
    one.comm.allgather = lambda value: [value, value + 1]
    with pytest.raises(RuntimeError, match=r"after step 3 the processes hold different parameters .*: run them on"):
        one.check_same(params, step=3)
    with pytest.raises(RuntimeError, match="give the model one seed"):
        one.check_same(params, step=0)


def test_without_mpiexec_there_is_one_process(monkeypatch):
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert started_processes() is ALONE


@pytest.mark.parametrize("name", ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"])
def test_mpiexec_without_its_package_or_of_another_mpi(name, monkeypatch):
    monkeypatch.setenv(name, "4")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ValueError, match=r"mpiexec started 4 processes, but .*: pip install mpi4py mpich"):
        started_processes()
    one = SimpleNamespace(MPI=SimpleNamespace(COMM_WORLD=SimpleNamespace(Get_size=lambda: 1)))
    monkeypatch.setitem(sys.modules, "mpi4py", one)
    with pytest.raises(ValueError, match="mpiexec started 4 processes, but mpi4py finds 1: it belongs to another MPI"):
        started_processes()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"MPI_LOCALNRANKS": "1"}, None),
        ({"MPI_LOCALNRANKS": "3"}, "2"),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "64"}, "1"),
        ({"MPI_LOCALNRANKS": "3", "OPENBLAS_NUM_THREADS": "5"}, "5"),
        ({"MPI_LOCALNRANKS": "3", "OMP_NUM_THREADS": "5"}, None),
    ],
)
def test_processes_of_one_machine_share_its_cores(given, expected, monkeypatch):
    for name in ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # so that whatever is set below is taken back at the end
        monkeypatch.delenv(name)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(7)), raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    share_cores()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == expected


def test_cores_are_shared_before_numpy_asks_for_them():
    code = "import sys, npvae.cli as cli; cli.build_parser(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
