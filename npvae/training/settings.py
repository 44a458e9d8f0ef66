"""How to train: what the caller chose, checked once, kept in config.json and in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from npvae.optim import OPTIMIZERS
from npvae.scalars import check_flag, check_number, check_whole, is_number, plain
from npvae.training.schedules import read_schedule


@dataclass(frozen=True)
class Settings:
    """The choices of one training; `npvae.train` says what they mean. ValueError for one that is out of range.

    A field that is added needs a default that trains as before: older checkpoints do not have it.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float | None = None
    seed: int = 0
    patience: int | None = None
    checkpoint_seconds: float | None = 30.0
    checkpoint_steps: int | None = None
    tensorboard: bool = False
    beta_schedule: str = "constant"

    def __post_init__(self) -> None:
        check_whole(epochs=self.epochs, batch_size=self.batch_size)
        for name in ("patience", "checkpoint_steps"):
            if (value := getattr(self, name)) is not None:
                check_whole(**{name: value})
        check_whole(0, seed=self.seed)
        if self.checkpoint_seconds is not None and self.checkpoint_seconds != float("inf"):
            check_number(
                0, expected="expected at least 0, or None for never", checkpoint_seconds=self.checkpoint_seconds
            )
        if self.lr is not None and not is_number(self.lr):
            raise ValueError(f"lr is {self.lr!r}, expected a number above 0, or None for the optimizer's own")
        if not isinstance(self.optimizer, str) or self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is unknown, choose one of {', '.join(OPTIMIZERS)}")
        check_flag(tensorboard=self.tensorboard)
        read_schedule(self.beta_schedule)
        for each in fields(self):
            object.__setattr__(self, each.name, plain(getattr(self, each.name)))

    @classmethod
    def among(cls, kept: dict[str, Any]) -> Settings:
        """The settings in the "training" part of a config, which may hold more than them, and less."""
        return cls(**{field.name: kept[field.name] for field in fields(cls) if field.name in kept})

    def with_epochs(self, epochs: int, begun: int) -> Settings:
        """These with another number of epochs. ValueError if more have begun already."""
        changed = replace(self, epochs=epochs)
        if epochs < begun:
            raise ValueError(
                f"resume: epochs is {epochs}, but the run has come to epoch {begun} of {self.epochs}: "
                f"give {begun} or more, the number of epochs in all, or leave it out"
            )
        return changed
