"""Somebody's own module, which tests copy into a folder of its own: a right op, a wrong one, and a layer."""

import numpy as np

from npvae.gradcheck import Arg, Op


def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def wrong_backward(dy, cache):
    _, s = cache
    return dy * s


def swish_backward(dy, cache):
    x, s = cache
    return dy * (s + x * s * (1 - s))


swish = Op(swish_forward, swish_backward, args={"x": Arg("N D")})
wrong = Op(swish_forward, wrong_backward, args={"x": Arg("N D")}, name="wrong")


class Double:
    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 2 * dy
