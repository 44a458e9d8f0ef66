"""A training state as a file, from which training goes on bit for bit.

A checkpoint is a .npz of plain numbers. `about` is a JSON text as bytes; it says what the file is, what the run is
(`write_checkpoint`) and where it stands (one entry for each row of FIELDS). Beside it stand the arrays: `params`, all
optimiser state as `optimizer/...`, the rows of the epoch as `order`, the parameters of the best epoch as `best`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from npvae.as_json import as_json
from npvae.data import DataError, read_npz
from npvae.data.npy import WRITE_AGAIN
from npvae.models import MODELS
from npvae.training.history import History
from npvae.training.settings import Settings
from npvae.training.state import Best, TrainingState, make_optimizer
from npvae.training.whole_file import write_whole

NAME = "checkpoint.npz"
FORMAT, VERSION = "npvae checkpoint", 1


class RunError(ValueError):
    """A folder that does not hold a run, or holds one already, or a damaged one: the message names it and the mend."""


def _same(value: Any) -> Any:
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"found {value!r}, expected a whole number")
    return value


def _generator(state: Any) -> np.random.Generator:
    """A generator that draws what the one of this state would have drawn next."""
    bits = np.random.PCG64()
    bits.state = state
    return np.random.Generator(bits)


class Field(NamedTuple):
    """How a field of the state is written as JSON and read back: ValueError if it cannot be."""

    to_json: Callable[[Any], Any]
    of_json: Callable[[Any], Any]


FIELDS = {
    "epoch": Field(_same, _count),
    "seen": Field(_same, _count),
    "step": Field(_same, _count),
    "seconds": Field(_same, _same),
    "totals": Field(_same, lambda sums: np.array(sums, float).reshape(3).tolist()),
    "rng": Field(lambda rng: rng.bit_generator.state, _generator),
    "test_rng": Field(lambda rng: rng.bit_generator.state, _generator),
    "best": Field(
        lambda best: best and {"epoch": best.epoch, "loss": best.loss},
        lambda best: None if best is None else Best(best["epoch"], best["loss"], np.empty(0)),  # params: an array below
    ),
    "history": Field(_same, History),
}
"""What `about` says of a `TrainingState`, by the name of the field."""


@dataclass
class Checkpoint:
    """What a checkpoint holds: `about`, as in the docstring of this module, and the arrays by name."""

    about: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def config(self) -> dict[str, Any]:
        """Model and settings, as in config.json."""
        return self.about["config"]


def write_checkpoint(
    path: Path, state: TrainingState, *, config: dict[str, Any], data: dict[str, Any], environment: dict[str, str]
) -> None:
    """Put the state at `path`, whole or not at all (`npvae.training.whole_file`). OSError if it cannot be written."""
    arrays = {"params": state.model.params.flat}
    arrays |= {f"optimizer/{name}": array for name, array in state.optimizer.state().items()}
    if state.order is not None:
        arrays["order"] = state.order.astype(np.min_scalar_type(len(state.order)))
    if state.best is not None:
        arrays["best"] = state.best.params
    about = {
        "format": FORMAT,
        "version": VERSION,
        "arrays": list(arrays),
        "config": config,
        "environment": environment,
        "data": data,
        "shapes": state.model.params.shapes,
    }
    about |= {name: field.to_json(getattr(state, name)) for name, field in FIELDS.items()}
    about["seconds"] = state.elapsed()
    write_arrays(path, {"about": np.frombuffer(as_json(about).encode(), np.uint8), **arrays})


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Put a .npz at `path`, whole or not at all."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    write_whole(path, stream.getvalue())


def read_arrays(path: Path, mend: str) -> dict[str, np.ndarray]:
    """The arrays of a file of a run. RunError that ends in `mend`: nobody can write such a file again by hand."""
    try:
        return read_npz(path)
    except DataError as error:
        raise RunError(f"{str(error).removesuffix(f': {WRITE_AGAIN}')}: {mend}") from error


def read_checkpoint(folder: str | Path) -> Checkpoint:
    """Read the checkpoint of a run, of this version or an older one. Raises RunError for anything else."""
    path = Path(folder) / NAME
    if not path.is_file():
        raise RunError(f"{folder} holds no run to go on with: there is no {NAME} in it")
    mend = "take a copy of it if there is one, or train again"
    arrays = read_arrays(path, mend)
    try:
        about = json.loads(arrays.pop("about").tobytes().decode())
    except (KeyError, ValueError, RecursionError) as error:
        raise RunError(f"{path} does not describe a training ({type(error).__name__}: {error}): {mend}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT or not isinstance(about.get("version"), int):
        raise RunError(f"{path} is not a checkpoint of npvae: {mend}")
    if about["version"] > VERSION:
        raise RunError(f"{path} is of version {about['version']}, this npvae reads up to {VERSION}: upgrade npvae")
    if about.get("arrays") != list(arrays):
        raise RunError(f"{path} holds other arrays than it says: {mend}")
    return Checkpoint(about, arrays)


def restore(checkpoint: Checkpoint, folder: str | Path) -> tuple[TrainingState, Settings]:
    """The state as it was when the checkpoint was written, in a new model. RunError if the parts do not fit."""
    try:
        return _restore(checkpoint.about, checkpoint.arrays)
    except MemoryError:
        raise
    except Exception as error:  # whatever a file that was tampered with leads to, the user needs its name
        where = f"{Path(folder) / NAME} does not fit together"
        raise RunError(f"{where} ({type(error).__name__}: {error}): train again") from error


def _restore(about: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[TrainingState, Settings]:
    config = about["config"]
    settings = Settings.among(config["training"])
    model = MODELS[config["model"]](**config["model_settings"])
    shapes = {name: tuple(shape) for name, shape in about["shapes"].items()}
    if list(shapes.items()) != list(model.params.shapes.items()):
        raise ValueError(f"parameters are {shapes}, the model has {model.params.shapes}")
    _put(model.params.flat, arrays["params"], "params")
    optimizer = make_optimizer(model, settings)
    of_optimizer = {name: array for name, array in arrays.items() if name.startswith("optimizer/")}
    optimizer.load_state({name.removeprefix("optimizer/"): array for name, array in of_optimizer.items()})
    fields = {name: _read(about, name) for name in FIELDS}
    if fields["best"] is not None:
        fields["best"].params = np.empty_like(model.params.flat)
        _put(fields["best"].params, arrays["best"], "best")
    order = _order(arrays, about["data"]["x_train"]["rows"], fields["seen"])
    state = TrainingState(model, optimizer, order=order, **fields)
    model.history = state.history
    return state, settings


def _read(about: dict[str, Any], name: str) -> Any:
    try:
        return FIELDS[name].of_json(about[name])
    except (TypeError, ValueError, LookupError) as error:
        raise ValueError(f"{name} cannot be read ({type(error).__name__}: {error})") from error


def _order(arrays: dict[str, np.ndarray], rows: int, seen: int) -> np.ndarray | None:
    """The rows of the epoch that is under way, if one is. ValueError if they are not a permutation, or too few."""
    if "order" not in arrays and seen == 0:
        return None
    order = arrays["order"].astype(np.int64)
    if not np.array_equal(np.sort(order), np.arange(rows)) or seen > rows:
        raise ValueError(f"order is not a permutation of {rows} rows of which {seen} are done")
    return order


def _put(place: np.ndarray, array: np.ndarray, name: str) -> None:
    if array.shape != place.shape or array.dtype != place.dtype:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {place.dtype} {place.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    place[...] = array
