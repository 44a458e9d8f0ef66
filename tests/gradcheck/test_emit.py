"""A failure written out as a test fails in the same way, whatever the mistake hangs on, until it is mended."""

import sys
import textwrap

import pytest

from npvae.gradcheck import check_op, find_ops
from npvae.gradcheck.emit import test_file as source_of_test

OPS = """
    import numpy as np
    from npvae.gradcheck import Arg, Op

    X = {"x": Arg("N D")}
    MENDED = False
    first = []

    def tanh(x):
        return np.tanh(x), (np.tanh(x),)

    def right(dy, cache):
        return dy * (1 - cache[0] ** 2)

    def sign(dy, cache):
        return right(dy, cache) if MENDED else -right(dy, cache)

    def fortran(dy, cache):
        turned = dy.flags.f_contiguous and not dy.flags.c_contiguous
        return 2 * right(dy, cache) if turned and not MENDED else right(dy, cache)

    def leaky(x, alpha=0.1):
        return np.where(x > 0, x, x.dtype.type(alpha) * x), (x, alpha)

    def first_alpha(dy, cache):
        x, alpha = cache
        first.append(alpha)
        return np.where(x > 0, dy, dy.dtype.type(alpha if MENDED else first[0]) * dy)

    def maximum(x):
        return x.max(axis=1), (x == x.max(axis=1, keepdims=True),)

    def to_every_tie(dy, cache):
        (best,) = cache
        share = best.sum(axis=1, keepdims=True) if MENDED else 1
        return (dy[:, None] * best / share).astype(dy.dtype)

    def masked(x, keep, i):
        return np.where(keep, x, 0)[i], (keep, i)

    def masked_backward(dy, cache):
        keep, i = cache
        dx = np.zeros(keep.shape, dy.dtype)
        np.add.at(dx, i, dy if MENDED else 2 * dy)
        return np.where(keep, dx, 0)

    def circle(x):
        return (np.sin(x), np.cos(x)), (x,)

    def circle_backward(dys, cache):
        (x,) = cache
        return dys[0] * np.cos(x) - dys[1] * np.sin(x) * (1 if MENDED else 2)

    def raising(dy, cache):
        return right(dy, cache) if MENDED else 1 / 0

    sign = Op(tanh, sign, X, name="sign")
    fortran = Op(tanh, fortran, X, name="fortran")
    state = Op(leaky, first_alpha, {"x": Arg("N D", kinks=[0.0])}, params={"alpha": [0.1, 0.3]}, name="state")
    ties = Op(maximum, to_every_tie, X, name="ties")
    masked = Op(masked, masked_backward, {**X, "keep": Arg("N D", dtype=bool, differentiable=False),
                "i": Arg("M", dtype=int, domain=(0, "N"), differentiable=False)}, name="masked")
    circle = Op(circle, circle_backward, {"x": Arg("N D", domain=(-100, 100))}, name="circle")
    raising = Op(tanh, raising, X, name="raising")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The ops above in a module that can be imported; a fresh one each time."""
    name = "emitted_" + tmp_path.name.replace("-", "_")
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(OPS))
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def run(source):
    """The one test of a file, called."""
    scope = {}
    exec(compile(source, "test_emitted.py", "exec"), scope)
    next(value for key, value in scope.items() if key.startswith("test_"))()


@pytest.mark.parametrize("name", ["sign", "fortran", "state", "ties", "masked", "circle", "raising"])
def test_it_fails_until_it_is_mended(module, name):
    (op,) = find_ops(f"{module}:{name}")
    source = source_of_test(op, check_op(op))
    sys.modules[module].first.clear()  # as in a fresh interpreter
    with pytest.raises(AssertionError, match=f"FAIL  {name}"):
        run(source)
    sys.modules[module].MENDED = True
    run(source)


def test_large_arrays_are_not_written_down(module):
    (op,) = find_ops(f"{module}:sign")
    source = source_of_test(op, check_op(op, sample="40x30"))
    assert len(source) < 2000
    assert 'sample="40x30"' in source
    with pytest.raises(AssertionError, match="FAIL  sign"):
        run(source)


def test_there_must_be_a_failure_and_a_name(module):
    (op,) = find_ops(f"{module}:sign")
    sys.modules[module].MENDED = True
    with pytest.raises(ValueError, match="sign passes: there is no failure to write out"):
        source_of_test(op, check_op(op))
    sys.modules[module].MENDED = False
    del sys.modules[module].sign
    with pytest.raises(ValueError, match="cannot be imported by name; put its Op into a module"):
        source_of_test(op, check_op(op))
