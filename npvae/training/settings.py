"""How to train: what the caller chose, checked once, kept in config.json and in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from npvae.models.checks import check_whole
from npvae.optim import OPTIMIZERS
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
        if self.checkpoint_seconds is not None and not self.checkpoint_seconds >= 0:
            raise ValueError(f"checkpoint_seconds is {self.checkpoint_seconds}, expected at least 0, or None for never")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is unknown, choose one of {', '.join(OPTIMIZERS)}")
        read_schedule(self.beta_schedule)

    @classmethod
    def among(cls, kept: dict[str, Any]) -> Settings:
        """The settings in the "training" part of a config, which may hold more than them, and less."""
        return cls(**{field.name: kept[field.name] for field in fields(cls) if field.name in kept})
