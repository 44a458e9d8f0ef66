"""Text, one sequence per line: letters become ids by an alphabet, 1 to A in its order; 0 is kept for the end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from npvae.data.decoding import decoded
from npvae.data.files import MAX_BYTES, DataError
from npvae.data.sequences import Sequences
from npvae.scalars import check_path

SEQUENCES = ("names", "names-small")  # data sets of lines, by name
LONGEST = 10_000  # letters of a line: a recurrence takes one step per letter


class Text(Sequences):
    """N lines as sequences of ids.

    lines     strings of at least one letter
    alphabet  the letters, of which the first has id 1; by default those of the lines, in the order of their code points
    source    named in error messages

    Raises DataError if there is no line, an empty or a very long one, or a letter that is not in the alphabet.
    """

    def __init__(self, lines: Iterable[str], alphabet: str | None = None, *, source: str = "lines") -> None:
        """Read the letters of every line."""
        lines = _listed(lines, source)
        self.alphabet = "".join(sorted(set().union(*lines))) if alphabet is None else alphabet
        super().__init__(ids_of(lines, self.alphabet, source), source=source)
        self.longest = self.max_length  # of the text that this is a part of
        self.note = ""  # what was read, and what was left out
        self.rows: np.ndarray | None = None  # where each line stands in the file that it was split from

    @property
    def max_length(self) -> int:
        """Letters of the longest line."""
        return int(self.lengths.max())

    def line(self, row: int) -> str:
        """One line as a string."""
        ids = self.ids[self.starts[row] : self.starts[row + 1]]
        return "".join(self.alphabet[i - 1] for i in ids)

    def __getitem__(self, rows: Any) -> list[str]:
        """Lines by slice or index array, as strings."""
        return [self.line(row) for row in np.arange(len(self))[rows]]

    def subset(self, rows: Any) -> Text:
        """Some of the lines, with the same alphabet."""
        chosen = np.arange(len(self))[rows]
        part = Text([self.line(row) for row in chosen], self.alphabet, source=self.source)
        part.longest = self.longest
        part.rows = chosen if self.rows is None else self.rows[chosen]
        return part

    def in_alphabet(self, alphabet: str) -> Text:
        """The same lines by the ids of another alphabet. DataError for a letter that is not in it."""
        other = Text(self[:], alphabet, source=self.source)
        other.rows, other.note, other.longest = self.rows, self.note, self.longest
        return other

    def __repr__(self) -> str:
        return f"Text({len(self):,} lines of at most {self.max_length} letters, alphabet {self.alphabet!r})"


def check_alphabet(name: str, value: Any) -> None:
    """Raises ValueError for anything but a string of different letters."""
    if not isinstance(value, str) or not value or len(set(value)) != len(value):
        raise ValueError(f"{name} is {value!r}, expected a string of different letters, such as npvae.data.Text finds")


def _listed(lines: Any, source: str) -> list[str]:
    """Lines as a list. DataError for what are none; a string is one line, and not the list of its letters."""
    if isinstance(lines, (str, bytes)) or not isinstance(lines, Iterable):
        raise DataError(f"{source} are {lines!r:.60}, expected several strings: a list such as ['anna', 'bo']")
    lines = list(lines)
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise DataError(f"{source}: line {number} is {line!r:.60}, expected a string")
    return lines


def ids_of(lines: list[str], alphabet: str, source: str = "lines") -> list[np.ndarray]:
    """Lines -> their ids, 1 to A. DataError names the line and the letter that cannot be read."""
    known = {letter: i for i, letter in enumerate(alphabet, start=1)}
    found = []
    for number, line in enumerate(lines, start=1):
        if not 1 <= len(line) <= LONGEST:
            raise DataError(
                f"{source}: line {number} has {len(line):,} letters, expected 1 to {LONGEST:,}: leave it out or cut it"
            )
        unknown = next((letter for letter in line if letter not in known), None)
        if unknown is not None:
            raise DataError(
                f"{source}: line {number} holds {unknown!r}, which is not in the alphabet {alphabet!r}: "
                "leave such lines out, or train on text that has that letter"
            )
        found.append(np.array([known[letter] for letter in line], np.int64))
    return found


def lines_of(path: Path, alphabet: str | None = None) -> Text:
    """A text file -> its lines, without the empty ones. DataError if it cannot be used."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: {size:,} bytes, at most {MAX_BYTES:,} are read: split the file")
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    lines = decoded(path, raw).replace("\r\n", "\n").split("\n")
    numbers = [number for number, line in enumerate(lines) if line]
    if not numbers:
        raise DataError(f"{path}: no line with a letter, expected one sequence per line")
    found = Text([lines[number] for number in numbers], alphabet, source=str(path))
    empty = len(lines) - len(numbers) - (lines[-1] == "")
    left_out = f"; left out: {empty:,} empty lines" if empty else ""
    found.note = f"{path}: {len(found):,} lines, {len(found.alphabet)} different letters{left_out}"
    return found


