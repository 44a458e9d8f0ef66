"""A fifth set: layer objects and ops of other people's kinds, written by somebody who has not read the checker.

Nothing stands here yet. It is to be written by a person who knows gradients and does not know `npvae.gradcheck`: at
least 60 mistakes in at least 30 ops and layers that npvae does not have (convolutions, norms, recurrences, attention,
losses, sorting, sampling, physics ...). It is scored before anything in the checker is changed for it, and both
figures, blind and after, are published. What you need to know is on this page.

1. An op is a pair of functions. The forward gives the result and whatever the backward needs; the backward takes
   dL/dy and that, and gives dL/dx for each array argument, in order:

       def swish_forward(x):
           s = 1 / (1 + np.exp(-x))
           return x * s, (x, s)

       def swish_backward(dy, cache):
           x, s = cache
           return dy * (s + x * s * (1 - s))

2. Say what goes in: each argument's axes by name, the same name for the same size. Sizes that a letter cannot say are
   numbers ("N C 8"). What has no gradient says so; a function with corners says where, one with a domain which:

       SWISH = right(Op(swish_forward, swish_backward, {"x": Arg("N D")}))
       Arg("N", dtype=int, domain=(0, "C"), differentiable=False)      # class labels, 0 to C - 1
       Arg("N D", kinks=[0.0])                                         # as for relu
       Arg("N D", domain=(0, math.inf))                                # as for a logarithm
       Op(..., params={"alpha": [1.0, 0.3]})                           # keyword arguments worth trying

3. A layer is a class with forward(x) -> y and backward(dy) -> dx; it keeps W and, after a backward, dW. Say how it is
   built for each size:

       DENSE = right(LayerOp(build=lambda I, O, **_: Dense(I, O), args={"x": Arg("N I")}, params=("W", "b")))

4. A mistake is a wrong backward, or a wrong layer, as people write them: a sign, a forgotten term, a wrong axis, a sum
   where a mean belongs, a stale cache, a constant rounded, a corner case. It must run. None so large that anything
   would see it in every entry by a factor of ten, none that does not matter in training. Name it after what is wrong:

       @wrong(SWISH, "algebra")
       def swish_forgets_the_one(dy, cache):
           x, s = cache
           return dy * (s + x * s)

       wrong_layer(DENSE, "state", "dense_keeps_the_first_batch", lambda: LayerOp(build=..., args=..., params=...))

   The kinds are algebra, shapes, parameters, kinks, digits, cotangent, state, dtype.

Do not run the checker on what you write; check the right ones by hand, by another library, or by differences of your
own. Hand in the file and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from mistakes.first import BY_NAME, MISTAKES, Mistake
from mistakes.third import known, wrong
from npvae.gradcheck import LayerOp
from npvae.spec import Arg, Op

__all__ = ["Arg", "LayerOp", "Op", "right", "wrong", "wrong_layer"]

right = known
"""Put a right op or layer into the list of those that must never be refused."""


def wrong_layer(op: Op, kind: str, name: str, make: Callable[[], Op]) -> None:
    """Put a wrong layer beside the right one: `make` builds it afresh, since it keeps state."""

    def pair() -> tuple[Callable[..., object], Callable[..., object]]:
        made = make()
        return made.forward, made.backward

    assert op.name in BY_NAME, f"put the right {op.name} into the list first: right(LayerOp(...))"
    MISTAKES.append(Mistake(name, kind, op.name, pair, __name__))
