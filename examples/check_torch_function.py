# %% [markdown]
# # The same checker on a torch.autograd.Function
#
# A custom `torch.autograd.Function` is a forward/backward pair too. An adapter of a few lines turns it into one that
# the checker understands, and with it come the battery of shapes, layouts, dtypes and points, float32 included.
#
# The function is the softplus with a threshold, as libraries write it: beyond the threshold it is the identity. The
# mistake in its backward is a small one. `torch.autograd.gradcheck` on a random array does not see it.

# %%
import numpy as np
import torch

from npvae.gradcheck import Arg, Op, check_op


class Softplus(torch.autograd.Function):
    """log(1 + exp(x)), and x itself beyond 20."""

    @staticmethod
    def forward(ctx, x):  # noqa: D102
        ctx.save_for_backward(x)
        return torch.where(x > 20, x, torch.log1p(torch.exp(torch.clamp(x, max=20))))

    @staticmethod
    def backward(ctx, dy):  # noqa: D102
        (x,) = ctx.saved_tensors
        return torch.where(x > 2, dy, dy * torch.sigmoid(x))  # 2 for 20: a slip of the finger


# %% [markdown]
# ## The adapter


# %%
def pair_of(function):
    """forward and backward, on NumPy arrays, of a torch.autograd.Function of one tensor."""

    def forward(x):
        tensor = torch.from_numpy(np.array(x)).requires_grad_()
        y = function.apply(tensor)
        return y.detach().numpy().copy(), (tensor, y)

    def backward(dy, cache):
        tensor, y = cache
        (dx,) = torch.autograd.grad(y, tensor, torch.from_numpy(np.array(dy)), retain_graph=True)
        return dx.numpy().copy()

    return forward, backward


# %% [markdown]
# ## What PyTorch's own checker says on a random array, and what this one says

# %%
torch.manual_seed(0)
x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
print("torch.autograd.gradcheck:", torch.autograd.gradcheck(Softplus.apply, x, raise_exception=False))

softplus = Op(*pair_of(Softplus), args={"x": Arg("N D")}, name="Softplus")
report = check_op(softplus)
print(report)
assert not report

# %% [markdown]
# The message names the place: only where x > 2. With the threshold mended, everything agrees, at 20 too, where the two
# branches differ by 2e-9.


# %%
class Mended(Softplus):
    """The same with its threshold right."""

    @staticmethod
    def backward(ctx, dy):  # noqa: D102
        (x,) = ctx.saved_tensors
        return torch.where(x > 20, dy, dy * torch.sigmoid(x))


report = check_op(Op(*pair_of(Mended), args={"x": Arg("N D")}, name="Softplus"))
print(report)
assert report
