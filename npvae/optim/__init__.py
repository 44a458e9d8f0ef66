"""The optimisers: one step over one flat buffer, the recurrence of the paper line by line."""

from npvae.optim.adagrad import Adagrad, adagrad_update
from npvae.optim.adam import Adam, adam_update
from npvae.optim.sgd import SGD

OPTIMIZERS = {"sgd": SGD, "adagrad": Adagrad, "adam": Adam}

__all__ = ["OPTIMIZERS", "SGD", "Adagrad", "Adam", "adagrad_update", "adam_update"]
