"""Convolution's kernels equal their pages: by tiles and by columns, any window, any layout, any number of threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from npvae import kernels, ops
from npvae.kernels.conv import chunks, geometry
from npvae.kernels.team import pools
from npvae.kernels.team.team import Team

NAMES = ("conv2d", "conv2d_layer", "conv2d_transpose", "conv2d_transpose_layer")
WAYS = ("blas",) if config.DISABLE_JIT else ("blas", "tiles")
compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="tiles exist compiled only")
few = st.sampled_from([1, 2, 3, 8, 16, 17]) if not config.DISABLE_JIT else st.integers(1, 3)
many = st.sampled_from([1, 15, 16, 17, 33, 48, 64, 65]) if not config.DISABLE_JIT else st.integers(1, 3)

cases = st.fixed_dictionaries(
    {
        "N": st.integers(1, 7),
        **{name: st.integers(1, 11) for name in "IJ"},
        **{name: st.integers(1, 5) for name in "PQ"},
        "C": few,
        "F": many,
        "stride": st.integers(1, 4),
        "padding": st.integers(0, 3),
        "activation": st.sampled_from(list(ops.ACTIVATIONS)),
        "layouts": st.tuples(*[st.sampled_from(["C", "F", "reversed", "offset"])] * 4),
        "seed": st.integers(0, 2**31),
    }
).filter(lambda g: g["I"] + 2 * g["padding"] >= g["P"] and g["J"] + 2 * g["padding"] >= g["Q"])
PLAIN = {
    "N": 5, "I": 8, "J": 9, "P": 4, "Q": 4, "C": 3, "F": 20, "stride": 2, "padding": 1,
    "activation": "relu", "seed": 0,
}  # fmt: skip


def arguments(name, g, dtype):
    """The arrays of an op and its other arguments."""
    rng, s, m = np.random.default_rng(g["seed"]), g["stride"], g["padding"]
    U, V = ((g[i] + 2 * m - g[p]) // s + 1 for i, p in ("IP", "JQ"))
    large, small = (g["N"], g["I"], g["J"], g["C"]), (g["N"], U, V, g["F"])
    back = "transpose" in name
    shapes = (small if back else large, (g["P"], g["Q"], g["C"], g["F"]), (g["C"] if back else g["F"],))
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    more = [g["activation"]] if "layer" in name else []
    more += [s, m] + ([(g["I"] + 2 * m - g["P"]) % s, (g["J"] + 2 * m - g["Q"]) % s] if back else [])
    return arrays, more


def both(room, name, arrays, more, dy=None, **options):
    """y and all gradients."""
    y, cache = getattr(room, f"{name}_forward")(*arrays, *more, **options)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype) if dy is None else dy
    return y, *getattr(room, f"{name}_backward")(dy, cache, **options)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    monkeypatch.setattr(pools, "PRODUCTS", request.param)
    return request.param


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernel_equals_page(monkeypatch, laid_out, name, dtype):
    @given(cases, st.sampled_from(WAYS))
    def check(g, way):
        monkeypatch.setattr(pools, "PRODUCTS", way)
        arrays, more = arguments(name, g, dtype)
        arrays = [laid_out(a, layout) for a, layout in zip(arrays, g["layouts"], strict=False)]
        terms = g["P"] * g["Q"] * max(g["C"], g["F"]) + g["N"] * g["I"] * g["J"]
        for found, wanted in zip(both(kernels, name, arrays, more), both(ops, name, arrays, more), strict=True):
            assert found.dtype == wanted.dtype
            assert found.shape == wanted.shape
            room = 4 * np.finfo(dtype).eps * terms * max(1.0, float(np.abs(wanted).max(initial=0)))
            np.testing.assert_allclose(found, wanted, rtol=0, atol=room)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_any_size_make_the_same(monkeypatch, way, name):
    """A block ends in the middle of the batch, at its end, or takes all of it."""
    arrays, more = arguments(name, PLAIN | {"N": 7}, "float32")
    wanted = both(ops, name, arrays, more)
    for images in (1, 3, 7, 100):
        monkeypatch.setattr(geometry.Geometry, "images_forward", lambda self, N, images=images: images)
        monkeypatch.setattr(geometry.Geometry, "images_backward", lambda self, N, images=images: images)
        monkeypatch.setattr(chunks, "CACHE", images * 4 * 4 * 16 * 3 * 4)
        for found, truth in zip(both(kernels, name, arrays, more), wanted, strict=True):
            np.testing.assert_allclose(found, truth, rtol=0, atol=2e-4)


@compiled
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("C", [1, 16])
def test_one_thread_and_three_give_the_same_bits(monkeypatch, name, C):
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    arrays, more = arguments(name, PLAIN | {"N": 37, "I": 28, "J": 28, "C": C}, "float32")
    results = []
    for count in (1, 3):
        monkeypatch.setattr(pools, "team", Team(count))
        results.append(both(kernels, name, arrays, more))
        pools.team.stop()
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("name", NAMES)
def test_nan_survives_and_stays_in_its_image(way, name):
    arrays, more = arguments(name, PLAIN, "float32")
    arrays[0][2, 1, 1, 0] = np.nan
    y, dx, dW, _ = both(kernels, name, arrays, more)
    wanted, wanted_dx, _, _ = both(ops, name, arrays, more)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(wanted_dx))
    assert np.isnan(dW).any()
    assert not np.isnan(y[[0, 1, 3, 4]]).any()


def known(array, arrays):
    """Whether an array is one of these or a part of one."""
    return any(array is other or np.shares_memory(array, other) for other in arrays)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_large_comes_from_new_and_place_or_was_handed_in(way, name):
    """Else a workspace would not spare the memory; and no two results share it."""
    (x, W, b), more = arguments(name, PLAIN, "float32")
    made = []

    def new(shape, dtype):
        made.append(np.empty(shape, dtype))
        return made[-1]

    places = {id(W): np.empty_like(W), id(b): np.empty_like(b)}
    y, cache = getattr(kernels, f"{name}_forward")(x, W, b, *more, new=new)
    dy = np.ones_like(y)
    dx, dW, db = getattr(kernels, f"{name}_backward")(dy, cache, new=new, place=lambda p: places[id(p)])
    assert dW is places[id(W)]
    assert db is places[id(b)]
    for array in (y, dx, *(part for part in cache if isinstance(part, np.ndarray))):
        assert known(array, [*made, x, W, b])
    results = [y, dx, dW, db, dy, x, W, b]
    assert not any(np.shares_memory(p, q) for i, p in enumerate(results) for q in results[:i])


@pytest.mark.parametrize("name", ["conv2d", "conv2d_layer"])
def test_dx_is_left_out_where_the_input_is_data(way, name):
    arrays, more = arguments(name, PLAIN, "float32")
    arrays[0].flags.writeable = False
    y, cache = getattr(kernels, f"{name}_forward")(*arrays, *more)
    dx, dW, db = getattr(kernels, f"{name}_backward")(np.ones_like(y), cache, False)
    assert dx is None
    _, _, wanted, wanted_db = both(ops, name, arrays, more, np.ones_like(y))
    np.testing.assert_allclose(dW, wanted, atol=2e-4)
    np.testing.assert_allclose(db, wanted_db, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_floats_of_one_dtype_are_not_left_to_the_page_and_others_are(monkeypatch, way, name):
    def refuse(*_, **__):
        raise AssertionError("the reference was called")

    arrays, more = arguments(name, PLAIN, "float32")
    mixed = [arrays[0].astype(np.float64), *arrays[1:]]
    empty = [arrays[0][:0], *arrays[1:]]
    for inputs in (mixed, empty):
        for found, wanted in zip(both(kernels, name, inputs, more), both(ops, name, inputs, more), strict=True):
            np.testing.assert_array_equal(found, wanted)
    for function in (f"{name}_forward", f"{name}_backward"):
        monkeypatch.setattr(ops, function, refuse)
    both(kernels, name, arrays, more)
    with pytest.raises(AssertionError, match="the reference"):
        both(kernels, name, mixed, more)


def test_wrong_shapes_raise_what_the_page_raises():
    for name, shapes, more in (
        ("conv2d", [(1, 4, 4, 2), (2, 2, 3, 5), (5,)], {}),
        ("conv2d", [(1, 4, 4, 2), (5, 2, 2, 5), (5,)], {}),
        ("conv2d_layer", [(1, 4, 4, 2), (2, 2, 2, 5), (4,)], {}),
        ("conv2d_transpose", [(1, 4, 4, 2), (2, 2, 5, 3), (5,)], {}),
        ("conv2d_transpose", [(1, 4, 4, 2), (2, 2, 5, 2), (5,)], {"extra_rows": 1}),
        ("conv2d_transpose_layer", [(4, 4, 2), (2, 2, 5, 2), (5,)], {}),
    ):
        messages = []
        for room in (ops, kernels):
            with pytest.raises(ValueError, match="conv2d") as error:
                getattr(room, f"{name}_forward")(*map(np.ones, shapes), **more)
            messages.append(str(error.value))
        assert messages[0] == messages[1]


def test_no_table_points_outside_its_images():
    """What the tiles read and write, they read and write without a check."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        I, J, P, Q, C, F = (int(n) for n in rng.integers(1, 8, 6))
        s, m = int(rng.integers(1, 5)), int(rng.integers(0, 4))
        if I + 2 * m < P or J + 2 * m < Q:
            continue
        g = geometry.Geometry(I, J, C, P, Q, F, (I + 2 * m - P) // s + 1, (J + 2 * m - Q) // s + 1, s, m)
        pixels = geometry.origins(g, 2)[:, None] + geometry.offsets(g)
        assert 0 <= pixels.min() <= pixels.max() < 2 * g.padded
        tables = geometry.spread_of(g, 2)
        np.testing.assert_array_equal(np.sort(tables.pixels), np.arange(0, 2 * g.large, C))  # each pixel once
        np.testing.assert_array_equal(np.sort(tables.entries), np.arange(g.window * F))  # each entry of W once
        for pixel, each, term, depth, _ in tables.table:
            reads = tables.starts[pixel : pixel + 2 * each, None] + tables.offsets[term : term + depth]
            if reads.size:
                assert 0 <= reads.min() <= reads.max() < 2 * tables.rows * tables.columns * F
