"""What a person sees while a model trains: a bar on a terminal or in a notebook, and a few lines that stay.

About twenty lines in all, at most one per epoch, on stderr. In a log file, where there is no bar, a long epoch also
gets one line per minute. What cannot be shown is dropped (`npvae.console`): training goes on.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm.auto import tqdm

from npvae.console import surviving
from npvae.training.state import TrainingState

LINES = 20
SECONDS = 60.0  # between lines inside an epoch, where there is no bar


class Progress:
    """One bar over the whole training, gone when it is over; silent if not wanted."""

    def __init__(self, wanted: bool, state: TrainingState, epochs: int, images: int) -> None:
        """`images` are the images of one epoch; the state says how many are done already."""
        self.wanted, self.epochs, self.images = wanted, epochs, images
        self.every = -(-epochs // LINES)
        self.epoch, self.done = state.epoch, state.seen
        self.said = time.monotonic()
        self.compiled = False
        # A notebook shows stderr on red, as if something were wrong.
        self.in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
        self.stream = surviving(sys.stdout if self.in_notebook else sys.stderr)
        self.bar = tqdm(
            file=None if self.in_notebook else self.stream,
            total=epochs * images,
            initial=(state.epoch - 1) * images + state.seen,
            unit=" images",
            unit_scale=True,
            leave=False,
            dynamic_ncols=True,
            disable=None if wanted else True,  # None: only on a terminal or in a notebook
        )

    def start_epoch(self, epoch: int) -> None:
        """Name the epoch in the bar."""
        self.epoch = epoch
        self.bar.set_description_str(self._where(), refresh=False)

    def compiling(self, kernel: str) -> None:
        """A kernel is compiled before it can be used: say so once, and name it in the bar."""
        if not self.compiled and self.wanted:
            self.say("compiling kernels, for the first run on this machine only (npvae warmup does all of them)")
        self.compiled = True
        self.bar.set_postfix_str(f"compiling {kernel}", refresh=True)

    def step(self, n: int, loss: float, nll: float, kl: float) -> None:
        """n more images are done; the bar itself decides when to draw."""
        self.done += n
        if not self.bar.disable:
            # In a narrow terminal the end of the line is cut off, so the loss is not there.
            self.bar.set_description_str(f"{self._where()}, loss {loss:.2f}", refresh=False)
            self.bar.set_postfix_str(f"nll {nll:.2f}, kl {kl:.2f}", refresh=False)
            self.bar.update(n)
        elif self.wanted and time.monotonic() - self.said > SECONDS:
            self.say(f"epoch {self.epoch}/{self.epochs}   {self.done / self.images:4.0%}   loss {loss:.3f}")

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Print a line for the first epoch, the last, and every so many between."""
        epoch, self.done = row["epoch"], 0
        if not self.wanted or not (epoch in (1, self.epochs) or epoch % self.every == 0):
            return
        losses = {part: row.get(f"{part}_loss") for part in ("test", "valid")}
        held_out = [f"   {part} {loss:8.3f}" for part, loss in losses.items() if loss is not None]
        self.say(
            f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}   train {row['train_loss']:8.3f}"
            f" (nll {row['train_nll']:.3f}, kl {row['train_kl']:.3f}){''.join(held_out)}   {row['seconds']:.2f} s"
        )

    def say(self, line: str) -> None:
        """Print a line that stays, above the bar if there is one."""
        self.said = time.monotonic()
        self.bar.write(line, file=self.stream)
        self.stream.flush()

    def _where(self) -> str:
        return f"epoch {self.epoch}/{self.epochs}"

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()
