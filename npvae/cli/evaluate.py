"""`npvae evaluate`: what the training of a run achieved, as a table of measures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npvae.cli.data_options import add_data_options
from npvae.cli.from_run import images_of

_REFERENCE = 10_000  # training images that samples are compared with


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The options of `npvae evaluate`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a trained model",
        description="Measure a trained model on its test images: -log p(x) by importance sampling, rate and "
        "distortion, active units, the aggregate posterior, continuity and completeness; on the data set "
        '"shapes", whose factors are known, also MIG, SAP and the beta-VAE score, over all its images.',
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder that npvae train wrote")
    add_data_options(parser, default=None)
    parser.add_argument(
        "--samples", type=int, default=500, metavar="S", help="importance samples an image (default: 500)"
    )
    parser.add_argument(
        "--images", type=int, default=10_000, metavar="N", help="at most N test images, evenly spaced (default: 10000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default: 0)")
    parser.add_argument("--best", action="store_true", help="measure the epoch with the lowest held-out loss")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measures to this file as well")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each measure as soon as it is known; with --json write them all."""
    import json
    from dataclasses import asdict

    import npvae
    from npvae.data.shapes import make_shapes
    from npvae.evaluation import measures

    for name, value in (("--samples", args.samples), ("--images", args.images)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    model = npvae.load(args.folder, best=args.best)
    config = npvae.training.read_config(args.folder)
    name, train, test = images_of(args, config)
    x, known = (spread(part, n).astype(model.dtype) for part, n in ((test, args.images), (train, _REFERENCE)))
    more: dict[str, Any] = {}
    if name == "shapes" and config["model"] != "conditional_vae":
        shapes = make_shapes()
        x, more = shapes.x.astype(model.dtype), {"factors": shapes.factors, "categorical": shapes.categorical}
    print(f"{model}\n{len(x):,} images of {name}; nats an image\n")
    found = []
    for measure in measures(model, x, known, samples=args.samples, seed=args.seed, **more):
        found.append(measure)
        print(measure, flush=True)
    if args.json:
        about = {"run": str(args.folder), "dataset": name, "images": len(x), "samples": args.samples, "seed": args.seed}
        text = json.dumps(about | {"measures": [asdict(measure) for measure in found]}, indent=1)
        args.json.write_text(text + "\n", encoding="utf-8")
    return 0


def spread(images: Any, n: int) -> Any:
    """At most n of the images, evenly spaced: the first ones of a file may be unlike the rest."""
    import numpy as np

    return images[np.linspace(0, len(images) - 1, min(n, len(images))).astype(np.intp)]
