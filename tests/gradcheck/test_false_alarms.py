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
    """Right ops of the kinds that other people write; those of the fifth set, and of the seventh, which are dear."""
    if not (BENCHMARKS / "mistakes").is_dir():
        return (), (), ()
    sys.path.append(str(BENCHMARKS))
    for name in ("fourth", "fifth", "seventh"):
        importlib.import_module(f"mistakes.{name}")
    sets = {mistake.op: mistake.where for mistake in importlib.import_module("mistakes.first").MISTAKES}
    ops = importlib.import_module("mistakes.third").ZOO
    fifth = [op for op in ops if sets.get(op.name) == "mistakes.fifth"]
    seventh = [op for op in ops if sets.get(op.name) == "mistakes.seventh"]
    return [op for op in ops if op not in fifth and op not in seventh], fifth, seventh


ZOO, OTHER_PEOPLES, SEVENTH = zoo()
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


def test_a_kink_nearer_than_noise_lets_differences_see_is_no_mistake():
    """Steps that are not lost in rounding reach over the rectifier, and settle between the slopes of its two sides."""
    op = next((op for op in SEVENTH if op.name == "SqueezeExcitation"), None)
    if op is None:
        pytest.skip("the benchmark's ops are not here")
    assert check_op(op, seed=10, sample="4x3x5x6-tiny").verdict != "FAIL"


def test_what_float32_loses_inside_is_measured_where_the_last_bits_of_the_inputs_leave_no_trace():
    """The squarings of a matrix exponential multiply what was lost when a small matrix was added to the identity."""
    expm = next((op for op in OTHER_PEOPLES if op.name == "expm"), None)
    if expm is None:
        pytest.skip("the benchmark's ops are not here")
    report = check_op(expm, seed=9, sample="37-f32-strided", dtype="strict")
    assert report, str(report)


@pytest.mark.parametrize(
    ("name", "seed", "label", "entries"),
    [
        ("soft_dtw", 6, "37x3-f32-strided-gamma=0.3", 600),  # sums along a path lose digits by their own size
        ("HighwayLayer", 2, "3x4-f32-fortran-pos40", 600),  # so does what is 1 but for the last bits, times such sums
        ("soft_dtw", 5, "37x2-gamma=0.3", 600),  # a slope of 1e-9 beside slopes of one, and a side that is noisy
        ("factorization_machine", 6, "1x1x1", 600),  # nothing is left but rounding, and the gradient is zero
        ("alibi_attention", 2, "3x4x6x5-x30", 0),  # a direction meets more kinks than entries can be left out of it
    ],
)
def test_rounding_and_kinks_of_what_is_large_inside_are_no_mistakes(name, seed, label, entries):
    op = next((op for op in SEVENTH if op.name == name), None)
    if op is None:
        pytest.skip("the benchmark's ops are not here")
    sample = next(sample for sample in battery(op) if sample.label == label)
    settings = Settings(strict=True, entries=entries)
    outcome = check_case(build(op, sample, seed), build(op, sample, seed + 1), settings)
    assert not outcome.findings, outcome.findings
