"""Real processes: what they compute together, and what becomes of the others when something happens to one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mpi4py", reason="mpi4py is not installed: it is in the extra mpi")

import npvae
from npvae.cli import main

BESIDE_PYTHON = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("mpiexec")
HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="mpiexec is not installed: it is in the extra mpi")


@pytest.fixture
def mpiexec(hang):
    """Runs a program as so many processes; what they did together."""

    def run(size, *command, check=True):
        command = [MPIEXEC, "-n", str(size), sys.executable, *map(str, command)]
        env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=hang, env=env)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def uninterrupted():
    """The training of mishaps.py by one process, without any."""
    model = npvae.VAE(6, (7,), 3, dtype="float64", backend="numpy")
    return npvae.train(model, data(), epochs=4, batch_size=9, progress=False)


def data():
    return np.random.default_rng(2).random((37, 6))


@pytest.mark.parametrize("size", [2, 4])
def test_processes_compute_what_one_would(mpiexec, size):
    found = json.loads(mpiexec(size, HERE / "as_one.py").stdout)
    assert found["size"] == size
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-12)):
        assert max(found[dtype]["gradients"].values()) <= tolerance, found[dtype]["gradients"]
        assert found[dtype]["training"] <= 100 * tolerance  # 15 steps of Adam


@pytest.mark.filterwarnings("ignore::npvae.training.EnvironmentWarning")
def test_a_process_that_is_killed_ends_the_job_and_others_go_on_from_the_checkpoint(mpiexec, tmp_path):
    done = mpiexec(2, HERE / "mishaps.py", "killed", tmp_path / "run", check=False)
    assert done.returncode != 0
    assert npvae.training.read_checkpoint(tmp_path / "run").about["step"] == 6
    model = npvae.resume(tmp_path / "run", data(), progress=False)
    np.testing.assert_allclose(model.params.flat, uninterrupted().params.flat, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("raises", "RuntimeError: the last process has had enough"),
        ("bad data", "bernoulli needs data in [0, 1]"),
        ("other seed", "after step 0 the processes hold different parameters"),
    ],
)
def test_an_error_in_one_process_ends_the_job(mpiexec, what, message, tmp_path):
    done = mpiexec(2, HERE / "mishaps.py", what, tmp_path / "run", check=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_a_signal_to_one_process_stops_all_at_the_same_step(mpiexec, tmp_path):
    done = mpiexec(2, HERE / "mishaps.py", "interrupted", tmp_path / "run")
    assert done.stderr.count("stopped by") == 1
    assert sorted(line.partition(",")[0].partition(" in ")[2] for line in done.stdout.splitlines()) == ["epoch 2"] * 2
    assert npvae.training.read_checkpoint(tmp_path / "run").about["step"] == 8


@pytest.mark.filterwarnings("ignore::npvae.training.EnvironmentWarning")
def test_command_line(mpiexec, tmp_path):
    # One process begins, three go on; one alone does the same.
    options = ["--hidden", "16", "--batch-size", "500", "--no-figures"]
    run = tmp_path / "run"
    assert main(["train", "--epochs", "1", "--quiet", "--out", str(run), *options]) == 0
    done = mpiexec(3, "-m", "npvae", "train", "--resume", run, "--epochs", "3", "--no-figures")
    assert done.stdout.count("run written to") == 1
    assert done.stderr.count("epoch 3/3") == 1
    assert done.stderr.count("processes was 1 and is 3") == 1
    assert main(["train", "--epochs", "3", "--quiet", "--out", str(tmp_path / "alone"), *options]) == 0
    together, alone = npvae.load(run), npvae.load(tmp_path / "alone")
    np.testing.assert_allclose(together.params.flat, alone.params.flat, rtol=1e-3, atol=1e-5)
    for name in ("train_loss", "test_loss"):
        assert together.history[-1][name] == pytest.approx(alone.history[-1][name], rel=1e-5)


def test_a_mistake_on_the_command_line_is_told_once(mpiexec, tmp_path):
    done = mpiexec(2, "-m", "npvae", "train", "--latent", "0", "--out", tmp_path / "run", check=False)
    assert done.returncode != 0
    assert done.stderr.count("npvae: error: latent_dim is 0") == 1
