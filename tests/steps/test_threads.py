"""How many threads compute a step follows from shapes: the small alone, the large together, BLAS's for the long."""

import numpy as np
import pytest

import npvae
from npvae.kernels.team import blas, pools
from npvae.steps.threads import threads_that_pay


@pytest.fixture(autouse=True)
def four_threads(monkeypatch):
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    monkeypatch.setattr(pools.team, "threads", 4)
    monkeypatch.setattr(blas, "threads", lambda: 4)
    monkeypatch.setattr(blas, "asked", False)


def test_a_model_whose_products_are_short_is_computed_by_one_thread():
    told = "the largest product, 128 x 64 x 128, is too short to be worth sharing"
    assert threads_that_pay(npvae.VAE(64, (128,), 2), 128) == (1, told)
    assert threads_that_pay(npvae.Autoencoder(64, (8,), 2), 128)[0] == 1


def test_larger_products_are_shared_by_as_many_as_there_may_be(monkeypatch):
    assert threads_that_pay(npvae.VAE(784), 128) == (4, "the largest product, 128 x 784 x 400, is shared")
    monkeypatch.setattr(pools.team, "threads", 1)
    assert threads_that_pay(npvae.VAE(784), 128)[0] == 1


@pytest.mark.parametrize(("batch_size", "asked", "threads"), [(128, False, 1), (512, False, 4), (128, True, 4)])
def test_blas_shares_long_products_and_what_it_was_asked_to(monkeypatch, batch_size, asked, threads):
    monkeypatch.setattr(pools, "PRODUCTS", "blas")
    monkeypatch.setattr(blas, "asked", asked)
    found, why = threads_that_pay(npvae.VAE(784), batch_size)
    assert found == threads
    assert "BLAS" in why


def test_without_kernels_it_is_blas_alone_that_decides():
    assert threads_that_pay(npvae.VAE(784, backend="numpy"), 128) == (4, "as many as NumPy's BLAS uses")


@pytest.mark.parametrize("batch_size", [128, 512])
@pytest.mark.parametrize("asked", [False, True])
def test_what_is_told_of_blas_is_what_it_does(monkeypatch, batch_size, asked):
    monkeypatch.setattr(pools, "PRODUCTS", "blas")
    monkeypatch.setattr(blas, "asked", asked)
    allowed, used = [4], []
    monkeypatch.setattr(blas, "threads", lambda: allowed[-1])
    monkeypatch.setattr(blas, "set_threads", allowed.append)
    multiply = np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: used.append(allowed[-1]) or multiply(a, b, out=out))
    a, b = np.ones((batch_size, 784), np.float32), np.ones((784, 400), np.float32)
    assert (blas.matmul(a, b, np.empty((batch_size, 400), np.float32)) == 784).all()
    assert used == [threads_that_pay(npvae.VAE(784), batch_size)[0]]
    assert allowed[-1] == 4
