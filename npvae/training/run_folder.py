"""The folder of a run: config.json, metrics.jsonl (one object an epoch), model.npz, figures/."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from npvae.models import MODELS


class RunError(ValueError):
    """A folder that does not hold a run, or holds one already, or a damaged one: the message names it and the mend."""


def start_run(folder: str | Path, model: Any, settings: dict[str, Any]) -> Path:
    """Make the folder of a new run and write config.json. RunError if a run is there already."""
    import npvae

    folder = Path(folder)
    for name in ("config.json", "metrics.jsonl", "model.npz"):
        if (folder / name).exists():
            raise RunError(f"{folder} already holds a run ({name}): choose another folder, or move that one away")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: choose another folder for the run")
    folder.mkdir(parents=True, exist_ok=True)
    kind = next(name for name, cls in MODELS.items() if type(model) is cls)
    config = {"npvae": npvae.__version__, "model": kind, "model_settings": model.config, "training": settings}
    _write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
    return folder


def append_metrics(folder: Path, row: dict[str, Any]) -> None:
    """Add one line to metrics.jsonl."""
    with open(folder / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def save_model(folder: Path, model: Any) -> None:
    """Write model.npz, each parameter by its name; the old file stays whole until the new one is complete."""
    part = folder / "model.npz.part"
    with open(part, "wb") as file:
        np.savez(file, **dict(model.params))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / "model.npz")


def read_config(folder: str | Path) -> dict[str, Any]:
    """The config.json of a run. RunError if there is none, or it cannot be read."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise RunError(f"{folder} holds no run: there is no config.json in it (npvae train --out {folder} makes one)")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} cannot be read as JSON ({error}): the run is damaged, train again") from None
    if not isinstance(config, dict) or config.get("model") not in MODELS or "model_settings" not in config:
        raise RunError(f"{path} does not describe a run: expected a model among {', '.join(MODELS)} and its settings")
    return config


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, one an epoch; empty if there are none yet."""
    path = Path(folder) / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def load(folder: str | Path) -> Any:
    """The model of a run, with its trained parameters. RunError if the folder does not hold a whole run."""
    config, path = read_config(folder), Path(folder) / "model.npz"
    if not path.is_file():
        raise RunError(f"{folder} holds no model.npz: training has not finished its first epoch")
    try:
        model = MODELS[config["model"]](**config["model_settings"])
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            for name, view in model.params.items():
                if arrays[name].shape != view.shape:
                    raise ValueError(f"{name} has shape {arrays[name].shape}, expected {view.shape}")
                view[...] = arrays[name]
    except Exception as error:  # whatever a damaged file leads to, the user needs its name and the mend
        raise RunError(f"{path} cannot be loaded ({type(error).__name__}: {error}): the run is damaged") from error
    model.history = read_metrics(folder)
    return model


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
