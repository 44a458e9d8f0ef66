"""What a check costs, counted in forwards: a failing one at most twice a passing one, and a bound for slow pairs."""

from dataclasses import replace

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op
from npvae.gradcheck.ground import thresholds
from npvae.ops import OPS


class Counted:
    """A forward that counts its calls."""

    def __init__(self, forward):
        self.forward, self.calls = forward, 0

    def __call__(self, *inputs, **params):
        self.calls += 1
        return self.forward(*inputs, **params)


def forwards(op):
    counted = Counted(op.forward)
    report = check_op(replace(op, forward=counted))
    return counted.calls, report


def slightly_off(op):
    def backward(dy, cache):
        grads = op.backward(dy, cache)
        return tuple(1.01 * g for g in grads) if isinstance(grads, tuple) else 1.01 * grads

    return replace(op, backward=backward)


@pytest.mark.parametrize("name", ["softplus", "gaussian_kl", "categorical_nll", "layer", "renyi_bound"])
def test_a_failing_check_costs_about_twice_a_passing_one(name):
    (op,) = [op for op in OPS if op.name == name]
    right, passed = forwards(op)
    wrong, failed = forwards(slightly_off(op))
    assert passed
    assert failed.verdict == "FAIL"
    assert wrong < 3.2 * right  # 3.0 for the bound, whose slopes are wrong in every entry; 1.8 in the median


def test_a_pair_that_takes_many_forwards_is_compared_along_directions_in_the_end_and_says_so(monkeypatch):
    op = Op(lambda x: (x**3, x), lambda dy, x: 3 * dy * x * x, {"x": Arg("N D")})
    everything, _ = forwards(op)
    monkeypatch.setattr(thresholds, "FORWARDS_ENOUGH", 300)
    calls, report = forwards(op)
    assert report, str(report)
    assert "after 300 forwards only random directions were compared, no single entries: " in str(report)
    assert calls < everything / 2
    late = replace(op, backward=lambda dy, x: (3 if np.max(np.abs(x)) < 700 else 3.01) * dy * x * x)
    assert check_op(late).verdict == "FAIL"


def test_later_samples_only_confirm_what_is_known_to_be_wrong():
    report = check_op(Op(lambda x: (x * x, x), lambda dy, x: 3 * dy * x, {"x": Arg("N D")}))
    first, *later = [finding for finding in report.findings if finding.code == "wrong-gradient"]
    assert "12 of 12 entries disagree" in first.message
    assert "the others are not looked at" in later[-1].message
    assert len(later) > 10
    assert np.isfinite(later[-1].numeric)
