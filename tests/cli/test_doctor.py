"""`npvae doctor` says what is in force and what would be better; `npvae warmup` leaves nothing to compile."""

import os
import subprocess
import sys

import pytest
from numba import config

from npvae.cli import main
from npvae.kernels import blas, jit, threads


def test_doctor_prints_what_is_in_force(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in ("processor", "BLAS", "products", "kernels kept in", "compiled"):
        assert f"\n{name} " in said
    assert f"{threads.PRODUCTS}, threads: {threads.team.threads}" in said
    if not config.DISABLE_JIT:
        assert "us by BLAS" in said


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

    monkeypatch.setattr(doctor, "cores", lambda: threads.team.threads + 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    monkeypatch.setattr(blas, "threads", lambda: None)
    monkeypatch.setattr(doctor, "disabled", lambda: False)
    said = "\n".join(doctor.advice())
    assert f"{threads.team.threads} of {threads.team.threads + 3} cores are used" in said
    assert "OMP_NUM_THREADS=1" in said
    assert "set NUMBA_CACHE_DIR" in said
    assert "--threads does not reach it" in said


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_after_a_warmup_there_is_nothing_to_do(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def warmup():
        command = [sys.executable, "-m", "npvae", "warmup"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = warmup()
    assert "compiling adam" in first
    assert "kernels compiled in" in first
    assert str(tmp_path) in first
    assert warmup().startswith("nothing to do")
