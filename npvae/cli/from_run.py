"""What the commands that read a run share: its model, its data, and where the output goes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npvae.cli.data_options import add_data_options


def add_run_options(parser: argparse.ArgumentParser, output: str, *, data: bool) -> None:
    """RUN, --out, --force, and --dataset/--data-dir if the command reads data."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder that npvae train wrote")
    if data:
        add_data_options(parser, default=None)
    parser.add_argument("--out", type=Path, help=f"file to write (default: {output} in the run's folder)")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.set_defaults(output=output)


def output_path(args: argparse.Namespace, *kinds: str) -> Path:
    """Where to write. ValueError for an ending that is not one of `kinds`, or a file that is there already."""
    path = args.out or args.folder / args.output
    if path.suffix not in kinds:
        raise ValueError(f"--out {path} ends in {path.suffix or 'nothing'!r}, expected {' or '.join(kinds)}")
    if path.exists() and not args.force:
        raise ValueError(f"{path} exists already: choose another --out, or add --force to write over it")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_images(args: argparse.Namespace, config: dict[str, Any]) -> Any:
    """The test images of --dataset, by default those of the run."""
    return images_of(args, config)[2]


def images_of(args: argparse.Namespace, config: dict[str, Any]) -> tuple[str, Any, Any]:
    """The name, training images and test images of --dataset, by default those of the run."""
    from npvae.data import load_dataset

    kept = config.get("training", {})
    name = args.dataset or kept.get("dataset")
    if not name:
        raise ValueError(f"{args.folder} was not trained from the command line and names no data: say --dataset")
    data_dir = args.data_dir or (None if args.dataset else kept.get("data_dir"))
    train, test = load_dataset(name, data_dir)
    return name, as_rows_of(config, train), as_rows_of(config, test)


def as_rows_of(config: dict[str, Any], images: Any) -> Any:
    """Images as the model of a run takes them: with their labels beside them, if it is conditional."""
    from npvae.data import LabelledImages

    if images is None or config["model"] != "conditional_vae":
        return images
    return LabelledImages(images, config["model_settings"]["classes"])


def image_shape(config: dict[str, Any], data_dim: int) -> tuple[int, int]:
    """(height, width) of the run's images; a single row if the run does not say."""
    shape = config.get("training", {}).get("image_shape")
    return (shape[0], shape[1]) if shape else (1, data_dim)
