"""The cache on disk: used, survives damage and folders that cannot be written, and sees edits in any kernel file."""

import gc
import os
import re
import threading
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import config, extending

from npvae.kernels import jit
from npvae.kernels.team.atomics import read

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")

PROGRAM = """
import sys
import numpy as np
from npvae.kernels import jit
compiled = []
with jit.when_compiling(compiled.append):
    from npvae.kernels.activations import add_bias
    a = np.zeros((2, 3), np.float32)
    add_bias(a, np.ones(3, np.float32))
assert (a == 1).all()
print(compiled, "numba.np.arraymath" in sys.modules)
"""


def test_a_second_process_compiles_nothing_and_loads_nothing_to_compile_with(python, tmp_path):
    """Numba's loops over arrays bring SciPy's linear algebra, where it is installed."""
    told = [python("-c", PROGRAM, NUMBA_CACHE_DIR=str(tmp_path)).stdout.strip() for _ in range(2)]
    assert told == ["['add_bias'] True", "[] False"]


CALLER = """
import sys
import numpy as np
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.likelihoods import nll_and_residual

@kernel(AS_WRITTEN)
def call_it(logits, x, nll, residual):
    nll_and_residual(logits, x, nll, residual)

rng = np.random.default_rng(0)
logits, x, nll = (rng.random(shape, np.float32) for shape in ((90, 784), (90, 784), (90,)))
if sys.argv[1:]:
    nll_and_residual(logits, x, nll, np.empty_like(x))
call_it(logits, x, nll, np.empty_like(x))
print(nll.tobytes().hex())
"""


def test_bits_do_not_depend_on_what_was_compiled_in_this_process_or_called_before(python, tmp_path):
    (program := tmp_path / "caller.py").write_text(CALLER)
    told = [python(program, *first, NUMBA_CACHE_DIR=str(tmp_path)).stdout for first in ([], [], ["called before"])]
    assert told[0] == told[1] == told[2]


@pytest.fixture
def loaded_from_disk(monkeypatch, tmp_path):
    """Calls a kernel as a process does that has not called it yet: whether it was in the folder of the cache."""

    def double(x):
        return x + x

    def call():
        dispatcher = jit.kernel(jit.SUMS)(double)
        assert dispatcher(2.0) == 4.0
        return bool(dispatcher.stats.cache_hits)

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    return call


@pytest.mark.parametrize(("suffix", "keep"), [("*.nbi", 0), ("*.nbi", 0.5), ("*.nbc", 10)])
def test_a_file_cut_short_is_compiled_again_and_mended(loaded_from_disk, tmp_path, suffix, keep):
    assert [loaded_from_disk(), loaded_from_disk()] == [False, True]
    for file in tmp_path.rglob(suffix):
        content = file.read_bytes()
        file.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    assert [loaded_from_disk(), loaded_from_disk()] == [False, True]


def test_a_file_of_noise_is_compiled_again(loaded_from_disk, tmp_path):
    loaded_from_disk()
    for file in tmp_path.rglob("*.nb*"):
        file.write_bytes(os.urandom(500))
    assert [loaded_from_disk(), loaded_from_disk()] == [False, True]


