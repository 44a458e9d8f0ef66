"""What models of sequences share: how a batch is read, the recurrent decoder, the likelihood of letters.

Symbol 0 is the end of a sequence, and stands before its first letter as well. A sequence of n letters is read as
0, x[1] ... x[n] and has to be told as x[1] ... x[n], 0: n + 1 predictions, each from what stands before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae.models.contract import Ops
from npvae.params import Params


@dataclass(frozen=True)
class Letters:
    """N sequences of at most T letters, as the models of this file take them."""

    ids: np.ndarray  # (N, T) integers, 1 to A; 0 after a sequence's end
    lengths: np.ndarray  # (N,) of their letters
    keep: np.ndarray | None = None  # (N, T + 1) bool: which of the symbols read are not hidden from the decoder

    def __len__(self) -> int:
        """N."""
        return len(self.lengths)

    @property
    def read(self) -> np.ndarray:
        """What the decoder reads, (N, T + 1): the start, then the letters."""
        return np.pad(self.ids, ((0, 0), (1, 0)))

    @property
    def told(self) -> np.ndarray:
        """What it has to tell, (N, T + 1): the letters, then the end."""
        return np.pad(self.ids, ((0, 0), (0, 1)))

    @property
    def predictions(self) -> np.ndarray:
        """(N,), how many of each sequence: its letters and its end."""
        return self.lengths + 1

    def tiled(self, K: int) -> Letters:
        """All sequences, K times over."""
        keep = None if self.keep is None else np.tile(self.keep, (K, 1))
        return Letters(np.tile(self.ids, (K, 1)), np.tile(self.lengths, K), keep)

    def hidden_from(self, noise: np.ndarray | None, share: float) -> Letters:
        """With the letters hidden whose number in noise (N, >= T) is below share; the start is always read."""
        if noise is None:
            return self
        N, T = self.ids.shape
        keep = np.ones((N, T + 1), bool)
        keep[:, 1:] = noise[:, :T] >= share
        return replace(self, keep=keep)


def check_letters(model: Any, x: Any) -> None:
    """ValueError if x is no batch of sequences that the model can read."""
    who = type(model).__name__
    ids, lengths = getattr(x, "ids", None), getattr(x, "lengths", None)
    if ids is None or lengths is None:
        raise ValueError(f"{who}: x is a {type(x).__name__}, expected sequences: model.batch_of(lines)")
    if ids.ndim != 2 or lengths.shape != ids.shape[:1] or len(ids) == 0 or lengths.min() < 1:
        raise ValueError(
            f"{who}: ids have shape {ids.shape} and lengths {lengths.shape}, expected (N, T) and (N,) with N >= 1, "
            "and every length at least 1"
        )
    if lengths.max() > ids.shape[1] or ids.min() < 0 or ids.max() > len(model.alphabet):
        raise ValueError(
            f"{who}: lengths go up to {lengths.max()} of {ids.shape[1]} and ids from {ids.min()} to {ids.max()}; "
            f"the alphabet has {len(model.alphabet)} letters"
        )


def check_sequences(model: Any, data: Any) -> None:
    """ValueError if data are not sequences in the model's alphabet, or longer than it was built for."""
    alphabet = getattr(data, "alphabet", model.alphabet)
    if alphabet != model.alphabet:
        raise ValueError(
            f"the alphabet of the data is {alphabet!r}, the model's {model.alphabet!r}: data.in_alphabet(...)"
        )
    if data.ids.min() < 1 or data.ids.max() > len(model.alphabet):
        raise ValueError(
            f"ids run from {data.ids.min()} to {data.ids.max()}, expected 1 to {len(model.alphabet)}, the alphabet's"
        )
    if data.lengths.max() > model.max_length:
        raise ValueError(
            f"a sequence has {data.lengths.max()} letters, the model was built for at most {model.max_length}: "
            "give it a larger max_length, or leave long sequences out"
        )


