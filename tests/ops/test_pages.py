"""The equations of every page are executed and hold the code beneath them, forward and backward."""

import inspect
import pkgutil
import re
import sys
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npvae.ops
from npvae.ops import LAWS, OPS
from npvae.ops.shapes import shape_error
from npvae.pages import evaluate, page_of
from npvae.spec import as_offsets

CASES = [
    pytest.param(op, dict(zip(op.params, values, strict=True)), id="-".join([op.name, *map(str, values)]))
    for op in OPS
    for values in product(*op.params.values())
]


def digits(op, nats):
    """How many the page needs to be exact: the log of a difference of two sigmoids loses as many as it has nats."""
    return int(nats / np.log(10)) + 60 if op.name == "discretized_logistic_nll" else 60


def draw(op, rng, sizes, scale=2.0):
    """One random input for every argument, inside its domain."""
    inputs, sizes = {}, op.within_ranges(sizes)
    for name, arg in op.args.items():
        values = scale * rng.standard_normal(arg.sizes(sizes))
        low, high = arg.ends(sizes)
        if arg.dtype is int:
            inputs[name] = rng.integers(low, high, arg.sizes(sizes), endpoint=True)
            if arg.offsets:
                as_offsets(inputs[name], int(low), int(high))
            continue
        if arg.dtype is bool:
            inputs[name] = values > 0
            continue
        if (low, high) == (0.0, 1.0):
            values = rng.integers(0, 17, arg.sizes(sizes)) / 16  # grey levels, both ends among them
        elif arg.set == "counts":
            values = np.minimum(np.rint(4 * np.abs(values)), 12)  # no more than the fewest trials of a binomial
        inputs[name] = np.clip(values, low, high)
    return inputs


def run(op, inputs, params, rng):
    """Forward and backward of the code: {"y": ..., "dx": ...} under the names of the page."""
    y, cache = op.forward(*inputs.values(), **params)
    dy = 3 * rng.standard_normal(y.shape)
    grads = op.backward(dy.astype(y.dtype), cache)
    grads = grads if isinstance(grads, tuple) else (grads,)
    found = {f"d{name}": grad for name, grad in zip(op.differentiable, grads, strict=True)}
    return {page_of(op).output: y, **found}, dy.astype(y.dtype)


@pytest.mark.parametrize(("op", "params"), CASES)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(1, 4), min_size=7, max_size=7))
def test_code_is_what_its_page_says(op, params, seed, sizes):
    rng = np.random.default_rng(seed)
    most = 4 if len(op.symbols) < 5 else 2  # seven nested loops of 60 digits
    inputs = draw(op, rng, {symbol: min(size, most) for symbol, size in zip(op.symbols, sizes, strict=False)})
    found, dy = run(op, inputs, params, rng)
    with mpmath.workdps(digits(op, np.abs(found[page_of(op).output]).max())):
        page = evaluate(op, inputs, dy, params=params, numbers=mpmath.mp)
    for name, array in found.items():
        truth = page[name].astype(float)
        np.testing.assert_allclose(array, truth, rtol=1e-11, atol=1e-12, err_msg=f"{op.name}: {name}")


def test_a_page_can_be_put_into_plain_floats_too():
    """As `npvae explain` does: the numbers of a small case, with nothing but Python's math."""
    rng = np.random.default_rng(0)
    for op in OPS:
        inputs = draw(op, rng, dict.fromkeys(op.symbols, 2), scale=1.0)
        y, _ = op.forward(*inputs.values(), **{name: values[0] for name, values in op.params.items()})
        np.testing.assert_allclose(evaluate(op, inputs)[page_of(op).output], y, rtol=1e-9, err_msg=op.name)


EXTREMES = {
    "logits": [-1e4, -800.0, -40.0, -1e-8, 0.0, 1e-8, 40.0, 800.0, 1e4],
    "logvar": [-80.0, -40.0, -1e-8, 0.0, 1e-8, 40.0, 80.0],
    "x": [-1e4, -800.0, -40.0, -1e-8, 1e-8, 40.0, 800.0, 1e4],
    "log_w": [-1e4, -800.0, 0.0, 800.0, 1e4],
    "mean": [-1e3, -40.0, 0.0, 1.0, 40.0, 1e3],
    "log_rate": [-800.0, -40.0, -1e-8, 0.0, 1e-8, 18.0, 80.0],
    "log_mean": [-1e4, -800.0, -40.0, -1e-8, 0.0, 1e-8, 40.0, 800.0, 1e4],
}
MADE_OF_OTHERS = {
    "layer",
    "conv2d_layer",
    "conv2d_transpose_layer",
    "gru_cell",
    "gru",
}  # whose activations are tested by themselves
EXTREME_CASES = [
    case for case in CASES if set(EXTREMES) & set(case.values[0].args) and case.values[0].name not in MADE_OF_OTHERS
]


