"""A product cut into pieces of work, and a piece into tiles.

A piece is a block of the result that one thread computes on its own: some rows of a strip of columns as wide as a tile.
Which thread takes which piece is left to chance; what a piece computes is not, so results are bitwise the same for any
number of threads.
"""

from __future__ import annotations

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, inner, kernel
from npvae.kernels.matmul.packing import copy_rows, hand_over_rows, turn_columns
from npvae.kernels.matmul.shape import LANES, MASKS, SHAPE
from npvae.kernels.matmul.tiles import outer_tile
from npvae.kernels.matmul.vectors import LINE

ROWS, VECTORS, MOST, K_BLOCK, K_ACROSS = SHAPE.rows, SHAPE.vectors, SHAPE.most, SHAPE.k_block, SHAPE.k_across
LEAST = 1_000_000  # floating-point operations of a piece: with fewer, taking it and packing b cost too much
PIECES = 12  # at least, between those two bounds: so many can be shared evenly
PACK_FROM = 32  # rows of a piece that are worth a packed strip

FEW = 4  # rows of the tile for a few rows, and for those that are left after tiles of ROWS
NEAR = 64  # k that a few rows of a do before the next rows: so much of a strip stays in the cache next to the core
OFTEN = 5  # blocks of NEAR k: with more, a few rows keep their sums apart until the last

tile, tile_of_few = outer_tile(ROWS, VECTORS, LANES), outer_tile(FEW, VECTORS, LANES, as_it_lies=True)
copy = copy_rows(VECTORS, LANES)
turn, hand_over = turn_columns(LANES), hand_over_rows(LANES)


@kernel(AS_WRITTEN)
def strips_of(columns: int) -> int:
    """In how many strips of at most a tile's vectors the columns are cut, as evenly as can be."""
    vectors = (columns + LANES - 1) // LANES
    return (vectors + VECTORS - 1) // VECTORS


