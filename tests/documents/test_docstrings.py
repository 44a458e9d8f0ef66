"""Docstrings of public names have one layout: a sentence, arguments, returns, "Raises ...", an example, the source."""

import ast
import importlib.util
import inspect
import re
import textwrap
from pathlib import Path

import pytest
from making.names import ROOMS, public

EXTRAS = {"npvae.sklearn": "sklearn", "npvae.export": "safetensors"}
ERROR = r"[A-Z]\w*Error"
INTERNAL = {"KeyboardInterrupt", "NotImplementedError"}  # the reader's own Ctrl-C; methods that a subclass writes


def documented():
    """Every public function and class with a docstring, once."""
    found = {}
    for room in ROOMS:
        if importlib.util.find_spec(EXTRAS.get(room, "npvae")) is not None:
            for each in public(room):
                if callable(each.thing) and each.docstring:
                    found.setdefault(id(each.thing), each)
    return list(found.values())


def raised(source):
    """The names of the errors that a function raises itself; not what it raises inside functions of its own."""
    body = ast.parse(textwrap.dedent(source)).body[0]
    found = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Raise) and node.exc is not None:
            call = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found |= {call.id} if isinstance(call, ast.Name) else set()
    return {name for name in found if re.fullmatch(ERROR, name)} - INTERNAL


def unnamed(each):
    """The errors that a public name raises and its docstring does not name."""
    makes = each.thing
    if inspect.isclass(makes):
        makes = vars(makes).get("__post_init__") or vars(makes).get("__init__")
    if makes is None or not hasattr(makes, "__code__") or "npvae" not in Path(makes.__code__.co_filename).parts:
        return set()
    return {name for name in raised(inspect.getsource(makes)) if name not in each.docstring}


def faults(docstring):
    """What is not laid out as it should be."""
    text, found = docstring.partition("Example:")[0], []
    first = text.split("\n\n")[0]
    if not re.search(r"[.:](\s|$)", first):
        found.append("begins with no sentence")
    if re.search(rf"(?:^|\.\s+){ERROR} (?:for|if|unless)\b", text, re.MULTILINE):
        found.append('an error without "Raises"')
    if re.search(r"^(Args|Arguments|Parameters|Returns|Raises):?$", text, re.MULTILINE):
        found.append("a heading of another layout")
    if ">>>" in docstring and "Example:" not in docstring:
        found.append('an example without "Example:"')
    return found


def test_errors_are_named():
    assert {each.path: left for each in documented() if (left := unnamed(each))} == {}


def test_one_layout():
    assert {each.path: left for each in documented() if (left := faults(each.docstring))} == {}


def test_an_error_that_is_not_named_is_found():
    assert raised("def f(x):\n    if x:\n        raise ValueError('no')\n    raise KeyboardInterrupt") == {"ValueError"}


@pytest.mark.parametrize(
    "docstring",
    ["no sentence", "Say.\n\nValueError if x.", "Say. ValueError for x.", "Say.\n\nArgs:\n    x", "Say.\n\n>>> 1\n1"],
)
def test_another_layout_is_found(docstring):
    assert faults(docstring)
