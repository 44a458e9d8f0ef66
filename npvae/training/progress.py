"""What a person sees while a model trains: a bar on a terminal, and about twenty lines in all, one an epoch."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm

LINES = 20


class Progress:
    """One bar over the whole training, gone when it is over; silent if not wanted."""

    def __init__(self, wanted: bool, epochs: int, images: int) -> None:
        """`images` are the images of one epoch."""
        self.wanted, self.epochs = wanted, epochs
        self.every = -(-epochs // LINES)
        self.bar = tqdm(
            total=epochs * images,
            unit=" images",
            unit_scale=True,
            leave=False,
            dynamic_ncols=True,
            disable=None if wanted else True,  # None: only on a terminal
        )

    def start_epoch(self, epoch: int) -> None:
        """Name the epoch in the bar."""
        self.bar.set_description_str(f"epoch {epoch}/{self.epochs}", refresh=False)

    def step(self, n: int, loss: float, nll: float, kl: float) -> None:
        """n more images are done; the bar itself decides when to draw."""
        if not self.bar.disable:
            self.bar.set_postfix_str(f"loss {loss:.2f} = nll {nll:.2f} + beta * kl {kl:.2f}", refresh=False)
        self.bar.update(n)

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Print a line for the first epoch, the last, and every so many between."""
        epoch = row["epoch"]
        if not self.wanted or not (epoch in (1, self.epochs) or epoch % self.every == 0):
            return
        test = "" if row["test_loss"] is None else f"   test {row['test_loss']:8.3f}"
        self.bar.write(
            f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}   train {row['train_loss']:8.3f}"
            f" (nll {row['train_nll']:.3f}, kl {row['train_kl']:.3f}){test}   {row['seconds']:.2f} s",
            file=sys.stderr,
        )

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()
