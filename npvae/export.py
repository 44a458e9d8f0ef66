"""Weights to and from safetensors: the names and the layout of torch.nn.Sequential modules.

    npvae.export.save(vae, "vae.safetensors")         # then in PyTorch: module.load_state_dict(load_file(...))
    vae = npvae.export.load("vae.safetensors")        # a model again; or load(path, vae) for weights trained there

    here                        there
    encoder.0.W    (I, O)       encoder.0.weight  (O, I), transposed
    encoder.0.b    (O,)         encoder.0.bias    (O,)
    encoder.1.W    (I, O)       encoder.2.weight  (O, I): module 1 of the Sequential is the activation
    encoder.W      (I, O)       encoder.weight    (O, I): a Linear that is in no Sequential
    encoder.conv.0.W (P, Q, C, F)  encoder.conv.0.weight (F, C, P, Q), of Conv2d
    decoder.conv.0.W (P, Q, F, C)  decoder.conv.0.weight (C, F, P, Q), of ConvTranspose2d
    likelihood.logvar           likelihood.logvar
    decoder.gru.Wx (E, 3H)      decoder.gru.weight_ih_l0 (3H, E): a GRU, gates in the same order r, z, n; Wh likewise
    decoder.gru.bx (3H,)        decoder.gru.bias_ih_l0  (3H,); bh likewise
    decoder.embedding.table     decoder.embedding.weight, both (V, E)

Of a ConvVAE images are (N, H, W, C). Between encoder.conv and encoder.dense PyTorch writes
x.permute(0, 2, 3, 1).flatten(1), and between decoder.dense and decoder.conv the way back: then the rows are the same.

It needs safetensors: the extra `export`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

try:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import save as to_bytes
except ImportError as error:
    raise ImportError(f"npvae.export needs safetensors ({error}): pip install safetensors") from error

from npvae.as_json import as_json
from npvae.models import MODELS, Params
from npvae.scalars import check_path
from npvae.training.guard import check_params
from npvae.training.whole_file import write_whole


class WeightsError(ValueError):
    """A file that is damaged, or holds the weights of another model: the message names it and what does not fit."""


_OF_GRU = {"Wx": "weight_ih_l0", "Wh": "weight_hh_l0", "bx": "bias_ih_l0", "bh": "bias_hh_l0"}
_TURNED = ("W", "Wx", "Wh")  # the last part of the names of matrices that lie the other way there


def torch_name(name: str) -> str:
    """The name in PyTorch of one of our parameters."""
    *path, last = name.split(".")
    if path[-1:] == ["gru"]:
        return ".".join([*path, _OF_GRU[last]])
    if last == "table":
        return ".".join([*path, "weight"])
    if last not in ("W", "b") or not path:
        return name
    if path[-1].isdigit():
        path[-1] = str(2 * int(path[-1]))
    return ".".join([*path, {"W": "weight", "b": "bias"}[last]])


def _is_turned(name: str) -> bool:
    return name.split(".")[-1] in _TURNED


def to_torch(params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters or gradients by their names in PyTorch, weights (O, I). The arrays are new and C-contiguous."""
    return {
        torch_name(name): np.array(_turned(value) if _is_turned(name) else value, order="C")
        for name, value in params.items()
    }


def _turned(W: np.ndarray) -> np.ndarray:
    """(I, O) -> (O, I); a window (P, Q, C, F) -> (F, C, P, Q)."""
    return W.transpose(3, 2, 0, 1) if W.ndim == 4 else W.T


def _turned_back(W: np.ndarray) -> np.ndarray:
    """The way back of `_turned`."""
    return W.transpose(2, 3, 1, 0) if W.ndim == 4 else W.T


