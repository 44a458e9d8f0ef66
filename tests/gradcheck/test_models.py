"""Whole models by their flat parameter vector."""

import numpy as np
import pytest

from npvae import VAE
from npvae.gradcheck import check_model, gradcheck, taylor_test


class Params(dict):
    """Named views into one flat array."""

    def __init__(self, shapes, flat):
        self.flat = flat
        start = 0
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            self[name] = flat[start : start + size].reshape(shape)
            start += size


class Net:
    """One hidden layer of rectifiers, squared error; `slip` spoils the gradients it is given."""

    def __init__(self, sizes=(6, 5, 3), dtype=np.float64, slip=None):
        i, h, o = sizes
        self.shapes = {"W1": (i, h), "b1": (h,), "W2": (h, o), "b2": (o,)}
        size = sum(int(np.prod(s)) for s in self.shapes.values())
        self.params = Params(self.shapes, 0.3 * np.random.default_rng(0).standard_normal(size).astype(dtype))
        self.slip = slip

    def forward(self, x, y):
        p = self.params
        a = x @ p["W1"] + p["b1"]
        h = np.maximum(a, 0)
        r = h @ p["W2"] + p["b2"] - y
        return 0.5 * float(np.sum(r * r)) / len(x), (x, a, h, r)

    def backward(self, trace):
        x, a, h, r = trace
        p, grads = self.params, Params(self.shapes, np.empty_like(self.params.flat))
        dout = r / len(x)
        grads["W2"][...], grads["b2"][...] = h.T @ dout, dout.sum(axis=0)
        da = (dout @ p["W2"].T) * (a > 0)
        grads["W1"][...], grads["b1"][...] = x.T @ da, da.sum(axis=0)
        if self.slip:
            self.slip(grads)
        return grads


class FlatOnly:
    """Parameters and gradients that have nothing but `flat`."""

    def __init__(self, net):
        self.net = net
        self.params = type("Flat", (), {"flat": net.params.flat})()
        self.forward = net.forward

    def backward(self, trace):
        return type("Flat", (), {"flat": self.net.backward(trace).flat})()


def batch(sizes=(6, 5, 3), n=4, dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, sizes[0])).astype(dtype), rng.standard_normal((n, sizes[2])).astype(dtype)


def scaled(name, factor):
    def slip(grads):
        grads[name] *= factor

    return slip


def test_a_right_model_passes_with_a_row_a_name_and_its_parameters_untouched():
    net = Net()
    before = net.params.flat.copy()
    report = check_model(net, *batch())
    assert report, str(report)
    assert [row.name for row in report.rows] == ["W1", "b1", "W2", "b2"]
    np.testing.assert_array_equal(before, net.params.flat)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_a_dropped_path_is_named(name):
    report = check_model(Net(slip=scaled(name, 1.001)), *batch())
    assert {f.arg for f in report.findings} == {name}


def test_a_model_with_nothing_but_flat():
    assert check_model(FlatOnly(Net()), *batch())
    report = check_model(FlatOnly(Net(slip=scaled("b2", 2))), *batch())
    assert {f.arg for f in report.findings} == {"flat"}


def test_a_model_that_raises_leaves_its_parameters_as_they_were():
    net = Net(slip=lambda grads: 1 / 0)
    before = net.params.flat.copy()
    report = check_model(net, *batch())
    assert "ZeroDivisionError" in str(report)
    np.testing.assert_array_equal(before, net.params.flat)


def test_a_float32_model_is_compared_in_float32():
    report = check_model(Net(dtype=np.float32), *batch(dtype=np.float32))
    assert report, str(report)
    assert check_model(Net(dtype=np.float32, slip=scaled("W1", 1.02)), *batch(dtype=np.float32)).verdict == "FAIL"


def test_the_taylor_remainder_is_of_order_two_for_a_right_gradient_and_one_for_a_wrong_one():
    net, (x, y) = Net(), batch()
    theta = net.params.flat.copy()
    gradient = net.backward(net.forward(x, y)[1]).flat.copy()

    def loss(flat):
        net.params.flat[...] = flat
        return net.forward(x, y)[0]

    # Short steps, so that no rectifier is crossed on the way.
    right = taylor_test(loss, gradient, theta, first_step=2.0**-10)
    wrong = taylor_test(loss, 1.01 * gradient, theta, first_step=2.0**-10)
    np.testing.assert_allclose(right, 2.0, atol=0.05)
    np.testing.assert_allclose(wrong[-2:], 1.0, atol=0.2)


def test_six_hundred_thousand_parameters_take_a_few_dozen_passes():
    sizes, passes = (784, 800, 20), []
    net = Net(sizes)
    assert net.params.flat.size > 640_000
    forward = net.forward
    net.forward = lambda *args: [passes.append(1), forward(*args)][1]
    report = check_model(net, *batch(sizes, n=8))
    assert report, str(report)
    assert len(passes) < 80  # 39, when this was written


@pytest.mark.parametrize("place", [0, 77_777, 156_799])
def test_one_entry_in_156_800_off_by_a_thousandth_is_found_and_pointed_at(place):
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((8, 784)), rng.standard_normal((784, 200)), rng.standard_normal(200)
    where = np.unravel_index(place, W.shape)
    dy = 3 * rng.standard_normal((8, 200))
    assert abs((x.T @ dy)[where]) > 0.1 * np.sqrt(np.mean((x.T @ dy) ** 2)), "an entry of ordinary size"

    passes = []

    def forward(x, W, b):
        passes.append(1)
        return x @ W + b, (x, W)

    def backward(dy, cache):
        x, W = cache
        dW = x.T @ dy
        dW[where] *= 1.001
        return dy @ W.T, dW, dy.sum(axis=0)

    report = gradcheck(forward, backward, (x, W, b), dy=dy)
    assert [f.index for f in report.findings] == [tuple(map(int, where))]
    assert "1 of 156800 entries" in str(report)
    assert len(passes) < 600  # 326 at most, when this was written


class Doubled:
    """A VAE whose gradients are all twice what they should be, and which counts its forwards."""

    def __init__(self, vae):
        self.vae, self.params, self.calls = vae, vae.params, 0

    def forward(self, x, eps):
        self.calls += 1
        return self.vae.forward(x, eps)

    def backward(self, trace):
        grads = self.vae.backward(trace)
        grads.flat[...] *= 2
        return grads


def test_a_factor_is_seen_among_the_kinks_of_a_network_of_rectifiers():
    """Where differences do not settle nothing is known: such an entry is no evidence against what the others show."""
    named = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        model = Doubled(VAE(100, hidden=(60,), latent_dim=5, dtype="float64", backend="numpy", seed=seed))
        report = check_model(model, rng.random((64, 100)), rng.standard_normal((64, 5)), seed=seed)
        assert {finding.arg for finding in report.findings} == set(model.params)
        assert all(finding.diagnosis_codes in ((), ("factor",)) for finding in report.findings), report
        named += [finding.arg for finding in report.findings if finding.diagnosis_codes]
        assert model.calls < 12_000, "a screenful is not worth minutes"
    assert len(named) >= 13
