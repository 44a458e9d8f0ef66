"""Every small slip in any one equation turns the comparison of page and code red: all of them are tried."""

import mpmath
import pytest

from npvae.ops import OPS
from npvae.pages import page_of
from npvae.pages.mutants import is_caught, mutants_of

SUBJECTS = list(OPS)
PAGES: dict = {}  # ops that share a page share its mutants: one of them must see each
for subject in SUBJECTS:
    PAGES.setdefault(page_of(subject), []).append(subject)


def survivors(page, subjects):
    found = []
    for what, mutant in mutants_of(page):
        if any(is_caught(subject, mutant) for subject in subjects):
            continue
        with mpmath.workdps(60):
            if not any(is_caught(subject, mutant, numbers=mpmath.mp) for subject in subjects):
                found.append(what)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name.removeprefix("npvae."))
def test_no_slip_in_an_equation_goes_unseen(page):
    assert survivors(page, PAGES[page]) == []


def test_how_many_slips_there_are():
    """So that mutants do not vanish unnoticed: at least ten for each equation."""
    slips = sum(1 for page in PAGES for _ in mutants_of(page))
    assert slips >= 10 * sum(len(page.equations) for page in PAGES)