def from_torch(tensors: Mapping[str, np.ndarray], params: Params) -> None:
    """Fill parameters with what `to_torch` gave. Nothing is changed unless everything fits.

    Raises ValueError for names that are missing or too many, a wrong shape, a number type that would be rounded, or
    numbers that are not finite.
    """
    names = {torch_name(name): name for name in params}
    missing, unknown = sorted(names.keys() - tensors.keys()), sorted(tensors.keys() - names.keys())
    if missing or unknown:
        parts = [f"{', '.join(missing)} missing"] * bool(missing) + [f"{', '.join(unknown)} unknown"] * bool(unknown)
        raise ValueError(f"the names are not this model's: {'; '.join(parts)}")
    values = {}
    for there, here in names.items():
        value, wanted = np.asarray(tensors[there]), _turned(params[here]) if _is_turned(here) else params[here]
        if value.shape != wanted.shape:
            raise ValueError(f"{there} has shape {value.shape}, this model needs {wanted.shape}")
        if not np.can_cast(value.dtype, wanted.dtype, "safe"):
            mend = f"build the model with dtype={value.dtype.name!r}, or convert the weights first"
            raise ValueError(f"{there} is {value.dtype}, this model computes in {wanted.dtype}: {mend}")
        if not np.isfinite(value).all():
            raise ValueError(f"{there} holds numbers that are not finite")
        values[here] = _turned_back(value) if _is_turned(here) else value
    for here, value in values.items():
        params[here] = value


def write_tensors(path: str | os.PathLike, arrays: Mapping[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write arrays of any layout to a safetensors file, whole or not at all. OSError if it cannot be written.

    They are made C-contiguous first: safetensors 0.8.0 writes the memory of a transposed or strided array as it lies,
    under the array's shape, and says nothing.
    """
    mend = "make room or mend the folder; what was there is as it was"
    write_whole(Path(path), to_bytes({name: np.array(a, order="C") for name, a in arrays.items()}, metadata), mend)


def read_tensors(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a safetensors file. OSError if there is none, WeightsError if it is damaged."""
    if not check_path("path", path).is_file():
        what = "a folder" if Path(path).is_dir() else "not there"
        raise FileNotFoundError(f"{path} is {what}: expected a safetensors file")
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"{path} cannot be read as safetensors ({error}): it is damaged, or of another kind"
        ) from None


def save(model: Any, path: str | os.PathLike) -> Path:
    """Write a model's weights, for PyTorch; its settings go into the metadata, for `load`. Returns the path.

    Raises ValueError for a path that does not end in .safetensors, and for a model that is none of MODELS or whose
    parameters are not finite; OSError if the file cannot be written: what was there is then as it was.

    Example:
        >>> import tempfile
        >>> from npvae import export
        >>> vae = npvae.VAE(9, hidden=(8,), latent_dim=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export.save(vae, f"{folder}/vae.safetensors")
        ...     again = export.load(f"{folder}/vae.safetensors")
        >>> np.array_equal(again.params.flat, vae.params.flat)
        True
    """
    if check_path("path", path).suffix != ".safetensors":
        found = Path(path).suffix or "no suffix"
        raise ValueError(f"{path} ends in {found!r}, expected .safetensors: no other format is written")
    kinds = [name for name, cls in MODELS.items() if type(model) is cls]
    if not kinds:
        raise ValueError(f"a {type(model).__name__} cannot be exported, only {', '.join(MODELS)}: write its tensors "
            "with write_tensors(path, to_torch(model.params), {})")  # fmt: skip
    check_params(model.params)
    kind = kinds[0]
    metadata = {"format": "pt", "npvae.model": kind, "npvae.settings": as_json(model.config)}
    write_tensors(path, to_torch(model.params), metadata)
    return Path(path)


def load(path: str | os.PathLike, model: Any = None) -> Any:
    """The model of a file that `save` wrote; or a given model, filled with the weights of any file that has its names.

    Bits are kept. Raises WeightsError, which is a ValueError, for a damaged file or weights that do not fit; then a
    given model is as it was.
    """
    tensors, metadata = read_tensors(path)
    try:
        if model is None:
            if metadata.get("npvae.model") not in MODELS or "npvae.settings" not in metadata:
                raise ValueError(
                    "it does not say which model its weights are of: build that model and load(path, model)"
                )
            model = MODELS[metadata["npvae.model"]](**json.loads(metadata["npvae.settings"]))
        from_torch(tensors, model.params)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path}: {error}") from error
    return model