@pytest.mark.parametrize(("op", "params"), EXTREME_CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_give_the_exact_value_and_gradient(op, params, dtype):
    """Against the page evaluated with 60 digits: the plain formula is right where float64 would overflow in it."""
    rng = np.random.default_rng(0)
    real = {name for name, arg in op.args.items() if arg.interval[0] < 0 and not arg.set}
    which = next(name for name in EXTREMES if name in real)
    for extreme in EXTREMES[which]:
        inputs = draw(op, rng, dict.fromkeys(op.symbols, 2), scale=1.0)
        inputs[which] = np.full_like(inputs[which], extreme)
        if "bernoulli" in op.name:
            inputs["x"] = np.array([[0.0, 1.0], [0.3, 1.0]])
        inputs = {n: v.astype(dtype) if v.dtype.kind == "f" else v for n, v in inputs.items()}
        found, dy = run(op, inputs, params, rng)
        with mpmath.workdps(digits(op, np.abs(found[page_of(op).output]).max())):
            page = evaluate(op, inputs, dy, params=params, numbers=mpmath.mp)
        eps = np.finfo(dtype).eps
        for name, array in found.items():
            assert array.dtype == dtype, f"{op.name}: {name} drifts from {dtype}"
            truth = page[name].astype(float)
            scale = max(1.0, float(np.abs(dy).max())) if np.abs(truth).max() < 1e4 else float(np.abs(truth).max())
            np.testing.assert_allclose(
                array, truth, rtol=64 * eps, atol=16 * eps * scale, err_msg=f"{op.name}: {name} at {which} = {extreme}"
            )


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_page_reads_like_a_page(op):
    """Its headings, numbers 1, 2, 3 ..., and every number cited in the code where the equation stands."""
    equations = page_of(op).equations
    assert {equation.section for equation in equations} == {"Forward", "Backward"}
    assert [equation.number for equation in equations] == list(range(1, len(equations) + 1))
    source = inspect.getsource(sys.modules[op.forward.__module__])
    text = sys.modules[op.forward.__module__].__doc__
    code = source.replace(text, "")
    for equation in equations:
        assert re.search(rf"#.*\({equation.number}\)", code), f"{op.name}: equation ({equation.number}) is not cited"
    assert page_of(op).derivation or op.name == "layer", "how does the backward follow from the forward?"
    defined = {equation.name for equation in equations}
    assert {f"d{name}" for name in op.differentiable} <= defined
    assert len(source.splitlines()) <= 80, "a page fits a screen"


def test_every_page_is_in_the_table():
    """An op outside the table would be tested by nothing."""
    helpers = {"gamma_functions", "shapes", "windows"}
    pages = {name for _, name, _ in pkgutil.iter_modules(npvae.ops.__path__)} - helpers
    in_table = {op.forward.__module__.rpartition(".")[2] for op in OPS}
    in_table |= {law.run.__module__.rpartition(".")[2] for law in LAWS}
    assert pages == in_table
    assert len({op.name for op in OPS}) == len(OPS)
    for op in OPS:
        assert op.pure, "npvae's own ops never share memory"
        for half in (op.forward, op.backward):
            assert getattr(npvae.ops, half.__name__) is half


SHARED_AXES = [
    pytest.param(op, name, axis, id=f"{op.name}-{name}-{symbol}")
    for op in OPS
    for name, arg in op.args.items()
    for axis, symbol in enumerate(arg.axes)
    if sum(symbol in other.axes for other in op.args.values()) > 1
]


@pytest.mark.parametrize(("op", "name", "axis"), SHARED_AXES)
def test_wrong_shapes_are_named_in_the_symbols_of_the_op(op, name, axis):
    """One entry too many along an axis that another argument shares: the error names the op and the symbols."""
    sizes = op.within_ranges({symbol: 3 + i for i, symbol in enumerate(op.symbols)})
    shape = list(op.args[name].sizes(sizes))
    shape[axis] += 1
    inputs = draw(op, np.random.default_rng(0), sizes) | {name: np.ones(shape)}
    who = "dense" if op.name == "layer" else op.name.removesuffix("_layer")
    with pytest.raises(ValueError, match=rf"^{who}: \w+ has shape .*, expected \(.* taken from"):
        op.forward(*inputs.values())


@pytest.mark.parametrize(
    ("W", "b", "message"),
    [
        ((3, 4), (4,), "dense: W has shape (3, 4), expected (I, O) with I = 5 taken from x"),
        ((5, 4), (3,), "dense: b has shape (3,), expected (O,) with O = 4 taken from W"),
    ],
)
def test_the_message_of_a_wrong_shape_says_where_the_size_comes_from(W, b, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        npvae.ops.dense_forward(np.ones((2, 5)), np.ones(W), np.ones(b))


def test_a_page_that_forgets_an_argument_in_its_complaint_is_found_out():
    dense = next(op for op in OPS if op.name == "dense")
    with pytest.raises(ValueError, match="zip"):
        shape_error(dense, np.ones((2, 5)), np.ones((5, 4)))
