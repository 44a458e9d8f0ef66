"""A folder of PNG pictures as an array of grey values, as npvae 0.1.0 read it: its runs are resumed with these.

What people bring today is read by `npvae.data.picture_folders`.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npvae.data.files import MAX_BYTES, DataError, check_compression, check_size, damage_as_data_error, file_size

MAX_PIXELS = 2**24
"""Most pixels of one picture (4096 x 4096): what a fully connected VAE can use ends far below."""

_MAX_FILE_BYTES = 2**26
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MEND = "save the picture again, or take it out of the folder"


class _Header(NamedTuple):
    width: int
    height: int
    depth: int  # bits per channel


def png_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The .png files of a folder in natural order: 2.png before 10.png. DataError if the folder cannot be listed."""
    try:
        files = [path for path in Path(folder).iterdir() if path.suffix.lower() == ".png" and path.is_file()]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}): give a folder of PNG files") from error
    return sorted(files, key=_natural)


def _natural(path: Path) -> tuple[list[str | int], str]:
    # Splitting on digits makes text and number alternate, so entries of two names always compare like with like. The
    # name itself decides between 1.png and 01.png.
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name


def read_png_folder(folder: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read all .png files of a folder, in natural order -> uint8 (N, height, width), 0 black to 255 white.

    Colour becomes luma (ITU-R 601, Pillow's "L"), and what is transparent shows white paper. Files in subfolders are
    not read. `max_bytes` bounds the array; it is allocated after all headers have been read. Needs Pillow.

    Raises DataError if there is no PNG, one is damaged (every checksum is compared), sizes differ, a picture has 16
    bits per channel or more than MAX_PIXELS pixels, or Pillow is missing.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise DataError(f"{folder}: PNG files need Pillow: pip install pillow") from None
    files = png_files(folder)
    if not files:
        raise DataError(f"{folder}: holds no .png file: give a folder of PNG files, all of one size")
    first = _read_header(files[0])
    for path in files:
        header = _read_header(path)
        if header[:2] != first[:2]:
            raise DataError(
                f"{path}: {header.width} x {header.height} pixels, {files[0].name} has {first.width} x {first.height}: "
                "make all pictures the same size"
            )
    shape = (len(files), first.height, first.width)
    check_size(folder, math.prod(shape), max_bytes)
    with damage_as_data_error(folder, "use fewer or smaller pictures"):
        pixels = np.empty(shape, dtype=np.uint8)
    for row, path in zip(pixels, files, strict=True):
        row[:] = _decode(path, first)
    return pixels


def _read_header(path: Path) -> _Header:
    """Width, height and depth from the first 33 bytes, which PNG's specification fixes. DataError if out of bounds."""
    size = file_size(path)
    if size > _MAX_FILE_BYTES:
        raise DataError(f"{path}: more than {_MAX_FILE_BYTES:,} bytes: make the picture smaller")
    with damage_as_data_error(path, _MEND), open(path, "rb") as file:
        start = file.read(33)
        if len(start) < 33 or start[:16] != SIGNATURE + b"\0\0\0\rIHDR":
            raise DataError(f"{path}: does not start as a PNG: {_MEND}")
        header = _Header(*struct.unpack(">IIB", start[16:25]))
    pixels = header.width * header.height
    if not 0 < pixels <= MAX_PIXELS:
        raise DataError(
            f"{path}: {header.width} x {header.height} pixels, the limit is {MAX_PIXELS:,}: make the picture smaller"
        )
    if header.depth > 8:
        raise DataError(f"{path}: {header.depth} bits per channel, expected at most 8: save it as an 8-bit PNG")
    check_compression(path, pixels * header.depth // 8, size)
    return header


def check_chunks(path: Path, content: bytes) -> None:
    """DataError unless the chunks follow each other to the end and every checksum is right. Pillow skips some."""
    position, name = len(SIGNATURE), b""
    while name != b"IEND":
        if position + 12 > len(content):
            raise DataError(f"{path}: cut off after {len(content):,} bytes: {_MEND}")
        (length,) = struct.unpack_from(">I", content, position)
        end = position + 12 + length
        name = content[position + 4 : position + 8]
        checksum = int.from_bytes(content[end - 4 : end], "big")
        if end > len(content) or zlib.crc32(content[position + 4 : end - 4]) != checksum:
            raise DataError(f"{path}: chunk {name!r} is damaged: {_MEND}")
        position = end
    if position != len(content):
        raise DataError(f"{path}: goes on for {len(content) - position:,} bytes after its end: {_MEND}")


def _decode(path: Path, header: _Header) -> np.ndarray:
    """Decode one picture to uint8 (height, width)."""
    from PIL import Image

    with damage_as_data_error(path, _MEND):
        content = path.read_bytes()
    check_chunks(path, content)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                colour = picture.convert("RGBA")
                paper = Image.new("RGBA", colour.size, "white")
                grey = np.asarray(Image.alpha_composite(paper, colour).convert("L"))
            else:
                grey = np.asarray(picture.convert("L"))
    except Exception as error:  # SyntaxError, struct.error, zlib.error ...: Pillow has no one type for a bad file
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}): {_MEND}") from error
    if grey.shape != (header.height, header.width):
        raise DataError(
            f"{path}: decodes to {grey.shape[1]} x {grey.shape[0]} pixels, not to the size in its header: {_MEND}"
        )
    return grey
