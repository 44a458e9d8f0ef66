"""Every kernel equals its reference: value and all gradients, both dtypes, any layout, one sample and tails."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae import kernels, ops
from npvae.kernels import KERNELS
from npvae.spec import as_offsets

REFERENCE = {op.name: op for op in ops.OPS}
CASES = [
    pytest.param(kernel, dict(zip(kernel.params, values, strict=True)), id="-".join([kernel.name, *map(str, values)]))
    for kernel in KERNELS
    if not kernel.name.startswith("conv2d")  # images have a file of their own: test_convolution.py
    for values in product(*kernel.params.values())
]
LAYOUTS = ("C", "F", "strided", "reversed", "offset")
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def draw(op, rng, sizes, dtype, scale):
    inputs = []
    for arg in op.args.values():
        values = scale * rng.standard_normal(arg.sizes(sizes))
        low, high = arg.ends(sizes)
        if arg.dtype is not None:
            whole = rng.integers(low, high, values.shape, arg.dtype, endpoint=True)
            inputs.append(as_offsets(whole, low, high) if arg.offsets else whole)
            continue
        if arg.interval == (0.0, 1.0):
            values = rng.integers(0, 17, arg.sizes(sizes)) / 16
        elif arg.set == "counts":
            values = np.minimum(np.abs(values), 16)  # no more than the fewest trials of a binomial
            values = values if scale < 1 else np.rint(values)  # whole, and what lies between
        inputs.append(np.asarray(np.clip(values, low, high), dtype))
    return inputs


def as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)


def assert_close(found, wanted, dtype, terms, scale):
    """Within a few roundings for each of the terms that were added, relative to the largest of the array."""
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    room = EPS[dtype] * (16 + 2 * terms) * max(scale, float(np.abs(wanted).max(initial=0.0)))
    np.testing.assert_allclose(found, wanted, rtol=8 * EPS[dtype], atol=room)


@pytest.mark.parametrize(("kernel", "params"), CASES)
@given(
    sizes=st.fixed_dictionaries(
        {s: st.sampled_from([1, 2, 3, 7, 15, 16, 17, 33, 64, 65]) for s in "NDIOL"}
        | {s: st.sampled_from([1, 2, 3, 7, 16, 17]) for s in "EHVCTMFK"}  # few: loops in Python without JIT
    ),
    dtype=st.sampled_from(["float32", "float64"]),
    layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 8),
    scale=st.sampled_from([0.01, 1.0, 10.0]),
    seed=st.integers(0, 2**31),
)
def test_kernel_equals_reference(laid_out, kernel, params, sizes, dtype, layouts, scale, seed):
    rng, reference = np.random.default_rng(seed), REFERENCE[kernel.name]
    if kernel.name == "gru":
        scale = min(scale, 0.3)  # a recurrence of large weights is chaotic: roundings double with every step
    inputs = draw(kernel, rng, sizes, dtype, scale)
    inputs = [laid_out(a, layout) for a, layout in zip(inputs, layouts, strict=False)]
    y, cache = kernel.forward(*inputs, **params)
    wanted, reference_cache = reference.forward(*inputs, **params)
    terms = max(sizes["I"], sizes["D"])
    largest = max(1.0, *(float(np.abs(a).max()) for a in inputs if a.dtype.kind == "f"))
    assert_close(y, wanted, dtype, terms, largest**2)

    dy = laid_out(rng.standard_normal(y.shape).astype(dtype), layouts[7])
    found, wanted = as_tuple(kernel.backward(dy, cache)), as_tuple(reference.backward(dy, reference_cache))
    assert len(found) == len(wanted)
    precision = np.exp(float(np.abs(inputs[1]).max())) if kernel.name.startswith("gaussian") else 1.0
    for gradient, reference_gradient in zip(found, wanted, strict=True):
        assert_close(gradient, reference_gradient, dtype, max(sizes.values()), largest**2 * precision)


@pytest.mark.parametrize(("kernel", "params"), CASES)
def test_nan_and_infinity_survive(kernel, params):
    """A loss that broke must be seen: what is not finite in the reference is not finite in the kernel."""
    reference, rng = REFERENCE[kernel.name], np.random.default_rng(0)
    sizes = dict.fromkeys("NDIOL", 19) | dict.fromkeys("EHVCTMFK", 9) | {"T": 8}
    for poison, dtype in product((np.nan, np.inf, -np.inf), ("float32", "float64")):
        for at in (k for k, arg in enumerate(kernel.args.values()) if arg.dtype is None):
            inputs = draw(kernel, rng, sizes, dtype, 1.0)
            inputs[at][(7,) * inputs[at].ndim] = poison
            with np.errstate(all="ignore"):
                wanted, reference_cache = reference.forward(*inputs, **params)
                y, cache = kernel.forward(*inputs, **params)
                np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
                np.testing.assert_array_equal(np.isinf(y), np.isinf(wanted))
                dy = rng.standard_normal(y.shape).astype(dtype)
                found, wanted = as_tuple(kernel.backward(dy, cache)), as_tuple(reference.backward(dy, reference_cache))
            for gradient, reference_gradient in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(np.isnan(gradient), np.isnan(reference_gradient))


def mixed_gru(rng):
    """Inputs of 3 sequences of at most 2 letters, their weights in another dtype."""
    x, h0, *weights = (rng.standard_normal(shape) for shape in ((3, 2, 4), (3, 5), (4, 15), (5, 15), (15,), (15,)))
    return x, h0, np.array([2, 1, 0]), *(w.astype(np.float32) for w in weights)


ROWS_OF_3 = np.array([0, 2, 2, 2]), np.array([1, 0])  # of a sparse matrix with two entries


def test_arrays_of_mixed_or_other_dtype_are_computed_by_the_reference():
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((3, 4)), rng.standard_normal((4, 5)).astype(np.float32), np.zeros(5)
    for forward, backward, arguments in (
        ("dense_forward", "dense_backward", (x, W, b)),
        ("layer_forward", "layer_backward", (x, W, b)),
        ("bernoulli_nll_forward", "bernoulli_nll_backward", (x, np.ones((3, 4), np.float32))),
        ("squared_error_forward", "squared_error_backward", (x, np.ones((3, 4), np.float32))),
        ("poisson_nll_forward", "poisson_nll_backward", (x, np.ones((3, 4), np.float32))),
        ("binomial_nll_forward", "binomial_nll_backward", (x, np.ones((3, 4), np.float32))),
        ("negative_binomial_nll_forward", "negative_binomial_nll_backward", (x, x, np.ones((3, 4), np.float32))),
        ("gaussian_nll_forward", "gaussian_nll_backward", (x, np.zeros((3, 4), np.float32), x)),
        ("gaussian_kl_forward", "gaussian_kl_backward", (x.astype(np.float32), x)),
        ("embedding_forward", "embedding_backward", (np.array([[1, 1]]), x.astype(np.float16))),
        ("gru_forward", "gru_backward", mixed_gru(rng)),
        ("sparse_matmul_forward", "sparse_matmul_backward", (*ROWS_OF_3, x[0, :2], W)),
        ("gcn_forward", "gcn_backward", (*ROWS_OF_3, x[0, :2], x[:, :3], W[:3])),
        ("inner_product_nll_forward", "inner_product_nll_backward", (*ROWS_OF_3, x.astype(np.float16))),
        (
            "sampled_inner_product_nll_forward",
            "sampled_inner_product_nll_backward",
            (*ROWS_OF_3, np.array([1]), x.astype(np.float16)),
        ),
        (
            "masked_categorical_nll_forward",
            "masked_categorical_nll_backward",
            (x[None].astype(np.float16), np.zeros((1, 3), int), np.array([2])),
        ),
    ):
        y, cache = getattr(kernels, forward)(*arguments)
        wanted, reference_cache = getattr(ops, forward)(*arguments)
        np.testing.assert_array_equal(y, wanted)
        found = as_tuple(getattr(kernels, backward)(np.ones_like(y), cache))
        for a, b_ in zip(found, as_tuple(getattr(ops, backward)(np.ones_like(y), reference_cache)), strict=True):
            np.testing.assert_array_equal(a, b_)


def test_wrong_shapes_raise_what_the_reference_raises():
    x, W, b = np.ones((2, 3)), np.ones((4, 5)), np.ones(5)
    for name, arguments in (
        ("dense_forward", (x, W, b)),
        ("layer_forward", (x, W, b)),
        ("bernoulli_nll_forward", (x, W)),
        ("squared_error_forward", (x, W)),
        ("poisson_nll_forward", (x, W)),
        ("binomial_nll_forward", (x, W)),
        ("negative_binomial_nll_forward", (x, b, x)),
        ("gaussian_nll_forward", (x, b, x)),
        ("gaussian_kl_forward", (x, W)),
        ("embedding_forward", (np.ones(3, int), W)),
        ("gru_forward", (x, W, b, W, W, b, b)),
        ("sparse_matmul_forward", (*ROWS_OF_3, x[0], x)),
        ("gcn_forward", (*ROWS_OF_3, x[0, :2], x, x)),
        ("inner_product_nll_forward", (*ROWS_OF_3, W)),
        ("sampled_inner_product_nll_forward", (*ROWS_OF_3, np.array([1]), W)),
        ("masked_categorical_nll_forward", (np.ones((2, 3, 4)), np.ones((2, 3), int), np.ones(3, int))),
    ):
        with pytest.raises(ValueError, match="has shape") as wanted:
            getattr(ops, name)(*arguments)
        with pytest.raises(ValueError, match="has shape") as found:
            getattr(kernels, name)(*arguments)
        assert str(found.value) == str(wanted.value)


def test_every_name_of_the_ops_is_a_name_of_the_kernels():
    assert all(callable(getattr(kernels, name)) for name in ops.__all__ if name.endswith(("_forward", "_backward")))
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        kernels.frobnicate  # noqa: B018


def test_a_label_that_is_no_class_is_refused_where_it_counts():
    """The kernel itself would read beyond its arrays."""
    logits, labels, lengths = np.zeros((1, 2, 3)), np.array([[2, 3]]), np.array([2])
    with pytest.raises(IndexError):
        kernels.masked_categorical_nll_forward(logits, labels, lengths)
    nll, _ = kernels.masked_categorical_nll_forward(logits, labels, np.array([1]))
    np.testing.assert_allclose(nll, np.log(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_of_counts_keep_their_digits_from_tiny_to_huge(dtype):
    """At means of 1e-8 and 1e8, dispersions of 1e-6 and 1e6, counts that are 0, few or as large as the mean."""
    counts = [0, 1, 30, 99_990_000, 100_000_000]
    grid = np.meshgrid(np.log([1e-8, 1.0, 30.0, 1e8]), np.log([1e-6, 1.0, 1e6]), counts)
    log_mean, log_r, x = (v.reshape(-1, 1).astype(dtype) for v in grid)
    for name, inputs in (("poisson_nll", (log_mean, x)), ("negative_binomial_nll", (log_mean, log_r, x))):
        y, cache = getattr(kernels, f"{name}_forward")(*inputs)
        wanted, reference_cache = getattr(ops, f"{name}_forward")(*inputs)
        np.testing.assert_allclose(y, wanted, rtol=64 * EPS[dtype], atol=1e-9)
        found = as_tuple(getattr(kernels, f"{name}_backward")(np.ones_like(y), cache))
        wanted = as_tuple(getattr(ops, f"{name}_backward")(np.ones_like(y), reference_cache))
        np.testing.assert_allclose(found[0], wanted[0], rtol=64 * EPS[dtype])
        np.testing.assert_allclose(found[-1], wanted[-1], rtol=64 * EPS[dtype] + 1e-12, atol=2 * EPS[dtype])
