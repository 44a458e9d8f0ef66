"""Every wrong gradient of the benchmark is caught, on one seed here, by the whole battery and on many under -m deep."""

import importlib.util
import sys
from pathlib import Path

import pytest

from npvae.gradcheck import check_op

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def mistakes():
    """All mistakes written by hand."""
    names = ("gradcheck_mistakes", "gradcheck_mistakes_late", "gradcheck_zoo", "gradcheck_mistakes_fourth")
    for name in names:
        path = BENCHMARKS / f"{name}.py"
        if path.exists() and name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
    return sys.modules["gradcheck_mistakes"].MISTAKES if "gradcheck_mistakes" in sys.modules else []


MISTAKES = mistakes()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_it_is_caught(fails, mistake):
    assert fails(mistake.planted())


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(11))
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_it_is_caught_whatever_the_seed(mistake, seed):
    assert check_op(mistake.planted(), seed).verdict == "FAIL"
