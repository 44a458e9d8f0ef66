"""Run by mpiexec: train until something happens to the last process in step 8; argv: what, and the run folder."""

import os
import signal
import sys

import numpy as np
from mpi4py import MPI

import npvae
from npvae.training import descent

what, folder = sys.argv[1:]
last = MPI.COMM_WORLD.Get_rank() == MPI.COMM_WORLD.Get_size() - 1
look = descent.check_finite


def check_finite(*args, step, **keywords):
    if last and step == 8 and what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if last and step == 8 and what == "raises":
        raise RuntimeError("the last process has had enough")
    if last and step == 8 and what == "interrupted":
        os.kill(os.getpid(), signal.SIGINT)
    look(*args, step=step, **keywords)


descent.check_finite = check_finite
x = np.random.default_rng(2).random((37, 6))
x[:] = 2 if last and what == "bad data" else x
seed = 1 if last and what == "other seed" else 0
model = npvae.VAE(6, (7,), 3, dtype="float64", backend="numpy", seed=seed)
npvae.train(model, x, epochs=4, batch_size=9, out=folder, checkpoint_steps=3, progress=False, comm=MPI.COMM_WORLD)
print(f"process {MPI.COMM_WORLD.Get_rank()}: {model.history.interrupted}")
