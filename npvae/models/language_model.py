"""A language model of letters: each from those before it, and no code. The baseline of `npvae.models.sequence_vae`.

    -log p(x) = sum over t of -log p(x[t] | x[1] ... x[t - 1]), and the same for its end

Mikolov et al. (2010), "Recurrent neural network based language model"; the recurrence is a GRU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.data import SequenceBatch, Text
from npvae.data.text import check_alphabet
from npvae.models.autoencoder import Autoencoder
from npvae.models.checks import check_generator, check_whole
from npvae.models.contract import Ops
from npvae.models.letters import (
    LetterLikelihood,
    Letters,
    check_letters,
    check_sequences,
    decoder_backward,
    decoder_forward,
    decoder_shapes,
    start_recurrent,
)
from npvae.models.mlp import init_weights
from npvae.models.settings import Option, Settings, setting, whole
from npvae.models.trace import AutoencoderTrace
from npvae.models.writing import write
from npvae.params import Params


@dataclass(frozen=True)
class Alphabet:
    """The letters, and how wide the recurrence is."""

    alphabet: str = setting(check=check_alphabet)
    max_length: int = setting(32, whole())
    hidden_dim: int = setting(
        128,
        whole(),
        Option("--hidden-dim", "width of the state of a recurrence, or of the first graph convolution", "H", int),
    )
    embedding_dim: int = setting(32, whole(), Option("--embedding-dim", "numbers that stand for a letter", "E", int))

    @property
    def data_dim(self) -> int:
        """C, the symbols that a letter is predicted among: the alphabet and the end."""
        return len(self.alphabet) + 1


@dataclass(frozen=True)
class LanguageModelSettings(Settings, Alphabet):
    """Those of the language model."""

    _: KW_ONLY

    @property
    def latent_dim(self) -> int:
        """None."""
        return 0


class OfSequences:
    """What every model of sequences does alike: it reads lines, and looks at its data in the same way."""

    takes = "sequences"
    decodes_z_alone = False  # but z and the letters before
    is_inputless = False
    settings: Any
    params: Params

    @property
    def alphabet(self) -> str:
        """The letters, of which the first has id 1."""
        return str(self.settings.alphabet)

    @property
    def max_length(self) -> int:
        """Letters of the longest sequence that it reads, or writes unless told otherwise."""
        return int(self.settings.max_length)

    @property
    def hidden_dim(self) -> int:
        """H, numbers of a state."""
        return int(self.settings.hidden_dim)

    @property
    def embedding_dim(self) -> int:
        """E, numbers that stand for a letter."""
        return int(self.settings.embedding_dim)

    def draw_starts(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """The states that n new lines start from, (n, H), and their codes, (n, L), if the model has any."""
        raise NotImplementedError

    def sample(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        temperature: float = 1.0,
        greedy: bool = False,
        max_length: int | None = None,
    ) -> list[str]:
        """n new lines, letter by letter, from z ~ N(0, I) if there is a code; greedy takes the likeliest letters.

        Raises ValueError for an n that is no whole number of at least 1, a temperature that is not above 0, a
        max_length below 1.
        """
        check_whole(n=n)
        check_generator(rng)
        h0, z = self.draw_starts(n, rng)
        return write(self, h0, z, None if greedy else rng, temperature, max_length)

    def batch_of(self, lines: Sequence[str]) -> SequenceBatch:
        """Lines -> what forward and encode take. DataError for a letter that is not in the alphabet."""
        return Text(lines, self.alphabet).batch(slice(None))

    def check_batch(self, x: Any) -> None:
        """Raises ValueError if x is no batch of sequences that the model can read."""
        check_letters(self, x)

    def check_data(self, data: Any) -> None:
        """Raises ValueError if data are not sequences of the model's alphabet and lengths."""
        check_sequences(self, data)

    def _likelihood_of(self, chosen: Any) -> LetterLikelihood:
        return LetterLikelihood()

    def _start(self, rng: np.random.Generator) -> None:
        init_weights(self.params, rng)
        start_recurrent(self.params, rng)


class LanguageModel(OfSequences, Autoencoder):  # type: ignore[misc]  # it samples lines, and no rows
    """A GRU that predicts each letter from those before it; loss = mean over the batch of -log p(x), in nats.

    alphabet       the letters, of which the first has id 1 (npvae.data.Text finds them)
    max_length     letters of the longest sequence
    hidden_dim     H, numbers of the state
    embedding_dim  E, numbers that stand for a letter

    Raises ValueError for an alphabet that is no string of different letters, and for sizes below 1.

    Example:
        >>> names = npvae.load_sequences("names-small")[0]
        >>> model = npvae.LanguageModel(names.alphabet, hidden_dim=16, embedding_dim=8)
        >>> len(model.sample(3, np.random.default_rng(0)))
        3
    """

    Settings = LanguageModelSettings
    settings: LanguageModelSettings

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the decoder: there is nothing else."""
        return decoder_shapes(self.data_dim, self.embedding_dim, self.hidden_dim, 0)

    def forward(self, x: Any, eps: Any = None, ops: Ops | None = None) -> tuple[float, Any]:
        """A batch of N sequences -> loss in nats, trace. eps is taken so that every model is called alike.

        Raises ValueError if x is no batch of sequences that the model can read.
        """
        check_letters(self, x)
        ops, N, x = ops or self.ops, len(x), Letters(x.ids, x.lengths)
        h0 = np.zeros((N, self.hidden_dim), self.dtype)
        output, decoder_cache = decoder_forward(ops, self.params, x, h0)  # (N, T, C)
        nll, nll_cache = self.likelihood.forward(ops, output, x, self.params)  # (N,)
        loss = float(nll.sum()) / N
        no_code = np.zeros((N, 0), self.dtype)
        return loss, AutoencoderTrace(no_code, output, nll, np.zeros_like(nll), (decoder_cache, nll_cache), ops)

    def backward(self, trace: Any, grads: Params | None = None) -> Params:
        """Gradients of the loss: forward, read from bottom to top. They are written to `grads`, or to a new array."""
        ops, N = trace.ops, len(trace.nll)
        decoder_cache, nll_cache = trace.caches
        dnll = np.full(N, 1 / N, self.dtype)  # loss = sum(nll) / N
        grads = self.params.like() if grads is None else grads
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        decoder_backward(ops, doutput, decoder_cache, grads)
        return grads

    def draw_starts(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, None]:
        """The state that n new lines start from, zero (n, H), and no code."""
        return np.zeros((n, self.hidden_dim), self.dtype), None

    def encode(self, x: Any) -> Any:
        """A language model has no code."""
        raise ValueError("a LanguageModel has no code: encode with a SequenceVAE")

    decode = reconstruct = encode  # type: ignore[assignment]

    def __repr__(self) -> str:
        size = f"{self.params.flat.size:,} parameters, {self.dtype}"
        return f"LanguageModel of {len(self.alphabet)} letters, GRU {self.hidden_dim}, {size}"