def gru_shapes(prefix: str, E: int, H: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of a recurrence."""
    return {
        f"{prefix}.Wx": (E, 3 * H),
        f"{prefix}.Wh": (H, 3 * H),
        f"{prefix}.bx": (3 * H,),
        f"{prefix}.bh": (3 * H,),
    }


def decoder_shapes(C: int, E: int, H: int, L: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the decoder: L latents are joined to every letter that it reads, 0 for a language model."""
    shapes = {"decoder.embedding.table": (C, E), "decoder.unknown": (E,)}
    return shapes | gru_shapes("decoder.gru", E + L, H) | {"decoder.out.W": (H, C), "decoder.out.b": (C,)}


def start_recurrent(params: Params, rng: np.random.Generator) -> None:
    """Draw what is not a dense map, as PyTorch does: embeddings N(0, 1), a GRU's weights U(-a, a), a = 1 / sqrt(H)."""
    for name, value in params.items():
        if name.endswith((".table", ".unknown")):
            value[...] = rng.standard_normal(value.shape)
        elif ".gru." in name:
            a = 1 / np.sqrt(value.shape[-1] // 3)
            value[...] = rng.uniform(-a, a, value.shape)


def gru_forward(ops: Ops, x: np.ndarray, h0: np.ndarray, lengths: np.ndarray, params: Params, prefix: str) -> Any:
    """x (N, T, E), h0 (N, H) -> h (N, T, H), cache: the op with the weights of this name."""
    return ops.gru_forward(x, h0, lengths, *(params[f"{prefix}.{name}"] for name in ("Wx", "Wh", "bx", "bh")))


def gru_backward(ops: Ops, dh: np.ndarray, cache: Any, grads: Params, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """dh (N, T, H) -> dx (N, T, E), dh0 (N, H); the gradients of the weights go into their places."""
    dx, dh0, *dweights = ops.gru_backward(dh, cache)
    for name, dweight in zip(("Wx", "Wh", "bx", "bh"), dweights, strict=True):
        grads[f"{prefix}.{name}"] = dweight
    return dx, dh0


def decoder_forward(
    ops: Ops, params: Params, x: Letters, h0: np.ndarray, z: np.ndarray | None = None
) -> tuple[np.ndarray, Any]:
    """What is read of x, the first state h0 (N, H), the code z (N, L) -> logits (N, T, C), cache."""
    e, e_cache = ops.embedding_forward(x.read, params["decoder.embedding.table"])  # (N, T, E)
    dropout_cache, z_cache = None, None
    if x.keep is not None:
        e, dropout_cache = ops.word_dropout_forward(e, x.keep, params["decoder.unknown"])
    if z is not None:  # the same code beside every letter
        z_at, z_cache = ops.repeat_forward(z, e.shape[1])  # (T, N, L)
        e = np.concatenate([e, z_at.transpose(1, 0, 2)], axis=2)  # (N, T, E + L)
    h, h_cache = gru_forward(ops, e, h0, x.predictions, params, "decoder.gru")  # (N, T, H)
    N, T, H = h.shape
    logits, out_cache = ops.dense_forward(h.reshape(N * T, H), params["decoder.out.W"], params["decoder.out.b"])
    return logits.reshape(N, T, -1), (e_cache, dropout_cache, z_cache, h_cache, out_cache)


def decoder_backward(ops: Ops, dlogits: np.ndarray, cache: Any, grads: Params) -> tuple[np.ndarray, np.ndarray | None]:
    """dlogits (N, T, C) -> dh0 (N, H), dz (N, L) by way of the letters; gradients go into their places in grads."""
    e_cache, dropout_cache, z_cache, h_cache, out_cache = cache
    N, T, C = dlogits.shape
    dh, grads["decoder.out.W"], grads["decoder.out.b"] = ops.dense_backward(dlogits.reshape(N * T, C), out_cache)
    de, dh0 = gru_backward(ops, dh.reshape(N, T, -1), h_cache, grads, "decoder.gru")
    dz = None
    if z_cache is not None:
        E = len(grads["decoder.unknown"])
        dz = ops.repeat_backward(de[:, :, E:].transpose(1, 0, 2), z_cache)  # (N, L)
        de = de[:, :, :E]
    grads["decoder.unknown"][...] = 0
    if dropout_cache is not None:
        de, grads["decoder.unknown"] = ops.word_dropout_backward(de, dropout_cache)
    grads["decoder.embedding.table"] = ops.embedding_backward(de, e_cache)
    return dh0, dz


class LetterLikelihood:
    """p(x|z) of sequences: each letter under the softmax of its logits, summed over letters and end."""

    name = "letters"

    def start(self) -> dict[str, np.ndarray]:
        """It has no parameters of its own."""
        return {}

    def forward(self, ops: Ops, output: np.ndarray, x: Letters, params: Params) -> tuple[np.ndarray, Any]:
        """Logits (N, T, C), sequences -> nll (N,) in nats, cache."""
        return ops.masked_categorical_nll_forward(output, x.told, x.predictions)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to dlogits (N, T, C)."""
        dlogits = ops.masked_categorical_nll_backward(dnll, cache)
        return dlogits
