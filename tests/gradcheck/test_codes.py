"""Every code of a finding or a diagnosis that stands in the source is listed with its meaning, and none besides."""

import ast
from pathlib import Path

import pytest

from npvae.gradcheck.ground import codes
from npvae.gradcheck.ground.findings import Finding

ROOM = Path(codes.__file__).parents[1]
CODE_AT = {"Broken": 0, "Finding": 1, "add_finding": 1, "shared": 0, "_finding": 1}
"""Function -> which of its arguments is a code."""


def codes_in_source():
    """What the checker can say, read from its syntax trees: codes of findings, returned or yielded with their words."""
    found = set()
    for path in ROOM.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if called in CODE_AT:
                    found |= strings(node.args[CODE_AT[called]], tree)
            elif isinstance(node, (ast.Return, ast.Yield)) and node.value is not None:
                value = node.value.elts[0] if isinstance(node.value, ast.List) and node.value.elts else node.value
                if isinstance(value, ast.Tuple) and len(value.elts) > 1:
                    found |= strings(value.elts[0], tree)
    return found - {"", "1"}  # "1" is the name of a term


def strings(node, tree):
    """The strings that an expression may be: constants, both arms of a choice, whatever a name was set to."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return strings(node.body, tree) | strings(node.orelse, tree)
    if isinstance(node, ast.JoinedStr):  # f"{where}-raises"
        return {place + node.values[-1].value for place in ("forward", "backward")}
    if isinstance(node, ast.Name):
        assigned = [n for n in ast.walk(tree) if isinstance(n, ast.Assign) and n.targets[0].__class__ is ast.Name]
        return set().union(*(strings(n.value, tree) for n in assigned if n.targets[0].id == node.id))
    return set()


def test_the_list_is_what_the_source_says():
    assert codes_in_source() == set(codes.FINDINGS) | set(codes.DIAGNOSES)


def test_a_code_that_is_not_listed_cannot_be_reported():
    with pytest.raises(AssertionError, match=r"wrong is not listed in npvae/gradcheck/ground/codes\.py"):
        Finding("numeric", "wrong", "FAIL", "", "4x3")
    with pytest.raises(AssertionError, match="'signs'"):
        Finding("numeric", "wrong-gradient", "FAIL", "", "4x3", diagnosis_codes=("signs",))
