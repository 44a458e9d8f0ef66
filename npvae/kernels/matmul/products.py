"""A product cut into pieces of work, and a piece into tiles.

A piece is a block of the result that one thread computes on its own, in about ten microseconds. Which thread takes
which piece is left to chance; what a piece computes is not, so results are bitwise the same for any number of threads.
"""

from __future__ import annotations

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.tiles import DOT_COLUMNS, DOT_ROWS, OUTER_ROWS, OUTER_VECTORS, dot_tile, outer_tile
from npvae.kernels.matmul.vectors import LANES

PIECE = 3_000_000  # floating-point operations: about ten microseconds
K_BLOCK = 1024  # k that are done before the next rows: 64 columns of so many rows of b stay in the second-level cache
ROW_BLOCK = 150  # rows of a that dot tiles pass over before the next rows of b, for the same reason

tile_1, tile_2, tile_3, tile_4 = (outer_tile(OUTER_ROWS, c + 1) for c in range(OUTER_VECTORS))
dots = dot_tile(DOT_ROWS, DOT_COLUMNS)


@kernel(AS_WRITTEN)
def strips_of(columns: int) -> int:
    """In how many strips of at most 4 vectors the columns are cut, as evenly as can be."""
    vectors = (columns + LANES - 1) // LANES
    return (vectors + OUTER_VECTORS - 1) // OUTER_VECTORS


@kernel(AS_WRITTEN)
def share(total: int, step: int, work: int) -> int:
    """How many of `total` rows or columns make a piece: a multiple of `step`, about equal, PIECE of work or less.

    `work` is what `step` of them cost.
    """
    largest = max(1, PIECE // work) * step
    pieces = (total + largest - 1) // largest
    return (total + pieces * step - 1) // (pieces * step) * step


@kernel(AS_WRITTEN)
def outer_pieces(rows: int, columns: int, k: int) -> int:
    """How many pieces `outer_piece` cuts a product into."""
    height = share(rows, OUTER_ROWS, 2 * k * OUTER_VECTORS * LANES * OUTER_ROWS)
    return strips_of(columns) * ((rows + height - 1) // height)


@kernel(AS_WRITTEN)
def outer_piece(piece: int, out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int) -> None:
    """One piece of out = a @ b; a_row and a_k are a's steps from row to row and from k to k, in entries."""
    strips, height = strips_of(columns), share(rows, OUTER_ROWS, 2 * k * OUTER_VECTORS * LANES * OUTER_ROWS)
    vectors = (columns + LANES - 1) // LANES
    strip, block = piece % strips, piece // strips
    first = strip * vectors // strips
    width = (strip + 1) * vectors // strips - first
    j = first * LANES
    for k0 in range(0, k, K_BLOCK):
        k1 = min(k, k0 + K_BLOCK)
        for i in range(block * height, min(rows, (block + 1) * height), OUTER_ROWS):
            if width == 4:
                tile_4(out, a, b, i, j, k0, k1, rows, columns, a_row, a_k, columns)
            elif width == 3:
                tile_3(out, a, b, i, j, k0, k1, rows, columns, a_row, a_k, columns)
            elif width == 2:
                tile_2(out, a, b, i, j, k0, k1, rows, columns, a_row, a_k, columns)
            else:
                tile_1(out, a, b, i, j, k0, k1, rows, columns, a_row, a_k, columns)


@kernel(AS_WRITTEN)
def rows_of_block(rows: int) -> int:
    """Rows of a block: a multiple of the dot tile's, about equal, ROW_BLOCK or less."""
    blocks = (rows + ROW_BLOCK - 1) // ROW_BLOCK
    return (rows + blocks * DOT_ROWS - 1) // (blocks * DOT_ROWS) * DOT_ROWS


@kernel(AS_WRITTEN)
def dot_pieces(rows: int, columns: int, k: int) -> int:
    """How many pieces `dot_piece` cuts a product into."""
    height = rows_of_block(rows)
    width = share(columns, DOT_COLUMNS, 2 * k * height * DOT_COLUMNS)
    return ((columns + width - 1) // width) * ((rows + height - 1) // height)


@kernel(AS_WRITTEN)
def dot_piece(piece: int, out: int, a: int, b: int, rows: int, columns: int, k: int) -> None:
    """One piece of out = a @ b.T."""
    height = rows_of_block(rows)
    width = share(columns, DOT_COLUMNS, 2 * k * height * DOT_COLUMNS)
    across = (columns + width - 1) // width
    block, j0 = piece // across, piece % across * width
    for j in range(j0, min(columns, j0 + width), DOT_COLUMNS):
        for i in range(block * height, min(rows, (block + 1) * height), DOT_ROWS):
            dots(out, a, b, i, j, rows, columns, k)
