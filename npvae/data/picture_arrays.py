"""Many pictures as one array: decoded by several threads, all of one size, kept for the next start."""

from __future__ import annotations

import os
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npvae.data import kept_pictures
from npvae.data.files import MAX_BYTES, DataError
from npvae.data.image_shapes import in_words
from npvae.data.pictures import Picture, Remark, picture_size, read_picture
from npvae.data.reading import Reading

if TYPE_CHECKING:
    from concurrent.futures import Future

_TOGETHER = 32  # pictures that a thread decodes at a time
_SHOWN = 3  # pictures, or sizes, that a message names
_SUGGESTED = 64  # pixels: the longer side of a size that a message suggests; an MLP takes each pixel as an input


def read_pictures(
    paths: Sequence[Path], reading: Reading, max_bytes: int = MAX_BYTES
) -> tuple[np.ndarray, Counter[Remark], Path | None]:
    """Read pictures -> uint8 (N, H, W), or (N, H, W, 3) in colour; how many of them call for which remark; the folder
    of the kept copy, if the pixels come from one.

    `max_bytes` bounds the array. DataError if sizes differ (with the counts of each), or pictures cannot be read (all
    of them are tried, so that the message says how many).
    """
    place = kept_pictures.place_of(paths, reading)
    known = None if place is None else kept_pictures.read(place)
    if place is not None and known is not None:
        return *known, place.parent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of EXIF: the pixels are whole, or an error is raised
        pixels, remarks = _read(paths, reading, max_bytes)
    if place is not None:
        kept_pictures.write(place, pixels, remarks)
    return pixels, remarks, None


def _read(paths: Sequence[Path], reading: Reading, max_bytes: int) -> tuple[np.ndarray, Counter[Remark]]:
    pixels: np.ndarray | None = None
    remarks: Counter[Remark] = Counter()
    errors: list[DataError] = []
    for row, found in enumerate(_decoded(paths, reading)):
        if isinstance(found, DataError):
            errors.append(found)
        if errors or isinstance(found, DataError):
            continue
        remarks.update(found.remarks)
        picture = found.pixels
        if pixels is None:
            pixels = _room(paths, picture.shape, max_bytes)
        if picture.shape[:2] != pixels.shape[1:3]:
            raise DataError(_sizes(paths))
        if picture.ndim > pixels.ndim - 1:  # the first in colour: those before it were grey
            _check_room(paths, picture.shape, max_bytes)
            grey, pixels = pixels, _room(paths, picture.shape, max_bytes)
            pixels[:row] = grey[:row, ..., np.newaxis]
        pixels[row] = picture[..., np.newaxis] if picture.ndim < pixels.ndim - 1 else picture
    if errors or pixels is None:
        others = f" ({len(errors) - 1:,} more of {len(paths):,} cannot be read either)" if len(errors) > 1 else ""
        raise DataError(f"{errors[0]}{others}")
    return pixels, remarks


def _decoded(paths: Sequence[Path], reading: Reading) -> Iterator[Picture | DataError]:
    """Every picture in order, or the error in its place. Pillow decodes outside Python's lock, so threads help."""

    def decode(some: Sequence[Path]) -> list[Picture | DataError]:
        return [_or_error(path, reading) for path in some]

    shares = [paths[start : start + _TOGETHER] for start in range(0, len(paths), _TOGETHER)]
    if len(shares) == 1:
        yield from decode(shares[0])
        return
    from concurrent.futures import ThreadPoolExecutor  # costs a few milliseconds, which few folders need

    threads = min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future[list[Picture | DataError]]] = deque()
        try:
            for share in shares:
                under_way.append(pool.submit(decode, share))
                if len(under_way) > 2 * threads:  # what is decoded ahead takes memory
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def _or_error(path: Path, reading: Reading) -> Picture | DataError:
    try:
        return read_picture(path, reading)
    except DataError as error:
        return error


def _room(paths: Sequence[Path], shape: tuple[int, ...], max_bytes: int) -> np.ndarray:
    _check_room(paths, shape, max_bytes)
    return np.empty((len(paths), *shape), np.uint8)


def _check_room(paths: Sequence[Path], shape: tuple[int, ...], max_bytes: int) -> None:
    size = len(paths) * int(np.prod(shape))
    if size > max_bytes:
        raise DataError(
            f"{paths[0].parent}: {len(paths):,} pictures of {in_words(shape)} take {size:,} bytes, the limit is "
            f"{max_bytes:,}: make them smaller with --resize H,W"
        )


def _sizes(paths: Sequence[Path]) -> str:
    """What sizes there are, and of how many pictures."""
    counts: Counter[tuple[int, int]] = Counter()
    for path in paths:
        try:
            counts[picture_size(path)] += 1
        except DataError:
            continue
    common = counts.most_common(_SHOWN)
    said = ", ".join(f"{count:,} of {height} x {width}" for (height, width), count in common)
    rest = sum(counts.values()) - sum(count for _, count in common)
    more = f" and {rest:,} pictures of {len(counts) - len(common):,} other sizes" if rest else ""
    (height, width), most = common[0]
    if most == 1:  # no size is the usual one
        height, width = (int(np.median(sides)) for sides in zip(*counts, strict=True))
    shorter = max(1.0, max(height, width) / _SUGGESTED)
    height, width = max(1, round(height / shorter)), max(1, round(width / shorter))
    folder = os.path.commonpath([path.parent for path in paths])
    return f"{folder}: pictures of several sizes, {said}{more}: add --resize H,W, such as {height},{width}"