@kernel(AS_WRITTEN)
def height_of(rows: int, columns: int, k: int) -> int:
    """How many rows make a piece: whole tiles, about equal, and no more work than the bounds say.

    A few rows stay together, so that b comes from afar once and not for every piece again.
    """
    each = 2 * k * VECTORS * LANES * ROWS
    work = MOST if rows < PACK_FROM else min(MOST, max(LEAST, 2 * rows * columns * k // PIECES))
    largest = max(1, work // each) * ROWS
    pieces = (rows + largest - 1) // largest
    return (rows + pieces * ROWS - 1) // (pieces * ROWS) * ROWS


@kernel(AS_WRITTEN)
def pieces_of(rows: int, columns: int, k: int) -> int:
    """How many pieces a product is cut into: an odd number of pieces is made even, for two threads."""
    height = height_of(rows, columns, k)
    whole = strips_of(columns) * ((rows + height - 1) // height)
    return whole + 1 if whole % 2 == 1 and height > ROWS and whole > 1 else whole


@kernel(AS_WRITTEN)
def place_of(piece: int, rows: int, columns: int, k: int) -> tuple[int, int, int, int]:
    """What a piece covers: its first row and the one behind its last, its first column, how many vectors of columns.

    Pieces are the strips of a block of rows, block by block; the one in the middle is cut in two if they are odd.
    """
    strips, height, pieces = strips_of(columns), height_of(rows, columns, k), pieces_of(rows, columns, k)
    vectors, middle = (columns + LANES - 1) // LANES, pieces // 2
    cut = strips * ((rows + height - 1) // height) < pieces
    whole = piece - 1 if cut and piece >= middle else piece
    strip, block = whole % strips, whole // strips
    first, after = strip * vectors // strips, (strip + 1) * vectors // strips
    start, end = block * height, min(rows, (block + 1) * height)
    if cut and whole == middle - 1:
        half = start + (end - start + ROWS - 1) // ROWS // 2 * ROWS
        start, end = (half, end) if piece == middle else (start, half)
    return start, end, first * LANES, after - first


@inner(AS_WRITTEN)
def k_block_of(a_k: int) -> int:
    """How many k are done before the next rows; a_k is a's step from one to the next."""
    return K_BLOCK if a_k == 1 else K_ACROSS


@inner(AS_WRITTEN)
def rest_of(i0: int, i1: int, few: bool) -> int:
    """From which row on tiles have FEW rows: from the first of few, else from where no more than FEW are left."""
    over = (i1 - i0) % ROWS
    return i0 if few else i1 - over if over <= FEW else i1


@inner(AS_WRITTEN)
def room_for(k: int, width: int) -> np.ndarray:
    """Room for k rows of a packed strip; `begin` says where in it the strip begins."""
    return np.empty((k + 3) * width * LANES + LINE, np.float32)


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
    return copy(width, packed, b, n, b_row, left)


@kernel(AS_WRITTEN, merged=True)
def product_piece(
    piece: int, out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int, turned: bool
) -> None:
    """One piece of out = a @ b; a_row and a_k are a's steps from row to row and from k to k, in entries.

    b is (k, columns), or if `turned` (columns, k).
    """
    i0, i1, j, width = place_of(piece, rows, columns, k)
    block(i0, i1, j, width, out, a, b, columns, k, a_row, a_k, turned, rows < PACK_FROM, False)


@kernel(AS_WRITTEN, merged=True)
def block(
    i0: int, i1: int, j: int, width: int, out: int, a: int, b: int, columns: int, k: int, a_row: int, a_k: int,
    turned: bool, few: bool, adds: bool,
) -> None:  # fmt: skip
    """Rows i0 to before i1 of `width` vectors of columns from j on, as in `product_piece`; with `adds` out += a @ b.

    Block of k by block of k, the strip of b is packed if that pays, and all rows are multiplied by it. Sums that are
    continued often are kept apart from out until the last k, in the room of the strip.

    few  the whole product has few rows
    """
    left, strip_row = columns - j, width * LANES
    b_row, b_k = (k, 1) if turned else (columns, columns)  # from a row of b, as it lies, to the next; from k to k
    k_block, rest = NEAR if few else k_block_of(a_k), rest_of(i0, i1, few)
    packs = turned or i1 - i0 >= PACK_FROM or (left < strip_row and not (few and MASKS))
    apart = few and k > OFTEN * NEAR and not adds

    rows_apart, rows_packed = PACK_FROM if apart else 0, min(k, k_block) if packs else 0
    room = room_for(rows_apart + rows_packed, width)
    sums = begin(room)
    strip = sums + 4 * rows_apart * strip_row
    target, target_row = (sums - 4 * i0 * strip_row, strip_row) if apart else (out + 4 * j, columns)
    for k0 in range(0, k, k_block):
        n, first = min(k - k0, k_block), 1 if k0 == 0 and not adds else 0
        x, y = a + 4 * k0 * a_k, b + 4 * (k0 * b_k + (j * k if turned else j))
        if packs:
            pack(strip, y, width, n, b_row, turned, left)
        w, w_row = (strip, strip_row) if packs else (y, b_row)
        for i in range(i0, rest, ROWS):
            tile(width, target, x, w, 0, i, 0, n, i1, left, a_row, a_k, w_row, target_row, first, 0, 0)
        soon = y + 4 * NEAR * b_k  # the next block of k, of which each tile asks for another line of the cache
        for i in range(rest, i1, FEW):
            tile_of_few(width, target, x, w, 0, i, 0, n, i1, left, a_row, a_k, w_row, target_row, first, soon, b_row)
            soon += 4 * LINE
    if apart:
        hand_over(out + 4 * (i0 * columns + j), sums, i1 - i0, columns, strip_row, min(left, strip_row))
    room[0] = 0  # numba frees an array after its last use, and does not see that `sums` and `strip` point into it


@kernel(AS_WRITTEN)
def add_product(out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int) -> None:
    """out (rows, columns) += a @ b for b (k, columns), by the caller alone, strip by strip.

    a_row and a_k are a's steps from row to row and from k to k.
    """
    for j in range(0, columns, VECTORS * LANES):
        width = min(VECTORS, (columns - j + LANES - 1) // LANES)
        block(0, rows, j, width, out, a, b, columns, k, a_row, a_k, False, rows < PACK_FROM, True)
