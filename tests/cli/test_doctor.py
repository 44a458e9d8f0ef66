"""`npvae doctor` says what is in force and what would be better; `npvae warmup` leaves nothing to compile."""

import pytest
from numba import config

from npvae.cli import main
from npvae.kernels import jit, processor
from npvae.kernels.team import blas, pools


def test_doctor_prints_what_is_in_force(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in ("processor", "vectors", "BLAS", "products", "kernels kept in", "compiled"):
        assert f"\n{name} " in said
    assert f"{pools.PRODUCTS}, threads: {pools.team.threads}" in said
    assert "an MNIST step    threads: " in said
    if not config.DISABLE_JIT:
        assert "us by BLAS" in said
        assert ("us by tiles" in said) == (pools.PRODUCTS == "tiles")


def test_doctor_times_only_what_would_be_used(monkeypatch):
    from npvae.cli import doctor

    monkeypatch.setattr(pools, "PRODUCTS", "blas")
    monkeypatch.setattr(pools.team, "run", lambda *_: pytest.fail("tiles were called"))
    assert "us by BLAS (128 x 784 x 400" in doctor.measure()


def test_doctor_says_that_narrower_vectors_are_imitated(monkeypatch):
    from npvae.cli import doctor

    monkeypatch.setattr(processor, "BITS", 256)
    for native, said in ((512, True), (256, False)):
        monkeypatch.setattr(processor, "NATIVE", native)
        assert any("unset NPVAE_VECTORS=256" in line for line in doctor.advice()) == said


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("OPENBLAS_CORETYPE", "Nehalem", "unset OPENBLAS_CORETYPE=Nehalem"),
        ("NPVAE_PRODUCTS", "blas", "NPVAE_PRODUCTS=blas overrides"),
    ],
)
def test_doctor_advises(monkeypatch, name, value, mend):
    from npvae.cli.doctor import advice

    monkeypatch.setenv(name, value)
    assert any(mend in line for line in advice())
    monkeypatch.delenv(name)
    assert not any(mend in line for line in advice())


def test_doctor_sees_idle_cores_a_missing_cache_and_an_unknown_blas(monkeypatch):
    from npvae.cli import doctor

    monkeypatch.setattr(doctor, "cores", lambda: pools.team.threads + 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    monkeypatch.setattr(blas, "threads", lambda: None)
    monkeypatch.setattr(doctor, "disabled", lambda: False)
    said = "\n".join(doctor.advice())
    assert f"{pools.team.threads} of {pools.team.threads + 3} cores are used" in said
    assert "OMP_NUM_THREADS=1" in said
    assert "set NUMBA_CACHE_DIR" in said
    assert "--threads does not reach it" in said


TRAINING = """
import itertools
import numpy as np
import npvae
from npvae.kernels import jit
from npvae.kernels.team import pools
from npvae.kernels.team.jobs import do_job
from npvae.steps import Step

compiled, rng = [], np.random.default_rng(0)
settings = [("float32", "relu", "bernoulli", 784), ("float32", "relu", "squared_error", 784)]
for dtype in ("float32", "float64"):
    settings += [(dtype, activation, "bernoulli", 9) for activation in npvae.ops.ACTIVATIONS]
for likelihood in ("squared_error", "gaussian_fixed", "gaussian_pixel", "gaussian_decoder"):
    settings += [(dtype, "tanh", likelihood, 9) for dtype in ("float32", "float64")]
with jit.when_compiling(compiled.append):
    for (dtype, activation, likelihood, data_dim), read_only in itertools.product(settings, (True, False)):
        vae = npvae.VAE(data_dim, (100,), 2, activation, likelihood, dtype=dtype)
        x = rng.random((128, data_dim)).astype(dtype)
        x.flags.writeable = not read_only
        step = Step(vae, len(x))
        loss, trace = step.forward(x, vae.draw_eps(len(x), rng))
        grads = step.backward(trace)
        step.square_norm(grads)
        npvae.Adam(vae.params).step(grads)
        npvae.Adagrad(vae.params).step(grads)
assert len(do_job.signatures) < 2, do_job.signatures  # a second kind of integer would compile everything twice
print(compiled)
"""


BOTH_WAYS = """
import sys
from npvae.cli import main
from npvae.kernels.team import pools

for pools.PRODUCTS in ("blas", "tiles"):
    main(["warmup"])
    exec(sys.argv[1])
"""


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_after_a_warmup_there_is_nothing_to_do(python, tmp_path):
    """First where products are BLAS's, then what tiles need besides."""
    first = python("-c", BOTH_WAYS, TRAINING, NUMBA_CACHE_DIR=str(tmp_path)).stdout
    assert "compiling adam" in first
    assert first.count("kernels compiled in") == 2
    assert str(tmp_path) in first
    assert [line for line in first.splitlines() if line.startswith("[")] == ["[]", "[]"], "what training had to compile"
    again = python("-c", BOTH_WAYS, "", NUMBA_CACHE_DIR=str(tmp_path)).stdout
    assert again.count("nothing to do") == 2
