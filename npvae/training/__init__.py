"""The training loop: its checkpoints and resumption, the guard against numbers that are not finite, run folders."""

from npvae.training.checkpoint import RunError, read_checkpoint
from npvae.training.environment import EnvironmentWarning
from npvae.training.evaluate import evaluate
from npvae.training.guard import NonFiniteError
from npvae.training.history import History
from npvae.training.loop import resume, train
from npvae.training.run_folder import load, read_config, read_metrics

__all__ = [
    "EnvironmentWarning",
    "History",
    "NonFiniteError",
    "RunError",
    "evaluate",
    "load",
    "read_checkpoint",
    "read_config",
    "read_metrics",
    "resume",
    "train",
]
