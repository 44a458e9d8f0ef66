"""Checks 1 to 4 on pairs that break them, one each: the code that is reported is the mistake that was planted."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_op


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


BROKEN = {
    "forward-output": Op(lambda x: x * x, square_backward, ONE),
    "forward-raises": Op(lambda x: [][1], square_backward, ONE),
    "backward-raises": once(lambda dy, c: 1 / 0),
    "complex": Op(lambda x: (x * 1j, x), square_backward, ONE),
    "gradient-count": Op(scaled, lambda dy, c: dy * c[0], TWO),
    "gradient-type": once(lambda dy, c: {"x": dy}),
    "gradient-missing": once(lambda dy, c: None),
    "gradient-shape": once(lambda dy, c: (2 * dy * c[0])[None]),
    "gradient-dtype": once(lambda dy, c: (2 * dy * c[0]).astype(np.float64)),
    "gradient-nonfinite": once(lambda dy, c: 2 * dy * c[0] * c[0] / c[0]),
    "mutates-input": Op(in_place, square_backward, ONE),
    "mutates-dy": once(clobbering_dy),
    "mutates-output": Op(clobbering_y, writes_y, ONE),
    "alias-dy": Op(lambda x: (x + 1, ()), lambda dy, c: dy, ONE, pure=True),
    "alias-gradient": Op(lambda x, W: (x + W, ()), lambda dy, c: [dy.copy()] * 2, TWO, pure=True),
    "alias-input": Op(lambda x: (x.T, ()), lambda dy, c: dy.T.copy(), ONE, pure=True),
    "alias-output": Op(lambda x: (np.exp(x), np.exp(x)), lambda dy, c: dy * c, ONE, pure=True),
    "forward-changes": jittered(),
    "changes-on-repeat": Op(forward_of_copy, consuming, ONE, pure=True),
    "accumulates": accumulating(),
    "gradient-overwritten": with_buffer(),
    "output-overwritten": with_output_buffer(),
    "cache-overwritten": with_hidden_cache(),
    "not-linear-in-dy": once(lambda dy, c: 2 * np.clip(dy, -20, 20) * c[0]),
    "not-zero-at-zero": once(lambda dy, c: 2 * dy * c[0] + dy.dtype.type(1e-7)),
    "ignores-dy": once(lambda dy, c: 2 * c[0]),
}


def aliasing_output():
    def forward(x):
        y = np.exp(x)
        return y, y

    def backward(dy, y):
        y_kept = y.copy()
        np.multiply(dy, y, out=y)
        return y if y is None else np.multiply(y, 1, out=y) if y_kept is None else y

    return Op(forward, backward, ONE, pure=True)


BROKEN["alias-output"] = aliasing_output()


@pytest.mark.parametrize("code", BROKEN)
def test_the_code_names_what_was_broken(code):
    report = check_op(BROKEN[code])
    assert report.verdict == "FAIL"
    assert code in {finding.code for finding in report.findings}, report


@pytest.mark.parametrize(
    "code", ["mutates-dy", "gradient-overwritten", "cache-overwritten", "ignores-dy", "accumulates"]
)
def test_one_mistake_is_one_message(code):
    report = check_op(BROKEN[code])
    assert {finding.code for finding in report.findings if finding.check != "numeric"} == {code}


def test_shared_memory_is_an_error_for_a_pure_op_and_a_warning_for_others():
    def pair(pure):
        return Op(lambda x, W: (x + W, ()), lambda dy, c: (dy, dy), TWO, pure=pure)

    assert check_op(pair(pure=True)).verdict == "FAIL"
    lenient = check_op(pair(pure=False))
    assert lenient.verdict == "PASS"
    assert {finding.verdict for finding in lenient.findings} == {"WARNING"}
    assert "shares memory" in str(lenient)


def test_the_pair_is_given_the_same_inputs_after_it_spoiled_them():
    op = BROKEN["mutates-input"]
    report = check_op(op, sample="4x3")
    assert {finding.code for finding in report.findings if finding.check == "contract"} == {"mutates-input"}


def test_a_gradient_that_reads_a_cache_of_another_dtype_is_named_with_both_dtypes():
    report = check_op(once(lambda dy, c: (2 * dy * c[0]).astype(np.float32)))
    messages = [f.message for f in report.findings if f.code == "gradient-dtype"]
    assert messages
    assert "the gradient is float32, x is float64" in messages[0]


def test_two_arguments_are_told_apart():
    wrong = Op(scaled, lambda dy, c: (dy * c[1], (dy * c[0])[..., None]), TWO)
    report = check_op(wrong, sample="4x3")
    assert [(f.code, f.arg) for f in report.findings] == [("gradient-shape", "W")]
    assert "d/dx" in str(report).split("passes:")[1]
