"""The VAE of sequences: a GRU reads a line, its code is a Gaussian, and a GRU that sees z at every step writes it.

Encoder  embedding, GRU, the state after the last letter -> mu, logvar
Decoder  h0 = tanh(z W + b); at every step the letter before and z -> GRU -> logits of the next letter

The loss is the VAE's, line by line (`npvae.models.vae`), with nll = -log p(x|z) summed over letters and end. z is on
two paths to it, as the first state and beside every letter; their gradients are added where they meet.

A decoder that reads the letters before can do without z, and then z costs nothing: kl = 0 is an optimum that training
often finds (posterior collapse). Against it: beta_schedule, the objectives free_bits and capacity, and `word_dropout`,
which hides a share of the letters from the decoder; with 1 it is inputless, and z alone decides.

Bowman et al. (2016), "Generating Sentences from a Continuous Space".
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_noise, check_rows, check_whole
from npvae.models.contract import Ops
from npvae.models.language_model import Alphabet, OfSequences
from npvae.models.letters import Letters, decoder_backward, decoder_forward, decoder_shapes, gru_backward, gru_forward
from npvae.models.letters import gru_shapes as shapes_of_gru
from npvae.models.settings import KLTerm, Option, Settings, latent_dim_setting, setting
from npvae.models.vae import VAE
from npvae.models.writing import write
from npvae.params import Params
from npvae.scalars import is_number


def check_share(name: str, value: Any) -> None:
    """ValueError for anything but a number from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}, expected a number from 0 to 1")


@dataclass(frozen=True)
class AlphabetAndCode(Alphabet):
    """The letters, the recurrence and the code."""

    latent_dim: int = latent_dim_setting(16)


@dataclass(frozen=True)
class SequenceVAESettings(KLTerm, Settings, AlphabetAndCode):
    """Those of the VAE of sequences."""

    _: KW_ONLY
    word_dropout: float = setting(
        0.0,
        check_share,
        Option("--word-dropout", "share of letters hidden from the decoder in training; 1: inputless", "P", float),
    )


