"""Jobs of a team: that each is a new one, what its pieces do, and that those of a likelihood make the whole."""

import sys
import time
from ctypes import CFUNCTYPE, c_int64, c_void_p, cast
from types import FunctionType

import numba
import numpy as np
import pytest
from numba import config

from npvae import ops
from npvae.kernels.matmul.products import MOST, pieces_of
from npvae.kernels.team import jobs as jobs_module
from npvae.kernels.team.atomics import give_way, nanoseconds
from npvae.kernels.team.jobs import (
    ASLEEP,
    DONE,
    FIELD,
    FUNCTION,
    HURRY,
    PATIENCE,
    PLAN,
    STOP,
    TICKET,
    adam_step,
    bernoulli,
    do_job,
    factors,
    help_out,
    product,
    take_pieces,
)
from npvae.kernels.team.pieces import ADAM_PIECE, BERNOULLI_PIECE, product_of
from npvae.kernels.team.team import Team, new_state
from npvae.kernels.updates import adam

compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="jobs exist compiled only")


@compiled
@pytest.mark.parametrize("shape", [(1, 784), (41, 784), (42, 784), (130, 784), (3, 40_000), (5, 32_768), (70_000, 1)])
def test_a_likelihood_in_pieces_is_the_likelihood_for_any_number_of_threads(fenced, shape):
    rng = np.random.default_rng(0)
    logits, x = rng.standard_normal(shape, np.float32), rng.random(shape, np.float32)
    wanted, cache = ops.bernoulli_nll_forward(logits.astype(np.float64), x.astype(np.float64))
    gradient = ops.bernoulli_nll_backward(np.ones(len(x)), cache)
    found = []
    for threads in (1, 3):
        team, (nll, check_nll), (residual, check) = Team(threads), fenced(shape[:1]), fenced(shape)
        team.run(bernoulli, logits, x, nll, residual)
        team.stop()
        np.testing.assert_allclose(nll, wanted, rtol=2e-5)
        np.testing.assert_allclose(residual, gradient, rtol=0, atol=5e-7)
        check_nll()
        check()
        found.append((nll, residual))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def product_in(state, rows, inner, columns):
    """Multiply matrices of ones with this state of a team."""
    out = np.empty((rows, columns), np.float32)
    ones = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    product(state, *ones, out, False, False)
    assert (out == inner).all()


@compiled
def test_a_team_is_called_for_products_of_four_million_operations():
    for inner, shared in ((199, False), (200, True)):
        state = new_state()
        product_in(state, 100, inner, 100)
        assert bool(state[TICKET]) == shared


@compiled
@pytest.mark.parametrize("first", [0, 2**20 - 3])
def test_every_job_has_another_number_than_the_one_before_also_after_the_last_number(first):
    """Else a helper that was late would take the ticket of a new job for that of an old one."""
    state, numbers = new_state(), []
    state[TICKET] = first << 40
    for _ in range(6):
        product_in(state, 100, 200, 100)
        ticket = int(state[TICKET])
        numbers.append(ticket >> 40)
        assert ticket & FIELD == (ticket >> 20) & FIELD == state[DONE]  # all pieces were taken, and done
        assert state[DONE] == pieces_of(100, 100, 200)
    assert len(set(numbers)) == 6
    assert 0 <= min(numbers) <= max(numbers) < 2**20


@compiled
@pytest.mark.parametrize("helping", [True, False])
def test_a_helper_alone_does_every_piece_once_as_the_caller_does(helping):
    rng, state = np.random.default_rng(0), new_state()
    a, b = rng.standard_normal((300, 200), np.float32), rng.standard_normal((200, 320), np.float32)
    wanted, out = np.empty((2, 300, 320), np.float32)
    product(state, a, b, wanted, False, False)
    pieces = int(state[DONE])
    assert pieces > 4
    plan = factors(a, b, out, False, False)
    state[FUNCTION], state[PLAN], state[DONE], state[TICKET] = product_of.address, plan.ctypes.data, 0, pieces << 20
    out[:] = np.nan
    assert take_pieces(state, helping) == pieces
    assert state[DONE] == pieces
    np.testing.assert_array_equal(out, wanted)


