"""The options that say which data a command reads, the same for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_data_options(parser: Any, default: str | None) -> None:
    """--dataset and --data-dir, on a parser or a group of one."""
    parser.add_argument(
        "--dataset",
        default=default,
        help="a name (digits, shapes, mnist, fashion-mnist, ...), or a .npy/.npz/idx file or PNG folder; for models of "
        "sequences names, names-small, or a text file with one sequence per line; for models of a graph cora, or a "
        ".csv or .npz of edges",
    )
    parser.add_argument("--data-dir", type=Path, help="where the data set's files are, to use them without a network")
