"""What the reproductions share: a training in one file, which can be stopped anywhere and gone on with bit for bit.

training = Training.open(folder / "iwae-5.npz", model, optimizer, seed)
while training.epoch < epochs and not clock.over():
    training.run_epoch(x, batch_size)
    training.rows.append({...})
    training.save()
"""

import json
import os
import platform
import shutil
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae.steps import Step
from npvae.training import read_checkpoint
from npvae.training.descent import descend
from npvae.training.environment import environment


class Clock:
    """Says when the minutes that a run may take are over."""

    def __init__(self, minutes):
        self.end = float("inf") if minutes is None else time.monotonic() + 60 * minutes

    def over(self):
        """True from then on."""
        return time.monotonic() >= self.end


@dataclass
class Training:
    """A model, its optimiser and its generator after so many epochs, with the rows that were written on the way."""

    path: Path
    model: Any
    optimizer: Any
    rng: np.random.Generator
    settings: dict  # a file that was begun with others is refused
    epoch: int = 0
    seconds: float = 0.0  # of training alone
    rows: list = field(default_factory=list)

    @classmethod
    def open(cls, path, model, optimizer, seed, **settings):
        """The state in the file if there is one, else the start. ValueError if it was begun with other settings."""
        optimizer_settings = {"optimizer": type(optimizer).__name__, "lr": optimizer.lr}
        settings = json.loads(json.dumps(settings | optimizer_settings | {"model": model.config, "seed": seed}))
        self = cls(Path(path), model, optimizer, np.random.default_rng([seed, 1]), settings)
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self
        with np.load(self.path, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            if about["settings"] != settings:
                changed = sorted(name for name in settings if about["settings"].get(name) != settings[name])
                raise ValueError(f"{path} was begun with another {', '.join(changed)}: choose another --out")
            model.params.flat[:] = arrays["params"]
            optimizer.load_state({name: arrays[f"optimizer/{name}"] for name in optimizer.state()})
        self.rng.bit_generator.state = about["rng"]
        self.epoch, self.seconds, self.rows = about["epoch"], about["seconds"], about["rows"]
        return self

    def save(self):
        """Whole or not at all: written beside the file, then moved over it."""
        about = {"settings": self.settings, "rng": self.rng.bit_generator.state, "epoch": self.epoch}
        about |= {"seconds": self.seconds, "rows": self.rows}
        arrays = {f"optimizer/{name}": array for name, array in self.optimizer.state().items()}
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        beside = self.path.with_suffix(".tmp.npz")
        np.savez(beside, about=text, params=self.model.params.flat, **arrays)
        os.replace(beside, self.path)

    def run_epoch(self, x, batch_size, *, binarize=False, weight_decay=0.0):
        """One pass over x in a new order; with `binarize` every batch is drawn from its grey values anew.

        weight_decay is added to the gradient, times the parameters. Returns the mean loss, in nats.
        """
        model, start, total = self.model, time.perf_counter(), 0.0
        steps, optimizer = count(1), Decayed(self.optimizer, weight_decay) if weight_decay else self.optimizer

        def place(n):
            return {"epoch": self.epoch + 1, "step": next(steps)}

        batches = self.batches(x, batch_size, binarize)
        for n, loss, _ in descend(model, Step(model, batch_size), optimizer, batches, self.rng, place):
            total += loss * n
        self.epoch += 1
        self.seconds += time.perf_counter() - start
        return total / len(x)

    def batches(self, x, batch_size, binarize):
        """Sizes and batches of an epoch, each drawn from its grey values if asked."""
        for batch in npvae.minibatches(x, batch_size, self.rng):
            yield len(batch), binarized(batch, self.rng) if binarize else batch


def trained(run, new_model, data, epochs, clock, *, chunk=1, **options):
    """The model of `npvae.train` after so many epochs, in the folder `run`; None if the clock ends before.

    A run that was stopped, or killed, goes on from its checkpoint and ends with the same bits. The clock is looked at
    after every `chunk` epochs; `options` are those of `npvae.train`.
    """
    if clock.over():
        return None
    if not (run / "checkpoint.npz").exists():
        shutil.rmtree(run, ignore_errors=True)  # killed before its first checkpoint
        npvae.train(new_model(), data, epochs=min(chunk, epochs), out=run, progress=False, **options)
    while (done := read_checkpoint(run).about["epoch"] - 1) < epochs:
        if clock.over():
            return None
        npvae.resume(run, data, epochs=min(done + chunk, epochs), progress=False)
    return npvae.load(run)


class Finished:
    """Results by key in one JSON file, written whole after each: what is there is not computed again."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.results = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def get(self, key, compute):
        """The result of this key, computed if it is not there; None, and not kept, if `compute` gives None."""
        if key not in self.results:
            found = compute()
            if found is None:
                return None
            self.results[key] = found
            beside = self.path.with_suffix(".tmp")
            beside.write_text(json.dumps(self.results), encoding="utf-8")
            os.replace(beside, self.path)
        return self.results[key]


class Decayed:
    """An optimiser whose gradients have weight_decay times the parameters added."""

    def __init__(self, optimizer, weight_decay):
        self.optimizer, self.weight_decay = optimizer, weight_decay

    def step(self, grads):
        """Add the decay, in place, and step."""
        grads.flat[:] += self.weight_decay * self.optimizer.params.flat
        self.optimizer.step(grads)


def binarized(x, rng):
    """Every pixel 1 with its grey value as probability, else 0; dtype kept."""
    return (rng.random(x.shape, dtype=x.dtype) < x).astype(x.dtype)


def spread(x, rows):
    """At most so many rows of x, evenly spaced: the first ones of a test set may be harder than the rest."""
    return np.ascontiguousarray(x[np.linspace(0, len(x) - 1, min(rows, len(x))).astype(int)])


def mean_bound(model, x, rng, rows=1000):
    """Minus the model's own objective on x, mean over the samples, in nats, one forward."""
    total = 0.0
    for start in range(0, len(x), rows):
        part = np.ascontiguousarray(x[start : start + rows])
        total += model.forward(part, model.draw_eps(len(part), rng))[0] * len(part)
    return -total / len(x)


def add_options(parser, out):
    """--data-dir, --out, --quick, --minutes, the same for every reproduction."""
    parser.add_argument("--data-dir", help="folder of the data sets (default: the variable NPVAE_DATA)")
    parser.add_argument("--out", type=Path, default=Path("runs") / out, help="folder of states and results")
    parser.add_argument("--quick", action="store_true", help="a much shorter schedule, in minutes; its own folder")
    parser.add_argument("--minutes", type=float, help="stop at the next epoch after so long; the same command goes on")


def begin(args):
    """The clock and the folder of this run; --quick has a folder of its own and ends after four minutes at most."""
    folder = args.out.with_name(args.out.name + "-quick") if args.quick else args.out
    folder.mkdir(parents=True, exist_ok=True)
    return Clock(args.minutes or (4 if args.quick else None)), folder


def machine():
    """What a table of results has to say about where it came from."""
    found = environment("numba")
    cpu = platform.processor() or "unknown"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "default")
    return f"{cpu}, {found['cpus']} cores, BLAS threads {threads}, numpy {found['numpy']}, numba {found['numba']}"


def write_results(folder, **results):
    """results.json in the folder of the run."""
    text = json.dumps(results | {"machine": machine()}, indent=1)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")


def end(folder, unfinished, **results):
    """Write the results and say what is unfinished, if anything is; the exit code, 0."""
    if unfinished:
        print(f"{unfinished}; the same command goes on")
    write_results(folder, **results)
    return 0
