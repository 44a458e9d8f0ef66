# %% [markdown]
# # Check a layer of your own
#
# Swish is x times the sigmoid of x. Its derivative is a line of algebra, and a line is enough to get it wrong. Here it
# is written three times wrong, each time in a way that trains almost as well as the right one; the checker's message
# is read, and the line mended.

# %%
import numpy as np

from npvae.gradcheck import Arg, Op, check_layer, check_op, gradcheck


def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


# %% [markdown]
# ## First try: the product rule, with one factor forgotten


# %%
def swish_backward_first(dy, cache):
    _, s = cache
    return dy * (s + s * (1 - s))  # x is missing


swish = Op(swish_forward, swish_backward_first, args={"x": Arg("N D")})
report = check_op(swish)
print(report)
assert not report

# %% [markdown]
# The first line says which gradient, in which sample. The second shows both sides at the worst entry: what the
# backward says (analytic), and what differences of the forward say (numeric), with how far that may be off. Every
# entry is wrong, so it is the formula, not a corner of it.
#
# ## Second try: a guard against overflow, in the wrong place


# %%
def swish_backward_second(dy, cache):
    x, s = cache
    x = np.clip(x, -20, 20)  # "to be safe"
    return dy * (s + x * s * (1 - s)) * (np.abs(x) < 20)


swish = Op(swish_forward, swish_backward_second, args={"x": Arg("N D")})
report = check_op(swish)
print(report)
assert not report

# %% [markdown]
# Ordinary numbers pass. Only where x is large is the gradient lost, and the message gives the place where it begins:
# that number stands in the code.
#
# ## Third try: right, but not alone


# %%
def make_swish_with_buffer():
    buffer = {}

    def backward(dy, cache):
        x, s = cache
        out = buffer.setdefault((dy.shape, dy.dtype), np.empty_like(dy))  # "saves an allocation"
        np.multiply(dy, s + x * s * (1 - s), out=out)
        return out

    return backward


swish = Op(swish_forward, make_swish_with_buffer(), args={"x": Arg("N D")})
report = check_op(swish)
print(report)
assert not report

# %% [markdown]
# Every number is right; no comparison can see it. But the gradient that was returned first changes when the backward
# is called again, and whoever still holds it trains on another batch's gradient.
#
# ## Mended


# %%
def swish_backward(dy, cache):
    x, s = cache
    return dy * (s + x * s * (1 - s))


swish = Op(swish_forward, swish_backward, args={"x": Arg("N D")})
report = check_op(swish, teeth=True)
print(report)
assert report

# %% [markdown]
# `teeth=True` plants generic mistakes in this very backward and counts how many of them would have been caught. One
# call at one point of your own is checked by `gradcheck`:

# %%
x = np.array([[-2.0, 0.0, 3.0], [0.5, -0.1, 40.0]])
report = gradcheck(swish_forward, swish_backward, (x,))
print(report)
assert report

# %% [markdown]
# ## A layer that is an object
#
# Many layers are objects: they keep what their backward needs, and their parameters and gradients are attributes, `W`
# and `dW`, `b` and `db`. `check_layer` takes the object and one input, and finds the attributes by these names.


# %%
class Dense:
    """x (N, 3) -> x @ W + b, (N, 2)."""

    def __init__(self, rng):
        self.W = rng.standard_normal((3, 2))
        self.b = np.zeros(2)

    def forward(self, x):
        """x (N, 3) -> (N, 2)."""
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        """dy (N, 2) -> dx (N, 3)."""
        self.dW = self.x.T @ dy
        self.db = dy.mean(axis=0)  # the mean over the batch is in dy already
        return dy @ self.W.T


rng = np.random.default_rng(0)
x = rng.standard_normal((4, 3))
report = check_layer(Dense(rng), x)
print(report)
assert not report

# %% [markdown]
# "d/db ... a wrong constant FACTOR": 0.25, one over the four samples. The other two gradients pass. The bias is in
# every row of the output, so its gradient is a sum over rows:


# %%
class MendedDense(Dense):
    """The same, with the right gradient of b."""

    def backward(self, dy):
        """dy (N, 2) -> dx (N, 3)."""
        self.dW = self.x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T


report = check_layer(MendedDense(rng), x)
print(report)
assert report

# %% [markdown]
# In a test suite, one line is a pytest function with an item for every cell of the battery:
#
#     test_swish = op_test(swish)
