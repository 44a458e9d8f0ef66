"""One picture of any format that Pillow reads -> its pixels, 8 bits per channel, upright, on white paper.

Pillow is a core dependency because matplotlib needs it anyway; it is imported when the first picture is read.
"""

from __future__ import annotations

import functools
import io
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from npvae.data.files import DataError, damage_as_data_error, file_size
from npvae.data.png import MAX_PIXELS, SIGNATURE, check_chunks
from npvae.data.reading import Reading

MAX_PIXELS_RESIZED = 2**26
"""Most pixels of one picture (8192 x 8192) that is made smaller as it is read."""

_MAX_FILE_BYTES = 2**28
_MEND = "save the picture again, or take it out of the folder"
_WHITE_16 = 65535
# EPS starts another program; the others are read by programs that Pillow does not bring.
_NOT_READ = ("EPS", "WMF", "HDF5", "GRIB", "BUFR", "MPEG")
_FREQUENT = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La")
_TIFF_BITS, _TIFF_WHITE_IS_ZERO, _ORIENTATION = 258, 262, 274


class Remark(Enum):
    """What the note says of some pictures, in words that follow their number."""

    SIXTEEN = "of 16 bits per channel, of which 65,535 is white"
    FRAMES = "of several frames, of which the first is read"
    STRETCHED = "with other proportions than --resize, so they are stretched"
    FLAT = "of one even colour once they lie on white paper, because they are transparent: give them a background"


class Picture(NamedTuple):
    """Pixels, uint8 (H, W) if grey or (H, W, 3), and what is to be said of them."""

    pixels: np.ndarray
    remarks: tuple[Remark, ...]


@functools.cache
def formats() -> dict[str, str]:
    """The formats that Pillow reads here, {suffix: format}, such as {".jpg": "JPEG"}."""
    from PIL import Image

    Image.init()
    return {
        suffix: name
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in _NOT_READ
    }


@functools.cache
def _format_names() -> tuple[str, ...]:
    """Names of the formats, the frequent ones first: Pillow tries one after the other."""
    return tuple(dict.fromkeys([*(name for name in _FREQUENT if name in formats().values()), *formats().values()]))


