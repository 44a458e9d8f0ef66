"""`npvae encode`: the latent codes of images, as arrays, and the row of each image."""

from __future__ import annotations

import argparse

from npvae.cli.from_run import add_run_options, images_of, output_path, save_arrays
from npvae.cli.graphs import encode as encode_vertices
from npvae.cli.sequences import encode as encode_lines


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae encode`."""
    add_run_options(parser, "codes.npz", data=True)


def run(args: argparse.Namespace) -> int:
    """An .npz with mu, logvar (N, L) of a VAE or z (N, L) of an autoencoder; rows (N,); labels, names (N,) if any."""
    import numpy as np

    import npvae
    from npvae.training.evaluate import chunks

    model, config = npvae.load(args.folder), npvae.training.read_config(args.folder)
    if model.takes == "sequences":
        return encode_lines(args, model, config)
    if model.takes == "graph":
        return encode_vertices(args, model, config)
    path = output_path(args, ".npz")
    source = images_of(args, config)
    codes = [model.encode(x) for x in chunks(model, source.images, 1000, str(source))]
    if model.has_posterior:
        mu, logvar = (np.concatenate(part) for part in zip(*codes, strict=True))
        arrays = {"mu": mu, "logvar": logvar}
    else:
        arrays = {"z": np.concatenate(codes)}
    arrays["rows"] = source.rows
    if source.images.labels is not None:
        arrays["labels"] = source.images.labels
    if source.images.names is not None:
        arrays["names"] = source.images.names
    save_arrays(path, arrays)
    print(path, ", ".join(f"{name} {array.shape}" for name, array in arrays.items()), f"of {source}")
    return 0
