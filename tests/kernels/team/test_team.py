"""The team of threads: shared jobs, two callers at once, helpers that sleep, wake, or cannot be started."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from numba import config

from npvae.kernels.team.jobs import ASLEEP, STOP, product
from npvae.kernels.team.team import MAX_HELPERS, Team, _help, new_state

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="jobs exist compiled only")


def factors(rows=300, inner=200, columns=320, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, inner), dtype=np.float32), rng.standard_normal((inner, columns), dtype=np.float32)


def computed(team, a, b):
    out = np.full((len(a), b.shape[1]), np.nan, np.float32)
    team.run(product, a, b, out, False, False)
    return out


def test_helpers_sleep_when_idle_wake_for_a_job_and_stop(hang):
    team, (a, b) = Team(3), factors()
    wanted = computed(Team(1), a, b)
    np.testing.assert_array_equal(computed(team, a, b), wanted)
    assert [helper.is_alive() for helper in team.helpers] == [True, True]
    assert [helper.name for helper in team.helpers] == ["npvae-0", "npvae-1"]  # as a debugger lists them
    until = time.monotonic() + hang
    while not all(team.state[ASLEEP : ASLEEP + 2]) and time.monotonic() < until:
        time.sleep(0.01)
    assert list(team.state[ASLEEP : ASLEEP + 2]) == [1, 1]
    helpers = team.helpers
    np.testing.assert_array_equal(computed(team, a, b), wanted)
    team.stop()
    assert not any(helper.is_alive() for helper in helpers)
    np.testing.assert_array_equal(computed(team, a, b), wanted)
    assert [helper.is_alive() for helper in team.helpers] == [True, True]  # others: a team that was stopped starts anew
    team.stop()


def test_a_helper_that_found_no_work_waits_until_it_is_rung_for(hang):
    state, waited = new_state(), []

    def wait():
        waited.append(int(state[ASLEEP]))
        state[STOP] = 1

    helper = threading.Thread(target=_help, args=(state, 0, SimpleNamespace(acquire=wait)))
    helper.start()
    helper.join(timeout=hang)
    state[STOP] = 1
    assert waited == [1]


def test_a_team_that_was_resized_has_as_many_helpers_as_was_asked_for():
    team, (a, b) = Team(3), factors()
    wanted = computed(team, a, b)
    before = team.helpers
    for size in (2, 4, 1):
        team.resize(size)
        assert not any(helper.is_alive() for helper in before)
        np.testing.assert_array_equal(computed(team, a, b), wanted)
        assert [helper.is_alive() for helper in team.helpers] == [True] * (size - 1)
        before = team.helpers
    team.stop()


def test_two_python_threads_at_once_get_each_their_own_result():
    team, failures = Team(2), []

    def work(seed):
        a, b = factors(seed=seed)
        wanted = computed(Team(1), a, b)
        for _ in range(200):
            if not (computed(team, a, b) == wanted).all():
                failures.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    team.stop()
    assert failures == []


def test_without_a_thread_to_be_had_the_caller_does_it_all(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    a, b = factors()
    wanted, team = computed(Team(1), a, b), Team(4)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    np.testing.assert_array_equal(computed(team, a, b), wanted)
    assert team.helpers == []


def test_a_team_that_was_taken_when_its_process_forked_is_free_in_the_child():
    team = Team(2)
    team.taken.acquire()
    team.forget()
    assert team.taken.acquire(blocking=False)


def test_whoever_finds_the_team_taken_works_alone_and_does_not_wait(hang):
    team, done = Team(2), []
    with team.taken:
        worker = threading.Thread(target=team.run, args=(lambda state, x: done.append((state, x)), 5), daemon=True)
        worker.start()
        worker.join(timeout=hang)
        assert len(done) == 1
    assert done[0][1] == 5
    assert done[0][0] is not team.state
    assert team.helpers == []
    assert not team.taken.locked()


def test_a_bell_is_rung_once_for_each_helper_that_sleeps():
    team = Team(3)
    team.started, team.bells = True, [threading.Semaphore(0), threading.Semaphore(0)]
    team.state[ASLEEP + 1] = 1
    team._ring()
    team._ring()
    assert not team.state[ASLEEP : ASLEEP + 2].any()
    assert [bell.acquire(blocking=False) for bell in (*team.bells, team.bells[1])] == [False, True, False]


def test_a_team_has_its_caller_at_least_and_no_more_helpers_than_words():
    team = Team(0)
    assert team.threads == 1
    for wanted, found in ((3, 3), (-1, 1), (MAX_HELPERS + 1, MAX_HELPERS + 1), (10**6, MAX_HELPERS + 1)):
        assert Team(wanted).threads == found
        team.resize(wanted)
        assert team.threads == found


def test_the_state_of_a_team_begins_on_a_cache_line_without_a_job():
    several = [new_state() for _ in range(50)]  # all kept: memory that is given back comes again at the same place
    for state in several:
        assert state.ctypes.data % 64 == 0
        assert state.size > ASLEEP + MAX_HELPERS - 1
        assert not state.any()
