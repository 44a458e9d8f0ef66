"""What an op is, as plain data: a forward, a backward, and what may be put into them.

An `Op` says everything that a gradient check, a contract test, a kernel test or a reference page needs to
know about a forward/backward pair. It runs nothing and imports nothing but the standard library, so the
mathematics (`npvae.ops`) and the checker (`npvae.gradcheck`) can share it without knowing each other.

The convention of a pair, for an op called `f`:

    y, cache = f_forward(x, W, b, alpha=0.1)      args in order, params by keyword
    dx, dW, db = f_backward(dy, cache)            one gradient for each differentiable arg, in order; bare if there is
                                                  one; or a dict by name
    y = f_forward(x); dx = f_backward(dy)         the same for a pair that keeps its cache to itself
"""

from npvae.spec.arg import Arg
from npvae.spec.axes import SETS, as_offsets, parts_of_axis
from npvae.spec.law import Law, in_place
from npvae.spec.op import Op

__all__ = ["SETS", "Arg", "Law", "Op", "as_offsets", "in_place", "parts_of_axis"]
