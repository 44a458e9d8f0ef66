"""The Hypothesis strategies: what they draw is what they say, and it shrinks to a small named case."""

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from npvae.gradcheck import Arg, Op, check_model
from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.strategies import arrays, cases, model_cases, op_property, samples


def cube(x, p=1.0):
    return x**3, x


CUBE = Op(cube, lambda dy, x: 3 * dy * x * x, {"x": Arg("N D", domain=(-3.0, 3.0))}, params={"p": [1.0, 2.0]})

test_cube_anywhere = op_property(CUBE, max_examples=40)


@given(cases(CUBE, dtypes=("float32",), layouts=("C", "fortran"), sizes={"N": st.integers(2, 5)}))
def test_options_bind(case):
    (x,) = case.inputs
    assert x.dtype == np.float32
    assert 2 <= x.shape[0] <= 5
    assert 1 <= x.shape[1] <= 9
    assert case.layout in ("C", "fortran")
    assert np.all(np.abs(x) <= 3)
    assert case.params["p"] in (1.0, 2.0)


@given(arrays((3, 4), low=0.0, high=1.0))
def test_arrays_keep_to_their_interval(x):
    assert x.shape == (3, 4)
    assert np.all((x >= 0) & (x <= 1))


def test_a_failure_shrinks_to_a_small_named_case():
    case = find(
        cases(CUBE),
        lambda case: case.inputs[0].size >= 4 and case.dtype == np.float32,
        settings=settings(deadline=None),
    )
    assert isinstance(case, Case)
    assert case.inputs[0].size == 4
    assert case.layout == "C"
    assert case.seed == 0
    assert repr(case) == f"Case(cube, {case.label}, seed 0)"


def test_a_wrong_gradient_is_found_and_reported_with_its_sample():
    wrong = Op(cube, lambda dy, x: 3 * dy * x * np.abs(x), CUBE.args, CUBE.params, name="cube")
    with pytest.raises(AssertionError, match="cube"):
        op_property(wrong, max_examples=30)()


@given(samples(CUBE))
def test_regimes_without_meaning_are_not_drawn(sample):
    assert sample.regime != "near"


@settings(max_examples=15)
@given(model_cases(activations=("tanh", "relu"), likelihoods=("bernoulli", "squared_error"), beta=st.floats(0, 4)))
def test_whole_models_are_drawn_and_right(case):
    from npvae import VAE

    model = VAE(**case["config"], backend="numpy")
    assert case["x"].shape[1] == case["config"]["data_dim"]
    report = check_model(model, case["x"], case["eps"], seed=case["config"]["seed"])
    assert report.verdict != "FAIL", str(report)
