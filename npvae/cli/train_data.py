"""What `npvae train` trains on: data of each kind are loaded, described and made comparable, for a number of epochs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.cli.graphs import EPOCHS, load_split, takes_graph
from npvae.cli.sequences import load_lines, takes_sequences

if TYPE_CHECKING:
    from npvae.data.columns import Columns
    from npvae.data.reading import Reading

LEAST_STEPS = 1000  # of a training without --epochs


def load_data(
    model: str, dataset: str, data_dir: Path | None, reading: Reading, holds_out: bool, alphabet: str | None = None
) -> tuple[Any, Any, Any]:
    """What a model of this name trains on, stops by (None unless wanted) and is tested on: images, or lines."""
    from npvae.data import DATASETS, GRAPHS, hold_out
    from npvae.data.registry import load_parts
    from npvae.data.split import with_test
    from npvae.data.text import SEQUENCES

    train: Any
    test: Any
    known = dataset.lower().replace("_", "-")
    if takes_sequences(model) and known in DATASETS and not Path(dataset).exists():
        raise ValueError(f"{dataset} are images, --model {model} takes lines of text: add --model vae, or give a file")
    if takes_graph(model):
        for name in reading.chosen():
            raise ValueError(f"--{name.replace('_', '-')} is for images, --model {model} takes a graph: leave it out")
        return load_split(dataset, data_dir)
    if takes_sequences(model):
        train, test = load_lines(dataset, data_dir, reading, alphabet)
    elif dataset.lower() in SEQUENCES:
        raise ValueError(f"{dataset} are sequences, --model {model} takes images: add --model sequence_vae")
    elif dataset.lower() in GRAPHS:
        raise ValueError(f"{dataset} is a graph, --model {model} takes images: add --model graph_vae")
    else:
        train, test = with_test(*load_parts(dataset, data_dir, reading))
    train, valid = hold_out(train) if holds_out else (train, None)
    return train, valid, test


def told_of(train: Any, test: Any) -> str:
    """How much there is to train on and to test, and what losses are counted by."""
    if getattr(train, "kind", "") == "graph":
        edges = f"{len(train.edges):,} edges to train on, {len(test.edges):,} to test"
        return f"{train.vertices:,} vertices, {edges}; losses in nats per vertex, of held-out edges per pair"
    one = word_for(train)
    return f"{len(train):,} {one}s to train on, {len(test):,} to test; losses in nats per {one}"


def word_for(data: Any) -> str:
    """What one of the data is called: a sequence, an image, or a sample where rows of numbers are no image."""
    if getattr(data, "kind", "") == "sequences":
        return "sequence"
    return "image" if min(data.image_shape[:2]) > 1 else "sample"


def columns_of(args: argparse.Namespace, train: Any) -> Columns | None:
    """How the columns of the user's data are made comparable for a likelihood of real numbers; None if they stay."""
    from npvae.data import DATASETS
    from npvae.data.columns import Columns
    from npvae.data.registry import kept_name

    of_real_numbers = str(args.likelihood).startswith("gaussian") or args.likelihood == "squared_error"
    if not of_real_numbers or kept_name(args.dataset).lower().replace("_", "-") in DATASETS:
        return None
    return Columns.needed(train)


def default_epochs(args: argparse.Namespace, rows: int) -> int:
    """Epochs for at least LEAST_STEPS steps: small data needs more of them."""
    if takes_graph(args.model):
        return EPOCHS
    if args.dataset == "digits":
        return 400
    return max(10, -(-LEAST_STEPS // -(-rows // max(1, args.batch_size))))
