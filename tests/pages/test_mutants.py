"""Every small slip in any one equation turns the comparison of page and code red: all of them are tried."""

import mpmath
import pytest

from npvae.cli.explain import tables
from npvae.pages import page_of
from npvae.pages.check import FEW_SYMBOLS
from npvae.pages.draw import symbols_of
from npvae.pages.mutants import mutants_of, survivors

SUBJECTS = [subject for subjects in tables().values() for subject in subjects]
PAGES: dict = {}  # ops that share a page share its mutants: one of them must see each
for subject in SUBJECTS:
    PAGES.setdefault(page_of(subject), []).append(subject)


# Not mistakes: all entries of dkl are beta / N, so that of the first sample is as good as any.
EQUIVALENT = {"models.vae": 2}


def is_deep(page):
    """Whether its loops are so deep that the suite tries each fifth slip alone; -m deep tries all."""
    return any(len(symbols_of(subject.args)) > FEW_SYMBOLS for subject in PAGES[page])


def check(page, every=1):
    with mpmath.workdps(60):
        found = survivors(PAGES[page], numbers=mpmath.mp, every=every)
    allowed = EQUIVALENT.get(page.name.removeprefix("npvae."), 0)
    assert len(found) <= allowed, found
    assert all(what.startswith("index") and "dkl[0]" in what for what in found), found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name.removeprefix("npvae."))
def test_no_slip_in_an_equation_goes_unseen(page):
    check(page, every=5 if is_deep(page) else 1)


@pytest.mark.deep
def test_no_slip_goes_unseen_where_loops_are_deep():
    for page in filter(is_deep, PAGES):
        check(page)


def test_how_many_slips_there_are():
    """So that mutants do not vanish unnoticed: at least ten for each equation that is a page's own."""
    slips = [what for page in PAGES for what, _ in mutants_of(page)]
    equations = sum(not equation.origin for page in PAGES for equation in page.equations)
    assert len(slips) >= 10 * equations
    assert {"sign", "missing term", "missing factor", "factor", "index"} <= {what.partition(":")[0] for what in slips}
