"""What is said of a contract that is broken: shared memory, inputs written to, dtypes and shapes of gradients."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op

ONE = {"x": Arg("N D")}
TWO = {"x": Arg("N D"), "W": Arg("N D")}


def square(x):
    return x * x, (x,)


def square_backward(dy, cache):
    return 2 * dy * cache[0]


def in_place(x):
    x *= x
    return x.copy(), (np.sqrt(x),)


def scaled(x, W):
    return x * W, (x, W)


def test_shared_memory_is_an_error_for_a_pure_op_and_a_warning_for_others():
    def pair(pure):
        return Op(lambda x, W: (x + W, ()), lambda dy, c: (dy, dy), TWO, pure=pure)

    assert check_op(pair(pure=True)).verdict == "FAIL"
    lenient = check_op(pair(pure=False))
    assert lenient.verdict == "PASS"
    assert {finding.verdict for finding in lenient.findings} == {"WARNING"}
    assert "shares memory" in str(lenient)


def test_the_pair_is_given_the_same_inputs_after_it_spoiled_them():
    report = check_op(Op(in_place, square_backward, ONE), sample="4x3")
    assert {finding.code for finding in report.findings if finding.check == "contract"} == {"mutates-input"}


def test_a_gradient_that_reads_a_cache_of_another_dtype_is_named_with_both_dtypes():
    report = check_op(Op(square, lambda dy, c: (2 * dy * c[0]).astype(np.float32), ONE, pure=True))
    messages = [f.message for f in report.findings if f.code == "gradient-dtype"]
    assert messages
    assert "the gradient is float32, x is float64" in messages[0]


def test_two_arguments_are_told_apart():
    wrong = Op(scaled, lambda dy, c: (dy * c[1], (dy * c[0])[..., None]), TWO)
    report = check_op(wrong, sample="4x3")
    assert [(f.code, f.arg) for f in report.findings] == [("gradient-shape", "W")]
    assert "d/dx" in str(report).split("passes:")[1]


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        (lambda db: db[None], "the gradient has shape (1, 5), b has (5,): an axis of size 1 too many, keepdims=True?"),
        (lambda db: np.tile(db / 4, (4, 1)), "the gradient has shape (4, 5), b has (5,): sum over the first axis"),
        (lambda db: np.tile(db / 8, (2, 4, 1)), "(2, 4, 5), b has (5,): sum over the first 2 axes"),
        (lambda db: db[:2], "the gradient has shape (2,), b has (5,)"),
    ],
)
def test_a_wrong_shape_is_named_with_what_would_mend_it(change, mend):
    op = Op(
        lambda x, b: (x + b, ()),
        lambda dy, c: (dy.copy(), change(dy.sum(axis=0)).astype(dy.dtype)),
        {"x": Arg("N O"), "b": Arg("O")},
    )
    assert mend in str(check_op(op, sample="4x5"))


def test_a_transposed_gradient_is_taken_for_one_by_its_shape():
    op = Op(scaled, lambda dy, c: (dy * c[1], (dy * c[0]).T.copy()), TWO)
    assert "the gradient has shape (3, 4), W has (4, 3): transposed?" in str(check_op(op, sample="4x3"))
