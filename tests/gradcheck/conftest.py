"""What tests of the checker share: the hand-written function of PyTorch that they check."""

import pytest


@pytest.fixture(scope="session")
def swish():
    """x * sigmoid(x), a torch.autograd.Function with a right backward; the test skips where there is no PyTorch."""
    torch = pytest.importorskip("torch")

    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            s = torch.sigmoid(x)
            ctx.save_for_backward(x, s)
            return x * s

        @staticmethod
        def backward(ctx, dy):
            x, s = ctx.saved_tensors
            return dy * s * (1 + x * (1 - s))

    return Swish
