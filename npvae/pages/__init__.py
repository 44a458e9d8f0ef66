"""Equations that run: read out of the docstring that the reader sees, evaluated, explained, checked.

`read.py` finds the numbered equations of a page, `evaluate.py` computes what they define, entry by entry, and
`explain.py` shows a small case with every number. The room knows the spec and the gradient checker; whatever has a page
may use it.
"""

from npvae.pages.evaluate import evaluate
from npvae.pages.explain import explain
from npvae.pages.read import Equation, output_name, page_of, read_equations

__all__ = ["Equation", "evaluate", "explain", "output_name", "page_of", "read_equations"]
