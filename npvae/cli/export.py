"""`npvae export`: the weights of a run as safetensors, under the names that PyTorch expects."""

from __future__ import annotations

import argparse

from npvae.cli.from_run import add_run_options, output_path


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae export`."""
    add_run_options(parser, "model.safetensors", data=False)


def run(args: argparse.Namespace) -> int:
    """A .safetensors file; the names in it are printed."""
    import npvae

    try:
        from npvae.export import save, to_torch
    except ImportError as error:
        raise ValueError(str(error)) from None

    model = npvae.load(args.folder)
    path = save(model, output_path(args, ".safetensors"))
    print(path)
    for name, tensor in to_torch(model.params).items():
        print(f"  {name:<20} {tensor.shape}")
    return 0
