"""The BLAS that NumPy has loaded: its threads are set and read back, and it says what it is."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npvae.kernels.team import blas, pools

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


@pytest.mark.parametrize("missing", ["openblas_get_num_threads", "openblas_set_num_threads"])
def test_a_library_that_can_only_be_read_or_only_be_set_is_not_taken(monkeypatch, missing):
    """Of the libraries that a file search finds; the next one may be the BLAS."""
    whole = SimpleNamespace(openblas_get_num_threads=lambda: 3, openblas_set_num_threads=print)
    half = SimpleNamespace(**{name: value for name, value in vars(whole).items() if name != missing})
    monkeypatch.setattr(blas, "_candidates", lambda: ["half.so", "whole.so"])
    monkeypatch.setattr(blas.ctypes, "CDLL", {"half.so": half, "whole.so": whole}.get)
    blas._library.cache_clear()
    try:
        assert blas._library() == (whole, "openblas_get_num_threads", "openblas_set_num_threads")
    finally:
        blas._library.cache_clear()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="a system that does not say what is mapped")
def test_of_the_libraries_that_are_mapped_numpys_is_asked_first(monkeypatch):
    mapped = ["/b/more.libs/libscipy_openblas.so", "/c/numpy.libs/libscipy_openblas.so", "/d/libmkl_rt.so.2"]
    lines = [f"7f00-7f01 r-xp 00000000 00:00 0   {path}" for path in [*mapped, "/a/libm.so", "/e/openblas.txt"]]
    monkeypatch.setattr(Path, "read_text", lambda self, **_: "\n".join(lines))
    assert blas._candidates()[:3] == [mapped[1], mapped[0], mapped[2]]


@pytest.mark.parametrize(("reader", "name"), [("MKL_Get_Max_Threads", "MKL"), ("bli_thread_get_num_threads", "BLIS")])
def test_a_library_that_does_not_describe_itself_has_its_name(monkeypatch, reader, name):
    monkeypatch.setattr(blas, "_library", lambda: (None, reader, ""))
    assert blas.description() == name


def test_every_library_has_a_function_to_read_and_then_the_one_to_set():
    for reader, setter in blas._FUNCTIONS:
        assert re.search("get|Get", reader)
        assert reader.replace("get", "set").replace("Get_Max", "Set_Num") == setter


@known
def test_products_that_are_not_long_leave_the_number_of_threads_as_it_was(monkeypatch):
    monkeypatch.setattr(blas, "asked", False)
    before = blas.threads()
    try:
        blas.set_threads(2)
        a, b = np.ones((64, 128), np.float32), np.ones((128, 70), np.float32)
        assert (blas.matmul(a, b, np.empty((64, 70), np.float32)) == 128).all()
        with pytest.raises(ValueError, match="matmul"):
            blas.matmul(a, b[1:], np.empty((64, 70), np.float32))
        assert blas.threads() == 2
    finally:
        blas.set_threads(before)


def test_a_number_of_threads_that_was_chosen_is_used_at_every_size(monkeypatch):
    chosen = []
    monkeypatch.setattr(blas, "asked", False)
    monkeypatch.setattr(blas, "set_threads", chosen.append)
    monkeypatch.setattr(pools.team, "resize", chosen.append)
    pools.set_threads(3)
    assert (blas.asked, chosen) == (True, [3, 3])
