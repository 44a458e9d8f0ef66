"""What the commands do with a run whose model takes sequences: lines of text in place of images."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.cli.data_options import reading_of
from npvae.cli.from_run import output_path, own_data, save_arrays, write_output

if TYPE_CHECKING:
    from npvae.data import Text
    from npvae.data.reading import Reading


def takes_sequences(model: str) -> bool:
    """Whether models of this name take sequences."""
    from npvae.models import MODELS

    return model in MODELS and MODELS[model].takes == "sequences"


def check_no_choices(reading: Reading) -> None:
    """ValueError for a choice of how data are read that is for images."""
    for name in reading.chosen():
        raise ValueError(f"--{name.replace('_', '-')} is for images, this model takes lines of text: leave it out")


def load_lines(dataset: str, data_dir: Path | None, reading: Reading, alphabet: str | None = None) -> tuple[Text, Text]:
    """Lines to train on and to test: a data set by name, or a text file, of which one line in ten is held out."""
    from npvae.data import hold_out, load_sequences

    check_no_choices(reading)
    train, test = load_sequences(dataset, data_dir, alphabet)
    return hold_out(train) if test is None else (train, test)


def add_writing_options(parser: argparse.ArgumentParser) -> None:
    """--temperature, --greedy and --max-length: how letters are chosen."""
    group = parser.add_argument_group("of sequences")
    group.add_argument("--temperature", type=float, metavar="T", help="divides the logits of letters (default: 1)")
    group.add_argument("--greedy", action="store_true", help="take the likeliest letter at every step")
    group.add_argument(
        "--max-length", type=int, metavar="N", help="at most N letters per line (default: as in training)"
    )


def check_no_writing_options(args: argparse.Namespace) -> None:
    """ValueError for one of these options with a model of images."""
    for name in ("temperature", "greedy", "max_length"):
        if getattr(args, name) not in (None, False):
            flag = "--" + name.replace("_", "-")
            raise ValueError(f"{flag} is for models of sequences, this run's takes images: leave it out")


def sample(args: argparse.Namespace, model: Any) -> int:
    """New lines as .txt; the first of them are printed."""
    import numpy as np

    if args.greedy and args.temperature is not None:
        raise ValueError("--temperature has no effect with --greedy: leave one of them out")
    path = _text_path(args, "samples.txt")
    temperature = 1.0 if args.temperature is None else args.temperature
    rng = np.random.default_rng(args.seed)
    lines = model.sample(args.n, rng, temperature=temperature, greedy=args.greedy, max_length=args.max_length)
    return _write(path, lines, lines)


def reconstruct(args: argparse.Namespace, model: Any, config: dict[str, Any]) -> int:
    """Each line and its reconstruction, separated by a tab, as .txt."""
    path = _text_path(args, "reconstructions.txt")
    source = lines_of(args, config)
    originals = source.lines[: args.n]
    pairs = [f"{line}\t{again}" for line, again in zip(originals, model.reconstruct(originals), strict=True)]
    return _write(path, pairs, [pair.replace("\t", " -> ") for pair in pairs])


def encode(args: argparse.Namespace, model: Any, config: dict[str, Any]) -> int:
    """An .npz with mu and logvar (N, L), and rows (N,)."""
    from npvae.evaluation.sequences import codes_of

    path = output_path(args, ".npz")
    source = lines_of(args, config)
    if not model.has_posterior:
        raise ValueError("a language model has no code: encode with a run of --model sequence_vae")
    mu, logvar = codes_of(model, source.lines)
    arrays = {"mu": mu, "logvar": logvar, "rows": source.rows}
    save_arrays(path, arrays)
    print(path, ", ".join(f"{name} {array.shape}" for name, array in arrays.items()), f"of {source.name}")
    return 0


def measured(args: argparse.Namespace, model: Any, config: dict[str, Any]) -> tuple[str, str, int, Any]:
    """What `npvae evaluate` measures: the data's name, the part, how many lines, and the measures."""
    import numpy as np

    from npvae.evaluation.measures import looked_at
    from npvae.evaluation.sequences import sequence_measures

    source = lines_of(args, config)
    chosen = np.linspace(0, len(source.lines) - 1, min(args.images, len(source.lines))).astype(np.intp)
    lines = source.lines.subset(chosen)
    found = sequence_measures(model, lines, samples=args.samples, seed=args.seed)
    return source.name, source.part, len(lines), looked_at(found, len(lines))


@dataclass(frozen=True)
class Lines:
    """The lines that a command works on, and where each stands in its file or part."""

    name: str
    part: str
    lines: Text
    rows: Any


def lines_of(args: argparse.Namespace, config: dict[str, Any]) -> Lines:
    """The lines that --dataset and --part ask for, by default the test lines of the run's own data."""
    import numpy as np

    from npvae.data import Text, hold_out, load_sequences

    kept, alphabet = config.get("training", {}), config["model_settings"]["alphabet"]
    name = args.dataset or kept.get("dataset")
    if not name:
        raise ValueError(f"{args.folder} was not trained from the command line and names no data: say --dataset")
    data_dir = args.data_dir
    if not args.dataset:
        name, data_dir, _ = own_data(args.folder, kept, None, args.data_dir)
    check_no_choices(reading_of(args))
    train, test = load_sequences(name, data_dir, alphabet)
    part = args.part or ("all" if test is None and args.dataset else "test")
    if part == "all":
        lines = train if test is None else Text(train[:] + test[:], alphabet, source=train.source)
    else:
        train, test = hold_out(train) if test is None else (train, test)
        lines = train if part == "train" else test
    longest = config["model_settings"]["max_length"]
    if lines.max_length > longest:
        raise ValueError(
            f"{name}: a line has {lines.max_length} letters, the model reads at most {longest}: leave it out"
        )
    rows = np.arange(len(lines)) if lines.rows is None else lines.rows
    return Lines(str(name), part, lines, rows)


def _text_path(args: argparse.Namespace, name: str) -> Path:
    args.output = name
    return output_path(args, ".txt")


def _write(path: Path, lines: list[str], shown: list[str], most: int = 10) -> int:
    write_output(path, "".join(f"{line}\n" for line in lines))
    print("\n".join(shown[:most]))
    print(f"{path}: {len(lines)} lines")
    return 0
