"""`npvae reconstruct`: images and their reconstructions by a trained model, as a picture or an array."""

from __future__ import annotations

import argparse

from npvae.cli.from_run import add_run_options, image_shape, images_of, in_data_units, output_path, save_arrays
from npvae.cli.graphs import reconstruct as missing_edges
from npvae.cli.imputed import impute
from npvae.cli.seed_option import add_seed_option
from npvae.cli.sequences import reconstruct as reconstruct_lines


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae reconstruct`."""
    add_run_options(parser, "reconstructions.png", data=True)
    parser.add_argument("-n", type=int, help="how many, the first ones (default: 10, with --impute all)")
    parser.add_argument("--impute", action="store_true", help="fill the gaps of a table and leave what is seen as it "
        "is, for a model trained with --missing ignore or mask")  # fmt: skip
    add_seed_option(parser, "the latents that --impute weighs")


def run(args: argparse.Namespace) -> int:
    """Originals above reconstructions as .png, or the reconstructions (n, D) as .npy.

    With --impute the data without gaps, as .csv or .npy. Of sequences lines as .txt; of a graph the n most probable
    missing edges as .csv.
    """
    import npvae
    from npvae.models.entrance import admit

    if args.n is not None and args.n < 1:
        raise ValueError(f"-n is {args.n}, expected at least 1")
    model, config = npvae.load(args.folder), npvae.training.read_config(args.folder)
    if args.impute:
        return impute(args, model, config)
    args.n = args.n or 10
    if model.takes == "sequences":
        return reconstruct_lines(args, model, config)
    if model.takes == "graph":
        return missing_edges(args, model, config)
    path = output_path(args, ".png", ".npy")
    source = images_of(args, config)
    x = admit(model, source.images[: args.n].astype(model.dtype), str(source))
    if path.suffix == ".npy":
        save_arrays(path, in_data_units(config, model.reconstruct(x)))
    else:
        from npvae.figures import reconstructions, save_png

        figure = reconstructions(model, x, image_shape(config, model.data_dim), len(x))
        save_png(figure, path)
    print(f"{path}: the first {len(x)} of {source}")
    return 0
