"""Checks of single settings that a caller gives: each error names the setting, what was found and what is expected."""

from __future__ import annotations

import math
import os
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    """True for int, float and NumPy's scalars of these kinds; False for bool, text, None and arrays."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def check_whole(least: int = 1, **settings: Any) -> None:
    """Raises ValueError for a setting that is not a whole number of at least `least`."""
    for name, value in settings.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, expected a whole number")
        if value < least:
            raise ValueError(f"{name} is {value}, expected at least {least}")


def check_number(least: float = -math.inf, *, expected: str = "expected a finite number", **settings: Any) -> None:
    """Raises ValueError for a setting that is not a finite number of at least `least`; `expected` ends the message."""
    for name, value in settings.items():
        if not is_number(value) or not (math.isfinite(value) and value >= least):
            raise ValueError(f"{name} is {value!r}, {expected}")


def check_share(name: str, value: Any) -> None:
    """Raises ValueError for a setting that is not a number between 0 and 1."""
    if not is_number(value) or not 0 < value < 1:
        raise ValueError(f"{name} is {value!r}, expected a share between 0 and 1")


def check_flag(**settings: Any) -> None:
    """Raises ValueError for a setting that is not True or False."""
    for name, value in settings.items():
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name} is {value!r}, expected True or False")


def check_path(name: str, value: Any) -> Path:
    """A path that a caller gives, with ~ as the home folder. Raises ValueError for "" and for what is no path."""
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str) or os.fspath(value) == "":
        raise ValueError(f"{name} is {value!r}, expected a path, as text or pathlib.Path")
    return Path(os.path.expanduser(value))


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's number, which JSON takes; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
