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

from npvae.data.decoding import decoded
from npvae.data.files import MAX_BYTES, DataError, check_size, damage_as_data_error, file_size

_LABEL_NAMES = ("label", "labels", "class", "target", "y")
_COUNTED = 8  # columns from which on a line 0, 1, 2 ... is no sample but numbers the columns
_MEND = "save it as text of numbers, one sample per line"

_MISSING = ("", "na", "n/a", "null", "none", "?")
"""What stands in a cell without a number, beside nan, in small letters."""


class Table(NamedTuple):
    """N samples of D numbers each."""

    values: np.ndarray  # (N, D) float64
    labels: np.ndarray | None  # (N,) int64 or names, of the column that holds labels
    label_name: str  # that column's name, or empty
    columns: tuple[str, ...] | None  # the D names of the header, if there is one


def read_table(
    path: Path,
    *,
    zipped: bool = False,
    gaps: bool = False,
    labels: str | None = None,
    max_bytes: int = MAX_BYTES // 4,
) -> Table:
    """Read a text table, separated by commas, semicolons, tabs or blanks.

    A first line of names, or of names and the numbers 0, 1, 2 ..., is a header. A first column without a name that
    counts the rows is left out. A column called `labels` is labels; if there is none, so is one whose name says so and
    that holds whole numbers or names. With `gaps`, empty cells and such as NA are NaN.

    DataError for other cells that are no numbers, lines of different lengths, no lines, text of another encoding (see
    `npvae.data.decoding`), or more than `max_bytes` of it.
    """
    lines = _lines(path, zipped, max_bytes)
    separator = separator_of(lines[0])
    first = cells_of(lines[0], separator)
    header = [cell.strip().strip("\"'") for cell in first] if _is_header(first) else []
    body = lines[1:] if header else lines
    if not body:
        raise DataError(f"{path}: holds no lines after its header: {_MEND}")
    place, texts, values = header.index(labels) if labels in header[1:] + header[:-1] else None, None, None
    if place is None:
        values = _numbers(body, separator, gaps)
        place = _place_of_labels(header) if values is None else None
        if values is None and place is None:
            raise DataError(f"{path}: {_first_fault(body, separator, header, gaps)}")
    width = len(cells_of(body[0], separator)) if values is None else values.shape[1]
    if header and len(header) != width:
        raise DataError(f"{path}: the header has {len(header)} names, a line {width} numbers: {_MEND}")
    if place is not None:
        body, texts, others = *_taken_out(body, place, separator), header[:place] + header[place + 1 :]
        values = _numbers(body, separator, gaps)
    else:
        others = header
    if values is None:
        raise DataError(f"{path}: {_first_fault(body, separator, others, gaps)}")
    if others[:1] == [""] and len(others) > 1 and np.array_equal(values[:, 0], np.arange(len(values))):
        others, values = others[1:], values[:, 1:]  # the numbers of the rows, as pandas writes them
    if texts is not None and place is not None:
        return Table(values, _as_labels(texts), header[place], tuple(others))
    place = _place_of_labels(others)
    if place is None or not _is_whole(values[:, place]):
        return Table(values, None, "", tuple(others) or None)
    rest = tuple(others[:place] + others[place + 1 :])
    return Table(np.delete(values, place, axis=1), values[:, place].astype(np.int64), others[place], rest)


