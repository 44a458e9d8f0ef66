"""All 11,172 modern Hangul syllables as pictures, in two typefaces, shipped with the package.

A syllable is written as one block of an initial consonant (19), a vowel (21) and a final consonant or none (28), and
every combination exists: a complete grid of three factors. Row i is the syllable chr(0xAC00 + i), so arithmetic on the
factors has a right answer: 강 with the initial of 나 in place of that of 가 is 낭.

    hangul = read_hangul()
    row = row_of("강")                      # 21
    hangul.factors[row]                     # [0, 0, 21]
    syllable(row_at(2, 0, 21))              # "낭"
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvae.data.files import DataError, find_file
from npvae.data.images import Images
from npvae.data.npy import read_npz
from npvae.data.split import hold_out

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"  # the first is none
FACTORS = ("initial", "vowel", "final")
LEVELS = (len(INITIALS), len(VOWELS), len(FINALS))
LAYOUTS = ("right", "right, final", "below", "below, final", "both", "both, final")
"""Where the vowel stands, and whether there is a final consonant: the six ways in which a block is divided."""
TYPEFACES = ("sans", "serif")
FIRST = 0xAC00
COUNT = 11_172


@dataclass(frozen=True)
class Hangul:
    """The pictures of all syllables in one typeface, and what each is made of. Row i is chr(0xAC00 + i)."""

    pixels: np.ndarray  # (11172, 784) uint8, ink is 255, 16 grey levels
    factors: np.ndarray  # (11172, 3) int64: initial, vowel, final, from 0
    layout: np.ndarray  # (11172,) int64: a place in LAYOUTS
    common: np.ndarray  # (11172,) bool: the 2,350 syllables of the standard KS X 1001
    typeface: str

    def images(self) -> Images:
        """The pictures as Images, labelled by layout."""
        return Images(self.pixels, self.layout, image_shape=(28, 28), source=f"hangul ({self.typeface})")


def read_hangul(typeface: str = "sans", data_dir: Path | None = None) -> Hangul:
    """All syllables in one typeface, in Unicode's order.

    typeface  "sans" or "serif"
    data_dir  a folder with hangul_sans_28.npz and hangul_serif_28.npz, or its parent; None for those of the package

    Raises ValueError for another typeface, DataError for a damaged file. Where data_dir has no such file, the
    package's is read. LICENSE-hangul.txt stands beside this file.
    """
    if typeface not in TYPEFACES:
        raise ValueError(f"typeface is {typeface!r}, expected one of {', '.join(TYPEFACES)}")
    file = f"hangul_{typeface}_28.npz"
    found = None if data_dir is None else find_file(data_dir, ("hangul",), (file,))
    path = found or Path(__file__).with_name(file)
    arrays = read_npz(path, ["x", "factors", "layout", "common"])
    if arrays["x"].shape != (COUNT, 28, 28) or not np.array_equal(arrays["factors"], factors_of(np.arange(COUNT))):
        raise DataError(f"{path}: does not hold all {COUNT:,} syllables of 28 x 28 pixels in Unicode's order")
    layout = arrays["layout"].astype(np.int64)
    pixels = arrays["x"].reshape(COUNT, -1)
    return Hangul(pixels, arrays["factors"].astype(np.int64), layout, arrays["common"].astype(bool), typeface)


def load_hangul(data_dir: Path | None = None, typeface: str = "sans") -> tuple[Images, Images]:
    """The syllables -> (train, test): 10,055 and 1,117 Images of 28 x 28, drawn by `hold_out`, labelled by layout.

    No syllable of the test set is in the train set, but each of its parts is: a code must be put together to show them.
    """
    return hold_out(read_hangul(typeface, data_dir).images())


def held_out() -> np.ndarray:
    """Which rows are the test set of `load_hangul`, (11172,) bool."""
    rows = np.zeros(COUNT, bool)
    _, test = hold_out(Images(np.arange(COUNT, dtype=np.float64)[:, np.newaxis], dtype=np.float64))
    rows[test.pixels[:, 0].astype(np.int64)] = True
    return rows


def factors_of(rows: np.ndarray) -> np.ndarray:
    """Rows (N,) -> initial, vowel and final (N, 3)."""
    rows = np.asarray(rows)
    return np.stack([rows // (LEVELS[1] * LEVELS[2]), rows // LEVELS[2] % LEVELS[1], rows % LEVELS[2]], axis=-1)


def row_at(initial: int, vowel: int, final: int) -> int:
    """The row of the syllable with these factors. Raises ValueError for one that is out of range."""
    for name, value, levels in zip(FACTORS, (initial, vowel, final), LEVELS, strict=True):
        if not 0 <= value < levels:
            raise ValueError(f"{name} is {value}, expected 0 to {levels - 1}")
    return (initial * LEVELS[1] + vowel) * LEVELS[2] + final


def row_of(syllable: str) -> int:
    """The row of a syllable. Raises ValueError for what is no modern Hangul syllable."""
    row = ord(syllable) - FIRST if len(syllable) == 1 else -1
    if not 0 <= row < COUNT:
        raise ValueError(f"{syllable!r} is no modern Hangul syllable, expected one from 가 to 힣")
    return row


def syllable(row: int) -> str:
    """The syllable of a row, 0 to 11171."""
    if not 0 <= row < COUNT:
        raise ValueError(f"row is {row}, expected 0 to {COUNT - 1}")
    return chr(FIRST + row)
