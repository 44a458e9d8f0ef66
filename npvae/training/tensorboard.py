"""The rows of a run as TensorBoard's event files, for those who watch many runs there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def writer_class() -> Any:
    """TensorBoard's writer, which needs neither TensorFlow nor PyTorch. ValueError if the package is not there."""
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise ValueError(f"tensorboard cannot be imported ({error}): pip install tensorboard") from error
    return Writer


class TensorBoard:
    """Writes every number of a row under its name, with the epoch as its step.

    Event files of the same folder are replaced: `rows`, the history so far, are written first. So a training that was
    killed and goes on has no epoch twice.
    """

    def __init__(self, folder: Path, rows: Iterable[dict[str, Any]] = ()) -> None:
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self.writer = writer_class()(str(folder))
        for row in rows:
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        """Write one row, through to the file."""
        for name, value in row.items():
            if name != "epoch" and value is not None:
                self.writer.add_scalar(name, value, row["epoch"])
        self.writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self.writer.close()
