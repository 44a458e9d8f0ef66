"""Functions that compare entries: where two are equal, or nearly, any gradient of a point nearby is right."""

from dataclasses import replace

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op, gradcheck
from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.beside import slope_nearby
from npvae.gradcheck.slopes.claim import Claim, Tolerance
from npvae.gradcheck.slopes.numeric_loss import NumericLoss

X = {"x": Arg("N D")}


def sort(x):
    order = np.argsort(x, axis=1, kind="stable")
    return np.take_along_axis(x, order, axis=1), order


def sort_backward(dy, order):
    dx = np.zeros_like(dy)
    np.put_along_axis(dx, order, dy, axis=1)
    return dx


def two_largest(x):
    order = np.argsort(-x, axis=1, kind="stable")[:, :2]
    return np.take_along_axis(x, order, axis=1), (order, x.shape)


def two_largest_backward(dy, cache):
    order, shape = cache
    dx = np.zeros(shape, dy.dtype)
    np.put_along_axis(dx, order, dy, axis=1)
    return dx


def median(x):
    middle = np.sort(x, axis=1)[:, x.shape[1] // 2]
    return middle, x == middle[:, None]


def shared(dy, best):
    return (dy[:, None] * best / best.sum(axis=1, keepdims=True)).astype(dy.dtype)


def first(dy, best):
    chosen = np.zeros(best.shape, dy.dtype)
    chosen[np.arange(len(best)), best.argmax(axis=1)] = dy
    return chosen


def variation(x):
    return np.abs(np.diff(x, axis=1)).sum(axis=1), x


def variation_backward(dy, x):
    slope = np.sign(np.diff(x, axis=1)) * dy[:, None]
    dx = np.zeros_like(x)
    dx[:, 1:] += slope
    dx[:, :-1] -= slope
    return dx


RIGHT = [
    Op(sort, sort_backward, X),
    Op(two_largest, two_largest_backward, X),
    Op(median, shared, X, name="median, shared"),
    Op(median, first, X, name="median, the first"),
    Op(variation, variation_backward, X),
]

WRONG = [
    Op(sort, lambda dy, order: sort_backward(dy, order[:, ::-1]), X, name="sort from the other end"),
    Op(sort, lambda dy, order: dy.copy(), X, name="sort passed on unsorted"),
    Op(median, lambda dy, best: (dy[:, None] * best).astype(dy.dtype), X, name="median, every tie all of it"),
    Op(median, lambda dy, best: shared(dy, best) * (best.sum(axis=1, keepdims=True) < 2), X, name="median, no tie any"),
    Op(variation, lambda dy, x: variation_backward(dy, x) + (np.abs(x) == 1) * dy[:, None], X, name="variation at 1"),
]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_a_gradient_of_a_point_nearby_is_right(op, seed):
    report = check_op(op, seed)
    assert report, str(report)


@pytest.mark.deep
@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_and_wherever_hundreds_are_equal(op):
    report = check_op(op, level="exhaustive")
    assert report, str(report)


@pytest.mark.parametrize("op", WRONG, ids=lambda op: op.name)
def test_what_no_point_nearby_has_is_wrong(op):
    assert check_op(op).verdict == "FAIL"


def rectified_pair(slope_at_zero, factor=1.0):
    """y = relu(x + b) - relu(c - x): where both kink at once, what moves x alone never switches both off."""

    def forward(x, b, c):
        return np.maximum(x + b, 0) - np.maximum(c - x, 0), (x + b, c - x)

    def backward(dy, cache):
        left, right = (np.where(h == 0, slope_at_zero, h > 0) for h in cache)
        return factor * dy * (left + right), dy * left, -dy * right

    return Op(forward, backward, {"x": Arg("N"), "b": Arg("N"), "c": Arg("N")}, name="rectified_pair")


@pytest.mark.parametrize("slope_at_zero", [0, 0.5, 1])
def test_kinks_inside_a_pair_may_all_be_taken_on_one_side(slope_at_zero):
    x = np.zeros(3)
    report = gradcheck(*pair_of(rectified_pair(slope_at_zero)), (x, x, x))
    assert report, str(report)


@pytest.mark.parametrize(("slope_at_zero", "factor"), [(-1, 1.0), (1, 1.5), (1.5, 1.0)])
def test_no_side_of_the_kinks_inside_has_such_a_slope(slope_at_zero, factor):
    x = np.zeros(3)
    assert gradcheck(*pair_of(rectified_pair(slope_at_zero, factor)), (x, x, x)).verdict == "FAIL"


@pytest.mark.parametrize("seed", [3, 6, 7, 13, 16])
def test_kinks_inside_a_pair_are_those_of_their_entry_alone(seed):
    """Neither are equal entries tied by them, nor does a small dy beside a large y hide them."""
    op = rectified_pair(0)
    for label in ("5-ties", "4-kink"):
        report = check_op(op, seed, sample=label)
        assert report, str(report)


def pair_of(op):
    return op.forward, op.backward


def test_entries_that_are_a_hair_apart():
    x = np.array([[0.3, 0.3 + 1e-9, 0.3 - 1e-9, 2.0], [1.0, 1.0, 1.0, -0.5]])
    for op in RIGHT:
        report = gradcheck(op.forward, op.backward, (x,))
        assert report, str(report)


def test_the_inputs_are_put_back_with_the_signs_of_their_zeros():
    op = Op(median, first, X)
    x = np.array([[-0.0, 0.0, -0.0]])
    case = Case(op, "given", (x,), {}, np.dtype(np.float64), 0)
    loss = NumericLoss(Pair(op), case, (np.ones(1),))

    def nearby(slope):
        grad = np.array([[0.0, 0.0, slope]])
        return slope_nearby(Claim(None, loss, 0, "x", grad, Tolerance(1e-8, 0.0), grad == grad), 2)

    assert nearby(1.0)
    assert not nearby(1.5)
    assert np.signbit(loss.inputs[0]).tolist() == [[True, False, True]]


def on_a_grid(x):
    """A table of five numbers read between its places, x in [-1, 5], and the slope of the piece that x lies in."""
    table = np.array([0.3, -1.0, 2.0, 0.5, 1.5])
    at = np.clip(np.floor(x).astype(int), 0, 3)
    inside = (x >= 0) & (x <= 4)
    slope = (table[at + 1] - table[at]) * inside
    return np.interp(x, np.arange(5.0), table).astype(x.dtype), slope.astype(x.dtype)


GRID = {"x": Arg("N D", domain=(-1, 5), kinks=[0.0, 1.0, 2.0, 3.0, 4.0])}


def test_equal_entries_that_do_not_meet_may_each_have_a_slope_of_their_own():
    def forward(x):  # differences of neighbouring columns; the slope from the left in every other one
        odd = np.arange(x.shape[1]) % 2
        slope = np.where(odd, on_a_grid(np.nextafter(x, -np.inf))[1], on_a_grid(x)[1])
        return np.sum(on_a_grid(x)[0] * (1 - 2 * odd), axis=1).astype(x.dtype), (slope * (1 - 2 * odd)).astype(x.dtype)

    op = Op(forward, lambda dy, slope: dy[:, None] * slope, GRID)
    report = check_op(op, seed=1)
    assert report, str(report)
    wrong = replace(op, backward=lambda dy, slope: 3 * dy[:, None] * slope)
    assert check_op(wrong, seed=1, sample="5x4-ties").verdict == "FAIL"
