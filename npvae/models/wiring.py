"""A whole small VAE as equations: every line of its forward and its backward, in the names of one model.

All but these lines are the pages of the ops that it calls, with the model's names put in.

Forward
    J = 2 * L                                                                                    (1)
    mu[n, l] = head[n, l]                                                                        (2)
    logvar[n, l] = head[n, L + l]                                                                (3)
    loss = sum(nll[n] + beta * kl[n] for n in range(N)) / N                                      (4)
Backward
    dnll[n] = 1 / N                                                                              (5)
    dkl[n] = beta / N                                                                            (6)
    dmu[n, l] = dmu_z[n, l] + dmu_kl[n, l]                                                       (7)
    dlogvar[n, l] = dlogvar_z[n, l] + dlogvar_kl[n, l]                                           (8)
    dhead[n, j] = dmu[n, j] if j < L else dlogvar[n, j - L]                                      (9)
Derivation
    mu reaches the loss on two paths: through z and the decoder, which gives dmu_z, and through the KL term, which gives
    dmu_kl. A change of mu changes the loss along both, so their gradients are added: (7). So it is with logvar: (8).
    The encoder's last map gives mu and logvar side by side, so their gradients go back side by side: (9).

The encoder is x -> a1 -> h1 -> head, the decoder z -> a2 -> h2 -> logits: D pixels, H hidden units, L latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npvae import ops
from npvae.models.vae import VAE
from npvae.pages.compose import Call, composed
from npvae.pages.read import Equation, Page, read_page
from npvae.params import Params
from npvae.spec import Arg, Law


def parts_of_small_vae() -> list[Equation | Call]:
    """What the model is made of, in the order of its forward: calls of ops, and the lines above where they run."""
    own = {f"{e.section} {e.name}": e for e in read_page(__doc__ or "", __name__).equations}
    in_, hidden = {"i": "d", "I": "D", "o": "h", "O": "H"}, {"d": "h", "D": "H"}
    op = {each.name: each for each in ops.OPS}
    return [
        Call(op["dense"], {"y": "a1", "W": "W1", "b": "b1", **in_}, without=["dx"]),
        Call(op["relu"], {"x": "a1", "y": "h1", **hidden}),
        own["Forward J"],
        Call(op["dense"], {"x": "h1", "y": "head", "W": "W2", "b": "b2", "i": "h", "I": "H", "o": "j", "O": "J"}),
        own["Backward dhead"],
        own["Forward mu"],
        own["Backward dlogvar"],
        own["Forward logvar"],
        own["Backward dmu"],
        Call(op["std_from_logvar"], grads={"dlogvar": "dlogvar_z"}),
        Call(op["reparameterize"], grads={"dmu": "dmu_z"}),
        Call(op["dense"], {"x": "z", "y": "a2", "W": "W3", "b": "b3", "i": "l", "I": "L", "o": "h", "O": "H"}),
        Call(op["relu"], {"x": "a2", "y": "h2", **hidden}),
        Call(op["dense"], {"x": "h2", "y": "logits", "W": "W4", "b": "b4", "i": "h", "I": "H", "o": "d", "O": "D"}),
        Call(op["bernoulli_nll"]),
        Call(op["gaussian_kl"], grads={"dmu": "dmu_kl", "dlogvar": "dlogvar_kl"}),
        own["Forward loss"],
        own["Backward dkl"],
        own["Backward dnll"],
    ]


def page_of_small_vae() -> Page:
    """Encoder, std, z, decoder, nll, kl, loss; then back from the loss to the encoder."""
    page = read_page(__doc__ or "", __name__)
    return composed("npvae.models.wiring", page.title, parts_of_small_vae(), page.derivation)


PLACES = ("encoder.0", "encoder.1", "decoder.0", "decoder.1")


def small_vae(x: np.ndarray, eps: np.ndarray, beta: Any, parameters: Mapping[str, np.ndarray], **settings: Any) -> VAE:
    """The model that the page describes, with these parameters: {"W1": (D, H), "b1": (H,), ...}."""
    model = VAE(x.shape[1], (parameters["W1"].shape[1],), eps.shape[1], beta=float(beta), **settings)
    for k, place in enumerate(PLACES, start=1):
        for letter in "Wb":
            model.params[f"{place}.{letter}"][...] = parameters[f"{letter}{k}"]
    return model


def named(loss: float, trace: Any, grads: Params) -> dict[str, Any]:
    """What a forward and a backward gave, under the names of the page."""
    found = {name: getattr(trace, name) for name in ("mu", "logvar", "std", "z", "nll", "kl")}
    found |= {"logits": trace.output, "loss": loss}
    return found | {f"d{w}{k}": grads[f"{place}.{w}"] for k, place in enumerate(PLACES, start=1) for w in "Wb"}


def _vae(x: np.ndarray, eps: np.ndarray, beta: np.ndarray, **parameters: np.ndarray) -> dict[str, Any]:
    model = small_vae(x, eps, beta, parameters, dtype="float64", backend="numpy")
    loss, trace = model.forward(x, eps)
    return named(loss, trace, model.backward(trace))


LAW = Law(
    _vae,
    name="vae",
    page=page_of_small_vae(),
    args={
        "x": Arg("N D", domain=(0.0, 1.0)),
        "eps": Arg("N L"),
        "beta": Arg(domain=(0.0, 4.0)),
        "W1": Arg("D H"),
        "b1": Arg("H"),
        "W2": Arg("H 2*L"),
        "b2": Arg("2*L"),
        "W3": Arg("L H"),
        "b3": Arg("H"),
        "W4": Arg("H D"),
        "b4": Arg("D"),
    },
)
