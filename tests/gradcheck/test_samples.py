"""The battery: what it covers, that it repeats, and that a label brings a sample back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.gradcheck import Arg, Op, cells, check_op
from npvae.gradcheck.battery.drawing import build, in_layout
from npvae.gradcheck.battery.samples import LAYOUTS, battery, named


def nothing(*arrays, **params):
    return arrays[0], ()


OP = Op(
    nothing,
    nothing,
    {
        "x": Arg("N D", kinks=[0.0, 2.0]),
        "p": Arg("N D", domain=(0.0, 1.0)),
        "s": Arg("D", domain=(0.0, np.inf), specials=[0.25]),
        "label": Arg("N", dtype=int, domain=(0, "D"), differentiable=False),
    },
    params={"alpha": [0.1, -0.5], "mode": ["a", "b"]},
)


def test_the_default_battery_is_a_covering_array():
    plain = Op(nothing, nothing, {"x": Arg("N D", kinks=[0.0])})
    samples = battery(plain)
    assert 15 <= len(samples) <= 21
    sizes = [tuple(s.sizes.values()) for s in samples]
    assert {(4, 3), (3, 4), (1, 4), (4, 1), (1, 1), (3, 3)} <= set(sizes)
    assert {s.layout for s in samples} == set(LAYOUTS)
    assert {s.dtype for s in samples} == {"float64", "float32"}
    assert {"generic", "kink", "near", "ties", "pos40", "neg40", "far800", "tiny", "x30"} <= {s.regime for s in samples}


@pytest.mark.parametrize("shapes", [["N D"], ["N I", "I O", "O"], ["N T D"], ["N C H W", "F C 3 3"], ["I 3*H", "N I"]])
def test_every_axis_meets_one_an_even_an_odd_and_a_long_size(shapes):
    op = Op(nothing, nothing, {f"x{i}": Arg(shape) for i, shape in enumerate(shapes)})
    sizes = [sample.sizes for sample in battery(op)]
    for symbol in op.symbols:
        seen = {size[symbol] for size in sizes}
        assert 1 in seen
        assert any(n > 1 and n % 2 for n in seen if n < 32)
        assert any(n % 2 == 0 for n in seen)
        assert any(n > 32 for n in seen) or symbol in op.symbols[4:]
    for size in sizes:
        assert sum(n > 11 for n in size.values()) <= 1
        assert max(np.prod(arg.sizes(size)) for arg in op.args.values()) <= 1700
    for a in op.symbols:
        for b in op.symbols:
            assert any(size[a] == size[b] > 1 for size in sizes)
            assert a == b or any(size[a] != size[b] for size in sizes)


def test_a_median_that_gives_everything_to_the_upper_middle_entry():
    def median(x):
        return np.median(x, axis=1), x

    def upper_middle(dy, x):
        dx = np.zeros_like(x)
        middle = np.argsort(x, axis=1, kind="stable")[:, x.shape[1] // 2]
        dx[np.arange(len(x)), middle] = dy
        return dx

    assert check_op(Op(median, upper_middle, {"x": Arg("N D")})).verdict == "FAIL"


def test_a_large_parameter_is_named_by_its_type():
    masks = [np.eye(20), np.tri(20)]
    op = Op(nothing, nothing, {"x": Arg("N 20")}, params={"mask": masks})
    labels = [sample.label for sample in battery(op)]
    assert max(map(len, labels)) < 60
    assert all("ndarray(20x20)" in label for label in labels)
    seen = [sample.params["mask"] for sample in battery(op)]
    assert all(any(mask is one for one in seen) for mask in masks)
    assert named(op, labels[1]).params["mask"] is battery(op)[1].params["mask"]


def test_every_value_of_every_parameter_is_visited():
    seen = [tuple(s.params.values()) for s in battery(OP)]
    assert set(seen) == {(0.1, "a"), (0.1, "b"), (-0.5, "a"), (-0.5, "b")}


@pytest.mark.parametrize("level", ["smoke", "default", "exhaustive"])
def test_labels_are_unique_and_bring_the_sample_back(level):
    samples = battery(OP, level)
    assert len({s.label for s in samples}) == len(samples)
    for sample in samples:
        again = named(OP, sample.label)
        assert (again.sizes, again.dtype, again.layout, again.regime, again.params) == (
            sample.sizes, sample.dtype, sample.layout, sample.regime, sample.params,
        )  # fmt: skip


def test_levels_grow_and_keep_to_the_same_cells():
    smoke, default, exhaustive = (battery(OP, level) for level in ("smoke", "default", "exhaustive"))
    assert len(smoke) <= 5 < len(default) < 100 < len(exhaustive)
    assert set(cells(OP, "exhaustive")) == set(cells(OP))
    with pytest.raises(ValueError, match="level is 'fast', expected one of smoke, default, exhaustive"):
        battery(OP, "fast")


@given(st.integers(0, 1000), st.sampled_from(battery(OP, "exhaustive")))
def test_values_keep_to_their_domains_and_repeat(seed, sample):
    case, again = build(OP, sample, seed), build(OP, sample, seed)
    x, p, s, label = case.inputs
    assert x.dtype == p.dtype == sample.dtype
    assert np.all((p >= 0) & (p <= 1))
    assert np.all(s >= 0)
    assert label.dtype.kind == "i"
    assert np.all((label >= 0) & (label < sample.sizes["D"]))
    for a, b in zip(case.inputs, again.inputs, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.strides == b.strides


def test_regimes_are_what_they_say():
    def x_of(regime):
        sample = next(s for s in battery(OP, "exhaustive") if s.regime == regime and s.sizes["N"] * s.sizes["D"] > 30)
        return build(OP, sample, 0).inputs

    assert np.isin(x_of("kink")[0], [0.0, 2.0]).sum() > 10
    assert np.any(np.signbit(x_of("kink")[0]) & (x_of("kink")[0] == 0))
    near = np.abs(x_of("near")[0][..., None] - np.array([0.0, 2.0])).min(axis=-1)
    assert np.sum((near > 0) & (near < 0.03)) > 10
    assert np.sum(x_of("pos40")[0] >= 40) > 10
    assert np.sum(x_of("neg40")[0] <= -40) > 10
    assert np.any(x_of("far800")[0] <= -800)
    assert np.any(x_of("far800")[0] >= 800)
    assert np.all(x_of("far800")[2] >= 0)
    assert np.any(x_of("far800")[2] >= 800), "the side that the domain allows"
    assert np.any(x_of("edge")[1] == 0)
    assert np.any(x_of("edge")[1] == 1)
    assert np.any(x_of("special")[2] == 0.25)
    tiny = np.abs(x_of("tiny")[0])
    assert np.max(tiny) < 0.05
    assert np.any(tiny < 1e-7)
    assert np.any((tiny > 1e-5) & (tiny < 1e-2)), "every decade in between"


@given(
    st.sampled_from(LAYOUTS),
    st.lists(st.integers(0, 5), max_size=3).map(tuple),
    st.sampled_from(["float32", "float64", "int64", "bool"]),
)
def test_a_layout_changes_the_memory_and_not_the_values(layout, shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    y = in_layout(x, layout)
    np.testing.assert_array_equal(x, y)
    assert y.dtype == x.dtype
    if x.ndim == 2 and min(shape) > 1:
        assert y.flags.c_contiguous == (layout == "C")
        assert (min(y.strides) < 0) == (layout == "negative")


def test_cotangents_are_never_ones_and_take_the_layout():
    sample = next(s for s in battery(OP) if s.layout == "fortran" and s.sizes["N"] > 1)
    case = build(OP, sample, 0)
    (dy,) = case.cotangents((np.ones((40, 30)),))
    assert 2.5 < dy.std() < 3.5
    assert dy.flags.f_contiguous
