"""The autoencoder: an input becomes a short code, the code becomes the input again. No noise, no prior.

It is half of a VAE, and the half that the VAE is understood against: see `npvae.models.vae` for what is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.backend import ops_of
from npvae.models.checks import check_generator, check_whole, check_widths
from npvae.models.likelihoods import likelihood_of
from npvae.models.mlp import init_weights, mlp_backward, mlp_forward, mlp_shapes
from npvae.models.params import Params
from npvae.ops import ACTIVATIONS


@dataclass
class AutoencoderTrace:
    """What one forward computed: N samples, L latents, D pixels."""

    z: np.ndarray  # (N, L)
    output: np.ndarray  # (N, D), or wider; what the likelihood takes: logits for bernoulli
    nll: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), zero: there is no prior to be far from
    caches: tuple
    workspace: Any = None  # whose buffers all of this lies in, if any


class Autoencoder:
    """MLP encoder and mirrored MLP decoder; loss = mean over the batch of nll, in nats.

    data_dim      D, numbers a sample
    hidden        widths of the encoder's hidden layers, input side first; the decoder has them in reverse
    latent_dim    L, length of a code
    activation    a name in npvae.ops.ACTIVATIONS, after every hidden layer
    likelihood    a name in npvae.models.LIKELIHOODS
    logvar        log-variance of gaussian_fixed, or the one at which gaussian_scalar and gaussian_pixel start
    logvar_floor  least log-variance that a Gaussian can learn (npvae.ops.floored_logvar), None for no floor
    levels        grey levels of the data, for discretized_logistic and categorical
    dtype         "float32" for training, "float64" for checking gradients
    backend       where the ops come from: "numba", compiled kernels, or "numpy", the pages themselves
    seed          of the initial weights: U(-a, a), a = 1 / sqrt(fan_in), biases zero (npvae.models.mlp.init_weights)

    ValueError for a size that is not a whole number of at least 1, or a name that is unknown.
    """

    code_width = 1  # numbers that the encoder gives for one latent
    history: list[dict[str, Any]]  # one row an epoch, once it has been trained (see npvae.train)

    def __init__(
        self,
        data_dim: int,
        hidden: Sequence[int] = (400,),
        latent_dim: int = 20,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        *,
        logvar: float = 0.0,
        logvar_floor: float | None = None,
        levels: int = 256,
        dtype: str = "float32",
        backend: str = "numba",
        seed: int = 0,
    ) -> None:
        """Build the parameters and draw their start."""
        hidden = check_widths("hidden", hidden)
        check_whole(data_dim=data_dim, latent_dim=latent_dim)
        check_whole(0, seed=seed)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r} is unknown, choose one of {', '.join(ACTIVATIONS)}")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype {dtype!r} is not supported, choose float32 or float64")
        self.config: dict[str, Any] = {
            "data_dim": data_dim,
            "hidden": list(hidden),
            "latent_dim": latent_dim,
            "activation": activation,
            "likelihood": likelihood,
            "logvar": logvar,
            "logvar_floor": logvar_floor,
            "levels": levels,
            "dtype": np.dtype(dtype).name,
            "backend": backend,
            "seed": seed,
        }
        self.data_dim, self.hidden, self.latent_dim, self.activation = data_dim, hidden, latent_dim, activation
        self.input_dim = data_dim  # numbers a row of x has; more than D if it carries something beside the data
        self.dtype = np.dtype(dtype)
        self.history = []
        self.depth = len(hidden) + 1  # dense maps in the encoder, and as many in the decoder
        self.likelihood = likelihood_of(likelihood, data_dim, logvar=logvar, logvar_floor=logvar_floor, levels=levels)
        self.ops = ops_of(backend)
        self._build(seed)

    def _build(self, seed: int) -> None:
        own = self.likelihood.start()
        shapes = self.parameter_shapes() | {name: value.shape for name, value in own.items()}
        self.params = Params.zeros(shapes, self.dtype)
        init_weights(self.params, np.random.default_rng(seed))
        for name, value in own.items():
            self.params[name][...] = value

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of encoder and decoder, in layer order."""
        outputs = self.data_dim * self.likelihood.outputs_per_pixel
        encoder = mlp_shapes("encoder", (self.data_dim, *self.hidden, self.latent_dim * self.code_width))
        return encoder | mlp_shapes("decoder", (self.latent_dim, *reversed(self.hidden), outputs))

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, workspace: Any = None) -> tuple[float, Any]:
        """x (N, D) -> loss in nats, trace. eps is taken so that every model is called alike, and is not used.

        With a workspace (see `workspace`) the trace is valid until the next forward with it.
        """
        self.check_batch(x)
        ops, params = self.ops_of_step(workspace), self.params
        seen = self.encoder_input(x, eps)  # (N, D)
        z, encoder_cache = mlp_forward(ops, seen, params, "encoder", self.depth, self.activation)  # (N, L)
        output, decoder_cache = mlp_forward(ops, z, params, "decoder", self.depth, self.activation)  # (N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, x, params)  # (N,)
        loss = float(nll.sum()) / len(nll)
        caches = (encoder_cache, decoder_cache, nll_cache)
        return loss, AutoencoderTrace(z, output, nll, np.zeros_like(nll), caches, workspace)

    def backward(self, trace: Any) -> Params:
        """Gradients of the loss: forward, read from bottom to top."""
        ops, grads = self.ops_and_grads(trace.workspace)
        encoder_cache, decoder_cache, nll_cache = trace.caches
        N = len(trace.nll)
        dnll = np.full(N, 1 / N, self.dtype)  # loss = sum(nll) / N
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        dz = mlp_backward(ops, doutput, decoder_cache, grads, "decoder")
        mlp_backward(ops, dz, encoder_cache, grads, "encoder", needs_dx=False)
        return grads

    def workspace(self) -> Any:
        """Buffers for a training loop, so that a step makes no new large arrays; None for the backend "numpy".

        Given to `forward`, a trace lives until the next forward with it, and the gradients until the next backward.
        """
        if self.config["backend"] == "numpy":
            return None
        from npvae.kernels.workspace import Workspace

        return Workspace(self.params)

    def ops_of_step(self, workspace: Any) -> Any:
        """The ops of one forward: the workspace's, started anew, or the backend's."""
        return self.ops if workspace is None else workspace.start_step()

    def ops_and_grads(self, workspace: Any) -> tuple[Any, Params]:
        """The ops of one backward and the place of its gradients: the workspace's, or new."""
        return (self.ops, self.params.like()) if workspace is None else workspace.start_backward()

    def encoder_input(self, x: np.ndarray, eps: np.ndarray | None) -> np.ndarray:
        """What the encoder sees of x (N, D): x itself, here."""
        return x

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray | None:
        """The noise that one forward of n samples takes: none."""
        return None

    def encode(self, x: np.ndarray) -> Any:
        """x (N, D) -> codes (N, L)."""
        self.check_batch(x)
        return mlp_forward(self.ops, x, self.params, "encoder", self.depth, self.activation)[0]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> the likelihood's mean (N, D), in data units."""
        return self.likelihood.mean(self.ops, self.decoder_output(z))

    def sample(self, n: int, rng: np.random.Generator, *, draw_pixels: bool = False) -> np.ndarray:
        """n images (n, D) decoded from z ~ N(0, I): means, or with draw_pixels one draw x ~ p(x|z) each.

        For an autoencoder nothing has put the codes there: what this shows is why it is not a generator.
        """
        check_whole(n=n)
        check_generator(rng)
        output = self.decoder_output(rng.standard_normal((n, self.latent_dim), dtype=self.dtype))
        if draw_pixels:
            return self.likelihood.sample(self.ops, output, self.params, rng)
        return self.likelihood.mean(self.ops, output)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """x (N, D) -> the mean of p(x|z) at its own code z, (N, D)."""
        return self.decode(self.encode(x))

    def decoder_output(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> what the likelihood takes: logits for bernoulli. ValueError if z has another width."""
        z = self._as_rows(z, "z", "L", self.latent_dim)
        return mlp_forward(self.ops, z, self.params, "decoder", self.depth, self.activation)[0]

    def check_batch(self, x: np.ndarray) -> None:
        """ValueError if x is not (N, D) of the model's dtype. Its values are checked where data enters, not here."""
        who = type(self).__name__
        if not isinstance(x, np.ndarray):
            raise ValueError(f"{who}: x is a {type(x).__name__}, expected an array: np.asarray(x, {self.dtype.name!r})")
        if x.ndim != 2 or x.shape[1] != self.input_dim or len(x) == 0:
            raise ValueError(f"{who}: x has shape {np.shape(x)}, expected (N, D) with N >= 1, D = {self.input_dim}")
        if x.dtype != self.dtype:
            scale = " / 255" if x.dtype == np.uint8 else ""
            raise ValueError(
                f"{who}: x is {x.dtype}, the model computes in {self.dtype}: pass x.astype({self.dtype.name!r}){scale}"
            )

    def _as_rows(self, array: np.ndarray, name: str, symbol: str, width: int) -> np.ndarray:
        array = np.asarray(array, self.dtype)
        if array.ndim != 2 or array.shape[1] != width:
            who, wanted = type(self).__name__, f"(N, {symbol}) with {symbol} = {width}"
            raise ValueError(f"{who}: {name} has shape {array.shape}, expected {wanted}")
        return array

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: all but the module of ops, which its name brings back."""
        return {name: value for name, value in self.__dict__.items() if name != "ops"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.ops = ops_of(self.config["backend"])

    def _repr_html_(self) -> str:
        from npvae.models.html import model_html

        return model_html(self)

    def __repr__(self) -> str:
        widths = "-".join(map(str, (self.data_dim, *self.hidden, self.latent_dim, *self.hidden[::-1], self.data_dim)))
        kind, how = type(self).__name__, f"{self.activation}, {self.likelihood.name}"
        return f"{kind} {widths}, {how}, {self.params.flat.size:,} parameters, {self.dtype}"
