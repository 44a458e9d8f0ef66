"""The arrangement of threads in a program: defaults, both pools, forks, several Python threads, the end."""

import os
import textwrap

import numpy as np
import pytest
from numba import config

import npvae
from npvae.kernels.multiply import SMALL
from npvae.kernels.team import blas, pools
from npvae.steps import Step

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="jobs exist compiled only")

STEP = """
    import os, sys, threading
    import numpy as np
    import npvae
    from npvae.steps import Step

    x = np.random.default_rng(0).random((128, 784), dtype=np.float32)

    def train(steps=3):
        vae = npvae.VAE(784)
        adam, step, rng = npvae.Adam(vae.params), Step(vae, len(x)), np.random.default_rng(1)
        for _ in range(steps):
            loss, trace = step.forward(x, vae.draw_eps(len(x), rng))
            adam.step(step.backward(trace))
        return vae.params.flat.copy()
"""


@pytest.fixture
def run(python):
    """Runs a program of its own on top of STEP; what it prints."""

    def printed(program, **environment):
        return python("-c", textwrap.dedent(STEP) + textwrap.dedent(program), **environment).stdout.strip()

    return printed


@pytest.mark.parametrize("products", ["blas", "tiles"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_training_goes_on_in_a_forked_child(run, products):
    program = """
        from npvae.kernels.team.pools import team
        team.resize(3)
        wanted, alive = train(), [helper.is_alive() for helper in team.helpers]
        child = os.fork()
        if child == 0:
            same, helpers = (train() == wanted).all(), [helper.is_alive() for helper in team.helpers]
            os._exit(0 if same and helpers == alive else 3)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), (train() == wanted).all())
    """
    assert run(program, NPVAE_PRODUCTS=products, PYTHONWARNINGS="ignore") == "0 True"


@pytest.mark.parametrize("products", ["blas", "tiles"])
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_two_python_threads_train_at_once_under_any_threading_layer(run, products, layer):
    program = """
        results = []
        workers = [threading.Thread(target=lambda: results.append(train(20))) for _ in range(2)]
        [worker.start() for worker in workers], [worker.join() for worker in workers]
        print(len(results), (results[0] == results[1]).all())
    """
    assert run(program, NPVAE_PRODUCTS=products, NUMBA_THREADING_LAYER=layer) == "2 True"


def test_a_program_sends_its_helpers_home_before_it_ends(run):
    program = """
        import atexit
        helpers = []
        atexit.register(lambda: print([helper.is_alive() for helper in helpers]))  # the last of these to be called
        from npvae.kernels.team.jobs import product
        from npvae.kernels.team.pools import team
        team.resize(3)
        team.run(product, *[np.ones((300, 300), np.float32) for _ in range(3)], False, False)
        helpers += team.helpers
    """
    assert run(program) == "[False, False]"


def test_the_same_bits_for_one_thread_and_two_with_tiles(run):
    program = """
        from npvae.kernels.team.pools import set_threads
        a = train(5)
        set_threads(1)
        print((a == train(5)).all())
    """
    assert run(program, NPVAE_PRODUCTS="tiles") == "True"


@pytest.mark.parametrize("omp", ["1", "2", "7"])
def test_the_default_follows_what_blas_takes_from_the_environment(run, omp):
    program = """
        from npvae.kernels.team import blas, pools
        train(1)
        print(pools.team.threads, len(pools.team.helpers) < pools.team.threads, blas.threads())
    """
    team, enough, of_blas = run(program, OMP_NUM_THREADS=omp, OPENBLAS_NUM_THREADS="").split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert int(team) == min(int(omp), cores)
    assert enough == "True"
    assert of_blas in ("None", str(min(int(omp), cores)), omp)


def test_where_blas_cannot_be_asked_there_are_as_many_threads_as_cores_that_may_be_used(monkeypatch):
    monkeypatch.setattr(blas, "threads", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0: set(range(5))}[process], raising=False)
    assert pools.default_threads() == 5
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert pools.default_threads() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert pools.default_threads() == 1


def test_set_threads_sets_both_pools_and_refuses_none():
    before, of_blas = pools.team.threads, blas.threads()
    try:
        for n in (2, 1):
            pools.set_threads(n)
            assert pools.team.threads == n
            assert blas.threads() in (n, None)
        with pytest.raises(ValueError, match="threads is 0, expected at least 1"):
            pools.set_threads(0)
    finally:
        pools.set_threads(before)
        if of_blas:
            blas.set_threads(of_blas)


def test_the_team_computes_what_is_large_and_float32_if_products_are_its_own(monkeypatch):
    large, small = np.zeros(pools.SHARED_FROM, np.float32), np.zeros(pools.SHARED_FROM - 1, np.float32)
    for products, taken in (("tiles", True), ("blas", False)):
        monkeypatch.setattr(pools, "PRODUCTS", products)
        assert pools.team_computes(large) == taken
        assert not pools.team_computes(small)
        assert not pools.team_computes(large.astype(np.float64))


@pytest.mark.parametrize("products", ["tiles", "blas"])
def test_a_step_uses_one_pool_and_never_both(monkeypatch, products):
    """Threads of both look for work for a while after a job: on the same cores a step lasts ten times as long."""
    x = np.random.default_rng(0).random((128, 784), dtype=np.float32)
    vae = npvae.VAE(784)
    adam, eps = npvae.Adam(vae.params), vae.draw_eps(len(x), np.random.default_rng(1))
    matmul, run, of_blas, of_the_team = np.matmul, pools.team.run, [], []
    monkeypatch.setattr(pools, "PRODUCTS", products)
    monkeypatch.setattr(np, "matmul", lambda a, b, out: [of_blas.append(out.size * len(b)), matmul(a, b, out=out)][1])
    monkeypatch.setattr(pools.team, "run", lambda job, *args: [of_the_team.append(job), run(job, *args)][1])
    step = Step(vae, len(x))
    for _ in range(2):
        _, trace = step.forward(x, eps)
        adam.step(step.backward(trace))
    waking_blas = [multiply_adds for multiply_adds in of_blas if multiply_adds > SMALL]
    assert (bool(waking_blas), bool(of_the_team)) == ((False, True) if products == "tiles" else (True, False))