def jobs():
    """Jobs of several pieces: kind, function, arguments, a result among them, how many numbers of it a piece may be."""
    rng = np.random.default_rng(0)
    x, y, weights = *rng.random((2, 300, 784), np.float32), np.empty((784, 784), np.float32)
    a, b, ab = (
        rng.random(shape, np.float32) for shape in ((306, 200), (200, 320), (306, 320))
    )  # cut without remainder
    c, d, products = (rng.random(shape, np.float32) for shape in ((300, 200), (350, 200), (300, 350)))
    yield "product", product, (a, b, ab, False, False), ab, MOST // (2 * 200)
    yield "product, a transposed", product, (x, y, weights, True, False), weights, MOST // (2 * 300)
    yield "product, b transposed", product, (c, d, products, False, True), products, MOST // (2 * 200)
    for rows, inner, columns in ((400, 128, 40), (20, 200, 784), (22, 400, 200)):  # pieces of few rows, one cut in two
        e, f, few = (rng.random(shape, np.float32) for shape in ((rows, inner), (inner, columns), (rows, columns)))
        yield f"product, {rows} rows", product, (e, f, few, False, False), few, MOST // (2 * inner)
    nll, residual = np.empty(300, np.float32), np.empty_like(x)
    yield "bernoulli", bernoulli, (x, y, nll, residual), residual, 2 * BERNOULLI_PIECE
    yield "bernoulli, nll", bernoulli, (x, y, nll, residual), nll, 2 * BERNOULLI_PIECE // 784
    wide, wide_nll = rng.random((3, 50_000), np.float32), np.empty(3, np.float32)
    yield "bernoulli, wide", bernoulli, (wide, wide, wide_nll, np.empty_like(wide)), wide_nll, 1
    p, ones = np.zeros(100_000, np.float32), [np.ones(100_000, np.float32) for _ in range(3)]
    rates, least = np.full(7, 0.5, np.float32), np.full(2, 1e-30, np.float32)
    yield "adam", adam_step, (p, *ones, rates, least), p, ADAM_PIECE


JOBS = [pytest.param(*rest, id=kind) for kind, *rest in jobs()]


class Noted:
    """In place of a job's function: does a piece with a result of zeros, and keeps which numbers it has written."""

    def __init__(self, function, result):
        self.written = []
        self._piece, self._result = CFUNCTYPE(None, c_int64, c_int64)(function.address), result
        self._called = CFUNCTYPE(None, c_int64, c_int64)(self._note)
        self.address = cast(self._called, c_void_p).value

    def _note(self, plan, piece):
        self._result[...] = 0
        self._piece(plan, piece)
        self.written.append(self._result != 0)


@compiled
@pytest.mark.parametrize(("job", "arguments", "result", "most"), JOBS)
def test_the_pieces_of_a_job_are_parts_of_bounded_size_that_do_not_overlap(monkeypatch, job, arguments, result, most):
    """Else threads would write the same numbers at once, or one thread would do the work of all."""
    name = {product: "product_of", bernoulli: "bernoulli_of", adam_step: "adam_of"}[job]
    noted = Noted(getattr(jobs_module, name), result)
    monkeypatch.setattr(jobs_module, name, noted)
    job(new_state(), *arguments)
    assert len(noted.written) > 2
    assert all(0 < np.count_nonzero(piece) <= most for piece in noted.written)
    assert (np.sum(noted.written, axis=0) == 1).all()


