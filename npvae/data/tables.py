"""Text tables, .csv and its like: numbers, perhaps a header line, perhaps a column of labels."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npvae.data.files import MAX_BYTES, DataError, check_size, damage_as_data_error, file_size

_LABEL_NAMES = ("label", "labels", "class", "target", "y")
_COUNTED = 8  # columns from which on a line 0, 1, 2 ... is no sample but numbers the columns
_MEND = "save it as text of numbers, one sample per line"


class Table(NamedTuple):
    """N samples of D numbers each."""

    values: np.ndarray  # (N, D) float64
    labels: np.ndarray | None  # (N,) int64, of the column whose header is one of _LABEL_NAMES
    label_name: str  # that header, or empty


def read_table(path: Path, *, zipped: bool = False, max_bytes: int = MAX_BYTES // 4) -> Table:
    """Read a text table, separated by commas, semicolons, tabs or blanks.

    A first line of names, or of names and the numbers 0, 1, 2 ..., is a header. A first column without a name that
    counts the rows is left out. DataError for cells that are no numbers, lines of different
    lengths, no lines, text that is not UTF-8, or more than `max_bytes` of it.
    """
    check_size(path, file_size(path), max_bytes)
    with damage_as_data_error(path, _MEND):
        if zipped:
            with gzip.open(path) as stream:
                content = stream.read(max_bytes + 1)
            check_size(path, len(content), max_bytes)
        else:
            content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8: save the table as UTF-8") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: holds no lines: {_MEND}")
    separator = next((mark for mark in (";", "\t", ",") if mark in lines[0]), None)
    first = _cells(lines[0], separator)
    header = [cell.strip().strip("\"'") for cell in first] if _is_header(first) else None
    body = lines[1:] if header else lines
    if not body:
        raise DataError(f"{path}: holds no lines after its header: {_MEND}")
    values = _numbers(path, body, separator, header)
    if header is None:
        return Table(values, None, "")
    if len(header) != values.shape[1]:
        raise DataError(f"{path}: the header has {len(header)} names, a line {values.shape[1]} numbers: {_MEND}")
    if header[0] == "" and len(header) > 1 and np.array_equal(values[:, 0], np.arange(len(values))):
        header, values = header[1:], values[:, 1:]  # the numbers of the rows, as pandas writes them
    place = _label_column(header, values)
    if place is None:
        return Table(values, None, "")
    return Table(np.delete(values, place, axis=1), values[:, place].astype(np.int64), header[place])


def _is_header(cells: Sequence[str]) -> bool:
    """True for names of columns. Numbers among them must count the columns: a first sample is never taken for names."""
    numbers = [cell.strip() for cell in cells if _is_number(cell)]
    names = [cell for cell in cells[1:] if not _is_number(cell)]
    if any(not cell.strip() or re.fullmatch(r"\s*[-+]?\d*,\d+\s*", cell) for cell in names):
        return False  # a gap, or a decimal comma
    if not numbers:
        return True
    starts = (0, 1) if len(numbers) < len(cells) else (0,) if len(cells) >= _COUNTED else ()
    return any(numbers == [str(first + i) for i in range(len(numbers))] for first in starts)


def _label_column(header: Sequence[str], values: np.ndarray) -> int | None:
    """The column whose name says that it holds labels, if it holds whole numbers and is not all there is."""
    names = [name.lower() for name in header]
    for place, name in enumerate(names):
        column = values[:, place]
        is_axis = name == "y" and "x" in names  # a point's coordinates
        if name in _LABEL_NAMES and not is_axis and len(names) > 1:
            with np.errstate(invalid="ignore"):
                is_whole = bool((np.abs(column) < 2**53).all() and (column == np.rint(column)).all())
            return place if is_whole else None
    return None


def _numbers(path: Path, lines: Sequence[str], separator: str | None, header: Sequence[str] | None) -> np.ndarray:
    """The lines as (N, D) float64."""
    quoted = [line.replace('"', "") for line in lines] if any('"' in line for line in lines) else lines
    try:
        return np.loadtxt(io.StringIO("\n".join(quoted)), delimiter=separator, ndmin=2, comments=None, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path}: {_first_fault(lines, separator, header) or error}: {_MEND}") from None


def _first_fault(lines: Sequence[str], separator: str | None, header: Sequence[str] | None) -> str:
    """What is wrong with the first line that is wrong."""
    width = len(_cells(lines[0], separator))
    for row, line in enumerate(lines):
        cells = _cells(line, separator)
        if len(cells) != width:
            return f"sample {row} has {len(cells)} numbers, sample 0 has {width}"
        for i, cell in enumerate(cells):
            if not _is_number(cell):
                column = header[i] if header and i < len(header) else i
                return f"sample {row}, column {column} is {cell.strip()[:40]!r}, expected a number"
    return ""


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a cell longer than a number can be
        return line.split(separator)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return not re.search("_", cell)  # 1_000 is a number for Python alone
