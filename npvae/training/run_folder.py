"""The folder of a run, read: config.json, metrics.jsonl, checkpoint.npz, model.npz, best.npz, figures/.

config.json      the model, its settings, how it is trained, and where its data came from
metrics.jsonl    one JSON object an epoch
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

from npvae.data import DataError, read_npz
from npvae.models import MODELS
from npvae.training.checkpoint import RunError
from npvae.training.history import History


def read_config(folder: str | Path) -> dict[str, Any]:
    """The config.json of a run. RunError if there is none, or it cannot be read."""
    path = Path(folder) / "config.json"
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
    """The rows of metrics.jsonl, one an epoch; empty if there are none yet.

    A last line without its end is left out: the program was stopped while it wrote. RunError for any other damage.
    """
    path, rows = Path(folder) / "metrics.jsonl", History()
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
    RunError if the folder does not hold a whole run.
    """
    config, path = read_config(folder), Path(folder) / ("best.npz" if best else "model.npz")
    if not path.is_file():
        why = "there was no held-out data, or no epoch is finished" if best else "nothing has been saved yet"
        raise RunError(f"{folder} holds no {path.name}: {why}")
    try:
        model = MODELS[config["model"]](**config["model_settings"])
        arrays = read_npz(path)
        for name, view in model.params.items():
            if arrays[name].shape != view.shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, expected {view.shape}")
            view[...] = arrays[name]
        if not np.isfinite(model.params.flat).all():
            raise ValueError("it holds numbers that are not finite")
    except DataError as error:
        raise RunError(f"{error}: the run is damaged") from error
    except Exception as error:  # whatever a damaged file leads to, the user needs its name and the mend
        raise RunError(f"{path} cannot be loaded ({type(error).__name__}: {error}): the run is damaged") from error
    model.history = read_metrics(folder)
    return model
