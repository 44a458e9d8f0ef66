"""Every page's equations, translated to JavaScript, are what the NumPy code computes."""

import math
from pathlib import Path

import numpy as np
import pytest

from npvae.ops import LAWS, OPS
from npvae.pages.check import cases, more_given, run_code
from npvae.pages.evaluate import computation_of, functions_of, shared_axes
from npvae.pages.read import page_of
from npvae.pages.trees import as_data, walk

SUBJECTS = [*OPS, *LAWS]
# A log of a difference of two sigmoids, as it is written, loses its digits where the bin is far from the mean.
RTOL = {"discretized_logistic_nll": 1e-9}
EVALUATE = Path(__file__).with_name("evaluate.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def evaluating(engine):
    engine.context.eval(EVALUATE)
    return engine


def as_equation(equation, shape):
    return {
        "name": equation.name,
        "section": equation.section,
        "indices": list(equation.indices),
        "shape": list(shape),
        "tree": as_data(equation.tree),
    }


def question(subject, case, dys):
    """What JavaScript needs to evaluate a page on a case."""
    page = page_of(subject)
    more = more_given(subject, case, page)
    found = computation_of(subject, page, {**case.inputs, **more}, dys or None, case.params, math)
    given = {name: np.asarray(array, dtype=float).tolist() for name, array in found.given.items()}
    equations = [as_equation(e, entries.shape) for e, entries in zip(found.equations, found.entries, strict=True)]
    sizes = {name: float(size) for name, size in found.sizes.items() if name != "pi"}
    inner = None
    for op in functions_of(subject, dict(case.params)).values():
        inside, (argument,) = page_of(op), op.args
        inner = {
            "forward": [as_equation(e, (1, 1)) for e in inside.of("Forward")],
            "slope": [as_equation(e, (1, 1)) for e in inside.of("Backward")],
            "argument": argument,
            "output": inside.output,
            "params": {name: values[0] for name, values in op.params.items()},
        }
    return {"equations": equations, "given": given, "sizes": sizes, "inner": inner}


def compare(subject, case, asked, answers, code):
    """The answers against the code, relative to the value or to the largest of its array times 1e-2."""
    rtol = RTOL.get(subject.name, 1e-12)
    shared = shared_axes(subject, page_of(subject), case.inputs)
    found = {equation["name"]: np.array(answer, dtype=float) for equation, answer in zip(asked, answers, strict=True)}
    for name, axes in shared.items():
        if f"d{name}" in found:
            found[f"d{name}"] = found[f"d{name}"].sum(axis=tuple(range(axes)))
    for name in found.keys() & code.keys():
        truth = np.asarray(code[name], dtype=float)
        scale = np.maximum(np.abs(truth), 1e-2 * np.abs(truth).max(initial=0.0))
        off = np.abs(found[name] - truth) - rtol * scale - 1e-14
        assert (off <= 0).all(), f"{subject.name}: {name} is off by {off.max()}; {case}"
    return len(found.keys() & code.keys())


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_every_entry_of_the_translated_page_is_what_the_code_computes(evaluating, subject):
    compared = 0
    for case in cases(subject, extremes=False):
        code, dys = run_code(subject, case, page_of(subject))
        asked = question(subject, case, dys)
        answers = evaluating("return evaluatePage(given)", **asked)
        compared += compare(subject, case, asked["equations"], answers, code)
    assert compared


def is_straight(page):
    """Whether each line uses only what was given or stands above it: loops run one line after the other."""
    below = {equation.name for equation in page.equations}
    for equation in page.equations:
        used = {tree.value for tree in walk(equation.tree) if tree.kind in ("entry", "name", "call")}
        if used & (below | {"f", "df"}):
            return False
        below.discard(equation.name)
    return len({e.name for e in page.equations}) == len(page.equations)


STRAIGHT = [op for op in OPS if is_straight(page_of(op))]


def test_most_pages_run_as_loops():
    """Not those that run in time, name a line below, or leave f to another page: entry by entry they run as well."""
    left = {op.name for op in OPS} - {op.name for op in STRAIGHT}
    convolutions = {"conv2d", "conv2d_transpose", "conv2d_layer", "conv2d_transpose_layer"}
    assert left <= convolutions | {"gru", "layer", "sparse_matmul"}


@pytest.mark.parametrize("subject", STRAIGHT, ids=lambda subject: subject.name)
def test_the_loops_made_of_a_page_compute_what_the_code_computes(evaluating, subject):
    for case in list(cases(subject, extremes=False))[:4]:
        code, dys = run_code(subject, case, page_of(subject))
        asked = question(subject, case, dys)
        compare(subject, case, asked["equations"], evaluating("return runLoops(given)", **asked), code)
