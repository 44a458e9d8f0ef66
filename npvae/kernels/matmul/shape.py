"""How large a tile is, by the width of the vectors. Everything else in this folder is the same for all of them."""

from typing import NamedTuple

from npvae.kernels.processor import BITS


class Shape(NamedTuple):
    """A tile of rows by vectors: its sums, the vectors of b that they are made from, and one of a, all in registers."""

    lanes: int  # float32 in a vector
    rows: int
    vectors: int
    window_rows: tuple[int, int, int, int]  # rows of a convolution's tile of 1, 2, 3 and 4 vectors
    most: int  # floating-point operations of a piece of a product
    k_block: int  # k that are done before the next rows, so that a strip of so many rows of b stays in the cache
    k_across: int  # the same where a lies transposed: each of them is on another page of memory
    masks: bool  # whether reading under a mask takes none of the registers


SHAPES = {
    512: Shape(16, 6, 4, (8, 8, 8, 6), 14_000_000, 512, 128, True),  # 24 sums and 5 more of 32 registers
    256: Shape(8, 6, 2, (8, 6, 6, 6), 4_200_000, 400, 128, False),  # 12 sums and 3 more of 16
    128: Shape(4, 6, 4, (8, 8, 8, 6), 4_200_000, 256, 128, False),  # NEON, 32 registers: not measured, BLAS is chosen
}
SHAPE = SHAPES[BITS]
LANES, MASKS = SHAPE.lanes, SHAPE.masks
