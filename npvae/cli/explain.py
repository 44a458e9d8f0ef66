"""`npvae explain`: an op's page with one small case put into every equation, and the check beside each gradient."""

from __future__ import annotations

import argparse

from npvae.cli.seed_option import add_seed_option


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The options of `npvae explain`."""
    parser = subparsers.add_parser("explain", help="an op's equations with numbers put in", description=__doc__)
    parser.add_argument("op", help="an op of npvae (gaussian_kl), or module:name for one of yours")
    add_seed_option(parser, "the small case")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the page; 1 if a gradient of the code disagrees with the page or with differences."""
    from npvae.gradcheck import find_ops
    from npvae.pages import explain

    target = args.op if ":" in args.op else f"npvae.ops:{args.op}"
    (op,) = find_ops(target)
    text, agrees = explain(op, args.seed)
    print(text)
    return 0 if agrees else 1
