"""The folder of a run, written: checkpoints as they fall due, one line of metrics per epoch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from npvae.as_json import as_json
from npvae.models import MODELS, Params
from npvae.training.checkpoint import NAME, RunError, write_arrays, write_checkpoint
from npvae.training.environment import environment
from npvae.training.folder_lock import FolderTaken, lock_folder, unlock
from npvae.training.guard import check_params
from npvae.training.settings import Settings
from npvae.training.state import TrainingState
from npvae.training.whole_file import named_errors, write_whole


def make_config(model: Any, training: dict[str, Any]) -> dict[str, Any]:
    """What config.json says. ValueError for a model that could not be built again from it."""
    import npvae

    kinds = [name for name, kind in MODELS.items() if type(model) is kind]
    if not kinds:
        raise ValueError(f"a {type(model).__name__} cannot be saved as a run, only {', '.join(MODELS)}: give no out")
    return {"npvae": npvae.__version__, "model": kinds[0], "model_settings": model.config, "training": training}


def check_free(folder: Path) -> None:
    """RunError if the folder holds a run already, or is not a folder."""
    for name in ("config.json", "metrics.jsonl", "model.npz", NAME):
        if (folder / name).exists():
            raise RunError(
                f"{folder} already holds a run ({name}): choose another folder, move that one away, "
                f"or go on with it: npvae train --resume {folder}"
            )
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: choose another folder for the run")


class RunWriter:
    """Writes one run while it trains; with folder None it writes nothing. A context: the folder is its own meanwhile.

    RunError on entering if another process is training in the folder. OSError, from any method, if a file cannot be
    written; the checkpoint from before is then still whole.
    """

    def __init__(
        self,
        folder: Path | None,
        config: dict[str, Any],
        data: dict[str, Any],
        settings: Settings,
        processes: int = 1,
    ) -> None:
        self.folder, self.config, self.data, self.settings = folder, config, data, settings
        self.environment = environment(config["model_settings"]["backend"], processes) if folder else {}
        self.saved = ""  # where the last checkpoint is, in words
        self._saved_at, self._saved_step, self._saved_best = time.monotonic(), -1, 0
        self._lock = -1
        self._tensorboard: Any = None

    def __enter__(self) -> RunWriter:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock = lock_folder(self.folder)
            except FolderTaken:
                mend = "wait for it, or choose another folder"
                raise RunError(f"another process is training in {self.folder}: {mend}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._tensorboard is not None:
            self._tensorboard.close()
        unlock(self._lock)

    def begin(self, state: TrainingState) -> None:
        """Bring the folder to this state: there is a run to go on with once checkpoint.npz is there, the first file."""
        if self.folder is None:
            return
        self.save(state)
        rows = "".join(as_json(row) + "\n" for row in state.history)
        write_whole(self.folder / "metrics.jsonl", rows.encode())
        write_whole(self.folder / "config.json", (as_json(self.config, indent=2) + "\n").encode())
        if self.settings.tensorboard:
            from npvae.training.tensorboard import TensorBoard

            self._tensorboard = TensorBoard(self.folder / "tensorboard", state.history)

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        if self.folder is None:
            return
        with named_errors(self.folder / "metrics.jsonl"), open(self.folder / "metrics.jsonl", "ab") as file:
            file.write(as_json(row).encode() + b"\n")
        if self._tensorboard is not None:
            self._tensorboard.add(row)

    def save_if_due(self, state: TrainingState) -> None:
        """Save if enough steps or seconds have gone by."""
        if self.folder is None:
            return
        seconds, steps = self.settings.checkpoint_seconds, self.settings.checkpoint_steps
        if (steps is not None and state.step - self._saved_step >= steps) or (
            seconds is not None and time.monotonic() - self._saved_at >= seconds
        ):
            self.save(state)

    def save(self, state: TrainingState) -> None:
        """Write checkpoint.npz, and best.npz and model.npz beside it."""
        if self.folder is None:
            return
        check_params(state.model.params, step=state.step, saved=self.saved)
        path = self.folder / NAME
        write_checkpoint(path, state, config=self.config, data=self.data, environment=self.environment)
        self.saved = f"The last checkpoint is of epoch {state.epoch}, step {state.step}: {path}."
        if state.best is not None and state.best.epoch != self._saved_best:
            self._write_params("best.npz", state.model.params.like(state.best.params))
            self._saved_best = state.best.epoch
        self.save_model(state.model)
        self._saved_at, self._saved_step = time.monotonic(), state.step

    def save_model(self, model: Any) -> None:
        """Write model.npz alone."""
        self._write_params("model.npz", model.params)

    def _write_params(self, name: str, params: Params) -> None:
        if self.folder is not None:
            write_arrays(self.folder / name, dict(params))
