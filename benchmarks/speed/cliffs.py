"""Does a step stay fast when the circumstances are bad? Every case against the quiet step; 3 times is the limit.

    python benchmarks/speed/cliffs.py [--json FILE]

784-400-20-400-784, batch 128, Adam, float32, all cores. Run it on an idle machine: the busy programs are its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rounds import interleaved, machine, summary, table, write_json

import npvae
from npvae.kernels.team import pools
from npvae.steps import Step


def stepper(prepare: Callable[[npvae.VAE, npvae.Adam], None] = lambda vae, adam: None, N: int = 128) -> Callable:
    """A training step, after something was done to the model and the state of its optimiser."""
    rng = np.random.default_rng(0)
    x = rng.random((N, 784), dtype=np.float32)
    vae = npvae.VAE(784)
    adam, way, eps = npvae.Adam(vae.params), Step(vae, N), vae.draw_eps(N, rng)
    for _ in range(3):
        _, trace = way.forward(x, eps)
        adam.step(way.backward(trace))
    prepare(vae, adam)

    def step() -> None:
        _, trace = way.forward(x, eps)
        adam.step(way.backward(trace))

    return step


def denormal_state(vae: npvae.VAE, adam: npvae.Adam) -> None:
    adam.m[::2], adam.v[::2] = 1e-40, 1e-41


def dead_units(vae: npvae.VAE, adam: npvae.Adam) -> None:
    vae.params["encoder.0.b"][:] = -1e3


def spin(stop: object) -> None:
    while not stop.is_set():
        sum(range(10_000))


@contextmanager
def busy_programs(count: int):
    """So many other processes, each computing all the time."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    programs = [context.Process(target=spin, args=(stop,), daemon=True) for _ in range(count)]
    for program in programs:
        program.start()
    try:
        yield
    finally:
        stop.set()
        for program in programs:
            program.join()


def no_more_threads() -> Callable:
    """A step in a process that may start no thread."""
    start = threading.Thread.start

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    step = stepper()

    def alone() -> None:
        threading.Thread.start = refuse  # type: ignore[method-assign]
        try:
            if pools.team.helpers:
                pools.team.stop()
            step()
        finally:
            threading.Thread.start = start  # type: ignore[method-assign]

    return alone


def two_at_once() -> Callable:
    """A step while another Python thread of the process trains as well."""
    step, other = stepper(), stepper()

    def both() -> None:
        beside = threading.Thread(target=other)
        beside.start()
        step()
        beside.join()

    return both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(machine(), f"{pools.team.threads} threads, products: {pools.PRODUCTS}")
    cases = {
        "quiet": stepper(),
        "Adam's state denormal": stepper(denormal_state),
        "all units dead": stepper(dead_units),
        "two Python threads train": two_at_once(),
    }
    rows = summary(interleaved(cases, args.rounds))
    for count in (1, 2):
        with busy_programs(count):
            label = f"{count} busy program{'s' * (count > 1)} beside it"
            rows |= summary(interleaved({label: cases["quiet"]}, 3 * args.rounds))
    rows |= summary(interleaved({"no thread to be had": no_more_threads()}, args.rounds))
    print(table(rows, "ms", ["quiet"]))
    write_json(args.json, rows)


if __name__ == "__main__":
    main()
