"""`npvae explain`: a page's equations with the numbers of a small case put in, and the code compared with them.

Without a name it lists all pages. With one it prints the file, each equation, the numbers put into it entry by entry,
the result, and whether the code agrees. `npvae explain vae` goes through a whole small VAE, forward and backward.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from npvae.cli.seed_option import add_seed_option

if TYPE_CHECKING:
    from npvae.spec import Law, Op


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae explain`."""
    parser.add_argument("name", nargs="?", help="a page (gaussian_kl, adam, vae), or module:name for an op of yours")
    parser.add_argument("--derivation", action="store_true", help="print the derivation of the backward, too")
    parser.add_argument("--entries", type=entries, metavar="N", help="entries to print of each equation (4; vae: 2)")
    add_seed_option(parser, "the small case")


def entries(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of entries, give a whole number of at least 1")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the page, or the list of pages; 1 if the code disagrees with its page or with differences."""
    from npvae.pages import explain, page_of

    if args.name is None:
        width = max(len(each.name) for subjects in tables().values() for each in subjects) + 2
        for room, subjects in tables().items():
            print(f"\n{room}")
            for each in subjects:
                print(f"    {each.name:<{width}}{page_of(each).title}")
        print("\nnpvae explain NAME puts the numbers of a small case into the equations of one of them.")
        return 0
    most = args.entries or (2 if args.name == "vae" else 4)
    text, agrees = explain(find(args.name), args.seed, most=most, derivation=args.derivation)
    print(text)
    return 0 if agrees else 1


def tables() -> dict[str, list[Op | Law]]:
    """Everything that has a page, by room."""
    from npvae.evaluation.laws import LAWS as EVALUATION
    from npvae.models.laws import LAWS as MODELS
    from npvae.ops import LAWS as OPTIMIZERS
    from npvae.ops import OPS
    from npvae.training.schedules import LAW as SCHEDULES

    return {
        "Ops: a forward and its backward": list(OPS),
        "Optimisers": list(OPTIMIZERS),
        "Models and objectives": list(MODELS),
        "Training": [SCHEDULES],
        "Evaluation": list(EVALUATION),
    }


def find(name: str) -> Op | Law:
    """The op or law of this name, or an op given as module:name. ValueError lists what there is."""
    from npvae.gradcheck import find_ops

    if ":" in name:
        return find_ops(name)[0]
    known = {each.name: each for subjects in tables().values() for each in subjects}
    if name not in known:
        raise ValueError(f"no page is called {name!r}; there are {', '.join(known)}")
    return known[name]
