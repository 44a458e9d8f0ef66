"""What a check costs, counted in forwards: a failing one no more than a passing one, and a bound for slow pairs."""

from dataclasses import replace

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op
from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.ground import thresholds
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.differences import central_slope
from npvae.gradcheck.slopes.line import Line
from npvae.gradcheck.slopes.numeric_loss import NumericLoss
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
def test_a_failing_check_costs_about_as_much_as_a_passing_one(name):
    (op,) = [op for op in OPS if op.name == name]
    right, passed = forwards(op)
    wrong, failed = forwards(slightly_off(op))
    assert passed
    assert failed.verdict == "FAIL"
    assert wrong < 1.2 * right  # 1.04 for the KL divergence, which has few entries; 0.8 in the median


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


@pytest.mark.parametrize("kept", [True, False])
def test_a_point_along_an_entry_is_computed_once_where_outputs_are_not_large(kept):
    counted = Counted(lambda x: (np.tanh(x), x))
    op, x = Op(counted, lambda dy, x: dy, {"x": Arg("N")}), np.array([0.3, -1.0])
    loss = NumericLoss(Pair(op), Case(op, "given", (x,), {}, x.dtype, 0), (np.ones(2),))
    loss.small = kept
    line, before = Line(loss, 0, 1), counted.calls
    first = central_slope(line.quotient(), step=0.01)
    alone = counted.calls - before
    assert central_slope(line.quotient(), step=0.01) == first
    assert counted.calls - before == (alone if kept else 2 * alone)
    assert line(0.0) is loss.here
    assert loss.inputs[0].tolist() == x.tolist()


def test_a_large_gradient_that_is_known_to_be_wrong_is_confirmed_by_one_entry():
    def large(n):
        return Op(lambda x: (x * x, x), lambda dy, x: 3 * dy * x, {"x": Arg(f"N {n}")})

    report = check_op(large(400))
    *_, last = [finding for finding in report.findings if finding.code == "wrong-gradient"]
    assert last.message == "wrong in this sample too: a wrong entry found by bisecting, the others are not looked at"
    assert abs(last.analytic - 1.5 * last.numeric) < 1e-3 * abs(last.numeric)


def test_what_is_known_to_be_wrong_and_right_in_a_sample_is_compared_once_there():
    """Wrong for one layout alone: elsewhere every entry is looked at, no matter that the gradient has failed before."""
    op = Op(lambda x: (np.tanh(x), x), lambda dy, x: dy * (1 - np.tanh(x) ** 2), {"x": Arg("N D")})
    right, _ = forwards(op)
    one_row = replace(op, backward=lambda dy, x: op.backward(dy, x) * (1.5 if len(x) == 4 else 1))
    wrong, report = forwards(one_row)
    assert report.verdict == "FAIL"
    assert wrong < 1.2 * right


def test_later_samples_only_confirm_what_is_known_to_be_wrong():
    report = check_op(Op(lambda x: (x * x, x), lambda dy, x: 3 * dy * x, {"x": Arg("N D")}))
    first, *later = [finding for finding in report.findings if finding.code == "wrong-gradient"]
    assert "12 of 12 entries disagree" in first.message
    assert "the others are not looked at" in later[-1].message
    assert len(later) > 10
    assert np.isfinite(later[-1].numeric)
