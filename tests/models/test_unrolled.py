"""The library's VAE against the unrolled example: the same loss and the same gradients, by lines that share nothing."""

import importlib.util
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import npvae

EXAMPLE = Path(__file__).parents[2] / "examples" / "vae_unrolled.py"


@pytest.fixture(scope="module")
def unrolled():
    spec = importlib.util.spec_from_file_location("vae_unrolled", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_imports_numpy_alone():
    imports = [line for line in EXAMPLE.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert imports == ["from collections import defaultdict", "import numpy as np"]


def test_the_examples_gradients_agree_with_finite_differences(unrolled, capsys):
    assert unrolled.main() < 1e-8
    assert capsys.readouterr().out.count("\nd") == 21


def test_the_library_has_the_examples_loss_and_gradients(unrolled):
    u = unrolled
    vae = npvae.VAE(u.D, (u.H,), u.L, beta=u.beta, dtype="float64", backend="numpy")
    p = u.params
    names = {
        "encoder.0.W": ["W1"], "encoder.0.b": ["b1"], "encoder.1.W": ["W_mu", "W_logvar"],
        "encoder.1.b": ["b_mu", "b_logvar"], "decoder.0.W": ["W2"], "decoder.0.b": ["b2"],
        "decoder.1.W": ["W3"], "decoder.1.b": ["b3"],
    }  # fmt: skip
    assert list(vae.params) == list(names)
    for name, parts in names.items():
        vae.params[name][...] = np.concatenate([p[part] for part in parts], axis=-1)

    values = u.forward(defaultdict(float))
    truth = u.backward(values)
    loss, trace = vae.forward(u.x, u.eps)
    grads = vae.backward(trace)

    assert loss == pytest.approx(values["loss"], rel=1e-14)
    for name in ("mu", "logvar", "std", "z", "nll", "kl"):
        np.testing.assert_allclose(getattr(trace, name), values[name], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(trace.output, values["logits"], rtol=1e-13, atol=1e-14)
    for name, parts in names.items():
        expected = np.concatenate([truth[part] for part in parts], axis=-1)
        np.testing.assert_allclose(grads[name], expected, rtol=1e-12, atol=1e-15, err_msg=name)
