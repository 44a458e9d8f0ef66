"""A graph convolution: every vertex takes the weighted mean of its neighbours and itself through one matrix W.

S (N, N) says how much each neighbour counts (`normalised_adjacency`), in the CSR format of sparse_matmul.

Forward
    p[n, i] = sum(values[e] * x[indices[e], i] for e in range(indptr[n], indptr[n + 1]))         (1)
    y[n, o] = sum(p[n, i] * W[i, o] for i in range(I))                                           (2)
Backward
    dp[n, i] = sum(dy[n, o] * W[i, o] for o in range(O))                                         (3)
    dx[n, i] = sum(values[e] * dp[m, i] for m in range(N) for e in range(indptr[m], indptr[m + 1])
                   if indices[e] == n)                                                           (4)
    dW[i, o] = sum(p[n, i] * dy[n, o] for n in range(N))                                         (5)
Derivation
    y = S x W. The page of sparse_matmul gives (4), that of dense (3) and (5). Products of matrices may be taken in
    either order: with q = x W and y = S q, the gradients are dq = S.T dy, dx = dq W.T, dW = x.T dq, and these are (3)
    to (5) in another order. S costs as many multiplications as it has entries, for each column it meets: of I columns
    of x, or of O columns of q. So the narrower side is taken, and the other product costs the same either way.

Kipf & Welling (2017), "Semi-Supervised Classification with Graph Convolutional Networks", equation 8; no bias.
"""

import numpy as np

from npvae.ops.shapes import check_shapes
from npvae.ops.sparse_matmul import INDICES, sparse_matmul_backward, sparse_matmul_forward
from npvae.spec import Arg, Op


def gcn_forward(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, x: np.ndarray, W: np.ndarray
) -> tuple[np.ndarray, tuple]:
    """indptr (N + 1,), indices (E,), values (E,) of S (N, N); x (N, I), W (I, O) -> y (N, O).

    Raises ValueError if the shapes do not fit.
    """
    check_shapes(OP, indptr, indices, values, x, W)
    S_first = W.shape[0] <= W.shape[1]
    if S_first:
        p, S_cache = sparse_matmul_forward(indptr, indices, values, x)  # (1)
        return p @ W, (S_first, S_cache, p, W)  # (2)
    y, S_cache = sparse_matmul_forward(indptr, indices, values, x @ W)  # (1) (2), in the other order
    return y, (S_first, S_cache, x, W)


def gcn_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dy (N, O) -> dx (N, I), dW (I, O)."""
    S_first, S_cache, left, W = cache
    if S_first:
        dp = dy @ W.T  # (3)
        _, dx = sparse_matmul_backward(dp, S_cache, needs_dvalues=False)  # (4)
        dW = left.T @ dy  # (5)
        return dx, dW
    _, dq = sparse_matmul_backward(dy, S_cache, needs_dvalues=False)  # (4)
    dx, dW = dq @ W.T, left.T @ dq  # (3) (5)
    return dx, dW


INDPTR = Arg("N+1", dtype=int, domain=(0, "E+1"), differentiable=False, offsets=True)
OP = Op(
    gcn_forward,
    gcn_backward,
    args={
        "indptr": INDPTR,
        "indices": INDICES,
        "values": Arg("E", differentiable=False),
        "x": Arg("N I", linear=True),
        "W": Arg("I O", linear=True),
    },
    pure=True,
)
