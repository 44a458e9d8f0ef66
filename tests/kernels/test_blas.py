"""The BLAS that NumPy has loaded: its threads are set and read back, and it says what it is."""

import re

import pytest

from npvae.kernels import blas

known = pytest.mark.skipif(blas.threads() is None, reason="a BLAS that cannot be asked")


@known
def test_the_number_of_threads_that_is_set_is_read_back():
    before = blas.threads()
    try:
        for n in (2, 1):
            assert blas.set_threads(n)
            assert blas.threads() == n
    finally:
        blas.set_threads(before)


def test_an_unknown_library_has_no_threads(monkeypatch):
    monkeypatch.setattr(blas, "_library", lambda: None)
    assert blas.threads() is None
    assert not blas.set_threads(1)
    assert blas.description() == "unknown"


@known
def test_the_description_names_the_library_and_then_the_processor():
    assert re.fullmatch(r"MKL|BLIS|OpenBLAS .* running as \w+", blas.description())


def test_every_library_has_a_function_to_read_and_then_the_one_to_set():
    for reader, setter in blas._FUNCTIONS:
        assert re.search("get|Get", reader)
        assert reader.replace("get", "set").replace("Get_Max", "Set_Num") == setter