def _lines(path: Path, zipped: bool, max_bytes: int) -> list[str]:
    """The lines that hold something, at least one."""
    check_size(path, file_size(path), max_bytes)
    with damage_as_data_error(path, _MEND):
        if zipped:
            with gzip.open(path) as stream:
                content = stream.read(max_bytes + 1)
            check_size(path, len(content), max_bytes)
        else:
            content = path.read_bytes()
    lines = [line for line in decoded(path, content).splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: holds no lines: {_MEND}")
    return lines


def _is_header(cells: Sequence[str]) -> bool:
    """True for names of columns. Numbers among them must count the columns: a first sample is never taken for names."""
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    names = [cell for cell in cells[1:] if not is_number(cell)]
    if any(not cell.strip() or re.fullmatch(r"\s*[-+]?\d*,\d+\s*", cell) for cell in names):
        return False  # a gap, or a decimal comma
    if not numbers:
        return True
    starts = (0, 1) if len(numbers) < len(cells) else (0,) if len(cells) >= _COUNTED else ()
    return any(numbers == [str(first + i) for i in range(len(numbers))] for first in starts)


def _place_of_labels(header: Sequence[str]) -> int | None:
    """The column whose name says that it holds labels, if it is not all there is."""
    names = [name.lower() for name in header]
    for place, name in enumerate(names):
        is_axis = name == "y" and "x" in names  # a point's coordinates
        if name in _LABEL_NAMES and not is_axis and len(names) > 1:
            return place
    return None


def _is_whole(column: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):
        return bool((np.abs(column) < 2**53).all() and (column == np.rint(column)).all())


def _taken_out(lines: Sequence[str], place: int, separator: str | None) -> tuple[list[str], list[str]]:
    """The lines without one of their columns, and that column."""
    rest, taken = [], []
    for line in lines:
        cells = cells_of(line, separator)
        taken.append(cells.pop(place).strip() if place < len(cells) else "")
        rest.append((separator or " ").join(cells))
    return rest, taken


def _as_labels(texts: Sequence[str]) -> np.ndarray:
    """A column of labels (N,): whole numbers if all of it is, else names."""
    if all(is_number(text) for text in texts):
        column = np.array(texts, np.float64)
        return column.astype(np.int64) if _is_whole(column) else column
    return np.array(texts)


def _numbers(lines: Sequence[str], separator: str | None, gaps: bool) -> np.ndarray | None:
    """The lines as (N, D) float64; None if a cell is no number, or a line is longer than another."""
    quoted = [line.replace('"', "") for line in lines] if any('"' in line for line in lines) else lines
    try:
        return _loaded(quoted, separator)
    except ValueError:
        if not gaps:
            return None
    mark = separator or " "
    filled = [
        mark.join("nan" if cell.strip().lower() in _MISSING else cell for cell in cells_of(line, separator))
        for line in lines
    ]
    try:
        return _loaded(filled, separator)
    except ValueError:
        return None


def _loaded(lines: Sequence[str], separator: str | None) -> np.ndarray:
    return np.loadtxt(io.StringIO("\n".join(lines)), delimiter=separator, ndmin=2, comments=None, dtype=np.float64)


def _first_fault(lines: Sequence[str], separator: str | None, header: Sequence[str], gaps: bool) -> str:
    """What is wrong with the first line that is wrong, and how to mend it."""
    width = len(cells_of(lines[0], separator))
    for row, line in enumerate(lines):
        cells = cells_of(line, separator)
        if len(cells) != width:
            return f"sample {row} has {len(cells)} numbers, sample 0 has {width}: {_MEND}"
        for i, cell in enumerate(cells):
            if not is_number(cell):
                words = all(re.search(r"[^\W\d]", cell) for cell in cells)
                if words and (width > 1 or not any(map(is_number, lines))):
                    return f"sample {row} holds no number: {_MEND}; lines of text are for --model sequence_vae"
                return _of_cell(row, header[i] if i < len(header) else "", i, cell.strip(), gaps)
    return f"cannot be read as numbers: {_MEND}"


def _of_cell(row: int, name: str, place: int, cell: str, gaps: bool) -> str:
    """What is wrong with a cell that is no number, and how to mend it."""
    found = f"sample {row}, column {name or place} is {cell[:40]!r}"
    if cell.lower() in _MISSING and not gaps:
        return f"{found}, expected a number: take such lines out, fill it in, or train with --missing ignore or mask"
    if re.fullmatch(r"[-+]?\d*,\d+", cell):
        return f"{found}, expected a number: write it with a point, {cell.replace(',', '.')}"
    column = f"; if that column holds labels, --labels {name} (labels={name!r})" if name else ""
    return f"{found}, expected a number: {_MEND}{column}"


def separator_of(line: str) -> str | None:
    """The mark between the cells of a line; None for blanks."""
    return next((mark for mark in (";", "\t", ",") if mark in line), None)


def cells_of(line: str, separator: str | None) -> list[str]:
    """The cells of a line; a separator inside quotes separates nothing."""
    if separator is None:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a cell longer than a number can be
        return line.split(separator)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, as tables write it."""
    try:
        float(cell)
    except ValueError:
        return False
    return not re.search("_", cell)  # 1_000 is a number for Python alone