def test_no_folder_that_can_be_written_means_no_cache(monkeypatch):
    def nowhere(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(jit, "RoomCache", nowhere)

    @jit.kernel(jit.SUMS)
    def double(x):
        return x + x

    assert double(2.0) == 4.0


def test_a_full_disk_costs_time_and_nothing_else(monkeypatch, tmp_path):
    def full(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit.IndexDataCacheFile, "_save_data", full)

    @jit.kernel(jit.SUMS)
    def triple(x):
        return x * 3

    assert triple(2.0) == 6.0
    assert not list(tmp_path.rglob("*.nbi")), "an index stands where its code does not"


def test_processes_that_compile_other_signatures_at_once_write_to_no_file_in_common(monkeypatch, tmp_path):
    """Numba's index per function, read by both before either writes it, would give both files of code one number."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit.IndexDataCacheFile, "_load_index", lambda self: {})  # as both find it

    def double(x):
        return x + x

    for number in (2, 2.0):
        assert jit.kernel(jit.SUMS)(double)(number) == 4
    monkeypatch.undo()
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    for number in (2, 2.0):
        again = jit.kernel(jit.SUMS)(double)
        assert again(number) == 4
        assert sum(again.stats.cache_hits.values()) == 1


def test_what_is_kept_is_known_without_loading_it(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    double = jit.kernel(jit.SUMS)(lambda x: x + x)
    piece = jit.job_piece(lambda address, number: None)
    floats, integers = (numba.float64,), (numba.int64,)
    assert not piece.is_kept()
    assert piece.address
    assert piece.is_kept()
    assert not jit.is_kept(double, floats)
    double(2.0)
    assert [jit.is_kept(double, floats), jit.is_kept(double, integers)] == [True, False]
    for file in tmp_path.rglob("*.nbi"):
        file.write_bytes(b"noise")
    assert not piece.is_kept()
    assert not jit.is_kept(double, floats)


@pytest.mark.parametrize("edited", ["kernels/jit.py", "kernels/matmul/tiles.py", "steps/mlp.py"])
def test_the_stamp_changes_with_any_file_of_a_room_that_has_kernels(monkeypatch, tmp_path, edited):
    for name in (edited, "kernels/jit.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "kernels" / "jit.py"))
    first = jit.room_stamp.__wrapped__()
    (tmp_path / edited).write_text("x = 2")
    assert jit.room_stamp.__wrapped__() != first


def test_what_was_compiled_before_an_edit_of_the_room_is_not_used_after_it(loaded_from_disk, monkeypatch):
    assert [loaded_from_disk(), loaded_from_disk()] == [False, True]
    monkeypatch.setattr(jit, "room_stamp", lambda: "after an edit")
    assert [loaded_from_disk(), loaded_from_disk()] == [False, True]


@pytest.mark.parametrize(("options", "reordered"), [(jit.SUMS, True), (jit.AS_WRITTEN, False)])
def test_only_sums_may_be_reordered(monkeypatch, tmp_path, options, reordered):
    """Added one by one to 2**24, the next float32 is out of reach of any number of ones; in lanes they add up first."""

    def total(start, x):
        for i in range(x.size):
            start += x[i]
        return start

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))  # the cache does not know the options of a kernel
    start, ones = np.float32(2**24), np.ones(1000, np.float32)
    assert (jit.kernel(options)(total)(start, ones) > start) == reordered


def test_python_collects_again_after_compiling_and_after_an_error():
    seen = []

    def compiling(fails):
        seen.append(gc.isenabled())
        if fails:
            raise TypeError("cannot be compiled")

    quiet = jit.without_collecting(compiling)
    quiet(False)
    assert gc.isenabled()
    with pytest.raises(TypeError, match="cannot be compiled"):
        quiet(True)
    assert gc.isenabled()
    gc.disable()
    try:
        quiet(False)
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert seen == [False, False, False]


def test_every_kernel_is_compiled_without_collecting(monkeypatch, tmp_path):
    """Numba asks for the overload while it compiles: there the collector is off."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    seen = []

    @extending.overload(probe := lambda x: None)
    def of_probe(x):
        seen.append(gc.isenabled())
        return lambda x: x

    assert jit.kernel(jit.AS_WRITTEN)(lambda x: probe(x))(2.0) == 2.0
    assert seen
    assert not any(seen)


def test_a_kernel_divides_by_zero_as_numpy_does():
    @jit.kernel(jit.AS_WRITTEN)
    def quotient(a, b):
        return a / b

    assert [quotient(1.0, 0.0), quotient(-1.0, 0.0)] == [np.inf, -np.inf]
    assert np.isnan(quotient(0.0, 0.0))


def test_of_the_functions_that_numba_compiles_only_our_kernels_are_told():
    def of_somebody_else(x):
        return x + x

    told = []
    with jit.when_compiling(told.append):
        numba.njit(of_somebody_else)(2.0)
        of_somebody_else.__module__ = "npvae.kernels"
        numba.njit(of_somebody_else)(2.0)
        of_somebody_else.__name__ = "_not_for_users"
        numba.njit(of_somebody_else)(2.0)
    assert told == ["of_somebody_else"]


def test_a_kernel_lets_other_python_threads_run():
    @jit.kernel(jit.AS_WRITTEN)
    def wait_for_a_one(state, most):
        while most > 0 and read(state, 0) == 0:
            most -= 1
        return most > 0

    state, seen = np.zeros(8, np.int64), []
    wait_for_a_one(state, 1)  # compiles
    waiting = threading.Thread(target=lambda: seen.append(wait_for_a_one(state, 2**32)))
    waiting.start()
    state[0] = 1  # only seen if this line runs while the kernel does
    waiting.join()
    assert seen == [True]


def test_importing_the_kernels_compiles_nothing(python):
    program = (
        "import npvae.kernels.jit as jit; found = []\n"
        "with jit.when_compiling(found.append):\n"
        "    import npvae.kernels, npvae.kernels.optimizers, npvae.steps\n"
        "print(found)"
    )
    assert python("-c", program).stdout.strip() == "[]"


def test_importing_npvae_and_its_models_does_not_import_numba(python):
    program = "import sys, npvae, npvae.models, npvae.optim, npvae.gradcheck; print('numba' in sys.modules)"
    assert python("-c", program).stdout.strip() == "False"


def test_kernels_stand_in_the_rooms_that_the_stamp_covers():
    """An edit of a kernel elsewhere would not be seen, and what was compiled before it would be used."""
    root = Path(jit.__file__).parents[1]
    files = [path.relative_to(root) for path in root.rglob("*.py")]
    found = {
        path.parts[0] for path in files if re.search(r"^@(numba\.)?(kernel|n?jit)\b", (root / path).read_text(), re.M)
    }
    assert "kernels" in found
    assert found <= set(jit.ROOMS)
