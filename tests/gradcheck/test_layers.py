"""Layer objects: read from outside, checked where a fresh layer hides its mistakes, and put back as they were."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, LayerOp, check_layer, check_op

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 3))


class LayerNorm:
    """Gain and bias; the mistake shows only where the gain is not 1."""

    def __init__(self, dim=3, wrong=False):
        self.gamma, self.beta, self.wrong = np.ones(dim), np.zeros(dim), wrong

    def forward(self, x):
        self.scale = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.h = (x - x.mean(axis=1, keepdims=True)) * self.scale
        return self.gamma * self.h + self.beta

    def backward(self, dy):
        self.dgamma, self.dbeta = (dy * self.h).sum(axis=0), dy.sum(axis=0)
        dh = dy if self.wrong else dy * self.gamma

        def mean(a):
            return a.mean(axis=1, keepdims=True)

        dx = self.scale * (dh - mean(dh) - self.h * mean(dh * self.h))
        return self.gamma * dx if self.wrong else dx


class Dense:
    """Parameters and gradients in the form that a subclass gives them."""

    def __init__(self, inputs=3, outputs=5, factor=1.0):
        self.W, self.b, self.factor = rng.standard_normal((inputs, outputs)), np.zeros(outputs), factor

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.keep(self.factor * (self.x.T @ dy), dy.sum(axis=0))
        return dy @ self.W.T

    def keep(self, dW, db):
        self.dW, self.db = dW, db


class Called(Dense):
    def __call__(self, x):
        self.x = x
        return x @ self.W + self.b

    forward = None


class GradW(Dense):
    def keep(self, dW, db):
        self.grad_W, self.grad_b = dW, db


class WGrad(Dense):
    def keep(self, dW, db):
        self.W_grad, self.b_grad = dW, db


class Methods(Dense):
    def parameters(self):
        return [self.W, self.b]

    def gradients(self):
        return self.kept

    def keep(self, dW, db):
        self.kept = [dW, db]


class Named(Dense):
    def named(self):
        return None

    def params(self):
        return {"W": self.W, "b": self.b}

    def grads(self):
        return {"dW": self.kept[0], "db": self.kept[1]}

    def keep(self, dW, db):
        self.kept = (dW, db)


class AddsUp(Dense):
    def keep(self, dW, db):
        self.dW = getattr(self, "dW", 0) + dW
        self.db = getattr(self, "db", 0) + db


class ReturnsAll(Dense):
    def backward(self, dy):
        return dy @ self.W.T, self.factor * self.x.T @ dy, dy.sum(axis=0)


class TakesCache(Dense):
    def forward(self, x):
        return x @ self.W + self.b, x

    def backward(self, dy, x):
        self.keep(self.factor * (x.T @ dy), dy.sum(axis=0))
        return dy @ self.W.T


class Updates(Dense):
    def backward(self, dy, rate):
        dx = dy @ self.W.T
        self.W = self.W - rate * self.factor * (self.x.T @ dy)
        self.b -= rate * dy.sum(axis=0)
        return dx


class BatchNorm:
    """Running statistics, used in evaluation; the mistake is in evaluation only."""

    def __init__(self, dim=3, wrong=False):
        self.params = {"gain": np.ones(dim), "bias": np.zeros(dim)}
        self.mean, self.var, self.steps, self.training, self.wrong = np.zeros(dim), np.ones(dim), 0, True, wrong

    def forward(self, x):
        mean, var = (x.mean(axis=0), x.var(axis=0)) if self.training else (self.mean, self.var)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * mean
            self.var[...] = 0.9 * self.var + 0.1 * var
            self.steps += 1
        self.scale = 1 / np.sqrt(var + 1e-5)
        self.h = (x - mean) * self.scale
        return self.params["gain"] * self.h + self.params["bias"]

    def backward(self, dy):
        self.grads = {"gain": (dy * self.h).sum(axis=0), "bias": dy.sum(axis=0)}
        dh = dy * self.params["gain"]
        if not self.training and not self.wrong:
            return dh * self.scale
        return self.scale * (dh - dh.mean(axis=0) - self.h * (dh * self.h).mean(axis=0))


class Dropout:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        self.mask = (self.rng.random(x.shape) > 0.5).astype(x.dtype)
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


def test_a_mistake_that_a_fresh_layer_hides_is_found():
    assert check_layer(LayerNorm(), X, params=("gamma", "beta"))
    report = check_layer(LayerNorm(wrong=True), X, params=("gamma", "beta"))
    assert {finding.arg for finding in report.findings} == {"x"}
    assert "given" not in {finding.sample for finding in report.findings}, "at gain 1 it is right"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Dense, {}),
        (Called, {}),
        (GradW, {}),
        (WGrad, {}),
        (Methods, {}),
        (Named, {}),
        (AddsUp, {}),
        (ReturnsAll, {"params": ("W", "b")}),
        (TakesCache, {}),
        (Updates, {"params": ("W", "b"), "update": 0.5}),
    ],
)
def test_parameters_and_gradients_are_found_wherever_they_are(kind, options):
    layer = kind()
    W, before = layer.W, layer.W.copy()
    right, wrong = (
        check_layer(layer, X, level="smoke", **options),
        check_layer(kind(factor=2.0), X, level="smoke", **options),
    )
    assert right, str(right)
    assert {row.name for row in right.rows} == {"x", "W", "b"}
    assert {finding.arg for finding in wrong.findings if finding.verdict == "FAIL"} == {"W"}
    assert layer.W is W, "put back"
    np.testing.assert_array_equal(W, before)


def test_both_modes_are_checked_and_all_state_is_put_back():
    layer = BatchNorm()
    layer.mean += 0.5
    mean, var = layer.mean, layer.var
    kept = {key: np.array(value) for key, value in vars(layer).items() if isinstance(value, np.ndarray)}
    report = check_layer(layer, X)
    assert report, str(report)
    assert "given-eval" in report.samples
    assert (layer.training, layer.steps) == (True, 0)
    assert layer.mean is mean
    assert layer.var is var
    for key, value in kept.items():
        np.testing.assert_array_equal(getattr(layer, key), value)
    assert not hasattr(layer, "h")
    wrong = check_layer(BatchNorm(wrong=True), X)
    assert {f.sample for f in wrong.findings if f.verdict == "FAIL"} <= {"given-eval", "drawn-eval"}
    assert wrong.verdict == "FAIL"


def test_it_is_put_back_when_the_check_raises():
    class Stubborn(Dense):
        def forward(self, x):
            if len(getattr(self, "calls", [])) > 3:
                raise KeyboardInterrupt
            self.calls = [*getattr(self, "calls", []), 1]
            return super().forward(x)

    layer = Stubborn()
    before = layer.W.copy()
    with pytest.raises(KeyboardInterrupt):
        check_layer(layer, X, params=("W", "b"))
    np.testing.assert_array_equal(layer.W, before)
    assert not hasattr(layer, "calls")


def test_noise_inside_is_fixed_where_it_is_declared():
    report = check_layer(Dropout(), X, params=(), seeded=True)
    assert report, str(report)
    assert "declare seeded=True" in str(check_layer(Dropout(), X, params=()))


def test_built_layers_are_checked_at_many_sizes():
    op = LayerOp(build=lambda D, **_: LayerNorm(D), args={"x": Arg("N D")}, params=("gamma", "beta"))
    assert [arg.shape for arg in op.args.values()] == ["N D", "D", "D"]
    report = check_op(op, level="smoke")
    assert report, str(report)
    wrong = check_layer(Dense(), X, build=lambda N, I: FirstColumns(I, 5), args={"x": Arg("N I")}, params=("W", "b"))
    assert wrong.verdict == "FAIL"
    assert "given" not in {finding.sample for finding in wrong.findings}


def test_a_size_is_known_from_a_multiple_of_it_or_from_a_parameter():
    halves = LayerOp(build=lambda C, **_: Dense(2 * C), args={"x": Arg("N 2*C")}, params=("W", "b"))
    assert halves.args["W"].shape == "2*C 5"
    named = {"x": Arg("N I"), "W": Arg("I O")}
    both = LayerOp(build=lambda I, O, **_: Dense(I, O), args=named, params=("W", "b"))
    assert [arg.shape for arg in both.args.values()] == ["N I", "I O", "O"]
    for op in (halves, both):
        report = check_op(op, level="smoke")
        assert report, str(report)


class FirstColumns(Dense):
    """Right for up to three inputs."""

    def backward(self, dy):
        dx = super().backward(dy)
        dx[:, 3:] = 0
        return dx


def test_a_built_layer_names_what_it_cannot_make_out():
    class Odd(Dense):
        def __init__(self, inputs):
            super().__init__(inputs * inputs + 1, 5)

    with pytest.raises(ValueError, match="the shape of W is not a matter of symbols: declare it"):
        LayerOp(build=lambda I, **_: Odd(I), args={"x": Arg("N I")}, params=("W", "b"))
    with pytest.raises(ValueError, match=r"missing a required .*'O'.* or name it by the shape of a parameter"):
        LayerOp(build=lambda I, O, **_: Dense(I, O), args={"x": Arg("N I")}, params=("W", "b"))
    with pytest.raises(ValueError, match=r"does not take the symbols in args, N, I: .*unexpected.*Let it ignore some"):
        LayerOp(build=lambda I: Dense(I), args={"x": Arg("N I")}, params=("W", "b"))
    with pytest.raises(ValueError, match="name the shapes by symbol"):
        check_layer(Dense(), X, build=lambda N, I: Dense(I))
    with pytest.raises(ValueError, match="a layer or build=, one of the two"):
        LayerOp(args={"x": Arg("N I")})