def load_names(data_dir: Path | None) -> tuple[Text, Text]:
    """32,033 first names -> (train, test): the first 1,000 of `default_rng(42).permutation` are the test set."""
    train, valid, test = split_names(names_file(data_dir))
    both = Text(valid[:] + train[:], train.alphabet, source=train.source)
    both.note, both.longest = train.note, train.longest
    return both, test


def load_small_names() -> tuple[Text, Text]:
    """2,500 of those names, shipped with npvae and each there once -> 2,000 to train on, 500 to test."""
    lines = (Path(__file__).parent / "names-small.txt").read_text(encoding="ascii").split()
    everything = Text(lines, source="names-small")
    everything.note = "names-small: 2,500 first names, each once"
    train, test = everything.subset(slice(0, 2000)), everything.subset(slice(2000, None))
    train.note = everything.note
    return train, test


def names_file(data_dir: Path | None) -> Path:
    """Where names.txt is: in the folder, by default the environment variable NPVAE_DATA, or in names within it.

    Raises DataError if it is not there.
    """
    data_dir = data_dir or (Path(os.environ["NPVAE_DATA"]) if os.environ.get("NPVAE_DATA") else None)
    folders = [] if data_dir is None else [data_dir, data_dir / "names"]
    for folder in folders:
        if (folder / "names.txt").is_file():
            return folder / "names.txt"
    where = " or ".join(str(folder) for folder in folders) or "no folder: give --data-dir, or set NPVAE_DATA"
    raise DataError(f"names.txt, one name per line, is not there (looked in {where})")


def split_names(path: Path, *, different: bool = False) -> tuple[Text, Text, Text]:
    """A file of names -> (train, valid, test) of all but 2,000, 1,000 and 1,000, by `default_rng(42).permutation`.

    different  take each name once: in the file as it is, 15 % of the test names stand in training as well
    """
    everything = lines_of(path)
    if different:
        everything = Text(dict.fromkeys(everything[:]), everything.alphabet, source=f"{path}, each name once")
    if len(everything) < 3000:
        raise DataError(f"{path}: {len(everything):,} names, expected at least 3,000: 2,000 are held out")
    order = np.random.default_rng(42).permutation(len(everything))
    test, valid, train = (everything.subset(rows) for rows in (order[:1000], order[1000:2000], order[2000:]))
    train.note = everything.note
    return train, valid, test


def load_sequences(
    name_or_path: str | Path, data_dir: str | Path | None = None, alphabet: str | None = None
) -> tuple[Text, Text | None]:
    """Lines of a data set by name, or of a text file with one sequence per line -> (train, test).

    The names are "names" and "names-small" (shipped with npvae); of a file, test is None. data_dir is the folder of
    names.txt, or its parent; by default the environment variable NPVAE_DATA. alphabet says which letters may occur, by
    default all that do.

    Raises DataError if the text cannot be used.

    Example:
        >>> train, test = npvae.load_sequences("names-small")
        >>> len(train) + len(test)
        2500
    """
    path = check_path("name_or_path", name_or_path)
    if alphabet is not None:
        check_alphabet("alphabet", alphabet)
    name = str(name_or_path).lower()
    if name in SEQUENCES:
        if name == "names":
            train, test = load_names(None if data_dir is None else Path(data_dir).expanduser())
        else:
            train, test = load_small_names()
        return (train, test) if alphabet is None else (train.in_alphabet(alphabet), test.in_alphabet(alphabet))
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise DataError(
            f"{path} is {what}: a sequence model reads names, names-small, or a text file with one sequence per line"
        )
    return lines_of(path, alphabet), None
