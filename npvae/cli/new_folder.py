"""The folder of a run without --out: made at once, and removed if nothing is written to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from npvae.cli.from_run import check_place


def new_folder(dataset: str) -> Path:
    """Make runs/<dataset>-1, or the first number that is free: trainings that start at once get one each."""
    path = Path(dataset)
    name = path.stem.strip(".") or path.resolve().name or "data"
    for number in count(1):
        folder = Path("runs") / f"{name}-{number}"
        check_place(folder, "--out")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove a folder that was made for a run of which nothing was written."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it is not empty, or not there
            folder.rmdir()
        raise
