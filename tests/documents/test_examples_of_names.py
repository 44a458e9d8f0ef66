"""The example in the docstring of a public name runs, and gives what it shows."""

import doctest
import importlib.util

import numpy as np
import pytest
from making.names import ROOMS, public

import npvae

EXTRAS = {"npvae.sklearn": "sklearn", "npvae.export": "safetensors"}


def names():
    """Every public name with an example, once."""
    found = {}
    for room in ROOMS:
        if importlib.util.find_spec(EXTRAS.get(room, "npvae")) is None:
            continue
        for each in public(room):
            if ">>>" in each.docstring:
                found.setdefault(id(each.thing), each)
    return list(found.values())


NAMES = names()


@pytest.mark.parametrize("name", NAMES, ids=lambda each: each.path)
def test_the_example_runs(name):
    test = doctest.DocTestParser().get_doctest(name.docstring, {"np": np, "npvae": npvae}, name.path, None, None)
    failures = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=failures.append)
    assert runner.failures == 0, "".join(failures)


def test_more_than_sixty_names_have_an_example():
    assert len({name.path for name in NAMES if name.room not in EXTRAS}) > 60
