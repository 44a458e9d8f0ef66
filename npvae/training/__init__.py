"""Training: the loop, the guard against numbers that are not finite, the folder of a run."""

from npvae.training.evaluate import evaluate
from npvae.training.guard import NonFiniteError
from npvae.training.loop import train
from npvae.training.run_folder import RunError, load, read_config, read_metrics

__all__ = ["NonFiniteError", "RunError", "evaluate", "load", "read_config", "read_metrics", "train"]
