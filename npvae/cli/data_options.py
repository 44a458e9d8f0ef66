"""The options that say which data a command reads, the same for all of them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_data_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    """--dataset and --data-dir, the same for every command that reads data."""
    parser.add_argument(
        "--dataset",
        default=default,
        help="a name (digits, mnist, fashion-mnist, ...), or a .npy/.npz/idx file or PNG folder",
    )
    parser.add_argument("--data-dir", type=Path, help="where the data set's files are, to use them without a network")
