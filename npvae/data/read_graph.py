"""One graph from a file: Cora by name, or any list of edges as a .csv or .npz."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from npvae.data.files import MAX_BYTES, DataError, check_size, damage_as_data_error, file_size
from npvae.data.graph import Graph
from npvae.data.npy import npz_names, read_npz

GRAPHS = ("cora",)
"""The graphs that `load_graph` knows by name."""

_CSR = ("x_indptr", "x_indices", "x_shape")


def load_graph(name_or_path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None) -> Graph:
    r"""A graph by name or by path.

        cora    2,708 papers, 5,278 citations, of each paper which of 1,433 words it holds, and its field of 7

        a .csv  a line per edge: two names of vertices, numbers or words, with a comma, blank or tab between them;
                more columns are not read, lines that begin with # are left out, and so is a first line "source,target"
        a .npz  edges (E, 2) of numbers from 0 on; if there are any, features (V, F) and labels (V,). Features of zeros
                and ones may be stored by rows: x_indptr (V + 1,), x_indices, x_shape (V, F)

    data_dir is the folder of Cora's file, or its parent; by default the environment variable NPVAE_DATA.

    Raises DataError for an unknown name, a missing or damaged file, or what is no graph.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "friends.csv")
        ...     _ = path.write_text("ann,bob\nbob,cho\ncho,ann\ncho,dee\n")
        ...     graph = npvae.load_graph(path)
        >>> graph.vertices, len(graph.edges)
        (4, 4)
    """
    name = str(name_or_path).lower()
    if name in GRAPHS and not Path(name_or_path).is_file():
        from npvae.data.local import find_local

        folder = data_dir or os.environ.get("NPVAE_DATA") or None
        return _of_npz(find_local(name, None if folder is None else Path(folder), name, f"{name}.npz"))
    path = Path(os.path.expanduser(name_or_path))
    if path.suffix.lower() == ".npz":
        return _of_npz(path)
    if path.suffix.lower() in (".csv", ".tsv", ".txt", ".edges"):
        return _of_table(path)
    known = f"expected {', '.join(GRAPHS)}, or the path of a .csv or .npz with edges"
    raise DataError(f"{name_or_path}: is no graph: {known}")


def _of_npz(path: Path) -> Graph:
    names = npz_names(path)
    if "edges" not in names:
        raise DataError(f"{path}: holds {', '.join(names) or 'no arrays'}: name the edges (E, 2) edges")
    packed = all(name in names for name in _CSR)
    wanted = ["edges", *(name for name in ("features", "labels") if name in names), *(_CSR if packed else ())]
    arrays = read_npz(path, wanted)
    features = arrays.get("features")
    if packed and features is None:
        features = _unpacked(path, *(arrays[name] for name in _CSR))
    if features is not None and not np.isfinite(features).all():
        raise DataError(f"{path}: features hold numbers that are not finite: leave them out or mend them")
    vertices = None if features is None else len(features)
    return Graph(arrays["edges"], vertices, features, labels=arrays.get("labels"), source=str(path))


def _unpacked(path: Path, indptr: np.ndarray, indices: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Features (V, F) of zeros and ones, from the columns of the ones of each row."""
    with damage_as_data_error(path, "save it again"):
        V, F = (int(size) for size in shape)
        check_size(path, 4 * V * F, MAX_BYTES)
        row = np.repeat(np.arange(V), np.diff(indptr))
        if len(row) != len(indices) or (len(indices) and (indices.min() < 0 or indices.max() >= F)):
            raise DataError(f"{path}: x_indptr, x_indices and x_shape do not fit together: save it again")
        features = np.zeros((V, F), np.float32)
        features[row, indices] = 1
        return features


def _of_table(path: Path) -> Graph:
    check_size(path, file_size(path), MAX_BYTES)
    with damage_as_data_error(path, "write one edge per line: two names with a comma between them"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    rows: list[list[str]] = []
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#") or (number == 1 and words[0].lower() in ("source", "from", "a", "u")):
            continue
        if len(words) < 2:
            raise DataError(f"{path}, line {number}: {line[:60]!r} is no edge, expected two names with a comma between")
        rows.append(words[:2])
    if not rows:
        raise DataError(f"{path}: holds no edges: write one per line, two names with a comma between them")
    names, numbers = np.unique(np.array(rows), return_inverse=True)
    order = np.arange(len(names))
    if all(name.lstrip("-").isdecimal() for name in names):
        order = np.argsort([int(name) for name in names], kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(names))
    edges = place[numbers.reshape(-1, 2)]
    return Graph(edges, len(names), names=tuple(names[order].tolist()), source=str(path))
