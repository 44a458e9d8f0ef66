"""The codes of findings and diagnoses, each with its meaning: what JSON output speaks, and what stays stable."""

from __future__ import annotations

__all__ = ["DIAGNOSES", "FINDINGS"]

FINDINGS: dict[str, str] = {
    # contract
    "forward-raises": "the forward raised an exception",
    "forward-output": "the forward did not return (y, cache) with y in real floating-point numbers",
    "forward-nonfinite": "the forward is not finite at ordinary values: declare a domain",
    "complex": "the forward returned complex values, which are out of scope",
    "backward-raises": "the backward raised an exception",
    "gradient-count": "the backward returned too many gradients or too few",
    "gradient-type": "a gradient is not a NumPy array",
    "gradient-missing": "a gradient is None where one is expected",
    "gradient-shape": "a gradient has not the shape of its argument",
    "gradient-dtype": "a gradient has not the dtype of its argument: a warning unless dtype is strict",
    "gradient-nonfinite": "the forward is finite, a gradient is not",
    "mutates-input": "an input was changed in place",
    "mutates-dy": "dy was changed in place",
    "mutates-output": "the backward changed the forward's output in place",
    "alias-dy": "a gradient shares memory with dy",
    "alias-input": "a gradient or an output shares memory with an input",
    "alias-output": "a gradient shares memory with an output",
    "alias-gradient": "two gradients share memory",
    "slope-infinite": "a gradient is infinite where the slope is too: a warning",
    "refused": "the pair does not take the arrays that it was given",
    "nothing-checked": "no sample could be looked at",
    "nothing-compared": "no gradient was compared with anything: INCONCLUSIVE",
    # determinism and isolation
    "forward-changes": "the same forward twice gives two outputs",
    "changes-on-repeat": "the same backward twice gives two gradients",
    "accumulates": "each backward adds to the gradients of the one before",
    "gradient-overwritten": "a later call changed a gradient that was returned before",
    "output-overwritten": "a later forward changed an earlier output",
    "cache-overwritten": "a later forward changed what an earlier cache gives",
    # linearity
    "not-linear-in-dy": "the gradient is not linear in dy",
    "not-zero-at-zero": "the gradient for dy = 0 is not 0",
    "ignores-dy": "the gradient does not depend on dy",
    # numeric
    "wrong-gradient": "the gradient is not the slope",
    "wrong-at-kink": "the gradient at a kink is no subgradient",
    "wrong-at-ties": "entries that are tied have subgradients each, but not together",
    "not-linear-in-argument": "an argument that is declared linear is not",
    "unresolved": "differences cannot settle it: INCONCLUSIVE",
    "unseen": "some entries could not be compared: a warning",
}
"""Code of a finding -> what was found."""

DIAGNOSES: dict[str, str] = {
    "sign": "analytic / numeric is -1 everywhere",
    "factor": "analytic / numeric is one number everywhere",
    "factor-of-size": "analytic / numeric is the size of an axis, or one over it",
    "factor-of-argument": "analytic / numeric is an argument or a parameter, or one over it",
    "zero": "the analytic gradient is zero everywhere",
    "transposed": "the analytic gradient is the numeric one transposed, or with its axes in another order",
    "reversed": "the analytic gradient is the numeric one reversed along an axis",
    "other-argument": "it is the gradient of another argument",
    "skip": "dy is missing: a forgotten skip connection",
    "extra-dy": "there is one dy too many",
    "extra-term": "a multiple of dy, of an argument, of their product or of another gradient is missing or too many",
    "offset": "a constant is missing or too many",
    "tail": "wrong in the last rows or columns only",
    "one-row": "wrong in one row or column only",
    "one-entry": "wrong in one entry only",
    "one-step": "right in the first or the last slice along an axis only: perhaps other steps are forgotten",
    "overlap": "right at both ends of an axis, wrong between: overlapping windows are not added up",
    "mask": "not zero exactly where the slope is zero: a mask is forgotten",
    "one-answer": "wrong exactly where a boolean argument is true, or where it is false",
    "repeated-index": "wrong in rows that an index names more than once: they are not added up",
    "one-output": "wrong for the dy of one of several outputs, or zero for it: what comes from it is forgotten",
    "kink-only": "wrong exactly at a declared kink only",
    "edge-only": "wrong exactly at an end of the domain only",
    "threshold": "wrong beyond a value of the argument: a clip, or the wrong side of a branch",
    "float32-cast": "right to seven digits: something is computed in float32",
    "few-digits": "right to a few digits: a small constant, or digits cut off",
    "formula": "wrong everywhere, by no common factor or term",
    "float32-only": "wrong in float32 only",
    "layout-only": "wrong in one memory layout only",
    "size-of-dy": "right where dy is small: dy is clipped or normalised",
    "shape-only": "wrong for some sizes only: 1, even, odd, large, square or not",
    "parameter-only": "wrong for some values of a parameter only",
    "regime-only": "wrong at some kind of values only",
}
"""Code of a diagnosis -> what the mistake looks like."""
