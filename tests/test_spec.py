"""What an Op and an Arg take, and what they refuse before anything is run."""

import re

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, cells, check_op, op_test
from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import named
from npvae.ops import OPS
from npvae.pages.draw import draw as draw_page


def double(x):
    return 2 * x, None


def double_backward(dy, cache):
    return 2 * dy


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shape": ("N", "D")}, "Arg: shape is ('N', 'D'), expected axes in one string: Arg(\"N D\")"),
        (
            {"shape": "N, D"},
            "Arg: shape 'N, D' has the axis 'N,', expected symbols (N), sizes (3), multiples (3*N) or sums (N+1)",
        ),
        ({"shape": "N -3"}, "has the axis '-3'"),
        ({"shape": "N 3H"}, "has the axis '3H'"),
        ({"shape": "N H*3"}, "has the axis 'H*3'"),
        ({"shape": "N *H"}, "has the axis '*H'"),
        ({"shape": "N 2.5*H"}, "has the axis '2.5*H'"),
        ({"shape": "N+"}, "has the axis 'N+'"),
        ({"shape": "N+M"}, "has the axis 'N+M'"),
        ({"offsets": True, "shape": "N"}, "Arg: offsets are integers along one axis, not None of shape 'N'"),
        ({"offsets": True, "dtype": int, "shape": "N 2"}, "Arg: offsets are integers along one axis"),
        ({"shape": "N \u00b2"}, "has the axis '\u00b2'"),
        ({"domain": (1, 0)}, "Arg: domain is (1, 0), expected (low, high) with low <= high"),
        ({"domain": (0.0, float("nan"))}, "Arg: domain is (0.0, nan)"),
        ({"domain": 1.0}, "Arg: domain is 1.0"),
        ({"domain": (0, 1, 2)}, "Arg: domain is (0, 1, 2)"),
        ({"domain": ("C", 0)}, "Arg: domain is ('C', 0)"),
        ({"domain": (0, "C-1")}, "Arg: domain is (0, 'C-1')"),
        ({"domain": (0, "T+")}, "Arg: domain is (0, 'T+')"),
        ({"domain": (0, "T+H")}, "Arg: domain is (0, 'T+H')"),
        ({"kinks": 0.0}, "Arg: kinks is 0.0, expected a list of numbers: kinks=[0.0]"),
        ({"specials": "0"}, "Arg: specials is '0', expected a list of numbers: specials=[0.0]"),
    ],
)
def test_an_arg_refuses_what_means_nothing(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Arg(**given)


X = {"x": Arg("N D")}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((double, None, X), "Op: backward is a NoneType, expected a function"),
        ((double, double_backward, {}), "op double: args is empty"),
        ((double, double_backward, [Arg("N D")]), 'expected args={"x": Arg("N D")}'),
        ((double, double_backward, {"x": "N D"}), "args[\"x\"] is 'N D', expected an Arg: args={\"x\": Arg('N D')}"),
        ((double, double_backward, X, 2.0), 'op double: params is 2.0, expected params={"alpha": [1.0, 0.3]}'),
        ((double, double_backward, X, {"a": 2.0}), 'params["a"] is 2.0, expected a list of the values worth testing'),
        ((double, double_backward, X, {"a": "same"}), "params[\"a\"] is 'same', expected a list"),
        ((double, double_backward, X, {"a": []}), 'params["a"] is [], expected a list'),
        (
            (double, double_backward, {"x": Arg("N D"), "y": Arg("N", dtype=int, domain=(0, "C"))}),
            "op double: the domain of y ends at 'C', which is the size of no axis; the symbols are N, D",
        ),
    ],
)
def test_an_op_refuses_what_it_cannot_use(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Op(*given)


def test_what_is_no_op_is_named_by_every_call_that_wants_one():
    for call in (check_op, op_test, cells):
        with pytest.raises(ValueError, match=r"a function cannot be checked, expected an Op: Op\(forward, backward"):
            call(double)


def test_the_ends_of_a_domain_in_numbers():
    """A size as the upper end is outside: labels run to C - 1, lengths to T."""
    assert Arg("N", dtype=int, domain=(0, "C")).ends({"C": 5}) == (0, 4)
    assert Arg("N", dtype=int, domain=(1, "T+1")).ends({"T": 5}) == (1, 5)
    assert Arg("N", domain=(-3, np.inf)).ends({}) == (-3, np.inf)


def test_an_axis_with_more_than_a_symbol():
    arg = Arg("N+1 3*H 2*H+5 7")
    assert arg.sizes({"N": 4, "H": 2}) == (5, 6, 9, 7)
    assert Op(double, double_backward, {"x": arg}).symbols == ("N", "H")


def drawn_by_the_battery(op):
    return build(op, named(op, "9x4"), 0).inputs[0]


def drawn_for_its_page(op):
    return draw_page(op.args, {"N": 9, "E": 4}, np.random.default_rng(0))["x"]


@pytest.mark.parametrize("draw", [drawn_by_the_battery, drawn_for_its_page])
def test_offsets_ascend_from_end_to_end(draw):
    """As the rows of a sparse matrix lie in the array of its entries."""
    offsets = Arg("N+1", (0, "E+1"), dtype=int, differentiable=False, offsets=True)
    op = Op(double, double_backward, {"x": offsets, "values": Arg("E")})
    drawn = draw(op)
    assert drawn.tolist() == sorted(drawn)
    assert (len(drawn), drawn[0], drawn[-1]) == (10, 0, 4)


def test_what_has_a_meaning_is_taken():
    for arg in (Arg(), Arg("0 3"), Arg("N_1 2*hidden 10*K"), Arg("N", domain=(-np.inf, np.float32(1)))):
        assert isinstance(arg.axes, tuple)
    Arg("N", kinks=np.array([0.0, 1.0]), specials=(1, 2.5, np.float32(3)))
    Op(double, double_backward, X, {"a": (1,), "b": np.linspace(0, 1, 3), "c": range(2), "d": [None, "same"]})
    assert all(op.symbols for op in OPS if any(arg.shape for arg in op.args.values()))


def test_a_multiple_of_a_symbol_has_so_many_times_its_size():
    assert Arg("N 3*H 2").sizes({"N": 4, "H": 5}) == (4, 15, 2)
    op = Op(double, double_backward, {"W": Arg("I 3*H"), "U": Arg("H 3*H")})
    assert op.symbols == ("I", "H")


def gates(x, h, W, U):
    """Two gates of a recurrent cell: the columns of W and U are those of h, twice."""
    first, second = np.split(np.tanh(x @ W + h @ U), 2, axis=1)
    return first * second * h, (x, h, W, U, first, second)


def gates_backward(dy, cache):
    x, h, W, U, first, second = cache
    da = np.concatenate(
        [dy * second * h * (1 - first**2), dy * first * h * (1 - second**2)], axis=1
    )  # fmt: skip
    return da @ W.T, dy * first * second + da @ U.T, x.T @ da, h.T @ da


def test_a_pair_whose_sizes_are_multiples_is_checked_as_it_stands():
    args = {"x": Arg("N I"), "h": Arg("N H"), "W": Arg("I 2*H"), "U": Arg("H 2*H")}
    report = check_op(Op(gates, gates_backward, args))
    assert report, str(report)
    wrong = check_op(Op(gates, lambda dy, c: (*gates_backward(dy, c)[:3], c[1].T @ c[1] @ c[3]), args))
    assert {finding.arg for finding in wrong.findings} == {"U"}


def test_where_sizes_depend_on_each_other_the_way_out_is_named():
    args = {"x": Arg("N I"), "h": Arg("N H"), "W": Arg("I G"), "U": Arg("H G")}
    report = check_op(Op(gates, gates_backward, args))
    assert report.verdict == "FAIL"
    mend = 'sizes that depend on each other are written as numbers, Arg("N C 8"), or as multiples, Arg("I 3*H")'
    assert mend in str(report)


@pytest.mark.parametrize("ranges", [{"Z": (1, 3)}, {"N": (0, 3)}, {"N": (3, 1)}, {"N": 3}])
def test_ranges_that_are_none_are_refused(ranges):
    with pytest.raises(ValueError, match=r"expected the least and the largest size of one of the symbols N: ranges="):
        Op(lambda x: (x, ()), lambda dy, _: dy, args={"x": Arg("N")}, ranges=ranges)


def test_sizes_stay_within_the_ranges_of_an_op_wherever_they_are_drawn():
    seen = []

    def forward(x, W):
        seen.append((len(x), len(W)))
        return x[: len(x) - len(W) + 1] * W[0], (x, W)

    def backward(dy, cache):
        x, W = cache
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        dx[: len(dy)] = dy * W[0]
        dW[0] = (x[: len(dy)] * dy).sum()
        return dx, dW

    window = Op(forward, backward, args={"x": Arg("I"), "W": Arg("P")}, ranges={"I": (3, 6), "P": (1, 3)})
    assert window.within_ranges({"I": 9, "P": 2, "N": 40}) == {"I": 6, "P": 2, "N": 40}
    assert check_op(window)
    assert {rows for rows, _ in seen} <= {3, 4, 5, 6}
    assert {of_window for _, of_window in seen} <= {1, 2, 3}
