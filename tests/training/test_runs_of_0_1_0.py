"""Runs and checkpoints that 0.1.0 wrote load, and end as 0.1.0 would have ended them.

Each run in runs_of_0_1_0 was stopped in the middle of an epoch; `after_resuming.npz` holds what 0.1.0 made of it. Other
processors round differently, so numbers are compared at a relative 1e-9.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.models import with_labels

FOLDER = Path(__file__).parent / "runs_of_0_1_0"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
pytestmark = pytest.mark.filterwarnings("ignore::npvae.training.environment.EnvironmentWarning")


def data_of(name):
    with np.load(FOLDER / "data.npz") as arrays:
        x, labels = arrays["x"], arrays["labels"]
    return with_labels(x, labels, 3) if name == "conditional_vae" else x


@pytest.fixture
def run(tmp_path, request):
    shutil.copytree(FOLDER / request.param, tmp_path / request.param)
    return tmp_path / request.param


def test_there_is_a_run_of_every_kind_of_model_that_0_1_0_had():
    kinds = {json.loads((FOLDER / name / "config.json").read_text(encoding="utf-8"))["model"] for name in NAMES}
    assert kinds == {
        "vae", "autoencoder", "denoising_autoencoder", "conditional_vae", "iwae", "linear_vae", "two_layer_vae"
    }  # fmt: skip


@pytest.mark.parametrize("run", NAMES, indirect=True)
def test_a_run_loads_with_the_config_that_it_was_written_with(run):
    model = npvae.load(run)
    settings = json.loads((run / "config.json").read_text(encoding="utf-8"))["model_settings"]
    assert model.config.items() >= settings.items()  # what was added since has its default
    with np.load(run / "model.npz") as arrays:
        for name, values in model.params.items():
            np.testing.assert_array_equal(values, arrays[name])


@pytest.mark.parametrize("run", NAMES, indirect=True)
def test_a_checkpoint_goes_on_to_the_end_that_it_had(run):
    x = data_of(run.name)
    model = npvae.resume(run, x[:24], x[24:], progress=False)
    losses = [[row["train_loss"], row["test_loss"]] for row in model.history]
    with np.load(FOLDER / "after_resuming.npz") as expected:
        np.testing.assert_allclose(losses, expected[f"{run.name}/losses"], rtol=1e-9)
        np.testing.assert_allclose(model.params.flat, expected[f"{run.name}/params"], rtol=1e-9, atol=1e-12)
