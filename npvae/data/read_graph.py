"""One graph from a file: Cora by name, or any list of edges as a .csv or .npz."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from npvae.data.decoding import decoded
from npvae.data.files import MAX_BYTES, DataError, check_size, damage_as_data_error, file_size
from npvae.data.graph import Graph
from npvae.data.npy import npz_names, read_npz
from npvae.data.tables import cells_of, is_number, separator_of
from npvae.scalars import check_path

GRAPHS = ("cora",)
"""The graphs that `load_graph` knows by name."""

_ENDS = ("source", "from", "a", "u")  # how a header calls the first vertex of an edge
_MOST_COLUMNS = 4  # of an edge without a header: its two vertices, perhaps a weight and a time

_CSR = ("x_indptr", "x_indices", "x_shape")


def load_graph(name_or_path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None) -> Graph:
    r"""A graph by name or by path.

        cora    2,708 papers, 5,278 citations, of each paper which of 1,433 words it holds, and its field of 7

        a .csv  a line per edge: two names of vertices, numbers or words, with a comma, semicolon or tab between them,
                or blanks if there is none of these. More columns are not read, nor are lines that begin with # and a
                first line of names such as "source,target". A table of numbers is refused
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
    path = check_path("name_or_path", name_or_path)
    name = str(name_or_path).lower()
    if name in GRAPHS and not path.is_file():
        from npvae.data.local import find_local

        folder = data_dir or os.environ.get("NPVAE_DATA") or None
        return _of_npz(find_local(name, None if folder is None else Path(folder), name, f"{name}.npz"))
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
    wanted = ["edges", *(["features"] if "features" in names else []), *(_CSR if packed else ())]
    arrays = read_npz(path, wanted)
    labels = read_npz(path, ["labels"], texts=True)["labels"] if "labels" in names else None
    features = arrays.get("features")
    if packed and features is None:
        features = _unpacked(path, *(arrays[name] for name in _CSR))
    if features is not None and not np.isfinite(features).all():
        raise DataError(f"{path}: features hold numbers that are not finite: leave them out or mend them")
    vertices = None if features is None else len(features)
    return Graph(arrays["edges"], vertices, features, labels=labels, source=str(path))


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
        content = path.read_bytes()
    lines = [
        (number, [cell.strip() for cell in cells_of(line, separator_of(line))])
        for number, line in enumerate(decoded(path, content).splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    header = bool(lines) and _is_header([cells for _, cells in lines])
    rows = lines[1:] if header else lines
    if not rows:
        raise DataError(f"{path}: holds no edges: write one per line, two names with a comma between them")
    for number, cells in rows:
        _check_edge(f"{path}, line {number}", cells, header)
    names, numbers = np.unique(np.array([cells[:2] for _, cells in rows]), return_inverse=True)
    order = np.arange(len(names))
    if all(name.lstrip("-").isdecimal() for name in names):
        order = np.argsort([int(name) for name in names], kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(names))
    edges = place[numbers.reshape(-1, 2)]
    graph = Graph(edges, len(names), names=tuple(names[order].tolist()), source=str(path))
    more = max(len(cells) for _, cells in rows) - 2
    left_out = f"; left out: {more} column{'s' * (more > 1)} after the first two" if more else ""
    graph.note = f"{path}: {len(edges):,} lines of edges between {len(names):,} vertices{left_out}"
    return graph


def _is_header(rows: list[list[str]]) -> bool:
    """True if the first line names the columns: by a usual word, or as the only line whose ends are no numbers."""
    first, others = rows[0], rows[1:]
    if first[0].lower() in _ENDS:
        return True
    numbers = all(is_number(cell) for cells in others for cell in cells[:2])
    return bool(others) and numbers and not any(is_number(cell) for cell in first[:2])


def _check_edge(place: str, cells: list[str], header: bool) -> None:
    """DataError for a line that is no edge, or one of a table of numbers: two of these read as names would be noise."""
    found = ",".join(cells)[:60]
    if len(cells) < 2 or not cells[0] or not cells[1]:
        raise DataError(f"{place}: {found!r} is no edge, expected two names with a comma between")
    measured = all(is_number(cell) and not _is_whole(cell) for cell in cells[:2])
    if measured or (len(cells) > _MOST_COLUMNS and not header):
        what = "two numbers that are no names" if measured else f"{len(cells)} columns without a header line"
        raise DataError(
            f"{place}: {found!r} holds {what}, as of a table: rows of numbers are for --model vae; for a graph write "
            "one edge per line, its two vertices first"
        )


def _is_whole(cell: str) -> bool:
    return float(cell).is_integer()
