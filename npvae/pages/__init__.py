"""Equations that run: read out of the docstring that the reader sees, evaluated, explained, checked.

    from npvae.pages import page_test
    test_swish_is_its_page = page_test(swish)     # five lines of a test file check somebody's pair against its page

README.md in this folder has the language on one page.
"""

from npvae.pages.check import page_test
from npvae.pages.evaluate import evaluate
from npvae.pages.explain import explain
from npvae.pages.read import Equation, Page, PageError, page_of, read_page

__all__ = ["Equation", "Page", "PageError", "evaluate", "explain", "page_of", "page_test", "read_page"]
