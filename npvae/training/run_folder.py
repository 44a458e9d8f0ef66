"""The folder of a run, read: config.json, metrics.jsonl, checkpoint.npz, model.npz, best.npz, figures/.

config.json      the model, its settings, how it is trained, and where its data came from
metrics.jsonl    one JSON object per epoch
checkpoint.npz   everything that training needs to go on (`npvae.training.checkpoint`)
model.npz        the parameters by name: as training returned them, or until then those of checkpoint.npz
best.npz         the parameters of the epoch with the lowest held-out loss, if there is held-out data
figures/         pictures (`npvae.figures.write_figures`)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from npvae.console import is_interrupt
from npvae.models import MODELS
from npvae.scalars import check_path
from npvae.training.checkpoint import RunError, read_arrays
from npvae.training.history import History


def read_config(folder: str | Path) -> dict[str, Any]:
    """The config.json of a run. Raises RunError if there is none, or it cannot be read."""
    path = check_path("folder", folder) / "config.json"
    if not path.is_file():
        raise RunError(f"{folder} holds no run: there is no config.json in it (npvae train --out {folder} makes one)")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read as JSON ({error}): the run is damaged, train again") from None
    if not isinstance(config, dict) or config.get("model") not in MODELS or "model_settings" not in config:
        raise RunError(f"{path} does not describe a run: expected a model among {', '.join(MODELS)} and its settings")
    return config


def read_metrics(folder: str | Path) -> History:
    """The rows of metrics.jsonl, one per epoch; empty if there are none yet.

    A last line without its end is left out: the program was stopped while it wrote. Raises RunError for any other
    damage.

    Example:
        >>> import tempfile
        >>> from npvae.training import read_config, read_metrics
        >>> x = np.random.default_rng(0).random((40, 9), dtype=np.float32)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = npvae.train(npvae.VAE(9, (8,), 2), x, epochs=2, batch_size=20, out=f"{folder}/run", progress=False)
        ...     rows, config = read_metrics(f"{folder}/run"), read_config(f"{folder}/run")
        >>> [row["epoch"] for row in rows], config["model"]
        ([1, 2], 'vae')
    """
    path, rows = check_path("folder", folder) / "metrics.jsonl", History()
    if not path.exists():
        return rows
    *lines, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise RunError(f"{path}, line {number} cannot be read as JSON ({error}): take the line out") from None
    return rows


def load(folder: str | Path, *, best: bool = False) -> Any:
    """The model of a run, with its trained parameters; with best=True those of the lowest held-out loss.

    Its `history` has the rows of metrics.jsonl, all of them, also while training is under way.
    Raises RunError if the folder does not hold a whole run.

    Example:
        >>> import tempfile
        >>> x = np.random.default_rng(0).random((40, 9), dtype=np.float32)
        >>> with tempfile.TemporaryDirectory() as run:
        ...     vae = npvae.train(npvae.VAE(9, (8,), 2), x, epochs=1, batch_size=20, out=run, progress=False)
        ...     again = npvae.load(run)
        >>> np.array_equal(again.params.flat, vae.params.flat)
        True
    """
    config, path = read_config(folder), check_path("folder", folder) / ("best.npz" if best else "model.npz")
    if not path.is_file():
        why = "there was no held-out data, or no epoch is finished" if best else "nothing has been saved yet"
        raise RunError(f"{folder} holds no {path.name}: {why}")
    try:
        model = MODELS[config["model"]](**config["model_settings"])
    except MemoryError:
        raise
    except Exception as error:  # whatever settings that were changed by hand or by an accident lead to
        if is_interrupt(error):
            raise KeyboardInterrupt from None
        raise RunError(
            f"{folder}/config.json describes a model that cannot be built ({type(error).__name__}: {error}): put its "
            "model_settings back as they were, or train again"
        ) from error
    mend = f"the run is damaged, go on from its checkpoint (npvae train --resume {folder}) or train again"
    arrays = read_arrays(path, mend)
    for name, view in model.params.items():
        found = arrays.get(name)
        if found is None or found.shape != view.shape or found.dtype.kind != "f":
            what = "is not there" if found is None else f"is {found.dtype} of shape {found.shape}"
            raise RunError(
                f"{path}: {name} {what}, expected {view.dtype} of shape {view.shape}: the run is damaged, or its "
                "config.json was changed"
            )
        if not np.isfinite(found).all():
            raise RunError(f"{path}: {name} holds numbers that are not finite: the run is damaged")
        view[...] = found
    model.history = read_metrics(folder)
    model.history.objective = model.config.get("objective", "")
    return model
