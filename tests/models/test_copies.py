import copy
import pickle

import numpy as np
import pytest

from npvae.models import MODELS


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_a_model_of_its_own_over_one_array(build, kind, copied):
    model, x, _ = build(kind)
    twin = copied(model)
    if model.takes == "graph":
        assert np.array_equal(twin.points(x), model.points(x))
    elif model.latent_dim:
        assert np.array_equal(twin.reconstruct(x), model.reconstruct(x))
    assert twin.config == model.config
    twin.params.flat[:] = 0
    assert all(np.array_equal(view, np.zeros_like(view)) for view in twin.params.values())
    assert model.params.flat.any()
