"""Where a function is written, in the form that editors open."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["line_of"]

_ADAPTERS = Path(__file__).parents[1]


def line_of(function: Callable[..., Any]) -> str:
    """Where a function is written: "layers.py:12 swish_backward", in the form that editors open. "" if it has no line.

    What an adapter wraps is named and not the wrapper; the path is taken from the working directory if it lies in it.
    """
    wrapped = inspect.unwrap(getattr(function, "py_func", function))
    code = getattr(getattr(wrapped, "__func__", wrapped), "__code__", None)
    if code is None or not Path(code.co_filename).is_file():  # built in, or typed into a notebook
        return ""
    path = Path(code.co_filename)
    if path.is_relative_to(_ADAPTERS):  # autograd runs the backwards inside a module; which of them, nobody says
        return ""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{code.co_firstlineno} {code.co_name}"
