"""The training loop. Its middle is five lines; what stands around them watches and writes down."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from npvae.data import minibatches
from npvae.optim import OPTIMIZERS
from npvae.training.evaluate import evaluate
from npvae.training.guard import check_finite
from npvae.training.progress import Progress
from npvae.training.run_folder import append_metrics, save_model, start_run


def train(
    model: Any,
    x_train: Any,
    x_test: Any = None,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: str = "adam",
    lr: float | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: bool = True,
    note: dict[str, Any] | None = None,
) -> Any:
    """Train a model in place and return it; `model.history` has one row an epoch.

    x_train, x_test  (N, D) float arrays, or npvae.data.Images; the test loss is taken once an epoch
    optimizer        "adam", "adagrad" or "sgd"; lr None for its own default
    seed             of the order of the samples and of the noise; the weights' seed is the model's
    out              folder of the run to write: config.json, metrics.jsonl, model.npz (each epoch); None writes nothing
    note             more to keep in config.json under "training", such as where the data came from

    A row: epoch, train_loss, train_nll, train_kl (means over the epoch's batches, weighted by their sizes, each taken
    before its step), test_loss, test_nll, test_kl (None without x_test), all in nats a sample, and seconds, the wall
    time of the epoch with its test.

    ValueError for data that does not fit the model or its likelihood, for settings out of range, and for a folder
    that holds a run already; all before anything is computed. NonFiniteError if the loss or a gradient is not finite.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer {optimizer!r} is unknown, choose one of {', '.join(OPTIMIZERS)}")
    check_data(model, x_train, "x_train")
    if x_test is not None:
        check_data(model, x_test, "x_test")
    opt = OPTIMIZERS[optimizer](model.params, **({} if lr is None else {"lr": lr}))
    settings = {"epochs": epochs, "batch_size": batch_size, "optimizer": optimizer, "lr": opt.lr, "seed": seed}
    folder = None if out is None else start_run(out, model, settings | (note or {}))
    saved = "" if folder is None else f"The model of the last whole epoch is in {folder}."

    rng, test_rng = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(2))
    model.history = []
    with closing(Progress(progress, epochs, len(x_train))) as show:
        for epoch in range(1, epochs + 1):
            start, totals = time.perf_counter(), np.zeros(3)
            show.start_epoch(epoch)
            for step, x in enumerate(minibatches(x_train, batch_size, rng)):
                x = x.astype(model.dtype, copy=False)
                eps = model.draw_eps(len(x), rng)
                loss, trace = model.forward(x, eps)
                grads = model.backward(trace)
                check_finite(loss, trace, grads, epoch=epoch, step=step, saved=saved)
                opt.step(grads)

                terms = (loss, float(trace.nll.mean()), float(trace.kl.mean()))
                totals += np.multiply(terms, len(x))
                show.step(len(x), *terms)
            row: dict[str, Any] = {"epoch": epoch}
            row |= dict(zip(("train_loss", "train_nll", "train_kl"), (totals / len(x_train)).tolist(), strict=True))
            tested = {} if x_test is None else evaluate(model, x_test, test_rng)
            row |= {f"test_{term}": tested.get(term) for term in ("loss", "nll", "kl")}
            row["seconds"] = round(time.perf_counter() - start, 4)
            model.history.append(row)
            if folder is not None:
                save_model(folder, model)
                append_metrics(folder, row)
            show.end_epoch(row)
    return model


def check_data(model: Any, x: Any, name: str) -> None:
    """ValueError if x is not (N, D) data that the model and its likelihood can explain."""
    shape = tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
    if len(shape) != 2 or shape[0] == 0 or shape[1] != model.data_dim:
        mend = f": pass {name}.reshape(len({name}), -1)" if len(shape) > 2 else ""
        raise ValueError(f"{name} has shape {shape}, expected (N, D) with N >= 1 and D = {model.data_dim}{mend}")
    values = x[:1000] if getattr(x, "mapped", False) else x  # a map's batches are checked as they are read
    try:
        model.likelihood.check(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None
    if x.dtype.kind != "f":
        mend = f"pass {name}.astype({model.dtype.name!r}), or npvae.data.Images({name})"
        raise ValueError(f"{name} holds {x.dtype}, expected floats: {mend}")
