"""What the commands that read a run share: its model, its data, and where the output goes."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npvae.cli.data_options import add_data_options, reading_of


def run_folder(text: str) -> Path:
    """Read the path of a run. A file cannot be one: perhaps it was meant to be the data."""
    path = Path(text)
    if path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is a file, expected the folder of a run, which npvae train writes")
    return path


def add_run_folder(parser: argparse.ArgumentParser) -> None:
    """RUN, as `args.folder`."""
    parser.add_argument("folder", type=run_folder, metavar="RUN", help="folder that npvae train wrote")


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """--dataset, --data-dir and --part: which images `images_of` takes."""
    add_data_options(parser, default=None)
    parser.add_argument(
        "--part",
        choices=("train", "test", "all"),
        help="which images (default: test; all, if --dataset names a file or folder without a test set of its own)",
    )


def add_run_options(parser: argparse.ArgumentParser, output: str, *, data: bool) -> None:
    """RUN, --out, --force, and --dataset/--data-dir/--part if the command reads data."""
    add_run_folder(parser)
    if data:
        add_source_options(parser)
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
    check_place(path, "--out")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def check_place(path: Path, option: str) -> None:
    """ValueError if one of the folders that `path` lies in is a file."""
    for above in path.parents:
        if above.is_file():
            raise ValueError(f"{option} {path} cannot be written: {above} is a file and not a folder, choose another")


@dataclass(frozen=True)
class Source:
    """The images that a command works on."""

    name: str
    part: str
    """train, test or all"""
    images: Any
    """Those of that part, as the model of the run takes them."""
    rows: Any
    """Where each of them stands, (N,): in the file, if one row in ten of it was held out; else in its own training or
    test set. In `all` the test set comes last."""
    train: Any
    """The training images, if the part is test: what was not held out. Else None."""

    def __str__(self) -> str:
        return self.name + {"train": ", training set", "test": ", test set", "all": ""}[self.part]


def images_of(args: argparse.Namespace, config: dict[str, Any]) -> Source:
    """The images that --dataset and --part ask for, by default the test images of the run's own data."""
    import numpy as np

    from npvae.data.reading import Reading
    from npvae.data.registry import load_parts
    from npvae.data.split import joined, with_test

    kept = config.get("training", {})
    name = args.dataset or kept.get("dataset")
    if not name:
        raise ValueError(f"{args.folder} was not trained from the command line and names no data: say --dataset")
    data_dir = args.data_dir or (None if args.dataset else kept.get("data_dir"))
    reading = reading_of(args)
    if args.dataset is None and reading.chosen():
        option = reading.chosen()[0].replace("_", "-")
        raise ValueError(f"--{option} goes with --dataset: the run's own data are read as it read them")
    reading = reading.for_run(kept) if args.dataset else Reading.of_run(kept)
    images, test = load_parts(name, data_dir, reading)
    check_same_shape(images, config, f"the run {args.folder}")
    part, train = args.part or ("all" if test is None and args.dataset else "test"), None
    if part != "all":
        train, test = with_test(images, test)
        images, train = (train, None) if part == "train" else (test, train)
    elif test is not None:
        images = joined(images, test)
    rows = np.arange(len(images)) if images.rows is None else np.asarray(images.rows)
    return Source(name, part, as_rows_of(config, images), rows, as_rows_of(config, train))


def check_same_shape(images: Any, config: dict[str, Any], of: str) -> None:
    """ValueError for images of another size or colour than those that a model was trained on."""
    from npvae.data.image_shapes import in_words

    shape = config.get("training", {}).get("image_shape")
    if not shape:
        return
    is_picture = images.names is not None  # of rows in an array the shape is only guessed
    if math.prod(shape) != images.shape[1] or (is_picture and tuple(shape) != images.image_shape):
        mend = (
            f"add --resize {shape[0]},{shape[1]}"
            if tuple(shape[:2]) != images.image_shape[:2]
            else ("add --colour rgb" if len(shape) == 3 else "add --colour grey")
        )
        raise ValueError(
            f"{images.source}: images are {in_words(images.image_shape)}, those of {of} {in_words(shape)}: {mend}, or "
            "give others"
        )


def as_rows_of(config: dict[str, Any], images: Any) -> Any:
    """Images as the model of a run takes them: as counts, if it explains these; with labels, if it is conditional."""
    from npvae.data import LabelledImages
    from npvae.models import LIKELIHOODS, MODELS

    likelihood = LIKELIHOODS.get(config["model_settings"].get("likelihood"))
    if images is not None and likelihood is not None and likelihood.counts:
        images = images.as_counts()
    if images is None or not MODELS[config["model"]].reads_labels:
        return images
    names = config.get("training", {}).get("class_names")
    if names and images.class_names:
        images = images.with_classes(names)
    return LabelledImages(images, config["model_settings"]["classes"])


def image_shape(config: dict[str, Any], data_dim: int) -> tuple[int, ...]:
    """(height, width), or (height, width, 3), of the run's images; a single row if the run does not say."""
    shape = config.get("training", {}).get("image_shape")
    return tuple(shape) if shape else (1, data_dim)
