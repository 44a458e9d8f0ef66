"""How the user's own data are read: the choices that a person has, in one value that a run keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from npvae.data.image_shapes import LAYOUTS

COLOURS = ("keep", "grey", "rgb")


@dataclass(frozen=True)
class Reading:
    """Choices for the user's own data. Raises ValueError for one that is unknown.

    array      the array to take of a .npz with several, or the set to take of a folder with several idx sets
    colour     "keep": pictures stay grey if all of them are, else all are red, green and blue; "grey": all become grey
               by luma (ITU-R 601); "rgb": all are red, green and blue
    resize     (height, width) to which every picture of a folder is scaled
    layout     "NHWC" or "NCHW": where the colours stand in an array of four axes in which either could be
    max_value  the number that becomes 1.0, for whole numbers that are neither grey levels to 255 nor zeros and ones
    labels     the column of a table that holds labels, if no name such as label, class or target says so
    gaps       NaN is a value that is missing, for a model that takes that
    counts     whole numbers are counts and stay what they are, for a likelihood of counts
    implied    names of choices that nobody made: they follow from the run whose model reads these data, and have no
               effect, without being refused, on data that have no such choice
    as_010     read folders as npvae 0.1.0 did: PNG alone, grey, no subfolders. Its runs are resumed with this
    """

    array: str | None = None
    colour: str = "keep"
    resize: tuple[int, int] | None = None
    layout: str | None = None
    max_value: float | None = None
    labels: str | None = None
    gaps: bool = False
    counts: bool = False
    implied: tuple[str, ...] = ()
    as_010: bool = False

    def __post_init__(self) -> None:
        if self.colour not in COLOURS:
            raise ValueError(f"colour {self.colour!r} is unknown, choose one of {', '.join(COLOURS)}")
        if self.layout not in (None, *LAYOUTS):
            raise ValueError(f"layout {self.layout!r} is unknown, choose one of {', '.join(LAYOUTS)}")
        if self.max_value is not None and not 0 < self.max_value < float("inf"):
            raise ValueError(f"max_value is {self.max_value}, expected a positive number")
        if self.resize is not None and not (len(self.resize) == 2 and min(self.resize) >= 1):
            raise ValueError(f"resize is {self.resize}, expected (height, width) in pixels")

    def chosen(self) -> list[str]:
        """Names of the choices that somebody made. Gaps and counts follow from the model."""
        return [name for name in self.as_config() if name not in ("gaps", "counts", "implied", *self.implied)]

    def as_config(self) -> dict[str, Any]:
        """What is not as by default, for config.json."""
        values = {name: value for name, value in asdict(self).items() if value != getattr(_DEFAULT, name)}
        return {name: value for name, value in values.items() if name != "as_010"}

    @classmethod
    def of_run(cls, training: dict[str, Any]) -> Reading:
        """What the "training" part of a config.json says: a run that says nothing is one of npvae 0.1.0."""
        kept = training.get("reading")
        if kept is None:
            return cls(as_010=True)
        values: dict[str, Any] = {name: tuple(kept[name]) for name in ("resize", "implied") if kept.get(name)}
        return cls(**{**kept, **values})

    def for_run(self, training: dict[str, Any]) -> Reading:
        """The same choices for other data that a run's model is to read: what is not chosen is as in that run."""
        implied: dict[str, Any] = {}
        shape = training.get("image_shape")
        if self.colour == "keep" and shape:
            implied["colour"] = "rgb" if len(shape) == 3 else "grey"
        own = Reading.of_run(training)
        if self.resize is None and not own.as_010:
            implied["resize"] = own.resize
        if self.labels is None and own.labels is not None:
            implied["labels"] = own.labels
        return replace(self, **implied, implied=tuple(implied), gaps=own.gaps, counts=own.counts)


_DEFAULT = Reading()
