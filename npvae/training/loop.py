"""Training from a state to its end: reports, saves, stops and resumes around the loop of `npvae.training.descent`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from npvae.backend import when_compiling
from npvae.models.entrance import check_data, check_model
from npvae.models.memory import memory_named
from npvae.models.variance_start import start_variance_at_data
from npvae.optim.checks import check_positive
from npvae.scalars import check_path
from npvae.steps import Step
from npvae.training.checkpoint import read_checkpoint, restore
from npvae.training.descent import descend
from npvae.training.environment import EnvironmentWarning, differences, environment
from npvae.training.evaluate import held_out_losses
from npvae.training.guard import check_params
from npvae.training.interruption import Interruption
from npvae.training.latents_in_use import what_to_try
from npvae.training.processes import Processes
from npvae.training.progress import Progress
from npvae.training.run_writer import RunWriter, check_free, make_config
from npvae.training.schedules import read_schedule, set_fraction
from npvae.training.settings import Settings
from npvae.training.state import TrainingState
from npvae.training.tensorboard import writer_class
from npvae.training.training_data import check_same_data, describe

OnEpoch = Callable[[Any, dict[str, Any]], object]


def train(
    model: Any,
    x_train: Any,
    x_test: Any = None,
    *,
    x_valid: Any = None,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: str = "adam",
    lr: float | None = None,
    seed: int = 0,
    patience: int | None = None,
    out: str | Path | None = None,
    checkpoint_seconds: float | None = 30.0,
    checkpoint_steps: int | None = None,
    tensorboard: bool = False,
    beta_schedule: str = "constant",
    progress: bool = True,
    note: dict[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
    comm: Any = None,
) -> Any:
    """Train a model in place and return it; `model.history` has one row per epoch.

    x_train, x_test, x_valid  (N, D) float arrays or memory maps, or npvae.data.Images. The loss on x_valid, taken once
                     per epoch, decides which epoch is the best; without x_valid the one on x_test does, and is then no
                     test any more. With x_valid the test loss is only recorded
    optimizer        "adam", "adagrad" or "sgd"; lr None for its own default
    seed             of the order of the samples and of the noise; the weights' seed is the model's
    patience         stop after so many epochs in a row without a lower held-out loss, and return the model of the
                     best epoch; None trains all epochs and returns the last
    out              folder of the run to write (see npvae.training.run_folder); None writes nothing
    checkpoint_seconds, checkpoint_steps  how often checkpoint.npz is written: whichever comes first, None for never.
                     It is always written at the start, at the end and when training is interrupted
    tensorboard      also write event files, into out/tensorboard (needs the extra "tensorboard")
    beta_schedule    how the weight of the KL term grows, see npvae.training.schedules: "constant", "linear:E" or
                     "cyclical:E", E in epochs
    on_epoch         called after each epoch as on_epoch(model, row), once its row is written; what it raises ends the
                     training, which can be resumed. Of several processes only process 0 calls it
    note             more to keep in config.json under "training", such as where the data came from
    comm             a communicator of mpi4py: all its processes call this alike and train as one, each on its share
                     of every batch (npvae.training.processes). Process 0 writes and reports

    A row: epoch, train_loss, train_nll, train_kl (means over the epoch's batches, weighted by their sizes, each taken
    before its step), test_loss, test_nll, test_kl (None without x_test), with x_valid also valid_loss, valid_nll,
    valid_kl, all in nats per sample, and seconds, the wall time of the epoch with its test.

    A learned variance starts at the data's, unless the model was built with a logvar of its own: config.json keeps it
    as "logvar_start" (npvae.models.variance_start).

    The first Ctrl-C, SIGTERM or SIGHUP (on Windows Ctrl-Break) lets the batch end, saves, and returns the model as
    trained so far, with `model.history.interrupted` saying where; a second raises KeyboardInterrupt. `resume` goes on
    from there, or from the last checkpoint of a run that was killed, and ends with the same bits as if nothing had
    happened.

    Raises ValueError for data that does not fit the model or its likelihood, for settings out of range, and for a
    folder that holds a run already; all before anything is computed. Raises NonFiniteError if the loss or a gradient
    is not finite.
    Raises OSError if the run cannot be written: the checkpoint from before is then still whole.

    Example:
        >>> x = np.random.default_rng(0).random((100, 9), dtype=np.float32)
        >>> vae = npvae.train(npvae.VAE(9, hidden=(8,), latent_dim=2), x, epochs=3, batch_size=20, progress=False)
        >>> [row["epoch"] for row in vae.history]
        [1, 2, 3]
        >>> bool(vae.history[-1]["train_loss"] < vae.history[0]["train_loss"])
        True
    """
    check_model(model)
    if on_epoch is not None and not callable(on_epoch):
        raise ValueError(f"on_epoch is {on_epoch!r}, expected a function of a model and a row, or None")
    folder = None if out is None else check_path("out", out)
    with (
        Processes(comm) as processes,
        memory_named(repr(model), model.params.flat.size, model.params.flat.dtype),
    ):
        if processes.rank > 0:
            folder, tensorboard, progress = None, False, False
        settings = Settings(
            epochs,
            batch_size,
            optimizer,
            lr,
            seed,
            patience,
            checkpoint_seconds,
            checkpoint_steps,
            tensorboard,
            beta_schedule,
        )
        state = TrainingState.start(model, settings)
        settings = replace(settings, lr=state.optimizer.lr)
        _check(model, settings, x_train, x_test, x_valid)
        processes.check_model(model)
        config: dict[str, Any] = {}
        if folder is not None:
            config = make_config(model, asdict(settings) | (note or {}))
            check_free(folder)
        logvar = start_variance_at_data(model, x_train)
        if logvar is not None and config:
            config["training"]["logvar_start"] = logvar
        if tensorboard:
            writer_class()
            if folder is None:
                raise ValueError("tensorboard is on, but there is no folder to write to: give out as well")
        model.history = state.history
        data = {} if folder is None else describe(x_train, x_test, x_valid)
        writer = RunWriter(folder, config, data, settings, processes.size)
        return _train(state, settings, x_train, x_test, x_valid, writer, progress, processes, on_epoch)


def resume(
    run: str | Path,
    x_train: Any,
    x_test: Any = None,
    *,
    x_valid: Any = None,
    epochs: int | None = None,
    lr: float | None = None,
    progress: bool = True,
    note: dict[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
    comm: Any = None,
) -> Any:
    """Go on with the training of a run from its last checkpoint, in the middle of an epoch if need be; the model.

    The data must be those that the run was started with; the settings are the run's, but `epochs`, if given, is the
    new number in all, and `lr` the learning rate from here on. Without a new `lr`, what comes out has the same bits as
    an uninterrupted training, on the same machine with the same versions, threads and processes; if these differ there
    is an EnvironmentWarning that says how. A run that is finished is returned as it is. `note`, `on_epoch` and `comm`
    are as for `train`; it need not be of as many processes as before.

    Raises RunError if the folder holds no run, or a damaged one. Raises ValueError for other data. Else as `train`.

    Example:
        >>> import tempfile
        >>> x = np.random.default_rng(0).random((40, 9), dtype=np.float32)
        >>> with tempfile.TemporaryDirectory() as run:
        ...     vae = npvae.train(npvae.VAE(9, (8,), 2), x, epochs=1, batch_size=20, out=run, progress=False)
        ...     longer = npvae.resume(run, x, epochs=2, progress=False)
        >>> len(vae.history), len(longer.history)
        (1, 2)
    """
    run = check_path("run", run)
    with Processes(comm) as processes:
        checkpoint = read_checkpoint(run)
        state, settings = restore(checkpoint, run)
        if epochs is not None:
            settings = settings.with_epochs(epochs, begun=state.epoch - (state.seen == 0))
            checkpoint.config["training"]["epochs"] = epochs
        if lr is not None:
            check_positive("resume", lr=lr)
            settings = replace(settings, lr=lr)
            state.optimizer.lr = checkpoint.config["training"]["lr"] = lr
        _check(state.model, settings, x_train, x_test, x_valid)
        processes.check_model(state.model)
        data = describe(x_train, x_test, x_valid)
        check_same_data(checkpoint.about["data"], data, checkpoint.config["training"].get("dataset", ""))
        checkpoint.config["training"] |= note or {}
        backend = state.model.config["backend"]
        changed = differences(checkpoint.about["environment"], environment(backend, processes.size))
        if changed and processes.rank == 0:
            message = f"resume: {changed}. Training goes on, but its last bits may differ from an uninterrupted run's"
            warnings.warn(message, EnvironmentWarning, stacklevel=2)
        folder = run if processes.rank == 0 else None
        writer = RunWriter(folder, checkpoint.config, data, settings, processes.size)
        progress = progress and processes.rank == 0
        return _train(state, settings, x_train, x_test, x_valid, writer, progress, processes, on_epoch)


def _train(
    state: TrainingState,
    settings: Settings,
    x_train: Any,
    x_test: Any,
    x_valid: Any,
    writer: RunWriter,
    progress: bool,
    processes: Processes,
    on_epoch: OnEpoch | None,
) -> Any:
    """Train from the state to the end of the settings, or to an interruption."""
    model, optimizer, rng = state.model, state.optimizer, state.rng
    state.history.objective = model.config.get("objective", "")
    step, fraction_at = Step(model, settings.batch_size), read_schedule(settings.beta_schedule)

    def batches() -> Iterator[tuple[int, Any]]:
        for n, x in state.batches(x_train, settings.batch_size, processes):
            set_fraction(model, fraction_at(state.position(len(x_train))))
            yield n, x

    def place(n: int) -> dict[str, Any]:
        return state.place(n, processes) | {"saved": writer.saved}

    with (
        closing(Progress(progress, state, settings.epochs, len(x_train))) as show,
        writer,
        Interruption() as interruption,
        np.errstate(all="ignore"),  # check_finite says it better, and stops
        when_compiling(model.config["backend"], show.compiling),
    ):
        check_params(model.params, step=state.step)
        processes.check_same(model.params, step=state.step)
        if state.finished(settings) and processes.rank == 0:
            show.say(f"nothing is left to train: the run has ended with epoch {state.epoch - 1}. More epochs go on")
        writer.begin(state)
        while not state.finished(settings) and not processes.any(interruption.asked):
            show.start_epoch(state.epoch)
            for n, loss, trace in descend(model, step, optimizer, batches(), rng, place, processes):
                terms = state.count(n, loss, trace, processes)
                show.step(n, *terms)
                writer.save_if_due(state)
                if processes.any(interruption.asked):
                    break
            else:
                check_params(model.params, step=state.step, saved=writer.saved)
                processes.check_same(model.params, step=state.step)
                set_fraction(model, 1.0)
                row = state.end_epoch(*held_out_losses(state, settings, x_test, x_valid, processes, writer.saved))
                writer.end_epoch(row)
                show.end_epoch(row)
                if on_epoch is not None and processes.rank == 0:
                    on_epoch(model, row)
        set_fraction(model, 1.0)
        writer.save(state)
        if not state.finished(settings):
            state.history.interrupted = _where_it_stopped(interruption, state, writer)
            if processes.rank == 0:
                show.say(state.history.interrupted)
        elif settings.patience is not None and state.best is not None:
            model.params.flat[:] = state.best.params
            writer.save_model(model)
        if progress and state.finished(settings) and (line := what_to_try(model, x_train, state.step)):
            show.say(line)
    return model


def _check(model: Any, settings: Settings, x_train: Any, x_test: Any, x_valid: Any) -> None:
    for name, x in (("x_train", x_train), ("x_test", x_test), ("x_valid", x_valid)):
        if x is not None or name == "x_train":
            check_data(model, x, name)
    if settings.patience is not None and x_valid is None and x_test is None:
        raise ValueError(f"patience is {settings.patience}, but there is no held-out data to judge by: give x_valid")


def _where_it_stopped(interruption: Interruption, state: TrainingState, writer: RunWriter) -> str:
    name = interruption.asked.name if interruption.asked else "a signal"
    stopped = f"stopped by {name} in epoch {state.epoch}, after step {state.step:,}"
    if writer.folder is None:
        return f"{stopped}; nothing is saved, the model is as trained so far"
    if "dataset" in writer.config["training"]:
        return f"{stopped}, and saved. Go on with: npvae train --resume {writer.folder}"
    return f"{stopped}, and saved. Go on with: npvae.resume({str(writer.folder)!r}, ...) and the same data"
