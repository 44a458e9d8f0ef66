"""`npvae train`: from a data set to a trained model, its curves and its pictures."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.cli.data_options import add_data_options, named_path, reading_of
from npvae.cli.from_run import as_rows_of, check_place, check_same_shape, own_data, run_folder
from npvae.cli.graphs import LR, takes_graph
from npvae.cli.mpiexec import share_cores, started_processes
from npvae.cli.new_folder import new_folder, removed_if_empty
from npvae.cli.seed_option import add_seed_option
from npvae.cli.train_data import columns_of, default_epochs, load_data, told_of

if TYPE_CHECKING:
    from npvae.data.reading import Reading
    from npvae.training.processes import Processes

INTERRUPTED = 130  # exit code of a program that Ctrl-C has ended
WITH_RESUME = {
    "--resume",
    "--epochs",
    "--lr",
    "--dataset",
    "--data-dir",
    "--threads",
}  # the options with a value that go with --resume


class ShowUsefulDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of an option, unless it is None or False."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        empty = action.default is None or action.default is False
        return action.help if empty else super()._get_help_string(action)


class Remembered(argparse.Action):
    """Stores a value, and in `args.given` that the option was given."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Called by argparse for each option on the command line."""
        setattr(namespace, self.dest, values)
        namespace.given = [*namespace.given, self.option_strings[0]]


DESCRIPTION = (
    "Train a model and write a run folder: config.json, metrics.jsonl, model.npz, figures/. "
    "Ctrl-C saves and stops; --resume goes on, also after a crash, and ends with the same bits."
)


def add_options(parser: argparse.ArgumentParser, with_models: bool) -> None:
    """The options of `npvae train`; those of models only `with_models`, because their tables need NumPy."""
    parser.formatter_class = ShowUsefulDefaults
    parser.register("action", None, Remembered)
    data, model, training, output = map(parser.add_argument_group, ("data", "model", "training", "output"))
    for group in (data, model, training, output):
        group.register("action", None, Remembered)
    add_data_options(data, default="digits")
    if with_models:
        share_cores()  # before NumPy is imported
        from npvae.cli.model_options import add_model_options

        add_model_options(model)
    add = training.add_argument
    add("--epochs", type=int, metavar="E", help="passes over the data (default: 400 for digits, 200 for a graph, 10 "
        "for others, more where that is fewer than 1,000 steps)")  # fmt: skip
    add("--batch-size", type=int, default=128, metavar="N", help="samples per step")
    add("--optimizer", default="adam", metavar="O", help="adam, adagrad or sgd")
    add("--lr", type=float, default=1e-3, help="learning rate; of a graph 0.01 unless given")
    add_seed_option(training, "weights, order and noise")
    add("--patience", type=int, metavar="P", help="hold out a tenth of the training data, stop once P epochs have not "
        "improved on it, keep the best epoch")  # fmt: skip
    add("--threads", type=int, metavar="N", help="threads to compute with (default: as many as pay, at most the cores)")
    add = output.add_argument
    add(
        "--out",
        type=named_path,
        metavar="RUN",
        help="folder of the run (default: runs/<dataset>-1, -2, ... the first free)",
    )
    add("--resume", type=run_folder, metavar="RUN", help="go on with this run, from its last checkpoint")
    add("--init", type=run_folder, metavar="RUN", help="start from the trained model of this run, with its settings: "
        "fine-tuning, on --dataset")  # fmt: skip
    add("--checkpoint-seconds", type=float, default=30.0, metavar="S", help="seconds between checkpoints")
    add("--checkpoint-steps", type=int, metavar="N", help="steps between checkpoints, if that is sooner")
    add("--tensorboard", action="store_true", help="write event files as well")
    add("--no-figures", action="store_true", help="draw no pictures")
    add("--quiet", action="store_true", help="print errors only")
    parser.set_defaults(given=[], of_model={action.option_strings[0] for action in model._group_actions})


def run(args: argparse.Namespace) -> int:
    """Load, train or resume, draw. Of several processes process 0 alone draws and prints."""
    from npvae.steps.second_process import permitted

    with started_processes() as processes, permitted(processes.size == 1):  # several have no core to spare
        if processes.rank > 0:
            args.quiet = args.no_figures = True
        return _run(args, processes)


def _run(args: argparse.Namespace, processes: Processes) -> int:
    if args.threads is not None:
        from npvae import set_threads

        set_threads(args.threads)
    model, train, test, out = start(args, processes) if args.resume is None else go_on(args, processes)
    if model.history.interrupted:
        return INTERRUPTED
    if not args.no_figures:
        from npvae.figures import write_figures

        seed = model.config["seed"]
        try:
            paths = write_figures(model, model.history, train, test, out / "figures", seed)
        except KeyboardInterrupt:
            told = f"stopped while the pictures were drawn. The model is saved in {out}; draw them with:"
            print(f"{told} npvae train --resume {out}", file=sys.stderr)
            return INTERRUPTED
        if not args.quiet:
            print("\n".join(str(path) for path in paths))
    if not args.quiet:
        print(f"run written to {out}: npvae.load({str(out)!r}) gives the model back")
    return 0


