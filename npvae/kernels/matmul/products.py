"""A product cut into pieces of work, and a piece into tiles.

A piece is a block of the result that one thread computes on its own: some rows of a strip of columns as wide as a tile.
Which thread takes which piece is left to chance; what a piece computes is not, so results are bitwise the same for any
number of threads.
"""

from __future__ import annotations

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, inner, kernel
from npvae.kernels.matmul.packing import copy_rows, turn_columns
from npvae.kernels.matmul.shape import LANES, SHAPE
from npvae.kernels.matmul.tiles import outer_tile
from npvae.kernels.matmul.vectors import LINE

ROWS, VECTORS, MOST, K_BLOCK, K_ACROSS = SHAPE.rows, SHAPE.vectors, SHAPE.most, SHAPE.k_block, SHAPE.k_across
LEAST = 1_000_000  # floating-point operations of a piece: with fewer, taking it and packing b cost too much
PIECES = 12  # at least, between those two bounds: so many can be shared evenly
PACK_FROM = 32  # rows of a piece that are worth a packed strip

tile_1, tile_2, tile_3, tile_4 = (outer_tile(ROWS, min(c, VECTORS), LANES) for c in (1, 2, 3, 4))
copy_1, copy_2, copy_3, copy_4 = (copy_rows(min(c, VECTORS), LANES) for c in (1, 2, 3, 4))
turn = turn_columns(LANES)


@kernel(AS_WRITTEN)
def strips_of(columns: int) -> int:
    """In how many strips of at most a tile's vectors the columns are cut, as evenly as can be."""
    vectors = (columns + LANES - 1) // LANES
    return (vectors + VECTORS - 1) // VECTORS


@kernel(AS_WRITTEN)
def height_of(rows: int, columns: int, k: int) -> int:
    """How many rows make a piece: whole tiles, about equal, and no more work than the bounds say."""
    each = 2 * k * VECTORS * LANES * ROWS
    work = min(MOST, max(LEAST, 2 * rows * columns * k // PIECES))
    largest = max(1, work // each) * ROWS
    pieces = (rows + largest - 1) // largest
    return (rows + pieces * ROWS - 1) // (pieces * ROWS) * ROWS


@kernel(AS_WRITTEN)
def pieces_of(rows: int, columns: int, k: int) -> int:
    """How many pieces a product is cut into."""
    height = height_of(rows, columns, k)
    return strips_of(columns) * ((rows + height - 1) // height)


@kernel(AS_WRITTEN)
def place_of(piece: int, rows: int, columns: int, k: int) -> tuple[int, int, int, int]:
    """What a piece covers: its first row and the one behind its last, its first column, how many vectors of columns."""
    strips, height = strips_of(columns), height_of(rows, columns, k)
    vectors = (columns + LANES - 1) // LANES
    strip, block = piece % strips, piece // strips
    first, after = strip * vectors // strips, (strip + 1) * vectors // strips
    return block * height, min(rows, (block + 1) * height), first * LANES, after - first


def most_pieces(rows: int, columns: int) -> int:
    """A product is cut into no more pieces than this, whatever its k: each is at least one tile high."""
    return -(-columns // (VECTORS * LANES)) * -(-rows // ROWS)


@inner(AS_WRITTEN)
def k_block_of(a_k: int) -> int:
    """How many k are done before the next rows; a_k is a's step from one to the next."""
    return K_BLOCK if a_k == 1 else K_ACROSS


@inner(AS_WRITTEN)
def room_for(k: int, width: int) -> np.ndarray:
    """Room for a packed strip; `begin` says where in it the strip begins."""
    return np.empty((min(k, K_BLOCK) + 3) * width * LANES + LINE, np.float32)


@inner(AS_WRITTEN)
def begin(room: np.ndarray) -> int:
    """The address of the first line of the cache that is whole."""
    return (room.ctypes.data + 4 * LINE - 1) // (4 * LINE) * (4 * LINE)


@inner(AS_WRITTEN)
def pack(packed: int, b: int, width: int, n: int, b_row: int, turned: bool, left: int) -> bool:
    """The strip of `width` vectors that begins at address b, its rows 0 to before n; `turned` if it lies transposed.

    Returns whether all of it was seen to be finite; one that lies transposed is not looked at.
    """
    if turned:
        for c in range(width):
            turn(packed + 4 * c * LANES, b + 4 * c * LANES * b_row, n, width * LANES, b_row, left - c * LANES)
        return False
    if width == 4:
        return copy_4(packed, b, n, b_row, left)
    if width == 3:
        return copy_3(packed, b, n, b_row, left)
    if width == 2:
        return copy_2(packed, b, n, b_row, left)
    return copy_1(packed, b, n, b_row, left)


@kernel(AS_WRITTEN, merged=True)
def product_piece(
    piece: int, out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int, turned: bool
) -> None:
    """One piece of out = a @ b; a_row and a_k are a's steps from row to row and from k to k, in entries.

    b is (k, columns), or if `turned` (columns, k).
    """
    i0, i1, j, width = place_of(piece, rows, columns, k)
    block(i0, i1, j, width, out, a, b, rows, columns, k, a_row, a_k, turned, False)


@kernel(AS_WRITTEN, merged=True)
def block(
    i0: int, i1: int, j: int, width: int, out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int,
    a_k: int, turned: bool, adds: bool,
) -> None:  # fmt: skip
    """Rows i0 to before i1 of `width` vectors of columns from j on, as in `product_piece`; with `adds` out += a @ b."""
    left, target = columns - j, out + 4 * j
    packs = turned or i1 - i0 >= PACK_FROM or left < width * LANES
    room = room_for(k if packs else 0, width)
    k_block = k_block_of(a_k)
    for k0 in range(0, k, k_block):
        n, first = min(k - k0, k_block), 1 if k0 == 0 and not adds else 0
        x, w, w_row = a + 4 * k0 * a_k, b + 4 * (k0 * columns + j), columns
        if packs:
            w, w_row = begin(room), width * LANES
            start, step = (j * k + k0, k) if turned else (k0 * columns + j, columns)
            pack(w, b + 4 * start, width, n, step, turned, left)
        for i in range(i0, i1, ROWS):
            if width == 4:
                tile_4(target, x, w, 0, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
            elif width == 3:
                tile_3(target, x, w, 0, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
            elif width == 2:
                tile_2(target, x, w, 0, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
            else:
                tile_1(target, x, w, 0, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
    room[0] = 0  # numba frees an array after its last use, and does not see that `w` points into it


@kernel(AS_WRITTEN)
def add_product(out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int) -> None:
    """out (rows, columns) += a @ b for b (k, columns), by the caller alone, strip by strip.

    a_row and a_k are a's steps from row to row and from k to k.
    """
    for j in range(0, columns, VECTORS * LANES):
        width = min(VECTORS, (columns - j + LANES - 1) // LANES)
        block(0, rows, j, width, out, a, b, rows, columns, k, a_row, a_k, False, True)
