"""How products and likelihoods are cut: into pieces of bounded work that cover all of it once."""

import itertools

import numpy as np

from npvae.kernels.matmul.products import (
    LEAST,
    MOST,
    PACK_FROM,
    PIECES,
    ROWS,
    VECTORS,
    height_of,
    pieces_of,
    place_of,
    strips_of,
)
from npvae.kernels.matmul.shape import LANES, SHAPES
from npvae.kernels.multiply import LARGEST
from npvae.kernels.team.jobs import FIELD
from npvae.kernels.team.pieces import pieces_of_samples


def test_the_pieces_of_a_likelihood_are_about_equal_and_none_is_empty():
    for samples, pixels in itertools.product((1, 5, 6, 128, 300), (1, 784, 16_384, 50_000)):
        pieces = pieces_of_samples(samples, pixels)
        ends = [piece * samples // pieces for piece in range(pieces + 1)]
        assert 1 <= min(np.diff(ends)) >= max(np.diff(ends)) - 1


def test_the_pieces_of_the_largest_product_can_be_counted_in_a_ticket():
    assert (
        2 * LARGEST / min(shape.most for shape in SHAPES.values()) < FIELD / 1.5
    )  # those at the edges are smaller, and more


def test_pieces_are_whole_tiles_of_bounded_work_and_about_equal():
    for rows, columns, k in itertools.product(
        (1, 5, 6, 7, 60, 128, 300, 4097), (1, 40, 400, 784), (1, 20, 784, 10_000)
    ):
        height = height_of(rows, columns, k)
        most = MOST if rows < PACK_FROM else max(LEAST, min(MOST, 2 * rows * columns * k // PIECES))
        blocks = -(-rows // height)
        assert height % ROWS == 0
        assert height == ROWS or 2 * k * VECTORS * LANES * height <= most
        assert height - ROWS < rows / blocks <= height


def test_a_few_rows_stay_together():
    """Else b would come from afar again for every piece."""
    for rows, columns, k in itertools.product((2, 20, PACK_FROM - 1), (50, 200, 784), (20, 200, 784)):
        assert pieces_of(rows, columns, k) <= strips_of(columns) + 1


def test_the_pieces_of_a_product_cover_it_once():
    shapes = (1, 1, 1), (13, 9, 100), (20, 784, 200), (128, 784, 400), (400, 784, 128), (600, 1000, 3000)
    for rows, columns, k in shapes:
        times = np.zeros((rows, columns), int)
        for piece in range(pieces_of(rows, columns, k)):
            first, after, j, width = place_of(piece, rows, columns, k)
            assert first < after
            assert 1 <= width <= VECTORS
            assert j < columns
            times[first:after, j : j + width * LANES] += 1
        assert (times == 1).all()


def test_an_odd_piece_is_shared_by_two_threads():
    for rows, columns, k in ((400, 784, 128), (20, 784, 200), (12, 784, 784)):
        strips, pieces = strips_of(columns), pieces_of(rows, columns, k)
        assert pieces % 2 == 0
        (i0, i1, *one), (i2, i3, *other) = (place_of(pieces // 2 + i, rows, columns, k) for i in (-1, 0))
        if strips % 2 == 1:
            assert (i0, i1, i3, one) == (0, i2, rows, other)
            assert abs((i1 - i0) - (i3 - i2)) <= ROWS


def test_strips_are_no_wider_than_a_tile():
    for columns in range(1, 400):
        assert strips_of(columns) == -(-columns // (VECTORS * LANES))
