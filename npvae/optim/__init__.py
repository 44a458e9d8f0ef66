"""The optimisers: state, and one step over one flat buffer. The recurrences are pages: npvae.ops.sgd, adagrad, adam."""

from npvae.optim.adagrad import Adagrad
from npvae.optim.adam import Adam
from npvae.optim.sgd import SGD

OPTIMIZERS = {"sgd": SGD, "adagrad": Adagrad, "adam": Adam}

__all__ = ["OPTIMIZERS", "SGD", "Adagrad", "Adam"]
