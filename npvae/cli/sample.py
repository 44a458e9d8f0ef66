"""`npvae sample`: images, or lines of text, from the prior of a trained model."""

from __future__ import annotations

import argparse

from npvae.cli.from_run import add_run_options, image_shape, in_data_units, output_path, save_arrays
from npvae.cli.seed_option import add_seed_option
from npvae.cli.sequences import add_writing_options, check_no_writing_options
from npvae.cli.sequences import sample as sample_lines


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae sample`."""
    add_run_options(parser, "samples.png", data=False)
    parser.add_argument("-n", type=int, default=64, help="how many (default: 64)")
    add_seed_option(parser, "the latents that are drawn")
    add_writing_options(parser)


def run(args: argparse.Namespace) -> int:
    """A grid as .png, or the decoder's means (n, D) as .npy; of a model of sequences lines as .txt."""
    import numpy as np

    import npvae

    if args.n < 1:
        raise ValueError(f"-n is {args.n}, expected at least 1")
    model, config = npvae.load(args.folder), npvae.training.read_config(args.folder)
    if model.takes == "graph":
        raise ValueError("a graph's vertices are not drawn from the prior: npvae reconstruct gives its missing edges")
    if model.takes == "sequences":
        return sample_lines(args, model)
    check_no_writing_options(args)
    path = output_path(args, ".png", ".npy")
    rng = np.random.default_rng(args.seed)
    if path.suffix == ".npy":
        save_arrays(path, in_data_units(config, model.sample(args.n, rng)))
    else:
        from npvae.figures import prior_samples, save_png

        figure = prior_samples(model, image_shape(config, model.data_dim), rng, args.n)
        save_png(figure, path)
    print(path)
    return 0