@compiled
def test_a_helper_without_work_looks_for_it_for_a_while_and_then_says_that_it_sleeps():
    for stop in (1, 0):  # the first call compiles
        state = new_state()
        state[STOP] = stop
        start = time.perf_counter()
        help_out(state, 2)
        seconds = time.perf_counter() - start
        assert list(np.flatnonzero(state)) == ([STOP] if stop else [ASLEEP + 2])
    assert seconds > 0.9e-9 * PATIENCE


@compiled
@pytest.mark.parametrize("size", [1, ADAM_PIECE - 1, ADAM_PIECE, ADAM_PIECE + 1, 3 * ADAM_PIECE + 1])
def test_adam_in_pieces_is_adam(size):
    rng = np.random.default_rng(0)
    rates, least = np.array([0.9, 0.1, 0.99, 0.01, 1e-3, 1.0, 1e-8], np.float32), np.full(2, 1e-34, np.float32)
    arrays = rng.random((4, size), np.float32)
    wanted, found = list(arrays.copy()), list(arrays.copy())
    adam(*wanted, rates, least)
    adam_step(new_state(), *found, rates, least)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert (found[0] != arrays[0]).all()


def compiled_with(kernel, **others):
    """A kernel with other functions in place of some that it calls."""
    function = kernel.py_func
    return numba.njit(nogil=True)(FunctionType(function.__code__, {**function.__globals__, **others}))


@compiled
def test_who_waits_gives_way_after_a_tenth_of_a_millisecond_and_not_before():
    now, state, waited = numba.njit(lambda: nanoseconds()), new_state(), []

    def note():
        waited.append(now() - start)
        state[DONE] = 3  # that the others are done, for who waits for them

    noted, take_none = CFUNCTYPE(None)(note), numba.njit(lambda state, helping: 0)
    for kernel, *arguments in ((help_out, 0), (do_job, 0, 0, 3)):
        loop = compiled_with(kernel, give_way=noted, take_pieces=take_none)
        start = now()
        loop(state, *arguments)  # compiles
        waited.clear()
        for _ in range(100):  # on a busy machine its patience may be over before it looks at the clock again
            if not waited:
                start = now()
                loop(state, *arguments)
        assert waited
        assert waited[0] > HURRY


@compiled
@pytest.mark.skipif(sys.platform == "win32", reason="there it is another function")
def test_giving_way_is_a_call_of_the_system():
    way = numba.njit(lambda: give_way())
    way()
    assert "@sched_yield()" in way.inspect_llvm(())


@compiled
def test_a_helper_is_patient_from_its_last_piece_on():
    now, state, began, late, from_the_back = numba.njit(lambda: nanoseconds()), new_state(), 61, 62, 63

    @numba.njit
    def one_piece_each_time(state, helping):
        """Until it was asked for three when patience would long be over, counted from the first."""
        state[from_the_back] = helping
        if nanoseconds() - state[began] > 2 * PATIENCE:
            state[late] += 1
        return 1 if state[late] <= 3 else 0

    loop = compiled_with(help_out, take_pieces=one_piece_each_time)
    for _ in range(2):  # the first call compiles
        state[began], state[late] = now(), 0
        loop(state, 0)
    assert state[late] > 4  # it went on looking after the last piece
    assert state[from_the_back] == 1


@compiled
def test_the_clock_is_the_systems_and_no_instruction_that_a_processor_may_forbid():
    now = numba.njit(lambda: nanoseconds())
    before, read, after = time.monotonic_ns(), now(), time.monotonic_ns()  # the first call compiles
    before, read, after = time.monotonic_ns(), now(), time.monotonic_ns()
    if sys.platform != "win32":  # whose Python has another clock
        assert before <= read <= after
    for kernel, *arguments in ((help_out, 0), (do_job, 0, 0, 0)):
        state = new_state()
        state[STOP] = 1
        loop = compiled_with(kernel)  # one that comes from the disk has no text
        loop(state, *arguments)
        (assembly,) = loop.inspect_asm().values()
        assert not {"rdtsc", "rdtscp", "cntvct_el0", "pmccntr_el0"} & set(assembly.lower().split())
