"""What export does not write, and how it says so."""

import numpy as np
import pytest

pytest.importorskip("safetensors")
import npvae.export
from npvae.training import NonFiniteError

VAE = npvae.VAE(4, (3,), 2)


@pytest.mark.parametrize("name", ["m.onnx", "m", "m.npz"])
def test_another_format_is_refused_by_its_name(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected \.safetensors: no other format is written"):
        npvae.export.save(VAE, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_error_speaks_of_the_file_and_not_of_checkpoints(tmp_path):
    with pytest.raises(OSError, match=r"m\.safetensors cannot be written .*; what was there is as it was"):
        npvae.export.save(VAE, tmp_path / "nowhere" / "m.safetensors")


def test_a_model_of_ones_own_is_refused_with_a_way(tmp_path):
    class Mine(npvae.VAE):
        pass

    with pytest.raises(ValueError, match="a Mine cannot be exported, only vae, "):
        npvae.export.save(Mine(4, (3,), 2), tmp_path / "m.safetensors")


def test_parameters_that_are_not_finite(tmp_path):
    broken = npvae.VAE(4, (3,), 2)
    broken.params["encoder.0.b"][0] = np.nan
    with pytest.raises(NonFiniteError, match=r"^encoder\.0\.b holds 1 numbers that are not finite"):
        npvae.export.save(broken, tmp_path / "m.safetensors")
