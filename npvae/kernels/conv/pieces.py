"""A layer as a job of the team: each piece takes a block of images from their padding to their activation.

What a piece needs is written into one array of integers, the plan: addresses, sizes and the number of images of a
block. Blocks depend on the sizes alone, and the dW and db of all blocks are added up in their order, so results are
bitwise the same for any number of threads. All arrays are float32 and C-contiguous.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from npvae.kernels.activations import activate, add_bias, sum_rows, times_slope
from npvae.kernels.conv.geometry import DEPTH, EACH, ENTRIES, PIXELS, TERMS
from npvae.kernels.conv.tiles import window_product
from npvae.kernels.conv.windows import add_columns, pad, unpad
from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
from npvae.kernels.team.atomics import floats_at, integers_at

# what stands where in a plan
N, IMAGES, ACTIVATION, NEEDS_DX, NARROW = range(5)  # ACTIVATION: -1 for none
(I, J, C, P, Q, F, U, V, ROWS, COLUMNS, STRIDE, PADDING) = range(5, 17)  # as in geometry.py
S_ROWS, S_COLUMNS, S_BEFORE_I, S_BEFORE_J, CLASSES = range(17, 22)  # as in geometry.Spread
LARGE, SMALL, A, Y, DY, SLOPE, DLARGE, DSMALL = range(22, 30)  # addresses of images and gradients; A becomes SLOPE
WEIGHT, TURNED, BIAS, DW, DB = range(30, 35)  # W as (window, F); and as `spread` needs it; dW, db of every block
ORIGINS, OFFSETS, PLACE_ENDS, TERM_SHIFTS, COLUMN_ENDS, WEIGHT_ENDS = range(35, 41)  # addresses of tables
TABLE, STARTS, ENDS, SHIFTS = range(41, 45)  # and of those of `spread`
SIZE = 45


@kernel(AS_WRITTEN)
def floats(plan: np.ndarray, at: int, start: int, size: int) -> np.ndarray:
    """A part of the float32 whose address stands in the plan."""
    return carray(floats_at(plan[at] + 4 * start), size)


@kernel(AS_WRITTEN)
def integers(plan: np.ndarray, at: int, start: int, size: int) -> np.ndarray:
    """A part of the table whose address stands in the plan."""
    return carray(integers_at(plan[at] + 8 * start), size)


@kernel(AS_WRITTEN)
def padded_images(plan: np.ndarray, x: np.ndarray, images: int) -> np.ndarray:
    """Large images with the zeros that their windows show."""
    padded = np.empty(images * plan[ROWS] * plan[COLUMNS] * plan[C], np.float32)
    before = (plan[PADDING], plan[PADDING])
    pad(x, padded, images, (plan[I], plan[J], plan[C]), (plan[ROWS], plan[COLUMNS]), before)
    return padded


@kernel(AS_WRITTEN)
def gather(plan: np.ndarray, padded: np.ndarray, small: np.ndarray, images: int) -> None:
    """small = every window times W."""
    places, window = images * plan[U] * plan[V], plan[P] * plan[Q] * plan[C]
    W = floats(plan, WEIGHT, 0, window * plan[F])
    origins, offsets = integers(plan, ORIGINS, 0, places), integers(plan, OFFSETS, 0, window)
    window_product(small, padded, W, origins, offsets, integers(plan, PLACE_ENDS, 0, places), plan[F])


@kernel(AS_WRITTEN)
def weigh(plan: np.ndarray, padded: np.ndarray, small: np.ndarray, images: int, dW: np.ndarray) -> None:
    """dW = every window, transposed, times small."""
    places, window = images * plan[U] * plan[V], plan[P] * plan[Q] * plan[C]
    origins, offsets = integers(plan, ORIGINS, 0, places), integers(plan, OFFSETS, 0, window)
    window_product(dW, padded, small, offsets, origins, integers(plan, WEIGHT_ENDS, 0, window), plan[F])


@kernel(AS_WRITTEN)
def spread(plan: np.ndarray, small: np.ndarray, large: np.ndarray, images: int) -> None:
    """large = every small pixel times Wᵀ, laid over its window."""
    if plan[NARROW]:
        spread_by_columns(plan, small, large, images)
        return
    rows, columns = plan[S_ROWS], plan[S_COLUMNS]
    padded = np.empty(images * rows * columns * plan[F], np.float32)
    before = (plan[S_BEFORE_I], plan[S_BEFORE_J])
    pad(small, padded, images, (plan[U], plan[V], plan[F]), (rows, columns), before)
    for k in range(plan[CLASSES]):
        row = integers(plan, TABLE, 5 * k, 5)
        pixels = images * row[EACH]
        starts, ends = integers(plan, STARTS, row[PIXELS], pixels), integers(plan, ENDS, row[PIXELS], pixels)
        W = floats(plan, TURNED, row[ENTRIES], row[DEPTH] * plan[C])
        window_product(large, padded, W, starts, integers(plan, SHIFTS, row[TERMS], row[DEPTH]), ends, plan[C])


@kernel(AS_WRITTEN)
def spread_by_columns(plan: np.ndarray, small: np.ndarray, large: np.ndarray, images: int) -> None:
    """The same for large images of few channels: whole windows by one product, then added to the pixels they cover."""
    places, window = images * plan[U] * plan[V], plan[P] * plan[Q] * plan[C]
    columns = np.empty(places * window, np.float32)
    W = floats(plan, TURNED, 0, plan[F] * window)
    starts, shifts = integers(plan, PLACE_ENDS, 0, places), integers(plan, TERM_SHIFTS, 0, plan[F])
    window_product(columns, small, W, starts, shifts, integers(plan, COLUMN_ENDS, 0, places), window)
    padded = np.zeros(images * plan[ROWS] * plan[COLUMNS] * plan[C], np.float32)
    origins = integers(plan, ORIGINS, 0, places)
    add_columns(columns, origins, places, plan[P], plan[COLUMNS] * plan[C], plan[Q] * plan[C], padded)
    before = (plan[PADDING], plan[PADDING])
    unpad(padded, large, images, (plan[I], plan[J], plan[C]), (plan[ROWS], plan[COLUMNS]), before)


@kernel(AS_WRITTEN)
def finish(plan: np.ndarray, a: np.ndarray, start: int, channels: int) -> None:
    """y = f(a + b) and the slope in a; or y = a + b where there is no activation."""
    rows, b = a.size // channels, floats(plan, BIAS, 0, channels)
    if plan[ACTIVATION] < 0:
        add_bias(a.reshape((rows, channels)), b)
    else:
        y = floats(plan, Y, start, a.size).reshape((rows, channels))
        activate(plan[ACTIVATION], a.reshape((rows, channels)), b, y)


@kernel(AS_WRITTEN)
def start_back(plan: np.ndarray, start: int, size: int, channels: int, piece: int) -> np.ndarray:
    """da = dy * slope, or dy itself where there is no activation, and this block's db."""
    dy, db = floats(plan, DY, start, size), floats(plan, DB, piece * channels, channels)
    shape = (size // channels, channels)
    if plan[ACTIVATION] < 0:
        sum_rows(dy.reshape(shape), db)
        return dy
    da = np.empty(size, np.float32)
    times_slope(dy.reshape(shape), floats(plan, SLOPE, start, size).reshape(shape), da.reshape(shape), db)
    return da


@kernel(AS_WRITTEN)
def block(plan: np.ndarray, piece: int) -> tuple[int, int, int, int]:
    """The first image of a block and how many there are; the numbers in a large and in a small image."""
    first = piece * plan[IMAGES]
    return first, min(plan[IMAGES], plan[N] - first), plan[I] * plan[J] * plan[C], plan[U] * plan[V] * plan[F]


@job_piece
def conv2d_piece(address: int, piece: int) -> None:
    """x large -> y small."""
    plan = carray(integers_at(address), SIZE)
    first, images, large, small = block(plan, piece)
    a = floats(plan, A, first * small, images * small)
    gather(plan, padded_images(plan, floats(plan, LARGE, first * large, images * large), images), a, images)
    finish(plan, a, first * small, plan[F])


@job_piece
def conv2d_backward_piece(address: int, piece: int) -> None:
    """dy small -> dx large, dW, db."""
    plan = carray(integers_at(address), SIZE)
    first, images, large, small = block(plan, piece)
    da = start_back(plan, first * small, images * small, plan[F], piece)
    padded = padded_images(plan, floats(plan, LARGE, first * large, images * large), images)
    size = plan[P] * plan[Q] * plan[C] * plan[F]
    weigh(plan, padded, da, images, floats(plan, DW, piece * size, size))
    if plan[NEEDS_DX]:
        spread(plan, da, floats(plan, DLARGE, first * large, images * large), images)


@job_piece
def conv2d_transpose_piece(address: int, piece: int) -> None:
    """x small -> y large."""
    plan = carray(integers_at(address), SIZE)
    first, images, large, small = block(plan, piece)
    a = floats(plan, A, first * large, images * large)
    spread(plan, floats(plan, SMALL, first * small, images * small), a, images)
    finish(plan, a, first * large, plan[C])


@job_piece
def conv2d_transpose_backward_piece(address: int, piece: int) -> None:
    """dy large -> dx small, dW, db."""
    plan = carray(integers_at(address), SIZE)
    first, images, large, small = block(plan, piece)
    da = start_back(plan, first * large, images * large, plan[C], piece)
    padded = padded_images(plan, da, images)
    size = plan[P] * plan[Q] * plan[C] * plan[F]
    weigh(
        plan, padded, floats(plan, SMALL, first * small, images * small), images, floats(plan, DW, piece * size, size)
    )
    if plan[NEEDS_DX]:
        gather(plan, padded, floats(plan, DSMALL, first * small, images * small), images)