class SequenceVAE(OfSequences, VAE):  # type: ignore[misc]  # it samples lines, and no rows
    """GRU encoder, one Gaussian latent layer, GRU decoder. Arguments as for LanguageModel, and more.

    latent_dim    L, length of a code
    word_dropout  share of letters hidden from the decoder in training; with 1 it never reads any
    beta, objective, samples, alpha, free_bits, capacity  as for VAE

    Noise is (N, L) or (K, N, L), N(0, 1). With word dropout, training appends max_length numbers in [0, 1) to each
    row, that say which letters are hidden: without them none is.

    Example:
        >>> names = npvae.load_sequences("names-small")[0]
        >>> model = npvae.SequenceVAE(names.alphabet, hidden_dim=16, latent_dim=4, embedding_dim=8)
        >>> model.encode(model.batch_of(["anna", "bo"]))[0].shape
        (2, 4)
    """

    Settings = SequenceVAESettings
    settings: SequenceVAESettings  # type: ignore[assignment]

    @property
    def word_dropout(self) -> float:
        """Share of letters hidden from the decoder in training."""
        return self.settings.word_dropout

    @property
    def is_inputless(self) -> bool:  # type: ignore[override]
        """Whether the decoder never reads a letter."""
        return self.word_dropout == 1

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of encoder and decoder, in the order of the forward."""
        C, E, H, L = self.data_dim, self.embedding_dim, self.hidden_dim, self.latent_dim
        encoder = {"encoder.embedding.table": (C, E)} | shapes_of_gru("encoder.gru", E, H)
        encoder |= {"encoder.head.W": (H, 2 * L), "encoder.head.b": (2 * L,)}
        return encoder | {"decoder.start.W": (L, H), "decoder.start.b": (H,)} | decoder_shapes(C, E, H, L)

    def forward(self, x: Any, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """A batch of N sequences, noise -> loss in nats, trace: the VAE's forward, some letters hidden if so asked."""
        self.check_batch(x)
        x, hiding, L = Letters(x.ids, x.lengths), None, self.latent_dim
        if isinstance(eps, np.ndarray) and 0 < self.word_dropout < 1 and eps.shape[-1] == L + self.max_length:
            eps, hiding = eps[..., :L], eps.reshape(-1, *eps.shape[-2:])[0, :, L:]
        return super().forward(x.hidden_from(hiding, self.word_dropout), eps, ops)

    def posterior_forward(self, ops: Ops, x: Any) -> tuple[np.ndarray, np.ndarray, Any]:
        """Sequences -> mu (N, L), logvar (N, L) of q(z|x), cache."""
        e, e_cache = ops.embedding_forward(x.ids, self.params["encoder.embedding.table"])  # (N, T, E)
        h0 = np.zeros((len(x), self.hidden_dim), self.dtype)
        h, h_cache = gru_forward(ops, e, h0, x.lengths, self.params, "encoder.gru")  # (N, T, H)
        last, last_cache = ops.last_state_forward(h, x.lengths)  # (N, H)
        head, head_cache = ops.dense_forward(last, self.params["encoder.head.W"], self.params["encoder.head.b"])
        mu, logvar = head[:, : self.latent_dim], head[:, self.latent_dim :]
        return mu, logvar, (e_cache, h_cache, last_cache, head_cache)

    def posterior_backward(self, ops: Ops, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (N, L) -> the encoder's gradients, into their places."""
        e_cache, h_cache, last_cache, head_cache = cache
        dhead = np.concatenate([dmu, dlogvar], axis=1)  # (N, 2 L)
        dlast, grads["encoder.head.W"], grads["encoder.head.b"] = ops.dense_backward(dhead, head_cache)
        dh = ops.last_state_backward(dlast, last_cache)
        de, _ = gru_backward(ops, dh, h_cache, grads, "encoder.gru")
        grads["encoder.embedding.table"] = ops.embedding_backward(de, e_cache)

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: Any) -> tuple[np.ndarray, Any]:
        """z (N, L), sequences -> logits of every next letter (N, T + 1, C), cache."""
        x = Letters(x.ids, x.lengths, getattr(x, "keep", None))
        if self.is_inputless:
            x = x.hidden_from(np.zeros(x.ids.shape), 1.0)
        h0, h0_cache = ops.layer_forward(z, self.params["decoder.start.W"], self.params["decoder.start.b"], "tanh")
        output, cache = decoder_forward(ops, self.params, x, h0, z)
        return output, (h0_cache, cache)

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """dlogits (N, T + 1, C) -> dz (N, L); the decoder's gradients go into their places."""
        h0_cache, cache = cache
        dh0, dz_letters = decoder_backward(ops, doutput, cache, grads)
        dz_h0, grads["decoder.start.W"], grads["decoder.start.b"] = ops.layer_backward(dh0, h0_cache)
        dz = dz_h0 + dz_letters
        return dz

    def tiled(self, x: Any, K: int) -> Letters:
        """The N sequences of x, K times over: one for each draw."""
        return Letters(x.ids, x.lengths, getattr(x, "keep", None)).tiled(K)

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise of a training step: N(0, 1) for the latents, and with word dropout U[0, 1) for the letters."""
        eps = super().draw_eps(n, rng)
        if not 0 < self.word_dropout < 1:
            return eps
        return np.concatenate([eps, rng.random((*eps.shape[:-1], self.max_length), dtype=self.dtype)], axis=-1)

    def draw_test_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise of the latents alone: letters are hidden in training only."""
        return super().draw_eps(n, rng)

    def draw_starts(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """States (n, H) made of codes (n, L) ~ N(0, I), and the codes."""
        z = rng.standard_normal((n, self.latent_dim), dtype=self.dtype)
        return self._start_of(z), z

    def decode(  # type: ignore[override]
        self,
        z: np.ndarray,
        rng: np.random.Generator | None = None,
        *,
        temperature: float = 1.0,
        max_length: int | None = None,
    ) -> list[str]:
        """z (N, L) -> N lines. rng draws the letters; without one the likeliest is taken at every step.

        Raises ValueError for a z of another width, a temperature that is not above 0, a max_length below 1.
        """
        z = check_rows(self, z, "z", "L", self.latent_dim)
        return write(self, self._start_of(z), z, rng, temperature, max_length)

    def _start_of(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> the decoder's first state (N, H)."""
        return self.ops.layer_forward(z, self.params["decoder.start.W"], self.params["decoder.start.b"], "tanh")[0]

    def reconstruct(self, x: Any, eps: np.ndarray | None = None) -> list[str]:  # type: ignore[override]
        """Sequences, or lines -> the likeliest letters at z = mu, or at z = mu + std * eps if noise (N, L) is given."""
        x = self.batch_of(x) if isinstance(x, (list, tuple)) else x
        mu, logvar = self.encode(x)
        if eps is None:
            return self.decode(mu)
        return self.decode(mu + np.exp(logvar / 2) * check_noise(self, x, eps, one_draw_of=self.latent_dim))

    def interpolate(self, first: str, last: str, steps: int = 7) -> list[str]:
        """Lines on the straight way from the code of one line to that of another, both ends among them."""
        check_whole(least=2, steps=steps)
        mu, _ = self.encode(self.batch_of([first, last]))
        way = np.linspace(0, 1, steps, dtype=self.dtype)[:, np.newaxis]
        return self.decode((1 - way) * mu[0] + way * mu[1])

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Sequences, or lines -> mu (N, L), logvar (N, L) of the posterior q(z|x)."""
        batch: Any = self.batch_of(x) if isinstance(x, (list, tuple)) else x
        return super().encode(batch)

    def __repr__(self) -> str:
        size = f"{self.params.flat.size:,} parameters, {self.dtype}"
        hidden = f", word dropout {self.word_dropout:g}" if self.word_dropout else ""
        H, L = self.hidden_dim, self.latent_dim
        return f"SequenceVAE of {len(self.alphabet)} letters, GRU {H}-{L}-{H}{hidden}, {size}"
