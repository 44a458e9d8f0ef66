"""Other people's conventions: each is taken as it is, PASS when right and FAIL when wrong."""

from collections import namedtuple

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_function, check_loss_and_grads, check_op, gradcheck

rng = np.random.default_rng(0)
X, W = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
Grads = namedtuple("Grads", "dW dx")


def pair_with_state(factor):
    kept = {}

    def forward(x):
        kept["x"] = x
        return x * x

    return forward, lambda dy: factor * dy * kept["x"]


def by_name(form):
    def make(factor):
        def backward(dy, cache):
            x, w = cache
            return form(factor * x.T @ dy, dy @ w.T)

        return gradcheck(lambda x, W: (x @ W, (x, W)), backward, (X, W))

    return make


def nested(factor):
    def forward(params, x):
        return x @ params["W"][0] + params["b"], (x, params)

    def backward(dy, cache):
        x, params = cache
        return {"b": dy.sum(axis=0), "W": [factor * x.T @ dy]}, dy @ params["W"][0].T

    return gradcheck(forward, backward, ({"W": [W], "b": np.zeros(5)}, X))


def outputs_by_name(factor):
    def backward(dys, x):
        assert dys["best"] is None
        return factor * dys["sum"][:, np.newaxis] * np.ones_like(x)

    return gradcheck(lambda x: ({"sum": x.sum(axis=1), "best": x.argmax(axis=1)}, x), backward, X)


def outputs_one_by_one(factor):
    def backward(dsum, dtanh, x):
        return factor * dsum[:, np.newaxis] * np.ones_like(x) + dtanh * (1 - np.tanh(x) ** 2)

    return gradcheck(lambda x: ((x.sum(axis=1), np.tanh(x)), x), backward, X)


def outputs_of_a_dict_one_by_one(factor):
    def backward(dsquare, dscaled, params):
        return {"a": factor * dsquare * params["a"] + 3 * dscaled}

    return gradcheck(lambda params: ((params["a"] ** 2, 3 * params["a"]), params), backward, ({"a": X},))


def detached(factor):
    def backward(dys, x):
        assert not np.any(dys[1])
        return factor * dys[0] * x

    return gradcheck(lambda x: ((x * x, np.tanh(x)), x), backward, X, detached=[1])


def function_without_some(factor):
    return check_function(
        lambda x, mask: float((x * x * mask).sum()), lambda x, mask: factor * x * mask, X, X > 0.1, wrt="x"
    )


def function_of_a_dict(factor):
    return check_function(
        lambda p: float((p["a"] ** 2 * p["b"]).sum()),
        lambda p: {"b": p["a"] ** 2, "a": factor * p["a"] * p["b"]},
        {"a": X, "b": X + 1},
    )


def loss_of_a_list(factor):
    return check_loss_and_grads(lambda ps: (float((ps[0] ** 2).sum()), [factor * ps[0], None]), [X, W])


