"""Right verdicts on other people's real code: PyTorch's, scikit-learn's and autograd's own differentiable functions."""

import numpy as np
import pytest

from npvae.gradcheck import Arg, Op, check_function, check_op

ND = {"x": Arg("N D")}


def from_torch(function, args=None, **more):
    """An op of a differentiable PyTorch function of one tensor."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # many small calls: a second thread costs more than it brings

    def forward(x):
        tensor = torch.from_numpy(np.array(x)).requires_grad_()
        y = function(torch, tensor)
        return y.detach().numpy().copy(), (tensor, y)

    def backward(dy, cache):
        tensor, y = cache
        (dx,) = torch.autograd.grad(y, tensor, torch.from_numpy(np.array(dy)), retain_graph=True)
        return dx.numpy().copy()

    return Op(forward, backward, args or ND, **more)


TORCH = {
    "softmax": (lambda t, x: t.softmax(x, dim=1), ND),
    "log_softmax": (lambda t, x: t.log_softmax(x, dim=1), ND),
    "logsumexp": (lambda t, x: t.logsumexp(x, dim=1), ND),
    "gelu": (lambda t, x: t.nn.functional.gelu(x), ND),
    "layer_norm": (lambda t, x: t.nn.functional.layer_norm(x, (x.shape[1],)), ND),
    "leaky_relu": (lambda t, x: t.nn.functional.leaky_relu(x, 0.1), {"x": Arg("N D", kinks=[0.0])}),
    "hardtanh": (lambda t, x: t.nn.functional.hardtanh(x), {"x": Arg("N D", kinks=[-1.0, 1.0])}),
    "huber": (lambda t, x: t.nn.functional.huber_loss(x, t.zeros_like(x), reduction="none"), ND),
    "cumprod": (lambda t, x: t.cumprod(x, dim=1), ND),
    "lgamma": (lambda t, x: t.lgamma(x), {"x": Arg("N D", domain=(1e-3, np.inf))}),
    "erf": (lambda t, x: t.erf(x), ND),
    "logcumsumexp": (lambda t, x: t.logcumsumexp(x, dim=1), ND),
    "median": (lambda t, x: t.median(x, dim=1)[0], ND),
    "log": (lambda t, x: t.log(x), {"x": Arg("N D", domain=(0.0, np.inf))}),
    "max_pool": (lambda t, x: t.nn.functional.max_pool1d(x[None], 2, ceil_mode=True)[0], ND),
    "norm": (lambda t, x: t.linalg.vector_norm(x, dim=1), ND),
}


@pytest.mark.parametrize("name", TORCH)
def test_functions_of_torch_pass(name):
    function, args = TORCH[name]
    for seed in range(2):
        report = check_op(from_torch(function, args, name=name), seed)
        assert report, str(report)


@pytest.mark.parametrize("name", ["softmax", "layer_norm", "gelu"])
def test_functions_of_torch_with_a_mistake_fail(name):
    function, args = TORCH[name]
    right = from_torch(function, args)
    wrong = Op(right.forward, lambda dy, c: right.backward(dy, c) * dy.dtype.type(1.0001), args)
    assert check_op(wrong).verdict == "FAIL"


@pytest.mark.parametrize(
    "name", ["HalfSquaredError", "AbsoluteError", "PinballLoss", "HalfPoissonLoss", "HalfGammaLoss", "HalfBinomialLoss"]
)
def test_losses_of_scikit_learn_pass(name):
    losses = pytest.importorskip("sklearn._loss.loss")
    loss = getattr(losses, name)()
    positive = name in ("HalfPoissonLoss", "HalfGammaLoss")
    domain = (0.0, 1.0) if name == "HalfBinomialLoss" else (1e-2, 50.0) if positive else (-np.inf, np.inf)

    def forward(raw, y_true):
        raw, y_true = np.array(raw), np.array(y_true)
        return loss.loss(y_true, raw), (y_true, raw)

    def backward(dy, cache):
        return dy * loss.gradient(*cache)

    raw = Arg("N", domain=(-30.0, 30.0) if positive else (-np.inf, np.inf))
    op = Op(forward, backward, {"raw": raw, "y_true": Arg("N", domain=domain, differentiable=False)}, name=name)
    for seed in range(3):
        report = check_op(op, seed)
        assert report, str(report)


def from_autograd(function, args=None, **more):
    """An op of a function of one array that autograd differentiates."""
    make_vjp = pytest.importorskip("autograd").make_vjp

    def forward(x):
        vjp, y = make_vjp(function)(np.array(x))
        return y, vjp

    return Op(forward, lambda dy, vjp: vjp(dy), args or ND, **more)


POSITIVE = {"x": Arg("N D", domain=(1e-2, np.inf))}
AUTOGRAD = {
    "tanh": (lambda np, sp, x: np.tanh(x), ND),
    "logaddexp": (lambda np, sp, x: np.logaddexp(x, 1.0), ND),
    "cumsum": (lambda np, sp, x: np.cumsum(x, axis=1), ND),
    "prod": (lambda np, sp, x: np.prod(x, axis=1), POSITIVE),
    "einsum": (lambda np, sp, x: np.einsum("nd,md->nm", x, x), ND),
    "clip": (lambda np, sp, x: np.clip(x, -1.0, 1.0), {"x": Arg("N D", kinks=[-1.0, 1.0])}),
    "sort": (lambda np, sp, x: np.sort(x[0]), ND),
    "arctan2": (lambda np, sp, x: np.arctan2(x, 2.0), ND),
    "logsumexp": (lambda np, sp, x: sp.logsumexp(x, axis=1), ND),
    "gammaln": (lambda np, sp, x: sp.gammaln(x), POSITIVE),
    "erfc": (lambda np, sp, x: sp.erfc(x), ND),
    "log1p": (lambda np, sp, x: np.log1p(x), {"x": Arg("N D", domain=(0.0, np.inf))}),
}


@pytest.mark.parametrize("name", AUTOGRAD)
def test_functions_of_autograd_pass(name):
    anp = pytest.importorskip("autograd.numpy")
    special = pytest.importorskip("autograd.scipy.special")
    function, args = AUTOGRAD[name]
    for seed in range(2):
        report = check_op(from_autograd(lambda x: function(anp, special, x), args, name=name), seed)
        assert report, str(report)


@pytest.mark.parametrize("name", ["var", "where", "maximum"])
def test_where_autograd_leaves_float32_that_is_said(name):
    anp = pytest.importorskip("autograd.numpy")
    function = {
        "var": lambda x: anp.var(x, axis=1),
        "where": lambda x: anp.where(x > 0, x, 0.1 * x),
        "maximum": lambda x: anp.maximum(x, 0.0),
    }[name]
    report = check_op(from_autograd(function, {"x": Arg("N D", kinks=[0.0])}, name=name))
    assert report, str(report)
    assert {(f.code, f.dtype) for f in report.findings} == {("gradient-dtype", "float32")}
    assert "the gradient is float64, x is float32, y is float32: does the backward use an array" in str(report)


def test_a_function_of_autograd_with_a_mistake_fails():
    anp = pytest.importorskip("autograd.numpy")
    right = from_autograd(anp.tanh)
    wrong = Op(right.forward, lambda dy, vjp: vjp(dy) * dy.dtype.type(1.0001), ND)
    assert check_op(wrong).verdict == "FAIL"


def test_gradients_of_autograd_pass():
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")
    rng = np.random.default_rng(0)

    def loss(W, x):
        h = anp.tanh(anp.dot(x, W))
        return anp.sum(anp.logaddexp(0.0, h) - 0.3 * h)

    gradient = autograd.grad(loss, (0, 1))
    report = check_function(loss, lambda W, x: tuple(gradient(W, x)), rng.standard_normal((3, 5)), np.ones((4, 3)))
    assert report, str(report)
