"""The command line. It joins what the library offers and does nothing that the library cannot."""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import warnings
from collections.abc import Sequence

COMMANDS = (
    "train",
    "sample",
    "reconstruct",
    "encode",
    "evaluate",
    "export",
    "gradcheck",
    "explain",
    "audit-loss",
    "warmup",
    "doctor",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 2 for what the user can mend, 130 after Ctrl-C, or the command's own."""
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser(argv).parse_args(argv)
    for stream in (sys.stdout, sys.stderr):  # a console of Windows may lack a letter: "?" is better than an error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"npvae: warning: {message}", file=sys.stderr)
            return int(args.run(args))
    except (ValueError, OSError, ArithmeticError) as error:
        if args.traceback:
            raise
        print(f"npvae: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("npvae: interrupted", file=sys.stderr)
        return 130


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
