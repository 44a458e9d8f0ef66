"""What a VAE descends, by name. A new objective is one file beside this one and one row here.

Two kinds: those that count the analytic KL (`analytic`: the loss stands in `npvae.models.vae`), and those that weigh
several draws of an input against each other (`importance`).
"""

from npvae.models.objectives import analytic, means, paths
from npvae.models.objectives.contract import Objective
from npvae.models.objectives.importance import Weighing, log_weights_forward

_IWAE = "loss: minus the IWAE bound"

OBJECTIVES: dict[str, Objective] = {
    "elbo": Objective(
        "the evidence lower bound, with the analytic KL",
        counted_forward=analytic.mean_forward,
        counted_backward=analytic.mean_backward,
    ),
    "free_bits": Objective(
        "the same, but each latent costs nothing below free_bits nats",
        "loss: kl at least free_bits",
        analytic.free_bits_forward,
        analytic.free_bits_backward,
        settings=("free_bits",),
        bends_the_mean=True,
    ),
    "capacity": Objective(
        "the same, but the KL is drawn to capacity nats",
        "loss = nll + beta · |kl − C|",
        analytic.capacity_forward,
        analytic.capacity_backward,
        settings=("capacity",),
        bends_the_mean=True,
        scheduled="capacity",
    ),
    "elbo_mc": Weighing("the ELBO, with the KL estimated from the draws", mean=means.AVERAGE),
    "iwae": Weighing("the importance-weighted bound", _IWAE, mean=means.LOG_MEAN_EXP),
    "dreg": Weighing(
        "the same bound, with the doubly reparameterised gradient for the encoder",
        _IWAE,
        mean=means.LOG_MEAN_EXP,
        paths=paths.doubly_reparameterised,
    ),
    "renyi": Weighing(
        "the Rényi bound of order alpha", "loss: minus the Rényi bound", mean=means.RENYI, settings=("alpha",)
    ),
    "vr_max": Weighing(
        "the largest weight alone, the Rényi bound at -inf", "loss: minus the largest log w", mean=means.VR_MAX
    ),
    "score": Weighing(
        "the ELBO, with the score-function gradient for the encoder", mean=means.AVERAGE, paths=paths.score
    ),
    "score_baseline": Weighing(
        "the same, less the mean of the other draws",
        mean=means.AVERAGE,
        paths=paths.score_with_baseline,
        least_samples=2,
    ),
}

__all__ = ["OBJECTIVES", "Objective", "Weighing", "log_weights_forward"]
