"""What the commands do with a run whose model takes one graph: vertices and edges in place of images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.cli.from_run import output_path, own_data, save_arrays, write_output

if TYPE_CHECKING:
    from npvae.data.links import Split

EPOCHS, LR = 200, 0.01  # of Kipf & Welling: a step is an epoch


def takes_graph(model: str) -> bool:
    """Whether models of this name take one graph."""
    from npvae.models import MODELS

    return model in MODELS and MODELS[model].takes == "graph"


def load_split(dataset: str, data_dir: Path | None) -> Split:
    """The graph to train on, and the edges held out for validation and for testing; always the same ones."""
    from npvae.data import load_graph, split_links

    return split_links(load_graph(dataset, data_dir))


def encode(args: argparse.Namespace, model: Any, config: dict[str, Any]) -> int:
    """An .npz with mu and logvar (V, L), or z; names or labels of the vertices if there are any."""
    import numpy as np

    path = output_path(args, ".npz")
    links = links_of(args, config)
    code = model.encode(links.graph)
    arrays = dict(zip(("mu", "logvar"), code, strict=True)) if model.has_posterior else {"z": code}
    if links.graph.names is not None:
        arrays["names"] = np.array(links.graph.names)
    if links.graph.labels is not None:
        arrays["labels"] = links.graph.labels
    save_arrays(path, arrays)
    print(path, ", ".join(f"{name} {array.shape}" for name, array in arrays.items()), f"of {links.source}")
    return 0


def reconstruct(args: argparse.Namespace, model: Any, config: dict[str, Any]) -> int:
    """The n most probable edges that the graph does not have, as .csv: two vertices, probability, 1 if held out.

    Held-out edges are among the missing ones: the model has not seen them.
    """
    import numpy as np

    from npvae.data.links import keys_of

    args.output = "missing_edges.csv"
    path = output_path(args, ".csv")
    links = links_of(args, config)
    pairs, probability = model.missing_edges(links.graph, args.n)
    V = links.graph.vertices
    held_out = np.isin(keys_of(pairs, V), keys_of(whole_graph(config, args), V))
    names = links.graph.names or range(V)
    rows = [
        f"{names[a]},{names[b]},{p:.6f},{int(out)}"
        for (a, b), p, out in zip(pairs.tolist(), probability, held_out, strict=True)
    ]
    write_output(path, "\n".join(["source,target,probability,held_out", *rows]) + "\n")
    print("\n".join(rows[:10]))
    print(f"{path}: {len(rows)} pairs, {held_out.sum()} of them edges that were held out")
    return 0


def whole_graph(config: dict[str, Any], args: argparse.Namespace) -> Any:
    """All edges (E, 2) of the run's graph, held-out ones too, the smaller vertex first."""
    from npvae.data import load_graph
    from npvae.data.links import distinct_edges

    return distinct_edges(load_graph(*_where(args, config)))


def links_of(args: argparse.Namespace, config: dict[str, Any]) -> Any:
    """The held-out links of the run's graph, with the rest of the graph. ValueError for another part or graph."""
    if args.part == "all":
        raise ValueError("--part all: a graph's held-out edges are those of --part test or --part train (validation)")
    _, valid, test = load_split(*_where(args, config))
    links, settings = valid if args.part == "train" else test, config["model_settings"]
    wanted = settings["vertices"], settings["features"]
    if links.sample_shape != wanted:
        raise ValueError(f"the graph is (V, F) = {links.sample_shape}, the model was trained on {wanted}")
    return links


def _where(args: argparse.Namespace, config: dict[str, Any]) -> tuple[str, Path | None]:
    kept = config.get("training", {})
    name = args.dataset or kept.get("dataset")
    if not name:
        raise ValueError(f"{args.folder} was not trained from the command line and names no data: say --dataset")
    return (name, args.data_dir) if args.dataset else own_data(args.folder, kept, None, args.data_dir)[:2]
