"""What an import loads, seen from fresh interpreters. Who may import whom is in test_arrows.py."""

import pytest


@pytest.fixture
def loaded_by(python):
    """Names of all modules in memory after a statement, in a fresh interpreter."""
    return lambda statement: set(python("-c", f"{statement}\nimport sys\nprint(*sys.modules)").stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import npvae", {"numba", "matplotlib", "npvae.ops", "npvae.models"}),
        ("import npvae.ops", {"numba", "matplotlib", "tqdm", "scipy", "npvae.models", "npvae.gradcheck"}),
        ("import npvae.gradcheck", {"numba", "matplotlib", "hypothesis", "tqdm", "npvae.ops", "npvae.models", "scipy"}),
        ("import npvae.pages", {"numba", "matplotlib", "mpmath", "scipy", "npvae.ops", "npvae.models"}),
        ("import npvae.models", {"matplotlib", "tqdm", "npvae.training", "npvae.gradcheck"}),
        ("import npvae.optim", {"matplotlib", "tqdm", "npvae.training", "npvae.gradcheck"}),
        ("import npvae.training", {"matplotlib", "npvae.figures", "npvae.cli"}),
    ],
)
def test_a_room_loads_only_what_it_may(loaded_by, statement, absent):
    assert not loaded_by(statement) & absent


def test_ops_know_the_spec_and_numpy_alone(loaded_by):
    own = {name for name in loaded_by("import npvae.ops") if name.startswith("npvae.")}
    assert {name.split(".")[1] for name in own} == {"ops", "spec"}


def test_names_of_the_front_door_lead_somewhere():
    import npvae

    for name in npvae.__all__:
        assert getattr(npvae, name) is not None
    assert set(npvae.__all__) <= set(dir(npvae))
    with pytest.raises(AttributeError, match="no attribute 'Vae'"):
        _ = npvae.Vae
