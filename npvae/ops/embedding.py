"""A row of a table for every id: letters become vectors.

Forward
    y[n, t, e] = table[ids[n, t], e]                                                             (1)
Backward
    dtable[v, e] = sum(dy[n, t, e] if ids[n, t] == v else 0 for n in range(N) for t in range(T)) (2)
Derivation
    y[n, t] is a copy of the row ids[n, t], so its slope in that row is 1 and in all others 0. A row that was copied to
    several places is on as many paths to the loss, and its gradient is the sum over them: (2). It is the product of
    the table with one-hot rows, without the ones and zeros: y = onehot @ table and dtable = onehot.T @ dy.

`dtable[ids] += dy` looks right and is not: NumPy reads, adds and writes once for each distinct id, so that of a letter
that stands twice only the last place counts. np.add.at adds every one of them.

Bengio, Ducharme, Vincent & Jauvin (2003), "A Neural Probabilistic Language Model", section 2.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def embedding_forward(ids: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, tuple]:
    """ids (N, T) integers in 0 .. V - 1, table (V, E) -> y (N, T, E). ValueError if the axes are not these."""
    if ids.ndim != 2 or table.ndim != 2:
        raise shape_error(OP, ids, table)
    y = table[ids]  # (1)
    return y, (ids, table.shape)


def embedding_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy (N, T, E) -> dtable (V, E)."""
    ids, shape = cache
    dtable = np.zeros(shape, dy.dtype)
    np.add.at(dtable, ids, dy)  # (2)
    return dtable


OP = Op(
    embedding_forward,
    embedding_backward,
    args={"ids": Arg("N T", dtype=int, domain=(0, "V"), differentiable=False), "table": Arg("V E", linear=True)},
    pure=True,
)
