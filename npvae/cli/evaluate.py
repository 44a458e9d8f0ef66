"""`npvae evaluate`: what the training of a run achieved, as a table of measures."""

from __future__ import annotations

import argparse
from typing import Any

from npvae.cli.data_options import named_path
from npvae.cli.from_run import add_run_folder, add_source_options, images_of, make_room, write_output
from npvae.cli.graphs import links_of
from npvae.cli.seed_option import add_seed_option
from npvae.cli.sequences import measured
from npvae.cli.train_data import word_for

_REFERENCE = 10_000  # training images that samples are compared with
DESCRIPTION = (
    "Measure a trained model, by default on its test images: -log p(x) by importance sampling, rate "
    "and distortion, active units, the aggregate posterior, continuity and completeness; on the data set "
    '"shapes", whose factors are known, also MIG, SAP and the beta-VAE score, over all its images.'
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae evaluate`."""
    add_run_folder(parser)
    add_source_options(parser)
    parser.add_argument(
        "--samples", type=int, default=500, metavar="S", help="importance samples per image (default: 500)"
    )
    parser.add_argument(
        "--images", type=int, default=10_000, metavar="N", help="at most N images, evenly spaced (default: 10000)"
    )
    add_seed_option(parser, "everything that is drawn")
    parser.add_argument("--best", action="store_true", help="measure the epoch with the lowest held-out loss")
    parser.add_argument("--json", type=named_path, metavar="FILE", help="write the measures to this file as well")
    parser.add_argument("--force", action="store_true", help="write over an existing file")


def run(args: argparse.Namespace) -> int:
    """Print each measure as soon as it is known; with --json write them all."""
    import npvae
    from npvae.data.columns import Columns
    from npvae.data.shapes import make_shapes
    from npvae.evaluation import measures

    for name, value in (("--samples", args.samples), ("--images", args.images)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    model = npvae.load(args.folder, best=args.best)
    config = npvae.training.read_config(args.folder)
    if args.json:  # a place that cannot be written is reported now, not after everything is measured
        make_room(args.json, "--json", args.force)
        there = args.json.exists()
        args.json.open("a", encoding="utf-8").close()
        if not there:
            args.json.unlink()
    if model.takes == "sequences":
        dataset, part, count, found = measured(args, model, config)
        print(f"{model}\n{count:,} sequences of {dataset}, {part}; nats per sequence\n")
        return _report(args, found, {"dataset": dataset, "part": part, "sequences": count})
    if model.takes == "graph":
        from npvae.evaluation.links import link_measures

        links = links_of(args, config)
        print(f"{model}\nheld-out edges of {links.source}\n")
        about = {"dataset": links.source, "part": args.part or "test", "edges": len(links.edges)}
        return _report(args, link_measures(model, links), about)
    source = images_of(args, config)
    x = spread(source.images, args.images).astype(model.dtype)
    known = None if source.train is None else spread(source.train, _REFERENCE).astype(model.dtype)
    dataset, part = str(source), source.part
    more: dict[str, Any] = {}
    if source.name == "shapes" and config["model"] != "conditional_vae":
        shapes = make_shapes()
        dataset, part, x = "shapes", "all", shapes.x.astype(model.dtype)
        more = {"factors": shapes.factors, "categorical": shapes.categorical}
    columns = Columns.of_run(config.get("training", {}))
    of_columns, one = f", of {columns}" if columns else "", word_for(source.images)
    print(f"{model}\n{len(x):,} {one}s of {dataset}; nats per {one}{of_columns}\n")
    units = columns.units if columns else "data units"
    found = measures(model, x, known, samples=args.samples, seed=args.seed, units=units, **more)
    return _report(args, found, {"dataset": source.name, "part": part, "images": len(x)})


def _report(args: argparse.Namespace, measured: Any, about: dict[str, Any]) -> int:
    """Print each measure as soon as it is known; with --json write them all."""
    from dataclasses import asdict

    from npvae.as_json import as_json

    found = []
    for measure in measured:
        found.append(measure)
        print(measure, flush=True)
    if args.json:
        about = {"run": str(args.folder)} | about | {"samples": args.samples, "seed": args.seed}
        text = as_json(about | {"measures": [asdict(measure) for measure in found]}, indent=1)
        write_output(args.json, text + "\n")
    return 0


def spread(images: Any, n: int) -> Any:
    """At most n of the images, evenly spaced: the first ones of a file may be unlike the rest."""
    import numpy as np

    return images[np.linspace(0, len(images) - 1, min(n, len(images))).astype(np.intp)]
