"""The checker on right and wrong pairs of the plainest kind."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, cells, check_op, gradcheck, op_test


def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def swish_backward(dy, cache):
    x, s = cache
    return dy * (s + x * s * (1 - s))


def dense_forward(x, W, b):
    return x @ W + b, (x, W)


def dense_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy, dy.sum(0)


SWISH = Op(swish_forward, swish_backward, args={"x": Arg("N D")})
DENSE = Op(dense_forward, dense_backward, args={"x": Arg("N I"), "W": Arg("I O"), "b": Arg("O")}, pure=True)

test_swish = op_test(SWISH)
test_dense = op_test(DENSE, skip={"saturation": "to show that one can"})


@pytest.mark.parametrize("op", [SWISH, DENSE], ids=lambda op: op.name)
@pytest.mark.parametrize("seed", range(5))
def test_right_pairs_pass(op, seed):
    report = check_op(op, seed)
    assert report, str(report)


def test_one_call_at_one_point():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(5)
    report = gradcheck(dense_forward, dense_backward, inputs)
    assert report, str(report)
    assert [row.name for row in report.rows] == ["x", "W", "b"]


@pytest.mark.parametrize(
    ("mistake", "arg"),
    [
        (lambda dx, dW, db: (-dx, dW, db), "x"),
        (lambda dx, dW, db: (dx, dW * 1.001, db), "W"),
        (lambda dx, dW, db: (dx, dW, db[None, :]), "b"),
        (lambda dx, dW, db: (dx, dW.astype(np.float32), db), "W"),
        (lambda dx, dW, db: (dx, dW, None), "b"),
    ],
)
def test_wrong_gradients_fail_and_name_the_argument(mistake, arg):
    wrong = Op(dense_forward, lambda dy, c: mistake(*dense_backward(dy, c)), DENSE.args)
    report = check_op(wrong)
    assert report.verdict == "FAIL"
    assert {f.arg for f in report.findings} == {arg}


def test_an_unknown_cell_or_sample_is_named():
    with pytest.raises(ValueError, match="no cell 'nonsense'; its cells are contract"):
        check_op(SWISH, cell="nonsense")
    with pytest.raises(ValueError, match="no sample 'nonsense'; its samples are 4x3"):
        check_op(SWISH, sample="nonsense")
    assert cells(SWISH)[:4] == ("contract", "determinism", "isolation", "linearity")