def start(args: argparse.Namespace, processes: Processes) -> tuple[Any, Any, Any, Path]:
    """Train a new model, or with --init a trained one -> it, its data, its folder."""
    import npvae
    from npvae.cli.model_options import model_settings
    from npvae.models import LIKELIHOODS, MODELS
    from npvae.models.memory import memory_named
    from npvae.steps import Step
    from npvae.steps.threads import threads_that_pay

    if args.model not in MODELS:
        raise ValueError(f"--model {args.model!r} is unknown, choose one of {', '.join(MODELS)}")
    if args.out:
        check_place(args.out, "--out")
    reading = reading_of(args)
    config = trained_config(args)
    if config is not None:
        reading = reading.for_run(config["training"])
    else:
        reading = replace(
            reading,
            gaps=args.missing not in (None, "error"),
            counts=args.likelihood in LIKELIHOODS and LIKELIHOODS[args.likelihood].counts,
        )
    kind, settings = (args.model, {}) if config is None else (config["model"], config["model_settings"])
    holds_out, alphabet = args.patience is not None, settings.get("alphabet")
    if takes_graph(kind) and "--batch-size" in args.given:
        raise ValueError("--batch-size has no effect on a graph: each step takes all of it. Leave it out")
    train, valid, test = processes.in_turn(
        lambda: load_data(kind, args.dataset, args.data_dir, reading, holds_out, alphabet)
    )
    if train.note and not args.quiet:
        print(train.note)
    if config is None:
        model = MODELS[args.model](**model_settings(args, train))
        columns = None if model.takes in ("sequences", "graph") else columns_of(args, train)
        note = {"columns": asdict(columns)} if columns else {}
        config = {"model": args.model, "model_settings": model.config, "training": note}
        if columns and not args.quiet:
            print(f"{train.source}: numbers far from 1 or of unlike units: the model sees {columns}")
    else:
        model = npvae.load(args.init)
        if model.takes not in ("sequences", "graph"):
            check_same_shape(train, config, f"the run {args.init}")
    train, valid, test = (as_rows_of(config, part) for part in (train, valid, test))
    out = args.out or (new_folder(args.dataset) if processes.rank == 0 else Path("runs"))
    with removed_if_empty(out), memory_named(repr(model), model.params.flat.size, model.dtype):
        if not args.quiet:
            print(f"{model}\n{told_of(train, test)}")
            print(f"each step: {Step(model, args.batch_size)}")
            print("threads: {} ({})".format(*threads_that_pay(model, args.batch_size)))
        train_new(args, model, train, valid, test, out, reading, processes, config["training"].get("columns"))
    return model, train, test, out


def train_new(
    args: argparse.Namespace,
    model: Any,
    train: Any,
    valid: Any,
    test: Any,
    out: Path,
    reading: Reading,
    processes: Processes,
    columns: dict[str, Any] | None,
) -> None:
    """Train a model as the command line says, into a folder."""
    import npvae
    from npvae.data.registry import kept_name

    npvae.train(
        model,
        train,
        test,
        x_valid=valid,
        epochs=args.epochs if args.epochs is not None else default_epochs(args, len(train)),
        batch_size=args.batch_size,
        optimizer=args.optimizer,
        lr=LR if model.takes == "graph" and "--lr" not in args.given else args.lr,
        seed=args.seed,
        patience=args.patience,
        out=out,
        checkpoint_seconds=args.checkpoint_seconds,
        checkpoint_steps=args.checkpoint_steps,
        tensorboard=args.tensorboard,
        beta_schedule=args.beta_schedule,
        progress=not args.quiet,
        note={
            "dataset": kept_name(args.dataset),
            "data_dir": args.data_dir and os.path.abspath(args.data_dir.expanduser()),
            "image_shape": getattr(train, "image_shape", None),
            "reading": reading.as_config(),
            **({"column_names": train.columns} if getattr(train, "columns", None) else {}),
            **({"class_names": train.class_names} if getattr(train, "class_names", None) else {}),
            **({"init": str(args.init)} if args.init else {}),
            **({"columns": columns} if columns else {}),
        },
        comm=processes.comm,
    )


def go_on(args: argparse.Namespace, processes: Processes) -> tuple[Any, Any, Any, Path]:
    """Go on with a run -> its model, data, folder. ValueError for options that would change what it is."""
    import npvae
    from npvae.data.registry import kept_name
    from npvae.training import read_checkpoint

    others = [option for option in args.given if option not in WITH_RESUME] + ["--tensorboard"] * args.tensorboard
    if others:
        raise ValueError(
            f"{others[0]} cannot be given with --resume, which goes on with the settings of the run: leave it out"
        )
    config = read_checkpoint(args.resume).config
    kept = config["training"]
    if "dataset" not in kept and "--dataset" not in args.given:
        raise ValueError(
            f"{args.resume} was not trained from the command line and names no data: say --dataset, or "
            f"go on with it in Python, npvae.resume({str(args.resume)!r}, x_train)"
        )
    moved = args.dataset if "--dataset" in args.given else None
    holds_out, alphabet = kept["patience"] is not None, config["model_settings"].get("alphabet")
    parts = load_data(config["model"], *own_data(args.resume, kept, moved, args.data_dir), holds_out, alphabet)
    train, valid, test = (as_rows_of(config, part) for part in parts)
    note = {} if moved is None else {"dataset": kept_name(moved)}
    model = npvae.resume(
        args.resume,
        train,
        test,
        x_valid=valid,
        epochs=args.epochs,
        lr=args.lr if "--lr" in args.given else None,
        progress=not args.quiet,
        note=note,
        comm=processes.comm,
    )
    return model, train, test, args.resume


def trained_config(args: argparse.Namespace) -> dict[str, Any] | None:
    """The config of the run that --init names, if it does. ValueError for options that would change its model."""
    if args.init is None:
        return None
    from npvae.training import read_config

    others = [option for option in args.given if option in args.of_model - {"--beta-schedule"}]
    if others:
        raise ValueError(f"{others[0]} cannot be given with --init, which takes the model of that run: leave it out")
    return read_config(args.init)
