"""Hand-written backwards of PyTorch, taken as they are; negative strides are copied, and told."""

import subprocess
import sys

import numpy as np
import pytest

from npvae.gradcheck import Arg, check_jax, check_torch, torch_op

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def wrong(swish):
    """Swish with a sign wrong in its backward."""

    class Wrong(swish):
        @staticmethod
        def backward(ctx, dy):
            x, s = ctx.saved_tensors
            return dy * s * (1 + x * s)

    return Wrong


class Layer(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.linear, self.function = torch.nn.Linear(3, 5), function

    def forward(self, x):
        return self.function.apply(self.linear(x))


def test_an_autograd_function(swish, wrong):
    right = check_torch(swish, torch.randn(4, 3), level="smoke")
    assert right, str(right)
    assert check_torch(wrong, args={"x": Arg("N D")}, level="smoke").verdict == "FAIL"


def test_a_module_whose_parameters_are_arguments_and_stay_as_they_are(swish, wrong):
    module = Layer(swish)
    before = module.linear.weight.detach().numpy().copy()
    right = check_torch(module, np.zeros((4, 3)), level="smoke")
    assert right, str(right)
    assert {row.name for row in right.rows} == {"x", "linear.weight", "linear.bias"}
    np.testing.assert_array_equal(module.linear.weight.detach().numpy(), before)
    assert check_torch(Layer(wrong), np.zeros((4, 3)), level="smoke").verdict == "FAIL"


def test_negative_strides_are_copied_and_told(swish):
    report = check_torch(swish, args={"x": Arg("N D")}, sample="4x3-negative")
    assert report, str(report)
    assert "torch has no negative strides: such arrays are copied" in str(report)


def test_a_pair_of_its_own_that_takes_no_negative_strides_is_not_blamed():
    from npvae.gradcheck import Op, check_op

    def forward(x):
        tensor = torch.from_numpy(x)
        return torch.tanh(tensor).numpy(), np.tanh(x)

    report = check_op(Op(forward, lambda dy, y: dy * (1 - y * y), {"x": Arg("N D")}))
    assert report, str(report)
    assert report.skipped["3x4-negative"] == "the pair does not take negative arrays"


def test_an_op_of_two_inputs_one_without_gradient():
    op = torch_op(
        lambda x, w: x * torch.exp(w), {"x": Arg("N D"), "w": Arg("N D", differentiable=False)}, name="scaled"
    )
    from npvae.gradcheck import check_op

    report = check_op(op, level="smoke")
    assert report, str(report)
    assert [row.name for row in report.rows] == ["x"]


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "PASS"), (1.01, "FAIL")])
def test_a_custom_vjp_of_jax(factor, verdict):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    @jax.custom_vjp
    def scaled(x, w):
        return jax.numpy.tanh(x) * w

    def backward(cache, dy):
        x, w = cache
        return factor * dy * w * (1 - jax.numpy.tanh(x) ** 2), dy * jax.numpy.tanh(x)

    scaled.defvjp(lambda x, w: (jax.numpy.tanh(x) * w, (x, w)), backward)
    assert check_jax(scaled, np.ones((4, 3)), np.ones((4, 3)), level="smoke").verdict == verdict


def test_no_framework_is_imported_before_it_is_asked_for():
    code = "from npvae.gradcheck import check_torch, check_jax; import sys; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "False"
