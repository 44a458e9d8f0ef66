"""The command line. It joins what the library offers and does nothing that the library cannot."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from npvae.console import is_interrupt, reader_left, surviving_streams

INTERRUPTED = 130  # exit code of a program that Ctrl-C has ended

_MENDS = {  # of errors that name nothing but the file
    errno.EACCES: "look at its permissions, or choose another place",
    errno.EPERM: "look at its permissions, or choose another place",
    errno.EROFS: "choose another place",
    errno.ENOSPC: "make room, or choose another place",
    errno.EDQUOT: "make room, or choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "one of its folders is a file, choose another place",
    errno.EISDIR: "choose the name of a file",
    errno.ENOENT: "look at the path",
}

COMMANDS = {
    "train": "train a model and draw its pictures",
    "sample": "draw new images or lines from a trained model",
    "reconstruct": "encode and decode images",
    "encode": "write the latent codes of images",
    "evaluate": "measure a trained model",
    "export": "write a run's weights for PyTorch",
    "gradcheck": "check gradients: npvae's own, or module:name for yours",
    "explain": "equations with numbers put in",
    "study": "write a page on which the backward pass is alive",
    "audit-loss": "say what a VAE loss really optimises",
    "warmup": "compile all kernels now",
    "doctor": "report the processor and libraries in use, time them, suggest improvements",
}


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
    args, listing = argparse.Namespace(traceback="--traceback" in argv), False
    try:
        args = build_parser(argv).parse_args(argv)
        listing = not hasattr(args, "resume")
        with warnings.catch_warnings(), _guarded_numbers(args):
            warnings.showwarning = lambda message, *_: print(f"npvae: warning: {message}", file=sys.stderr)
            return int(args.run(args)), listing
    except MemoryError as error:
        if args.traceback:
            raise
        print(f"npvae: error: {_of_memory(error)}", file=sys.stderr)
        return 2, listing
    except (ValueError, OSError, ArithmeticError) as error:
        if args.traceback:
            raise
        print(f"npvae: error: {_of_system(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        return 2, listing
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_interrupt(error):
            raise
        print("npvae: interrupted", file=sys.stderr)
        return INTERRUPTED, listing


def _of_memory(error: MemoryError) -> str:
    """What NumPy could not allocate, or what a model says of itself, and what makes it less."""
    said = str(error) or "there is not enough memory"
    return said if ": " in said else f"{said}: ask for fewer samples (-n), or give fewer or smaller data"


def _of_system(error: OSError) -> str:
    """What the system refused, and how to mend it."""
    said = error.strerror or str(error)
    if error.filename is not None:
        said = f"{os.fspath(error.filename)}: {said[:1].lower()}{said[1:]}"
    mend = "" if ": " in said and error.filename is None else _MENDS.get(error.errno or 0, "")
    return f"{said}: {mend}" if mend else said


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
    for command, purpose in COMMANDS.items():
        module = importlib.import_module(f"npvae.cli.{command.replace('-', '_')}")
        description = getattr(module, "DESCRIPTION", module.__doc__)
        of_command = subparsers.add_parser(command, help=purpose, description=description)
        of_command.set_defaults(run=module.run)
        if command == "train":
            module.add_options(of_command, with_models=asked == "train")
        elif hasattr(module, "add_options"):
            module.add_options(of_command)
    return parser
