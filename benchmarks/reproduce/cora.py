"""Links between papers: AUC and AP of held-out citations of Cora, over splits, beside the published numbers.

    python benchmarks/reproduce/cora.py --data-dir DIR [--splits 10] [--epochs 200] [--minutes 5] [--quick]

Kipf & Welling (2016), "Variational Graph Auto-Encoders", table 1: 10 % of the citations for testing, 5 % for
validation; 32 and 16 units, Adam with 0.01 over 200 epochs, of which the last counts. Their ± is over initialisations
on fixed splits; here every run has a split of its own, because splits differ far more, and the standard error is
printed.
Rows of features are taken as they are; --normalise shows what it costs to make them sum to 1. What was stopped goes on
with the same command.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from resumable import Clock, Finished, add_options, begin, end, trained

import npvae
from npvae.data import Graph, load_graph, split_links
from npvae.data.links import distinct_edges, keys_of

PUBLISHED = {  # (model, with features): AUC, AP in percent
    ("graph_vae", True): (91.4, 92.6),
    ("graph_autoencoder", True): (91.0, 92.0),
    ("graph_vae", False): (84.0, 87.7),
    ("graph_autoencoder", False): (84.3, 88.1),
}
MODELS = {"graph_vae": npvae.GraphVAE, "graph_autoencoder": npvae.GraphAutoencoder}


def validate(graph: Graph, seed: int) -> None:
    """The parts of a split share no edge, and no pair that is called none is one."""
    train, valid, test = split_links(graph, seed)
    keys = [keys_of(pairs, graph.vertices) for pairs in (train.edges, valid.edges, test.edges)]
    whole = keys_of(distinct_edges(graph), graph.vertices)
    assert np.array_equal(np.sort(np.concatenate(keys)), whole)
    others = keys_of(np.concatenate([valid.non_edges, test.non_edges]), graph.vertices)
    assert len(np.unique(others)) == len(others)
    assert not np.isin(others, whole).any()


def run(kind: str, graph: Graph, seed: int, epochs: int, folder: Path, clock: Clock) -> dict[str, Any] | None:
    """Train on one split, and measure its test links after the last epoch; None if the time is over before that."""
    train, _, test = split_links(graph, seed)
    model = trained(
        folder, lambda: MODELS[kind](*train.sample_shape, seed=seed), train, epochs, clock, chunk=50, lr=0.01, seed=seed
    )
    if model is None:
        return None
    seconds = sum(row["seconds"] for row in model.history)
    return model.held_out(test) | {"kl": model.history[-1]["train_kl"], "seconds": seconds}


def main(argv: list[str] | None = None) -> int:
    """Train every model on every split and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, "reproduce-cora")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--normalise", action="store_true", help="make the features of each paper sum to 1")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    splits, epochs = (min(args.splits, 2), min(args.epochs, 50)) if args.quick else (args.splits, args.epochs)
    folder = folder / f"{epochs}-epochs{'-normalised' if args.normalise else ''}"
    graph = load_graph("cora", args.data_dir)
    features = np.asarray(graph.features)
    if args.normalise:
        features = features / np.maximum(features.sum(axis=1, keepdims=True), 1)
    graphs = {
        True: Graph(graph.edges, graph.vertices, features),
        False: Graph(graph.edges, graph.vertices),
    }
    for seed in range(splits):
        validate(graph, seed)
    print(f"{splits} splits, {epochs} epochs, one initialisation each; percent, mean ± standard error of it\n")
    print(f"{'model':<20}{'features':<10}{'AUC':>14}{'published':>11}{'AP':>16}{'published':>11}{'KL':>8}{'s':>8}")
    finished, unfinished = Finished(folder / "finished.json"), 0
    for (kind, with_features), published in PUBLISHED.items():
        if kind not in args.models:
            continue
        found = []
        for seed in range(splits):
            name = f"{kind}-{'features' if with_features else 'none'}-{seed}"
            found.append(
                finished.get(
                    name,
                    lambda kind=kind, part=graphs[with_features], seed=seed, name=name: run(
                        kind, part, seed, epochs, folder / name, clock
                    ),
                )
            )
        done = [row for row in found if row is not None]
        unfinished += len(found) - len(done)
        if done:
            print(_row(kind, with_features, done, published), flush=True)
    told = f"{unfinished} trainings are still to be done" if unfinished else ""
    return end(folder, told, epochs=epochs, finished=finished.results)


def _row(kind: str, with_features: bool, found: list[dict[str, Any]], published: Any) -> str:
    cells = []
    for name, there in zip(("auc", "ap"), published, strict=True):
        values = 100 * np.array([row[name] for row in found])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        cells.append(f"{values.mean():.2f} ± {error:.2f}{there:>11.1f}")
    kl, seconds = (np.mean([row[name] for row in found]) for name in ("kl", "seconds"))
    return f"{kind:<20}{'yes' if with_features else 'no':<10}{cells[0]:>25}{cells[1]:>27}{kl:>8.1f}{seconds:>8.1f}"


if __name__ == "__main__":
    sys.exit(main())
