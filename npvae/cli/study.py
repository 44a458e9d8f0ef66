"""`npvae study`: write the study page, one offline HTML file in which a small VAE runs forward and backward."""

from __future__ import annotations

import argparse
from pathlib import Path

from npvae.cli.data_options import named_path
from npvae.cli.from_run import check_place, run_folder
from npvae.cli.seed_option import seed

DESCRIPTION = (
    "Write one HTML file, to be opened without a network: a small VAE, forward and backward, line by "
    "line, with live numbers; it trains in the page, and each line can be broken."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae study`."""
    parser.add_argument(
        "--out", type=named_path, default=Path("study.html"), help="file to write (default: %(default)s)"
    )
    parser.add_argument(
        "--run", type=run_folder, dest="trained", metavar="RUN", help="show the parameters of this run as trained"
    )
    parser.add_argument("--lang", choices=("ko", "en"), default="", help="language (default: that of the browser)")
    parser.add_argument(
        "--seed", type=seed, default=1, help="of the first parameters, batches and noise (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the page, and say where and how large it is."""
    from npvae.study import write

    if args.out.is_dir():
        raise ValueError(f"--out {args.out} is a folder, expected a file such as {args.out / 'study.html'}")
    check_place(args.out, "--out")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    path = write(args.out, run=args.trained, lang=args.lang, seed=args.seed)
    print(f"{path}, {path.stat().st_size / 1000:.0f} kB: open it in a browser")
    return 0
