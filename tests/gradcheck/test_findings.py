"""Every code of a finding, reached by a pair that calls for it: the message says what was planted."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op, gradcheck
from npvae.gradcheck.ground.codes import FINDINGS


def square(x):
    return x * x, (x,)


def square_backward(dy, cache):
    return 2 * dy * cache[0]


def scaled(x, W):
    return x * W, (x, W)


def scaled_backward(dy, cache):
    x, W = cache
    return dy * W, dy * x


ONE = {"x": Arg("N D")}
TWO = {"x": Arg("N D"), "W": Arg("N D")}


def once(backward):
    return Op(square, backward, ONE, name="square", pure=True)


def in_place(x):
    x *= x
    return x.copy(), (np.sqrt(x),)


def with_buffer():
    buffers = {}

    def backward(dy, cache):
        buffer = buffers.setdefault((dy.shape, dy.dtype), np.empty_like(dy))
        buffer[...] = 2 * dy * cache[0]
        return buffer

    return once(backward)


def with_output_buffer():
    buffers = {}

    def forward(x):
        buffer = buffers.setdefault((x.shape, x.dtype), np.empty_like(x))
        buffer[...] = x * x
        return buffer, (x,)

    return Op(forward, square_backward, ONE, pure=True)


def with_hidden_cache():
    last = {}

    def forward(x):
        last["x"] = x
        return x * x, ()

    return Op(forward, lambda dy, cache: 2 * dy * last["x"], ONE, pure=True)


def accumulating():
    total = {}

    def backward(dy, cache):
        x = cache[0]
        _, before = total.get(id(x), (x, 0))
        total[id(x)] = x, before + 2 * dy * x  # x too: its id stays its own only while it lives
        return total[id(x)][1].copy()

    return once(backward)


def consuming(dy, cache):
    x = cache[0]
    grad = 2 * dy * x
    x *= 2.0
    return grad


def forward_of_copy(x):
    return x * x, (x.copy(),)


def clobbering_dy(dy, cache):
    grad = 2 * dy * cache[0]
    dy *= 3
    return grad


def clobbering_y(x):
    y = x * x
    return y, (x, y)


def writes_y(dy, cache):
    x, y = cache
    y += 1
    return 2 * dy * x


def jittered():
    rng = np.random.default_rng(0)
    return Op(lambda x: (x + rng.standard_normal(x.shape).astype(x.dtype), ()), lambda dy, c: dy.copy(), ONE)


def aliasing_output():
    def forward(x):
        y = np.exp(x)
        return y, y

    return Op(forward, lambda dy, y: np.multiply(dy, y, out=y), ONE, pure=True)


BROKEN = {
    "forward-output": (
        Op(lambda x: x * x, square_backward, ONE),
        "the forward returned ndarray; it must return (y, cache)",
    ),
    "forward-raises": (
        Op(lambda x: [][1], square_backward, ONE),
        "the forward raised IndexError: list index out of range (line",
    ),
    "backward-raises": (once(lambda dy, c: 1 / 0), "the backward raised ZeroDivisionError: division by zero (line"),
    "complex": (Op(lambda x: (x * 1j, x), square_backward, ONE), "complex-valued functions are out of scope"),
    "gradient-count": (
        Op(scaled, lambda dy, c: dy * c[0], TWO),
        "the backward returned 1 gradient, expected 2: one for each of (x, W), in that order",
    ),
    "gradient-type": (
        once(lambda dy, c: "dx"),
        "the backward returned str; it must return an array, or a tuple of arrays",
    ),
    "gradient-missing": (
        Op(scaled, lambda dy, c: (None, dy * c[0]), TWO),
        "declare x to have none: Arg(..., differentiable=False)",
    ),
    "gradient-shape": (once(lambda dy, c: (2 * dy * c[0])[None]), "the gradient has shape (1, 4, 3), x has (4, 3)"),
    "gradient-dtype": (once(lambda dy, c: (2 * dy * c[0]).astype(np.float64)), "the gradient is float64, x is float32"),
    "gradient-nonfinite": (
        once(lambda dy, c: 2 * dy * c[0] * c[0] / c[0]),
        "the forward is finite, the gradient is nan at",
    ),
    "mutates-input": (Op(in_place, square_backward, ONE), "the pair changed its input x in place"),
    "mutates-dy": (once(clobbering_dy), "the backward changed dy in place; work on a copy"),
    "mutates-output": (Op(clobbering_y, writes_y, ONE), "the backward changed the forward's output y in place"),
    "alias-dy": (
        Op(lambda x: (x + 1, ()), lambda dy, c: dy, ONE, pure=True),
        "dx shares memory with dy: return a copy",
    ),
    "alias-gradient": (
        Op(lambda x, W: (x + W, ()), lambda dy, c: [dy.copy()] * 2, TWO, pure=True),
        "dx and dW share memory",
    ),
    "alias-input": (
        Op(lambda x: (x.T, ()), lambda dy, c: dy.T.copy(), ONE, pure=True),
        "y shares memory with the input x",
    ),
    "forward-changes": (jittered(), "if it draws noise of its own, declare seeded=True"),
    "changes-on-repeat": (Op(forward_of_copy, consuming, ONE, pure=True), "it keeps state or changes its cache"),
    "accumulates": (accumulating(), "gradients ACCUMULATE"),
    "gradient-overwritten": (with_buffer(), "its memory is used again"),
    "output-overwritten": (with_output_buffer(), "another forward changed an earlier output y: a reused buffer"),
    "cache-overwritten": (with_hidden_cache(), "the calls share state"),
    "not-linear-in-dy": (once(lambda dy, c: 2 * np.clip(dy, -20, 20) * c[0]), "is dy CLIPPED or normalised?"),
    "not-zero-at-zero": (
        once(lambda dy, c: 2 * dy * c[0] + dy.dtype.type(1e-7)),
        "for dy = 0 the backward gives dx = 1e-07 instead of 0",
    ),
    "ignores-dy": (once(lambda dy, c: 2 * c[0]), "dx is the same whatever dy is: dy is IGNORED"),
    "alias-output": (aliasing_output(), "dx shares memory with y"),
}


@pytest.mark.parametrize("code", BROKEN)
def test_the_code_and_the_message_name_what_was_broken(code):
    op, words = BROKEN[code]
    report = check_op(op)
    assert report.verdict == "FAIL"
    assert code in {finding.code for finding in report.findings}, report
    assert words in str(report), report


def taking_tensors(x):
    raise TypeError("expected a tensor")


def in_single_inside(x):
    y = np.tanh(x.astype(np.float32)).astype(x.dtype)
    return y, (y,)


def high_rectifier(x):
    return np.maximum(x.astype(np.float32), 0) + np.float32(1000), (x,)


def greedy_max(x):
    return x.max(axis=1), (x == x.max(axis=1, keepdims=True),)


KINK = {"x": Arg("N D", kinks=[0.0])}
NEAR_ZERO = np.array([1e-5, -0.7, 1.3], np.float32)

NUMERIC = {
    "wrong-gradient": (lambda: check_op(once(lambda dy, c: dy * c[0])), "FAIL", "FACTOR of 1/2"),
    "wrong-at-kink": (
        lambda: check_op(Op(lambda x: (abs(x), (x,)), lambda dy, c: dy * (np.sign(c[0]) + 2 * (c[0] == 0)), KINK)),
        "FAIL", "only exactly AT THE KINK, x = 0"),
    "wrong-at-ties": (
        lambda: check_op(Op(greedy_max, lambda dy, c: dy[:, None] * c[0], ONE)), "FAIL",
        "does every TIE get the whole of it?"),
    "not-linear-in-argument": (
        lambda: check_op(Op(square, square_backward, {"x": Arg("N D", linear=True)})), "FAIL",
        "x is declared linear, but the forward bends"),
    "unresolved": (
        lambda: check_op(Op(in_single_inside, lambda dy, c: dy * (1 - c[0] ** 2), ONE)), "INCONCLUSIVE",
        "does the forward compute in FLOAT32 inside?"),
    "unseen": (
        lambda: gradcheck(high_rectifier, lambda dy, c: dy * (c[0] > 0), (NEAR_ZERO,)), "PASS",
        "1 of 3 entries of d/dx are not compared: a kink is nearer than float32 can look"),
    "slope-infinite": (
        lambda: gradcheck(lambda x: (np.sqrt(x), x), lambda dy, x: dy / (2 * np.sqrt(x)), (np.array([0.0, 1.0]),)),
        "PASS", "and so is the slope"),
    "forward-nonfinite": (
        lambda: check_op(Op(lambda x: (np.log(x), (x,)), lambda dy, c: dy / c[0], ONE)), "INCONCLUSIVE",
        "declare where it is defined: Arg(..., domain=(low, high))"),
    "nothing-checked": (
        lambda: check_op(Op(lambda x: (np.exp(x), x), lambda dy, x: dy * np.exp(x), ONE), sample="4x3-far800"),
        "INCONCLUSIVE", "nothing was checked: the forward is not finite there"),
    "nothing-compared": (
        lambda: gradcheck(square, square_backward, np.zeros((0, 3))), "INCONCLUSIVE", "no gradient was compared"),
    "refused": (
        lambda: check_op(Op(taking_tensors, square_backward, ONE)), "FAIL",
        "the forward raised TypeError: expected a tensor (line"),
}  # fmt: skip


@pytest.mark.parametrize("code", NUMERIC)
def test_what_differences_say_and_cannot_say_is_put_into_words(code):
    check, verdict, words = NUMERIC[code]
    report = check()
    assert code in {finding.code for finding in report.findings}, report
    assert report.verdict == verdict
    assert words in str(report), report


def test_no_code_is_left_out():
    assert set(BROKEN) | set(NUMERIC) == set(FINDINGS)


@pytest.mark.parametrize(
    "code", ["mutates-dy", "gradient-overwritten", "cache-overwritten", "ignores-dy", "accumulates"]
)
def test_one_mistake_is_one_message(code):
    report = check_op(BROKEN[code][0])
    assert {finding.code for finding in report.findings if finding.check != "numeric"} == {code}
