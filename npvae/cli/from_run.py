"""What the commands that read a run share: its model, its data, and where the output goes."""

from __future__ import annotations

import argparse
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.cli.data_options import add_data_options, named_path, reading_of

if TYPE_CHECKING:
    from npvae.data.reading import Reading


def run_folder(text: str) -> Path:
    """Read the path of a run. A file cannot be one: perhaps it was meant to be the data."""
    path = named_path(text)
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
    parser.add_argument("--out", type=named_path, help=f"file to write (default: {output} in the run's folder)")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.set_defaults(output=output)


def output_path(args: argparse.Namespace, *kinds: str) -> Path:
    """Where to write. ValueError for an ending that is not one of `kinds`, or a file that is there already."""
    path = args.out or args.folder / args.output
    if path.suffix not in kinds:
        raise ValueError(f"--out {path} ends in {path.suffix or 'no suffix'!r}, expected {' or '.join(kinds)}")
    make_room(path, "--out", args.force)
    return path


def make_room(path: Path, option: str, force: bool) -> None:
    """Make the folder of a file that is to be written. ValueError if the file is there already, or cannot be."""
    check_free(path, option, force, ", or add --force to write over it")
    path.parent.mkdir(parents=True, exist_ok=True)


def check_free(path: Path, option: str, force: bool = False, mend: str = "") -> None:
    """ValueError for a place where a file cannot be written, or where there is one already and no `force`."""
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: choose the name of a file")
    if path.exists() and not force:
        raise ValueError(f"{path} exists already: choose another {option}{mend}")
    check_place(path, option)


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

    from npvae.data.registry import load_parts
    from npvae.data.split import joined, with_test

    kept = config.get("training", {})
    name = args.dataset or kept.get("dataset")
    if not name:
        raise ValueError(f"{args.folder} was not trained from the command line and names no data: say --dataset")
    reading = reading_of(args)
    if args.dataset is None and reading.chosen():
        option = reading.chosen()[0].replace("_", "-")
        raise ValueError(f"--{option} goes with --dataset: the run's own data are read as it read them")
    if args.dataset:
        images, test = load_parts(name, args.data_dir, reading.for_run(kept))
    else:
        images, test = load_parts(*own_data(args.folder, kept, None, args.data_dir))
    check_same_shape(images, config, f"the run {args.folder}")
    part, train = args.part or ("all" if test is None and args.dataset else "test"), None
    if part != "all":
        train, test = with_test(images, test)
        images, train = (train, None) if part == "train" else (test, train)
    elif test is not None:
        images = joined(images, test)
    rows = np.arange(len(images)) if images.rows is None else np.asarray(images.rows)
    return Source(name, part, as_rows_of(config, images), rows, as_rows_of(config, train))


def own_data(
    folder: Path, kept: dict[str, Any], moved: str | None, data_dir: Path | None
) -> tuple[str, Path | None, Reading]:
    """The data that a run was trained on: name or path, folder of its files, how they are read.

    kept   the "training" part of the run's config
    moved  where the data is now, if the command line says so

    DataError if what the run was trained on is a path, and not there any more.
    """
    from npvae.data import DATASETS, GRAPHS, DataError
    from npvae.data.reading import Reading
    from npvae.data.text import SEQUENCES

    dataset = moved or kept["dataset"]
    known = dataset.lower().replace("_", "-") in (*DATASETS, *GRAPHS, *SEQUENCES)
    if moved is None and not known and not Path(dataset).expanduser().exists():
        raise DataError(f"{folder} was trained on {dataset}, which is not there: say where it is with --dataset PATH")
    if data_dir is None and moved is None and kept.get("data_dir"):
        data_dir = Path(kept["data_dir"])
    return dataset, data_dir, Reading.of_run(kept)


def check_same_shape(images: Any, config: dict[str, Any], of: str) -> None:
    """ValueError for images of another size or colour than those that a model was trained on."""
    from npvae.data.image_shapes import in_words

    kept = config.get("training", {})
    shape, columns = kept.get("image_shape"), kept.get("column_names")
    if not shape:
        return
    is_picture = images.names is not None  # of rows in an array the shape is only guessed
    if math.prod(shape) != images.shape[1] and not is_picture:
        raise ValueError(
            f"{images.source}: images are {in_words(images.image_shape)}, those of {of} {in_words(shape)}: give "
            f"rows of {math.prod(shape)} numbers"
        )
    if columns and images.columns and list(images.columns) != list(columns):
        raise ValueError(
            f"{images.source}: the columns are {', '.join(images.columns)}, those of {of} {', '.join(columns)}: "
            "bring them into that order, or give the header those names if they mean the same"
        )
    if is_picture and tuple(shape) != images.image_shape:
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
    """Images as the model of a run takes them: in its units or as counts; with labels, if it is conditional."""
    from npvae.data import LabelledImages
    from npvae.data.columns import Columns
    from npvae.models import LIKELIHOODS, MODELS

    columns = Columns.of_run(config.get("training", {}))
    likelihood = LIKELIHOODS.get(config["model_settings"].get("likelihood"))
    if images is not None and columns is not None:
        images = columns.apply(images)
    if images is not None and likelihood is not None and likelihood.counts:
        images = images.as_counts()
    if images is None or not MODELS[config["model"]].reads_labels:
        return images
    names = config.get("training", {}).get("class_names")
    if names and images.class_names:
        images = images.with_classes(names)
    return LabelledImages(images, config["model_settings"]["classes"])


def in_data_units(config: dict[str, Any], x: Any) -> Any:
    """Rows (N, D) that a run's model gave, in the units of the data that it was trained on."""
    from npvae.data.columns import Columns

    columns = Columns.of_run(config.get("training", {}))
    return x if columns is None else columns.undo(x)


def save_arrays(path: Path, arrays: Any) -> None:
    """Write one array as .npy, or several by name as .npz. NonFiniteError, before anything is written, for NaN."""
    import numpy as np

    from npvae.models.finite import check_result

    by_name = arrays if isinstance(arrays, dict) else {path.stem: arrays}
    check_result(**by_name)
    data = io.BytesIO()
    if path.suffix == ".npz":
        np.savez(data, **by_name)
    else:
        np.save(data, arrays)
    write_output(path, data.getvalue())


def write_output(path: Path, data: bytes | str) -> None:
    """Write what a command is for, whole or not at all. OSError, which names the file, if it cannot be written."""
    from npvae.training.whole_file import write_whole

    data = data.encode() if isinstance(data, str) else data
    write_whole(path, data, "make room, mend the folder, or choose another place; nothing was written over")


def image_shape(config: dict[str, Any], data_dim: int) -> tuple[int, ...]:
    """(height, width), or (height, width, 3), of the run's images; a single row if the run does not say."""
    shape = config.get("training", {}).get("image_shape")
    return tuple(shape) if shape else (1, data_dim)