CONVENTIONS = {
    "backward takes dy alone": lambda f: gradcheck(*pair_with_state(f), X),
    "the same as an op": lambda f: check_op(Op(*pair_with_state(f), {"x": Arg("N D")})),
    "a dict of gradients": lambda f: by_name(lambda dw, dx: {"dW": dw, "dx": dx})(f / 2),
    "a named tuple in another order": lambda f: by_name(Grads)(f / 2),
    "an argument that is a dict with a list in it": lambda f: nested(f / 2),
    "a dict of outputs, one of integers": lambda f: outputs_by_name(f / 2),
    "an argument of the backward for each output": lambda f: outputs_one_by_one(f / 2),
    "the same, of an argument that is a dict": outputs_of_a_dict_one_by_one,
    "an output that is detached": detached,
    "a function, one argument without gradient": function_without_some,
    "a function of a dict": function_of_a_dict,
    "a loss of a list": loss_of_a_list,
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_it_passes_when_right_and_fails_when_wrong(convention):
    right, wrong = CONVENTIONS[convention](2.0), CONVENTIONS[convention](3.0)
    assert right, str(right)
    assert sum(row.compared for row in right.rows) > 0
    assert wrong.verdict == "FAIL"


def test_a_pair_that_keeps_its_cache_may_not_answer_for_another_forward():
    forward, backward = pair_with_state(2.0)
    report = check_op(Op(forward, backward, {"x": Arg("N D", kinks=[0.0])}))
    assert report, str(report)
    assert "isolation" not in report.checks


@pytest.mark.parametrize(
    "check",
    [
        lambda: gradcheck(lambda x: (x * x, x), lambda dy, x: None, X),
        lambda: gradcheck(lambda x, w: (x @ w, (x, w)), lambda dy, c: None, (X, W)),
        lambda: check_function(lambda x: float((x * x).sum()), lambda x: None, X),
        lambda: check_op(Op(lambda x: (x * x, x), lambda dy, x: None, {"x": Arg("N D")})),
    ],
)
def test_a_forgotten_return_never_passes(check):
    report = check()
    assert report.verdict == "FAIL"
    assert "is a `return` forgotten in the backward?" in str(report)


def test_nothing_compared_is_no_pass():
    empty = gradcheck(lambda x: (x * x, x), lambda dy, x: 2 * dy * x, np.zeros((0, 3)))
    assert empty.verdict == "INCONCLUSIVE"
    assert "no gradient was compared with anything" in str(empty)
    labels = gradcheck(lambda i: (i * 1.0, i), lambda dy, i: (), (np.arange(3),))
    assert labels.verdict == "INCONCLUSIVE"


def square_backward(dy, x):
    return 2 * dy * x


@pytest.mark.parametrize(
    ("forward", "backward", "words"),
    [
        (lambda x: (x * np.ones(1), x), lambda dy, x: dy.copy(), "y is float64 already, and so is dy"),
        (
            lambda x: (x * x, x),
            lambda dy, x: 2 * dy * x * np.ones(1),
            "y is float32: does the backward use an array or a NumPy number in float64?",
        ),
    ],
)
def test_another_dtype_is_a_line_and_fails_only_where_that_is_asked(forward, backward, words):
    op = Op(forward, backward, {"x": Arg("N D")}, name="f")
    lenient = check_op(op)
    assert lenient, str(lenient)
    assert f"warning: the gradient is float64, x is float32, {words}" in str(lenient)
    strict = check_op(op, dtype="strict")
    assert {f.code for f in strict.findings} == {"gradient-dtype"}
    assert strict.verdict == "FAIL"
    assert check_op(Op(forward, backward, {"x": Arg("N D")}, pure=True)).verdict == "FAIL"


def test_weights_in_float32_and_a_batch_in_float64():
    report = gradcheck(
        lambda x, w: (x @ w, (x, w)), lambda dy, c: (dy @ c[1].T, c[0].T @ dy), (X, W.astype(np.float32))
    )
    assert report, str(report)
    assert "the gradient is float64, w is float32, x is float64 too: the pair mixes the two" in str(report)


def test_digits_that_are_cut_off_are_numbers_and_no_dtype():
    report = gradcheck(lambda x: (x * x, x), lambda dy, x: (2 * dy * x).astype(np.float32), X)
    assert report.verdict == "FAIL"
    assert "right to 7 digits" in str(report)
    matched = gradcheck(
        lambda x, w: (x @ w, (x, w)), lambda dy, c: (dy @ c[1].T, (c[0].T @ dy).astype(np.float32)), (X, W.astype("f4"))
    )
    assert matched, str(matched)


def test_python_numbers_have_no_dtype():
    report = gradcheck(lambda a: (float(a) ** 2, a), lambda dy, a: float(2 * dy * a), np.float32(3.0))
    assert report, str(report)
    assert not report.findings


def test_an_unknown_dtype_setting_is_an_error():
    with pytest.raises(ValueError, match="dtype is 'float32', expected one of lenient, strict"):
        check_op(Op(lambda x: (x * x, x), square_backward, {"x": Arg("N")}), dtype="float32")


def test_a_backward_without_a_cache_whose_forward_returns_one_is_told_what_is_taken_for_what():
    report = gradcheck(lambda x: (x * x, (x, 2)), lambda dy: dy, X)
    assert report.verdict == "FAIL"
    assert "the backward takes dy alone, so all that the forward returns is taken for y" in str(report)