def read_picture(path: Path, reading: Reading) -> Picture:
    """Read one picture. DataError that names it if it is damaged, too large, or of a depth that cannot be kept."""
    from PIL import Image

    if file_size(path) > _MAX_FILE_BYTES:
        raise DataError(f"{path}: more than {_MAX_FILE_BYTES:,} bytes: make the picture smaller")
    with damage_as_data_error(path, _MEND):
        content = path.read_bytes()
    if content.startswith(SIGNATURE):
        check_chunks(path, content)  # every checksum: Pillow skips some
    try:
        with Image.open(io.BytesIO(content), formats=_format_names()) as picture:
            return _decoded(path, picture, content, reading)
    except DataError:
        raise
    except Exception as error:  # SyntaxError, struct.error, zlib.error ...: Pillow has no one type for a bad file
        if isinstance(error, Image.UnidentifiedImageError):
            raise DataError(f"{path}: holds no picture that Pillow reads: {_MEND}") from None
        if isinstance(error, Image.DecompressionBombError):
            raise DataError(f"{path}: more than {MAX_PIXELS_RESIZED:,} pixels: make the picture smaller") from None
        raise DataError(f"{path}: damaged ({type(error).__name__}: {_one_line(error)}): {_MEND}") from error


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) of a picture as it stands upright, from its header alone."""
    from PIL import Image

    try:
        with Image.open(path, formats=_format_names()) as picture:
            width, height = picture.size
            return (width, height) if _orientation(picture) >= 5 else (height, width)
    except Exception as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}: {_one_line(error)}): {_MEND}") from error


def _decoded(path: Path, picture: Any, content: bytes, reading: Reading) -> Picture:
    from PIL import Image

    width, height = picture.size
    limit = MAX_PIXELS if reading.resize is None else MAX_PIXELS_RESIZED
    if width * height > limit:
        fits = reading.resize is None and width * height <= MAX_PIXELS_RESIZED
        mend = "add --resize H,W" if fits else "make the picture smaller"
        raise DataError(f"{path}: {height} x {width} pixels, the limit is {limit:,}: {mend}")
    remarks = []
    # A MPO is a photograph of a telephone with a preview beside it: not a film.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        remarks.append(Remark.FRAMES)
    if reading.resize is not None and picture.format in ("JPEG", "MPO"):
        picture.draft(None, (2 * reading.resize[1], 2 * reading.resize[0]))  # decode at half, a quarter, an eighth
    picture.load()
    orientation = _orientation(picture)
    if picture.mode[0] == "I":
        _check_16_bits(path, picture)
        remarks.append(Remark.SIXTEEN)
        picture = _in_8_bits(picture)
    elif picture.format == "PNG" and content[24] == 16:
        remarks.append(Remark.SIXTEEN)  # Pillow has taken the upper eight
    elif picture.mode == "F":
        raise DataError(f"{path}: holds real numbers, whose white is not known: save it with 8 or 16 bits per channel")
    is_grey, has_palette = picture.mode in _GREY_MODES, picture.mode in ("P", "PA")
    if _is_transparent(picture):
        picture, is_flat = _on_paper(picture)
        remarks += [Remark.FLAT] * is_flat
    if has_palette:  # it may hold greys alone
        picture = picture.convert("RGB")
        channels = np.asarray(picture)
        is_grey = bool((channels[..., :1] == channels).all())
    to_grey = reading.colour == "grey" or (is_grey and reading.colour == "keep")
    mode = "L" if to_grey else "RGB"
    picture = picture if picture.mode == mode else picture.convert(mode)
    if orientation > 1:
        picture = picture.transpose(_TURNS[orientation])
        if orientation >= 5:
            width, height = height, width
    if reading.resize is not None and (picture.height, picture.width) != reading.resize:
        wanted_height, wanted_width = reading.resize
        if abs(width * wanted_height / (height * wanted_width) - 1) > 0.02:
            remarks.append(Remark.STRETCHED)
        picture = picture.resize((wanted_width, wanted_height), Image.Resampling.BICUBIC)
    return Picture(np.asarray(picture), tuple(remarks))


# EXIF's orientation -> Image.Transpose that makes the picture upright.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}


def _orientation(picture: Any) -> int:
    """EXIF's number, 1 to 8; 1 is upright, and what damaged EXIF counts as. From 5 on, height and width change places.

    Pillow turns a TIFF by itself as it loads.
    """
    if not {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"} & picture.info.keys():
        return 1
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # whatever damaged EXIF leads to: the pixels are whole
        return 1
    return found if found in _TURNS else 1


def _check_16_bits(path: Path, picture: Any) -> None:
    """DataError unless the integers of the picture are known to run to 65,535."""
    known = picture.format in ("PNG", "PPM")
    if picture.format == "TIFF" and picture.mode.startswith("I;16"):
        known = picture.tag_v2.get(_TIFF_BITS) == (16,) and picture.tag_v2.get(_TIFF_WHITE_IS_ZERO) == 1
    if not known:
        raise DataError(
            f"{path}: holds integers ({picture.format}) whose white is not known: save it as a PNG of 8 or 16 bits"
        )


def _in_8_bits(picture: Any) -> Any:
    """Grey of 16 bits -> 8 bits, rounded to the nearest: 65,535 becomes 255. What is transparent becomes white."""
    from PIL import Image

    values = np.asarray(picture).astype(np.int64)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        values = np.where(values == transparent, _WHITE_16, values)
    return Image.fromarray(((values * 255 + _WHITE_16 // 2) // _WHITE_16).astype(np.uint8))


def _is_transparent(picture: Any) -> bool:
    return picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info


def _on_paper(picture: Any) -> tuple[Any, bool]:
    """The picture on white paper, and whether that has made one even colour of it."""
    from PIL import Image

    if picture.mode == "La":
        picture = picture.convert("LA")
    layer = picture.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return flat, _is_even(flat) and not _is_even(layer)


def _is_even(picture: Any) -> bool:
    """True if all pixels are the same."""
    return all(low == high for low, high in picture.getextrema())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
