# %% [markdown]
# # Check a layer of your own
#
# Swish is x times the sigmoid of x. Its derivative is a line of algebra, and a line is enough to get it wrong. Here it
# is written three times wrong, each time in a way that trains almost as well as the right one; the checker's message
# is read, and the line mended.

# %%
import numpy as np

from npvae.gradcheck import Arg, Op, check_op, gradcheck


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
# In a test suite, one line is a pytest function with an item for every cell of the battery:
#
#     test_swish = op_test(swish)
