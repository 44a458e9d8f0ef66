"""Every wrong gradient of the benchmark is caught, on one seed here, by the whole battery and on many under -m deep."""

import importlib
import sys
from pathlib import Path

import pytest

from npvae.gradcheck import check_op

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "gradcheck"


def mistakes():
    """All mistakes written by hand."""
    if not (BENCHMARKS / "mistakes").is_dir():
        return []
    sys.path.append(str(BENCHMARKS))
    for name in ("second", "third", "fourth", "fifth", "seventh"):
        importlib.import_module(f"mistakes.{name}")
    return importlib.import_module("mistakes.first").MISTAKES


MISTAKES = mistakes()
CHEAP = [mistake for mistake in MISTAKES if mistake.where not in ("mistakes.fifth", "mistakes.seventh")]


@pytest.mark.parametrize("mistake", CHEAP, ids=lambda m: m.name)
def test_it_is_caught(fails, mistake):
    assert fails(mistake.planted(), dtype="strict")


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(11))
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_it_is_caught_whatever_the_seed(mistake, seed):
    assert check_op(mistake.planted(), seed, dtype="strict").verdict == "FAIL"
