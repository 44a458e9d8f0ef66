"""Run by mpiexec: gradients and a training by all processes, held against the same by one; the differences as JSON."""

import json

import numpy as np
from mpi4py import MPI

import npvae
from npvae.models import MODELS
from npvae.models.small import kinds_that_take
from npvae.training.processes import Processes

processes = Processes(MPI.COMM_WORLD)


def build(kind, dtype):
    widths = {} if kind == "linear_vae" else {"hidden": (7,)}
    model = MODELS[kind](6, latent_dim=3, dtype=dtype, backend="numpy", **widths)
    model.params.flat[:] = np.random.default_rng(0).standard_normal(model.params.flat.size) / 2
    return model


def gradient_difference(kind, dtype, n):
    """Of loss and gradient of one batch, relative to the largest entry."""
    model, rng = build(kind, dtype), np.random.default_rng(1)
    x = rng.random((n, model.input_dim)).astype(dtype)
    if kind == "conditional_vae":
        x[:, 6:] = np.eye(10)[rng.integers(10, size=n)]
    eps = model.draw_eps(n, rng)
    loss, trace = model.forward(x, eps)
    grads = model.backward(trace).flat.copy()
    own_loss, own_trace = model.forward(processes.share(x), processes.share(eps))
    own_grads = model.backward(own_trace)
    processes.average(own_grads, n)
    (mean,) = processes.mean((own_loss,), n)
    return max(abs(mean - loss) / abs(loss), np.abs(own_grads.flat - grads).max() / np.abs(grads).max())


def training_difference(dtype):
    """Of parameters and history after three epochs, whose last batch and test data leave some without a row."""
    rng = np.random.default_rng(2)
    x, x_test = rng.random((37, 6)).astype(dtype), rng.random((3, 6)).astype(dtype)
    trained = []
    for comm in (None, MPI.COMM_WORLD):
        model = npvae.VAE(6, (7,), 3, dtype=dtype, backend="numpy")
        npvae.train(model, x, x_test, epochs=3, batch_size=9, progress=False, comm=comm)
        rows = [[value for name, value in row.items() if name != "seconds"] for row in model.history]
        trained.append((model.params.flat, np.array(rows)))
    processes.check_same(model.params, step=0)
    (alone, rows), (together, rows_together) = trained
    return max(np.abs(together - alone).max(), np.abs(rows_together / rows - 1).max())


differences = {
    dtype: {
        "gradients": {
            kind: max(gradient_difference(kind, dtype, n) for n in (13, 1)) for kind in kinds_that_take("rows")
        },
        "training": float(training_difference(dtype)),
    }
    for dtype in ("float32", "float64")
}
if processes.rank == 0:
    print(json.dumps({"size": processes.size, **differences}, default=float))
