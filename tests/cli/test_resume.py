"""`npvae train --resume`: a run goes on with its own settings, and says so where it cannot."""

import os
import subprocess
import sys

import numpy as np
import pytest

import npvae
from npvae.cli import main

QUICK = ["train", "--epochs", "2", "--hidden", "16"]


def test_a_run_goes_on_with_more_epochs_and_gets_its_pictures_again(here, capsys):
    assert main([*QUICK, "--out", "whole", "--epochs", "3", "--quiet", "--no-figures"]) == 0
    assert main([*QUICK, "--out", "run", "--quiet", "--no-figures"]) == 0
    assert main(["train", "--resume", "run", "--epochs", "3"]) == 0
    np.testing.assert_array_equal(npvae.load("run").params.flat, npvae.load("whole").params.flat)
    assert (here / "run" / "figures" / "learning_curves.png").exists()
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in err.splitlines()] == ["3/3"]
    assert "run written to run" in out
    assert main(["train", "--resume", "run", "--quiet", "--no-figures"]) == 0  # finished: nothing is left to do


def test_patience_holds_out_a_part_and_keeps_the_best(here):
    options = ["--epochs", "40", "--lr", "0.1", "--patience", "2", "--quiet", "--no-figures"]
    assert main([*QUICK, *options, "--out", "r"]) == 0
    rows = npvae.load("r").history
    losses = [row["valid_loss"] for row in rows]
    assert len(losses) == np.argmin(losses) + 3 < 40
    np.testing.assert_array_equal(npvae.load("r").params.flat, npvae.load("r", best=True).params.flat)
    assert main(["train", "--resume", "r", "--quiet", "--no-figures"]) == 0
    assert npvae.load("r").history == rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden", "16"], "--hidden cannot be given with --resume, which goes on with the settings of the run"),
        (["--tensorboard"], "--tensorboard cannot be given with --resume"),
        (["--colour", "grey"], "--colour cannot be given with --resume"),
        (["--out", "elsewhere"], "--out cannot be given with --resume"),
    ],
)
def test_resume_goes_on_with_the_settings_of_the_run(trained, capsys, options, message):
    assert main(["train", "--resume", str(trained), *options]) == 2
    assert message in capsys.readouterr().err


def test_runs_that_cannot_be_resumed(here, capsys):
    assert main(["train", "--resume", "nowhere"]) == 2
    assert "nowhere holds no run to go on with: there is no checkpoint.npz in it" in capsys.readouterr().err
    vae = npvae.VAE(64, (4,), 2)
    npvae.train(vae, npvae.load_dataset("digits")[0], epochs=1, out="from-python", progress=False)
    assert main(["train", "--resume", "from-python"]) == 2
    assert "go on with it in Python, npvae.resume('from-python', x_train)" in capsys.readouterr().err
    (here / "from-python" / "checkpoint.npz").write_bytes(b"PK damaged")
    assert main(["train", "--resume", "from-python"]) == 2
    assert "checkpoint.npz" in capsys.readouterr().err


def test_another_environment_is_one_line_of_warning(here):
    assert main([*QUICK, "--out", "r", "--quiet", "--no-figures"]) == 0
    command = [sys.executable, "-m", "npvae", "train", "--resume", "r", "--epochs", "3", "--quiet", "--no-figures"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"MKL_NUM_THREADS": "1"})
    assert done.returncode == 0
    assert done.stderr.startswith("npvae: warning: resume: MKL_NUM_THREADS was not set and is 1")
    assert done.stderr.count("\n") == 1
