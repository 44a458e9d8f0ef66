"""Right gradients pass: npvae's ops and the benchmark's zoo, on one seed here, on many and everywhere under -m deep."""

import importlib.util
import sys
from pathlib import Path

import pytest

from npvae.gradcheck import check_op
from npvae.ops import OPS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def zoo():
    """Right ops of the kinds that other people write."""
    for name in ("gradcheck_mistakes", "gradcheck_zoo", "gradcheck_mistakes_fourth"):
        if name not in sys.modules and (BENCHMARKS / f"{name}.py").exists():
            spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
    return tuple(sys.modules["gradcheck_zoo"].ZOO) if "gradcheck_zoo" in sys.modules else ()


RIGHT = (*OPS, *zoo())


@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_a_right_gradient_passes(op):
    report = check_op(op, seed=2024)
    assert report, str(report)


@pytest.mark.deep
@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_no_false_alarm_in_a_hundred_seeds(op):
    reports = [check_op(op, seed) for seed in range(100)]
    failed = [str(report) for report in reports if report.verdict == "FAIL"]
    assert not failed, failed[0]
    doubtful = sum(len({f.sample for f in r.findings if f.verdict == "INCONCLUSIVE"}) for r in reports)
    assert doubtful <= 1e-3 * sum(len(report.samples) for report in reports)


@pytest.mark.deep
@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_no_false_alarm_in_the_exhaustive_battery(op):
    report = check_op(op, seed=0, level="exhaustive")
    assert report.verdict != "FAIL", str(report)
