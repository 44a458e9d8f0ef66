"""Sequences written letter by letter: each is drawn, or the likeliest taken, and read again for the next."""

from __future__ import annotations

from typing import Any

import numpy as np

END = 0


def check_writing(temperature: Any, max_length: Any) -> None:
    """ValueError for a temperature that is not above 0, or a max_length below 1."""
    if not isinstance(temperature, (int, float)) or not 0 < temperature < np.inf:
        raise ValueError(f"temperature is {temperature!r}, expected a number above 0 (greedy=True takes the likeliest)")
    if not isinstance(max_length, (int, np.integer)) or max_length < 1:
        raise ValueError(f"max_length is {max_length!r}, expected a whole number of at least 1")


def write(
    model: Any,
    h: np.ndarray,
    z: np.ndarray | None,
    rng: np.random.Generator | None,
    temperature: float = 1.0,
    max_length: int | None = None,
) -> list[str]:
    """n sequences from their first states h (n, H) and codes z (n, L), at most max_length letters each.

    rng          draws the letters; None takes the likeliest one at every step
    temperature  divides the logits: below 1 likely letters become likelier, above 1 less so

    Raises ValueError for a temperature that is not above 0, or a max_length below 1.
    """
    max_length = model.max_length if max_length is None else max_length
    check_writing(temperature, max_length)
    ops, params = model.ops, model.params
    weights = [params[f"decoder.gru.{name}"] for name in ("Wx", "Wh", "bx", "bh")]
    n = len(h)
    letter, going = np.full(n, END), np.ones(n, bool)
    written: list[np.ndarray] = []
    for t in range(max_length):
        e, _ = ops.embedding_forward(letter[:, np.newaxis], params["decoder.embedding.table"])
        e = e[:, 0]  # (n, E)
        if t > 0 and model.is_inputless:
            e = np.repeat(params["decoder.unknown"][np.newaxis], n, axis=0)
        h, _ = ops.gru_cell_forward(e if z is None else np.concatenate([e, z], axis=1), h, *weights)
        logits, _ = ops.dense_forward(h, params["decoder.out.W"], params["decoder.out.b"])  # (n, C)
        if rng is not None:  # the largest of logits with Gumbel noise is a draw from their softmax
            logits = logits.astype(np.float64) / temperature + rng.gumbel(size=logits.shape)
        letter = np.where(going, logits.argmax(axis=1), END)
        going &= letter != END
        written.append(letter)
        if not going.any():
            break
    return [_as_text(row, model.alphabet) for row in np.stack(written, axis=1)]


def _as_text(ids: np.ndarray, alphabet: str) -> str:
    ends = np.flatnonzero(ids == END)
    return "".join(alphabet[i - 1] for i in ids[: ends[0] if len(ends) else None])
