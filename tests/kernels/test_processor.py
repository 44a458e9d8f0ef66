"""Which vectors kernels are compiled for: the processor's, or narrower ones in imitation; never wider ones."""

import re

import pytest
from numba import config

from npvae.kernels import processor

AVX512, AVX2 = {"avx512f": True, "avx2": True, "fma": True}, {"avx2": True, "fma": True, "avx512f": False}


@pytest.mark.parametrize(
    ("features", "bits"),
    [(AVX512, 512), (AVX2, 256), ({"avx2": True}, 128), ({"avx": True}, 128), ({"neon": True}, 128), ({}, 128)],
)
def test_the_width_follows_from_the_features(features, bits):
    assert processor.widest(features) == bits


def test_features_are_those_that_numba_compiles_for(monkeypatch):
    monkeypatch.setattr(processor, "get_host_cpu_features", lambda: AVX512)
    monkeypatch.setattr(config, "CPU_FEATURES", None)
    monkeypatch.setattr(config, "ENABLE_AVX", 1)
    assert processor.widest(processor.compiled_features()) == 512
    monkeypatch.setattr(config, "ENABLE_AVX", 0)
    assert processor.widest(processor.compiled_features()) == 128
    monkeypatch.setattr(config, "CPU_FEATURES", "+avx2,+fma,-avx512f")
    assert processor.widest(processor.compiled_features()) == 256
    monkeypatch.setattr(config, "CPU_FEATURES", "")
    assert processor.widest(processor.compiled_features()) == 128


@pytest.mark.parametrize(
    ("native", "wanted", "bits"),
    [(512, "", 512), (512, "512", 512), (512, "256", 256), (256, "256", 256), (128, "", 128)],
)
def test_narrower_vectors_may_be_asked_for(monkeypatch, native, wanted, bits):
    monkeypatch.setenv("NPVAE_VECTORS", wanted)
    assert processor.chosen(native) == bits


@pytest.mark.parametrize(("native", "wanted"), [(256, "512"), (128, "256"), (128, "512")])
def test_wider_vectors_than_there_are_cannot_be_asked_for(monkeypatch, native, wanted):
    monkeypatch.setenv("NPVAE_VECTORS", wanted)
    said = f"NPVAE_VECTORS is '{wanted}' in the environment, but vectors here have {native} bits: unset it"
    with pytest.raises(ValueError, match=re.escape(said)):
        processor.chosen(native)


def test_what_is_no_width_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setenv("NPVAE_VECTORS", "avx2")
    with pytest.raises(ValueError, match="NPVAE_VECTORS is 'avx2' in the environment, expected one of 256, 512"):
        processor.chosen(512)


def test_imitation_says_so(monkeypatch):
    for bits, native, said in ((512, 512, "512 bits (AVX-512)"), (256, 512, "imitated on a processor of 512")):
        monkeypatch.setattr(processor, "BITS", bits)
        monkeypatch.setattr(processor, "NATIVE", native)
        assert said in processor.description()
        assert ("imitated" in processor.description()) == (bits < native)


imitating = pytest.mark.skipif(
    bool(config.DISABLE_JIT) or processor.NATIVE < 512, reason="there is nothing narrower to be imitated"
)

NO_WIDE_REGISTER = """
import numpy as np
from npvae.kernels import processor
from npvae.kernels.team.jobs import product
from npvae.kernels.team.pieces import product_of
from npvae.kernels.team.team import new_state
from npvae.kernels.updates import sum_of_squares
a = np.ones((70, 70), np.float32)
out = np.empty_like(a)
product(new_state(), a, a, out, False, False)
sum_of_squares(a.ravel())
text = "".join([product_of._compiled._library.get_asm_str(), *sum_of_squares.inspect_asm().values()])
print(processor.BITS, (out == 70).all(), "ymm" in text, "zmm" in text)
"""


@imitating
def test_imitation_compiles_no_wider_instruction_and_its_kernels_are_kept_apart(python, tmp_path):
    """Kernels of both widths lie in one folder, and neither is taken for the other."""
    found = [
        python("-c", NO_WIDE_REGISTER, NPVAE_VECTORS=bits, NUMBA_CACHE_DIR=str(tmp_path)).stdout.split()
        for bits in ("256", "512")
    ]
    assert found == [["256", "True", "True", "False"], ["512", "True", found[1][2], "True"]]


@imitating
def test_imitation_that_comes_too_late_is_refused(python):
    program = """
import numba
numba.njit(lambda x: x)(1)
try:
    import npvae.kernels
except RuntimeError as error:
    print(error)
"""
    assert "NPVAE_VECTORS=256 comes too late" in python("-c", program, NPVAE_VECTORS="256").stdout
