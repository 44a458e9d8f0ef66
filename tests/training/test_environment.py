"""What the last bits depend on is written down, and a difference is put into words."""

import numpy as np

from npvae.training.environment import differences, environment


def test_it_names_what_matters(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = environment("numba")
    assert found["numpy"] == np.__version__
    assert found["backend"] == "numba"
    assert found["OMP_NUM_THREADS"] == "7"
    assert found["MKL_NUM_THREADS"] == "not set"
    assert int(found["cpus"]) >= 1
    assert found["numba"][0].isdigit()
    assert all(isinstance(value, str) and value for value in found.values())
    assert "numba" not in environment("numpy")


def test_differences_are_named_and_nothing_else():
    a = {"numpy": "2.0", "cpus": "2", "numba": "0.61"}
    assert differences(a, dict(a)) == ""
    b = {"numpy": "2.1", "cpus": "2", "blas": "x"}
    assert differences(a, b) == (
        "blas was unknown and is x, numba was 0.61 and is unknown, numpy was 2.0 and is 2.1"
    )  # fmt: skip
