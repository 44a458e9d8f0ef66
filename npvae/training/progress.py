"""What a person sees while a model trains: a bar within the epoch on a terminal, one line an epoch everywhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm


class Progress:
    """Bar and lines; silent if not wanted. On a terminal the bar is gone when its epoch is over."""

    def __init__(self, wanted: bool, epochs: int, images: int) -> None:
        """`images` are the images of one epoch."""
        self.wanted, self.epochs, self.images = wanted, epochs, images
        self.bar: Any = None

    def start_epoch(self, epoch: int) -> None:
        """Begin the bar of one epoch."""
        self.bar = tqdm(
            total=self.images,
            desc=f"epoch {epoch}/{self.epochs}",
            unit=" images",
            unit_scale=True,
            leave=False,
            disable=None if self.wanted else True,  # None: only on a terminal
        )

    def step(self, n: int, loss: float, nll: float, kl: float) -> None:
        """n more images are done; the bar itself decides when to draw."""
        if not self.bar.disable:
            self.bar.set_postfix_str(f"loss {loss:.2f} = nll {nll:.2f} + kl {kl:.2f}", refresh=False)
        self.bar.update(n)

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Replace the bar by a line."""
        self.bar.close()
        if not self.wanted:
            return
        test = "" if row["test_loss"] is None else f"   test {row['test_loss']:8.3f}"
        line = (
            f"epoch {row['epoch']:>{len(str(self.epochs))}}/{self.epochs}   train {row['train_loss']:8.3f}"
            f" (nll {row['train_nll']:.3f}, kl {row['train_kl']:.3f}){test}   {row['seconds']:.1f} s"
        )
        print(line, file=sys.stderr)
