"""Right gradients pass: npvae's ops and the benchmark's zoo, on one seed here, on many and everywhere under -m deep."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op
from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import battery
from npvae.gradcheck.verdict.case import Settings, check_case
from npvae.ops import OPS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "gradcheck"


def zoo():
    """Right ops of the kinds that other people write, and the layers and ops of the fifth set, which are dear."""
    if not (BENCHMARKS / "mistakes").is_dir():
        return (), ()
    sys.path.append(str(BENCHMARKS))
    importlib.import_module("mistakes.fourth")
    importlib.import_module("mistakes.fifth")
    fifth = {m.op for m in importlib.import_module("mistakes.first").MISTAKES if m.where == "mistakes.fifth"}
    ops = importlib.import_module("mistakes.third").ZOO
    return [op for op in ops if op.name not in fifth], [op for op in ops if op.name in fifth]


ZOO, OTHER_PEOPLES = zoo()
RIGHT = (*OPS, *ZOO)


@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_a_right_gradient_passes(op):
    report = check_op(op, seed=2024)
    assert report, str(report)


@pytest.mark.parametrize("seed", [6, 11])
def test_what_is_quantised_inside_is_in_doubt_and_not_wrong_by_chance(seed):
    """Halved steps may give one and the same quotient, to the last bit, that is off by what is rounded inside."""

    def forward(x):
        y = (np.round(np.tanh(x) * 2**20) / 2**20).astype(x.dtype)
        return y, y

    op = Op(forward, lambda dy, y: dy * (1 - y * y), {"x": Arg("N D")})
    assert check_op(op, seed, sample="4x3").verdict == "INCONCLUSIVE"


@pytest.mark.deep
@pytest.mark.parametrize("op", [*RIGHT, *OTHER_PEOPLES], ids=lambda op: op.name)
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


@pytest.mark.parametrize("seed", [1, 6])
@pytest.mark.parametrize("op", OTHER_PEOPLES, ids=lambda op: op.name)
def test_a_right_gradient_passes_at_the_ends_of_its_domain_and_near_zero(op, seed):
    for sample in battery(op):
        if sample.regime in ("edge", "tiny"):
            outcome = check_case(build(op, sample, seed), build(op, sample, seed + 1), Settings(strict=True))
            assert not outcome.findings, outcome.findings


def test_what_float32_loses_inside_is_measured_where_the_last_bits_of_the_inputs_leave_no_trace():
    """The squarings of a matrix exponential multiply what was lost when a small matrix was added to the identity."""
    expm = next((op for op in OTHER_PEOPLES if op.name == "expm"), None)
    if expm is None:
        pytest.skip("the benchmark's ops are not here")
    report = check_op(expm, seed=9, sample="37-f32-strided", dtype="strict")
    assert report, str(report)
