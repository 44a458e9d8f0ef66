"""Layer objects, loss_and_grads and plain functions run through the same checks."""

import re

import numpy as np
import pytest

from npvae.gradcheck import check_function, check_layer, check_loss_and_grads

rng = np.random.default_rng(0)


class Dense:
    """params and grads in dicts."""

    def __init__(self, dtype=np.float64, wrong=1.0):
        self.params = {
            "W": rng.standard_normal((3, 5)).astype(dtype),
            "b": rng.standard_normal(5).astype(dtype),
        }
        self.grads = {}
        self.wrong = wrong

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dy):
        self.grads = {"W": self.x.T @ dy * dy.dtype.type(self.wrong), "b": dy.sum(axis=0)}
        return dy @ self.params["W"].T


class Listed(Dense):
    """params and grads in lists."""

    def __init__(self, **options):
        super().__init__(**options)
        self.named, self.params = self.params, list(self.params.values())

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dy):
        self.grads = [self.x.T @ dy, dy.sum(axis=0) * self.wrong]
        return dy @ self.params[0].T


class Accumulating:
    """Attributes W and dW; backward adds to dW."""

    def __init__(self):
        self.W = rng.standard_normal((3, 5))
        self.dW = np.zeros((3, 5))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dy):
        self.dW += self.x.T @ dy
        return dy @ self.W.T


X = rng.standard_normal((4, 3))


def test_a_right_layer_passes_with_a_row_for_every_parameter():
    for layer in (Dense(), Listed()):
        report = check_layer(layer, X)
        assert report, str(report)
        assert [row.shape[-1] for row in report.rows] == [3, 5, 5]


def test_a_wrong_parameter_gradient_is_named():
    report = check_layer(Dense(wrong=2.0), X)
    assert {f.arg for f in report.findings} == {"W"}
    assert "FACTOR of 2" in str(report)
    assert {f.arg for f in check_layer(Listed(wrong=2.0), X).findings} == {"params[1]"}


def test_parameters_are_put_back_bit_for_bit():
    layer = Dense()
    before = {key: value.copy() for key, value in layer.params.items()}
    held = layer.params["W"]
    check_layer(layer, X)
    assert layer.params["W"] is held
    for key, value in before.items():
        np.testing.assert_array_equal(layer.params[key], value)


def test_a_float32_layer_is_compared_in_float32():
    layer = Dense(dtype=np.float32)
    report = check_layer(layer, X.astype(np.float32))
    assert report, str(report)
    assert layer.params["W"].dtype == np.float32
    assert check_layer(Dense(dtype=np.float32, wrong=1.001), X.astype(np.float32)).verdict == "FAIL"


def test_gradients_that_accumulate_are_set_to_zero_before_each_backward():
    for accumulates in (None, True):
        report = check_layer(Accumulating(), X, params=("W",), accumulates=accumulates)
        assert report, str(report)
    assert "gradients add up from call to call" in str(check_layer(Accumulating(), X))
    found = check_layer(Accumulating(), X, params=("W",), accumulates=False)
    assert "accumulates" in {f.code for f in found.findings}


def test_a_layer_without_grads_is_told_what_to_name():
    layer = Dense()
    del layer.grads
    layer.backward = lambda dy: dy @ layer.params["W"].T
    with pytest.raises(ValueError, match=r"has params but no grads; name the attributes"):
        check_layer(layer, X)


class Undeclared(Accumulating):
    """Attributes W and dW, and no word about them; dW is zero whatever it is given."""

    def backward(self, dy):
        self.dW = np.zeros_like(self.W)
        return dy @ self.W.T


class Silent(Undeclared):
    """The same, and no word about the gradient either."""

    def __init__(self):
        self.W = rng.standard_normal((3, 5))

    def backward(self, dy):
        return dy @ self.W.T


def test_a_layer_that_does_not_say_what_its_parameters_are_is_refused():
    mend = re.escape(': name its parameters, params=("W", "b"), or say params=() if it has none')
    with pytest.raises(ValueError, match=r"^Silent has no \.params" + mend):
        check_layer(Silent(), X)
    assert {f.arg for f in check_layer(Undeclared(), X).findings} == {"W"}
    assert {f.arg for f in check_layer(Undeclared(), X, params="W").findings} == {"W"}
    assert [row.name for row in check_layer(Undeclared(), X, params=()).rows] == ["x"]


def ridge(W, x, y):
    r = x @ W - y
    return 0.5 * float((r * r).sum()), (x.T @ r, r @ W.T, -r)


def test_loss_and_grads_of_several_arrays():
    W, y = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    assert check_loss_and_grads(ridge, W, X, y)
    report = check_loss_and_grads(lambda W, x, y: (ridge(W, x, y)[0], (ridge(W, x, y)[1][0], None, -y)), W, X, y)
    assert {f.arg for f in report.findings} == {"y"}


def test_loss_and_grads_of_a_dict():
    params = {"W": rng.standard_normal((3, 2)), "y": rng.standard_normal((4, 2))}

    def loss_and_grads(p):
        loss, (dW, _, dy) = ridge(p["W"], X, p["y"])
        return loss, {"W": dW, "y": dy}

    report = check_loss_and_grads(loss_and_grads, params)
    assert report, str(report)
    assert [row.name for row in report.rows] == ["W", "y"]


def test_a_function_and_its_gradient():
    from scipy.optimize import rosen, rosen_der

    assert check_function(rosen, rosen_der, rng.standard_normal(6))
    report = check_function(rosen, lambda x: -rosen_der(x), rng.standard_normal(6))
    assert "SIGN" in str(report)
    assert check_function(lambda a, b: float(a @ b), lambda a, b: (b, a), X[0], X[1])
