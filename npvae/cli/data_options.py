"""The options that say which data a command reads and how, the same for all of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npvae.data.reading import Reading


def add_data_options(parser: Any, default: str | None) -> None:
    """--dataset, --data-dir and the choices of `npvae.data.reading.Reading`, on a parser or a group of one."""
    add = parser.add_argument
    add(
        "--dataset",
        default=default,
        help="a name (digits, shapes, mnist, fashion-mnist, ...), a folder of pictures, perhaps one folder per class, "
        "or a .npy, .npz, .csv or idx file; for models of sequences names, names-small, or a text file, one per "
        "line; for models of a graph cora, or a .csv or .npz of edges",
    )
    add("--data-dir", type=named_path, help="where the data set's files are, to use them without a network")
    add("--colour", choices=("keep", "grey", "rgb"), help="pictures stay as they are (keep, the default), or all are "
        "made grey, or red, green and blue")  # fmt: skip
    add("--resize", type=height_and_width, metavar="H,W", help="scale every picture of a folder to H x W pixels")
    add("--array", metavar="NAME", help="which array of a .npz, or set of idx files, if there are several")
    add("--layout", choices=("NHWC", "NCHW"), help="where an array of four axes has its colours, if both ends could be")
    add("--max-value", type=float, metavar="M", help="the number that is white, for whole numbers other than 0 to 255")
    add("--labels", metavar="NAME", help="which column of a table holds labels, numbers or names, if it is not called "
        "label, class or target")  # fmt: skip


def named_path(text: str) -> Path:
    """Read a path. An empty one, as of a variable that is not set, would be the folder one is in."""
    if not text:
        raise argparse.ArgumentTypeError("is '', expected a path: give one, or leave the option out")
    return Path(text)


def height_and_width(text: str) -> tuple[int, int]:
    """Read "28,20" as (28, 20)."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and int(part) >= 1 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a height and a width in pixels, write it like 28,20")
    return int(parts[0]), int(parts[1])


def reading_of(args: argparse.Namespace) -> Reading:
    """The choices that were made on the command line."""
    from npvae.data.reading import Reading

    return Reading(args.array, args.colour or "keep", args.resize, args.layout, args.max_value, args.labels)
