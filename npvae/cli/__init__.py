"""The command line. It joins what the library offers and does nothing that the library cannot."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from npvae.console import reader_left, surviving_streams

COMMANDS = (
    "train",
    "sample",
    "reconstruct",
    "encode",
    "evaluate",
    "export",
    "gradcheck",
    "explain",
    "study",
    "audit-loss",
    "warmup",
    "doctor",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 2 for what the user can mend, 130 after Ctrl-C, or the command's own."""
    with surviving_streams() as (out, _):
        code, listing = _main(sys.argv[1:] if argv is None else argv)
        out.flush()
        if listing and code == 0 and not reader_left(out):
            print(f"npvae: error: what was to be printed could not be written ({out.lost})", file=sys.stderr)
            return 2
        return code


def _main(argv: Sequence[str]) -> tuple[int, bool]:
    """The exit code, and whether what the command prints is what it is for."""
    args = build_parser(argv).parse_args(argv)
    listing = not hasattr(args, "resume")
    try:
        with warnings.catch_warnings(), _guarded_numbers(args):
            warnings.showwarning = lambda message, *_: print(f"npvae: warning: {message}", file=sys.stderr)
            return int(args.run(args)), listing
    except MemoryError as error:
        if args.traceback:
            raise
        print(f"npvae: error: {error or 'there is not enough memory'}", file=sys.stderr)
        return 2, listing
    except (ValueError, OSError, ArithmeticError) as error:
        if args.traceback:
            raise
        print(f"npvae: error: {error}", file=sys.stderr)
        return 2, listing
    except KeyboardInterrupt:
        print("npvae: interrupted", file=sys.stderr)
        return 130, listing


def _guarded_numbers(args: argparse.Namespace) -> AbstractContextManager:
    """For commands on a run: NumPy does not warn of NaN, because each number is looked at (`npvae.training.guard`)."""
    if not (hasattr(args, "folder") or hasattr(args, "resume")):
        return nullcontext()
    import numpy as np

    return np.errstate(all="ignore")


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser with all commands; each lives in its own module, which imports what is heavy only when it runs.

    argv  the command line that it is for: the options of models, whose tables need NumPy, are there only for `train`
    """
    import npvae

    parser = argparse.ArgumentParser(prog="npvae", description=npvae.__doc__.splitlines()[0] if npvae.__doc__ else "")
    parser.add_argument("--version", action="version", version=f"npvae {npvae.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error comes from")
    subparsers = parser.add_subparsers(metavar="command", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)
    for command in COMMANDS:
        add_parser = importlib.import_module(f"npvae.cli.{command.replace('-', '_')}").add_parser
        if command == "train":
            add_parser(subparsers, with_models=asked == "train")
        else:
            add_parser(subparsers)
    return parser
