"""Optimisers, schedules, objectives, the VAE's wiring and evaluation: the code is what its page says."""

import re

import mpmath
import numpy as np
import pytest

from npvae.cli.explain import tables
from npvae.models import wiring
from npvae.ops import OPS
from npvae.pages import evaluate, page_of
from npvae.pages.check import DIGITS, cases, disagreements, faults_of_page
from npvae.pages.read import module_of
from npvae.spec import Law
from npvae.steps import Step

LAWS = [subject for subjects in tables().values() for subject in subjects if isinstance(subject, Law)]
EACH = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


@EACH
def test_code_is_what_its_page_says_in_float64(law):
    assert [said for case in cases(law, extremes=False) for said in disagreements(law, case)] == []


@EACH
def test_code_is_what_its_page_says_at_extremes_with_60_digits(law):
    with mpmath.workdps(DIGITS):
        assert [said for case in cases(law) for said in disagreements(law, case, numbers=mpmath.mp)] == []


@EACH
def test_the_page_reads_like_a_page(law):
    assert faults_of_page(law) == []
    assert law.name not in {op.name for op in OPS}


def test_names_and_tables():
    names = [subject.name for subjects in tables().values() for subject in subjects]
    assert len(set(names)) == len(names)
    assert {"sgd", "adagrad", "adam", "schedules", "ppca", "rate", "aggregate", "importance", "vae"} <= set(names)


@pytest.mark.parametrize("law", [law for law in LAWS if law.page is None], ids=lambda law: law.name)
def test_every_equation_of_a_page_is_cited_in_the_code_beneath(law):
    """But for what the page needs to say it, such as densities that the code takes from another page."""
    import inspect
    import sys

    module = sys.modules[module_of(law)]
    code = inspect.getsource(module).replace(module.__doc__, "")
    cited = {int(number) for line in re.findall(r"#.*", code) for number in re.findall(r"\((\d+)\)", line)}
    numbers = {equation.number for equation in page_of(law).equations}
    assert cited, "no equation is cited"
    assert cited <= numbers, "a number that is no equation's"


def test_a_law_that_is_not_its_page_is_found_out():
    """The checks above can fail: each law, with one value a millionth off."""
    for law in LAWS:

        def slightly_wrong(law=law, **inputs):
            found = dict(law.run(**inputs))
            name = next(name for name in reversed(found) if np.any(found[name]) and name not in ("lam", "U"))
            return found | {name: np.asarray(found[name]) * 1.000001}

        wrong = Law(slightly_wrong, law.args, law.name, module=module_of(law), page=law.page, least=law.least)
        assert any(disagreements(wrong, case) for case in cases(wrong, extremes=False)), law.name


@pytest.mark.parametrize("way", ["numba", "step", "step float32"])
def test_a_compiled_vae_is_its_page_too(way):
    """The kernels, and the whole step as two compiled functions: every number of the page of a small VAE."""
    dtype = "float32" if way == "step float32" else "float64"
    law = wiring.LAW
    for case in list(cases(law, extremes=False))[:2]:
        x, eps, beta, *rest = (np.asarray(value).astype(dtype) for value in case.inputs.values())
        parameters = dict(zip(list(case.inputs)[3:], rest, strict=True))
        model = wiring.small_vae(x, eps, beta, parameters, dtype=dtype, backend="numba")
        step = model if way == "numba" else Step(model, len(x))
        loss, trace = step.forward(x, eps)
        found = wiring.named(loss, trace, step.backward(trace))
        page = evaluate(law, {"x": x, "eps": eps, "beta": beta, **parameters})
        for name, array in found.items():
            close = 1e-5 if dtype == "float32" else 1e-12
            np.testing.assert_allclose(array, page[name], rtol=close, atol=close, err_msg=name)


def test_a_value_of_the_code_that_its_page_does_not_know_is_found_out():
    sgd = next(law for law in LAWS if law.name == "sgd")

    def more(**inputs):
        return {**sgd.run(**inputs), "speed": 1.0}

    wrong = Law(more, sgd.args, "sgd", module=module_of(sgd))
    assert faults_of_page(wrong) == ["sgd: the code gives speed, which the page neither defines nor uses"]


def test_what_a_law_needs_is_said():
    with pytest.raises(ValueError, match="Law: run is a str, expected a function"):
        Law("adam", {}, "adam")
    with pytest.raises(ValueError, match=r"law adam: args\[\"p\"\] is 'I', expected an Arg"):
        Law(print, {"p": "I"}, "adam")


def test_three_steps_of_a_recurrence_are_three_evaluations():
    sgd = next(law for law in LAWS if law.name == "sgd")
    state = {"p": np.array([1.0]), "v": np.array([0.0])}
    for _ in range(3):
        found = evaluate(sgd, {**state, "g": np.array([1.0]), "lr": 0.5, "momentum": 0.5})
        state = {name: found[name] for name in state}
    assert state["v"].tolist() == [1.75]
    assert state["p"].tolist() == [1 - 0.5 * (1 + 1.5 + 1.75)]
