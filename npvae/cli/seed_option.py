"""The option --seed, the same for all commands that draw something."""

from __future__ import annotations

import argparse
from typing import Any


def add_seed_option(parser: Any, of: str) -> None:
    """--seed, on a parser or a group of one; `of` says in the help what is drawn from it."""
    parser.add_argument("--seed", type=seed, default=0, help=f"of {of} (default: %(default)s)")


def seed(text: str) -> int:
    """Read a whole number of at least 0, which is what NumPy's generators start from."""
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed, give a whole number of at least 0")
    return int(text)
