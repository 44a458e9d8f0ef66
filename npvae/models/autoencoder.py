"""The autoencoder: an input becomes a short code, the code becomes the input again. No noise, no prior.

It is half of a VAE, and the half that the VAE is understood against: see `npvae.models.vae` for what is added.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from npvae.backend import ops_of
from npvae.models.checks import check_batch, check_generator, check_rows, check_whole
from npvae.models.contract import Ops
from npvae.models.entrance import admit
from npvae.models.likelihoods import likelihood_of
from npvae.models.memory import memory_named
from npvae.models.mlp import init_weights, mlp_backward, mlp_forward, mlp_shapes
from npvae.models.settings import AutoencoderSettings
from npvae.models.trace import AutoencoderTrace
from npvae.params import Params


class Autoencoder:
    """MLP encoder and mirrored MLP decoder; loss = mean over the batch of nll, in nats.

    data_dim      D, numbers per sample
    hidden        widths of the encoder's hidden layers, input side first; the decoder has them in reverse
    latent_dim    L, length of a code
    activation    a name in npvae.ops.ACTIVATIONS, after every hidden layer
    likelihood    a name in npvae.models.LIKELIHOODS
    logvar        log-variance of gaussian_fixed, or the one at which a learned one starts: if it is not given, 0 here,
                  and the data's once `npvae.train` sees them (npvae.models.variance_start)
    logvar_floor  least log-variance that a Gaussian can learn (npvae.ops.floored_logvar), None for no floor
    levels        grey levels of the data, for discretized_logistic, categorical and binomial
    offset        "row": counts are relative to the mean count of their row, for poisson and the negative binomials
    missing       what NaN in the data is: an "error"; "ignore"d, the loss sums over what is seen and the encoder gets
                  0; or, with "mask", the encoder also gets which entries are missing
    dtype         "float32" for training, "float64" for checking gradients
    backend       where the ops come from: "numba", compiled kernels, or "numpy", the pages themselves
    seed          of the initial weights: U(-a, a), a = 1 / sqrt(fan_in), biases zero (npvae.models.mlp.init_weights)

    Raises ValueError for a size that is not a whole number of at least 1, or a name that is unknown.

    Example:
        >>> model = npvae.Autoencoder(64, hidden=(32,), latent_dim=2)
        >>> model.encode(np.zeros((5, 64), np.float32)).shape
        (5, 2)
    """

    Settings: type = AutoencoderSettings  # the dataclass that the arguments are the fields of
    settings: Any
    takes = "rows"  # the kind of data, a name in npvae.data.KINDS
    code_width = 1  # numbers that the encoder gives for one latent
    has_posterior = False  # encode gives codes, not the mu and logvar of q(z|x)
    has_analytic_kl = False
    reads_labels = False  # rows of x carry a one-hot label
    decodes_z_alone = True  # a sample is f(z) of one z ~ N(0, I)
    history: list[dict[str, Any]]  # one row per epoch, once it has been trained (see npvae.train)

    def __init_subclass__(cls) -> None:
        cls.__signature__ = inspect.signature(cls.Settings)  # type: ignore[attr-defined]

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Build the parameters and draw their start."""
        self.settings = chosen = self.Settings(*args, **settings)
        self.logvar_given = "logvar" in settings  # else training starts a learned variance at the data's
        self.config: dict[str, Any] = chosen.config()
        self.data_dim, self.latent_dim = chosen.data_dim, chosen.latent_dim
        self.hidden, self.activation = getattr(chosen, "hidden", ()), getattr(chosen, "activation", "relu")
        self.input_dim = self.data_dim  # numbers a row of x has; more than D if it carries something beside the data
        self.dtype = np.dtype(chosen.dtype)
        self.history = []
        self.depth = len(self.hidden) + 1  # dense maps in the encoder, and as many in the decoder
        self.likelihood: Any = self._likelihood_of(chosen)
        self.ops: Any = ops_of(chosen.backend)
        self._build(chosen.seed)

    def _build(self, seed: int) -> None:
        own = self.likelihood.start()
        shapes = self.parameter_shapes() | {name: value.shape for name, value in own.items()}
        who = f"{type(self).__name__} of {self.data_dim:,} numbers per sample"
        with memory_named(who, sum(map(math.prod, shapes.values())), self.dtype):
            self.params = Params.zeros(shapes, self.dtype)
            self._start(np.random.default_rng(seed))
        for name, value in own.items():
            self.params[name][...] = value

    def _likelihood_of(self, chosen: Any) -> Any:
        """What the decoder's output means, by the settings."""
        return likelihood_of(chosen)

    def _start(self, rng: np.random.Generator) -> None:
        """Draw the initial parameters."""
        init_weights(self.params, rng)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of encoder and decoder, in layer order."""
        outputs = self.data_dim * self.likelihood.outputs_per_pixel
        encoder = mlp_shapes("encoder", (self.encoder_dim, *self.hidden, self.latent_dim * self.code_width))
        return encoder | mlp_shapes("decoder", (self.latent_dim, *reversed(self.hidden), outputs))

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """x (N, D) -> loss in nats, trace. eps is taken so that every model is called alike, and is not used.

        ops  where the lines are computed; by default the model's backend

        Raises ValueError if a shape or dtype does not fit.
        """
        check_batch(self, x)
        ops = ops or self.ops
        N = len(x)
        seen = self.encoder_view(self.encoder_input(x, eps))  # (N, D)
        z, encoder_cache = mlp_forward(ops, seen, self.params, "encoder", self.depth, self.activation)  # (N, L)
        output, decoder_cache = mlp_forward(ops, z, self.params, "decoder", self.depth, self.activation)  # (N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, x, self.params)  # (N,)
        loss = float(nll.sum()) / N
        return loss, AutoencoderTrace(
            z, output, nll, np.zeros_like(nll), (encoder_cache, decoder_cache, nll_cache), ops
        )

    def backward(self, trace: Any, grads: Params | None = None) -> Params:
        """Gradients of the loss: forward, read from bottom to top. They are written to `grads`, or to a new array."""
        ops, N = trace.ops, len(trace.nll)
        encoder_cache, decoder_cache, nll_cache = trace.caches
        dnll = np.full(N, 1 / N, self.dtype)  # loss = sum(nll) / N
        grads = self.params.like() if grads is None else grads
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        dz = mlp_backward(ops, doutput, decoder_cache, grads, "decoder")
        mlp_backward(ops, dz, encoder_cache, grads, "encoder", needs_dx=False)
        return grads

    @property
    def encoder_dim(self) -> int:
        """Numbers that the encoder gets of a row's data: D, or 2 D if it also sees which are missing."""
        return self.data_dim * self.likelihood.encoder_width

    def encoder_view(self, x: np.ndarray) -> np.ndarray:
        """What the encoder gets of rows x: the likelihood's view of their data, and what stands beside it as it is."""
        if x.shape[1] == self.data_dim:
            return self.likelihood.encoder_view(x)
        data = self.likelihood.encoder_view(x[:, : self.data_dim])
        return np.concatenate([data, x[:, self.data_dim :]], axis=1)

    def encoder_input(self, x: np.ndarray, eps: np.ndarray | None) -> np.ndarray:
        """What the encoder sees of x (N, D): x itself, here."""
        return x

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray | None:
        """The noise that one forward of n samples takes: none."""
        return None

    def draw_test_eps(self, n: int, rng: np.random.Generator) -> np.ndarray | None:
        """The noise of a forward on data that are not trained on: that of training, unless a model says otherwise."""
        return self.draw_eps(n, rng)

    def encode(self, x: np.ndarray) -> Any:
        """x (N, D) -> codes (N, L). Raises ValueError for data that training would refuse."""
        x = admit(self, x)
        seen = self.encoder_view(x)
        return mlp_forward(self.ops, seen, self.params, "encoder", self.depth, self.activation)[0]

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
        x = admit(self, x)
        return self.likelihood.mean_beside(self.ops, self.decoder_output(self.encode(x)), x)

    def decoder_output(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> what the likelihood takes. Raises ValueError if z is not (N, L) or not finite."""
        z = check_rows(self, z, "z", "L", self.latent_dim)
        return mlp_forward(self.ops, z, self.params, "decoder", self.depth, self.activation)[0]

    def check_batch(self, x: np.ndarray) -> None:
        """Raises ValueError if x is not (N, D) of the model's dtype: see `npvae.models.checks.check_batch`."""
        check_batch(self, x)

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
