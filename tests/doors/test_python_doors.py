"""Every door of the library refuses the data that training refuses, with training's own sentence."""

import numpy as np
import pytest

import npvae
from npvae import evaluation
from npvae.models import MODELS
from npvae.models.entrance import admit
from npvae.training import NonFiniteError

D, N = 12, 6


@pytest.fixture(scope="module")
def vae():
    return npvae.VAE(D, (8,), 2, seed=3, backend="numpy")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).random((N, D), np.float32)


DOORS = {
    "train": lambda v, x: npvae.train(npvae.VAE(D, (8,), 2, backend="numpy"), x, epochs=1, progress=False),
    "x_test": lambda v, x: npvae.train(
        npvae.VAE(D, (8,), 2, backend="numpy"), np.zeros((4, D), np.float32), x, epochs=1, progress=False
    ),
    "encode": lambda v, x: v.encode(x),
    "reconstruct": lambda v, x: v.reconstruct(x),
    "reconstruct with noise": lambda v, x: v.reconstruct(x, np.zeros((len(x), 2), np.float32)),
    "log_weights": lambda v, x: v.log_weights(x, np.zeros((1, len(x), 2), np.float32)),
    "training.evaluate": lambda v, x: npvae.training.evaluate(v, x, np.random.default_rng(0)),
    "log_p_by_importance": lambda v, x: evaluation.log_p_by_importance(v, x, np.random.default_rng(0), samples=2),
    "rate_distortion": lambda v, x: evaluation.rate_distortion(v, x, np.random.default_rng(0)),
    "measures": lambda v, x: list(evaluation.measures(v, x, samples=2)),
    "measures, train": lambda v, x: list(evaluation.measures(v, np.zeros((3, D), np.float32), x, samples=2)),
    "log_marginal": lambda v, x: evaluation.log_marginal(v, x, tolerance=1.0),
    "elbo_by_quadrature": lambda v, x: evaluation.elbo_by_quadrature(v, x, nodes=2),
    "posterior_gap": lambda v, x: evaluation.posterior_gap(v, x, evaluation.Grid.make(2, 2.0)),
    "autoencoder.encode": lambda v, x: npvae.Autoencoder(D, (8,), 2, backend="numpy").encode(x),
    "autoencoder.reconstruct": lambda v, x: npvae.Autoencoder(D, (8,), 2, backend="numpy").reconstruct(x),
    "two_layer.log_weights": lambda v, x: npvae.TwoLayerVAE(
        D, (4,), 2, hidden2=(3,), latent_dim2=1, backend="numpy"
    ).log_weights(x, np.zeros((1, len(x), 3), np.float32)),
}


def with_nan(x):
    x = x.copy()
    x[2, 3] = np.nan
    return x


class Tensor:
    """What a tensor of another library looks like: a dtype that is not NumPy's."""

    dtype, shape = "torch.float32", (N, D)

    def __len__(self):
        return N


def masked(x):
    return np.ma.MaskedArray(x, mask=x > 0.9)


BAD = {
    "0 to 255": (lambda x: x / x.max() * 255, r"bernoulli needs data in \[0, 1\], found \[.*255\]: divide by 255"),
    "-1 to 1": (lambda x: 2 * (x - x.min()) / np.ptp(x) - 1, r"found \[-1, 1\]: rescale it with \(x \+ 1\) / 2"),
    "NaN": (with_nan, r"1 values that are not finite, first nan at \(2, 3\)"),
    "infinity": (lambda x: np.where(x == x.max(), np.inf, x), "not finite, first inf"),
    "width": (lambda x: x[:, :7], r"has shape \(6, 7\), expected \(N, D\) with N >= 1 and D = 12"),
    "images": (lambda x: x.reshape(N, 3, 4), r"has shape \(6, 3, 4\), .*: pass .*reshape\("),
    "one row": (lambda x: x[0], r"has shape \(12,\)"),
    "empty": (lambda x: x[:0], r"has shape \(0, 12\), expected \(N, D\) with N >= 1"),
    "uint8": (lambda x: (255 * x).astype(np.uint8), r"found \[\d+, \d+\]: divide by 255"),
    "zeros and ones": (lambda x: np.zeros((N, D), int), r"holds int64, expected floats: pass .*astype\('float32'\)"),
    "complex": (lambda x: x + 0j, r"holds complex\d+, expected floats"),
    "objects": (lambda x: x.astype(object), "holds object, expected floats"),
    "text": (lambda x: x.astype(str), "expected floats"),
    "list": (lambda x: x.tolist(), r"is a list, expected an array or npvae.data.Images: pass np.asarray\("),
    "tensor": (lambda x: Tensor(), "is a Tensor, expected an array or npvae.data.Images"),
    "None in x": (lambda x: "pixels", "is a str, expected an array"),
    "masked": (masked, r"masked values, which the model would see: pass .*filled\("),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("door", DOORS)
def test_a_door_refuses_what_training_refuses(vae, x, door, bad):
    make, message = BAD[bad]
    with pytest.raises(ValueError, match=message):
        DOORS[door](vae, make(x))


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x):
    return np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)


SAME = {
    "float64": lambda x: x.astype(float),
    "read-only": read_only,
    "not contiguous": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "Fortran order": np.asfortranarray,
    "not aligned": unaligned,
    "big-endian": lambda x: x.astype(">f4"),
    "Images": npvae.data.Images,
    "nothing masked": np.ma.MaskedArray,
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_numbers_however_they_are_held_give_the_same(vae, x, kind):
    same = SAME[kind](x)
    np.testing.assert_array_equal(vae.reconstruct(same), vae.reconstruct(x))
    found = [DOORS["rate_distortion"](vae, each) for each in (same, x)]
    assert found[0].elbo == found[1].elbo


@pytest.mark.parametrize("how", [*SAME])
def test_training_on_the_same_numbers_however_they_are_held(x, how):
    models = [npvae.train(npvae.VAE(D, (8,), 2), each, epochs=2, progress=False) for each in (SAME[how](x), x)]
    np.testing.assert_array_equal(models[0].params.flat, models[1].params.flat)


def test_one_rounding_beyond_the_edge_is_the_edge(vae, x):
    """A scaler of (x - min) / (max - min) gives 1.0000000000000002 for one set of numbers in three."""
    scaled = x.astype(float)
    scaled[0, 0] = np.nextafter(1, 2)
    scaled[1, 1] = -1e-17
    assert np.isfinite(vae.encode(scaled)).all()
    scaled[0, 0] = 1.0001
    with pytest.raises(ValueError, match=r"found \[-1e-17, 1.0001\]: rescale"):
        vae.encode(scaled)
    scaled[1, 1] = 0
    with pytest.raises(ValueError, match=r"found \[0, 1.0001\]: divide by 1.0001, its largest value, or choose"):
        vae.encode(scaled)


def test_advice_fits_the_numbers(vae):
    """scikit-learn's digits go from 0 to 16: 255 would make them black. Heights in cm are no pixels."""
    with pytest.raises(ValueError, match=r"found \[0, 16\]: divide by 16, its largest value"):
        vae.encode(np.linspace(0, 16, D)[None])
    with pytest.raises(ValueError, match=r"found \[150, 192.8\]: divide by 192.8, its .* such as gaussian_scalar"):
        vae.encode(np.linspace(150, 192.8, D)[None])


@pytest.mark.parametrize("kind", [kind for kind, model in MODELS.items() if model.takes in ("rows", "images")])
def test_codes_that_are_not_finite_are_refused(kind, rng):
    from npvae.models.small import small

    model, x, _ = small(kind, rng)
    z = np.zeros((3, model.latent_dim))
    z[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"z holds numbers that are not finite, first in row 1"):
        model.decode(z)
    with pytest.raises(ValueError, match="z is not an array of numbers"):
        model.decode([["a", "b"]])
    with pytest.raises(ValueError, match="rng is 3, expected a generator"):
        model.sample(2, 3)
    with pytest.raises(ValueError, match=r"n is 2\.0, expected a whole number"):
        model.sample(2.0, rng)
    assert np.isfinite(model.reconstruct(x)).all()


def test_a_conditional_model_asks_for_labels_beside_the_pixels(x):
    model = npvae.ConditionalVAE(D - 3, (8,), 2, classes=3, backend="numpy")
    with pytest.raises(ValueError, match=r"x: row 0 ends in .* where its label should stand, one-hot"):
        model.encode(x)
    with pytest.raises(ValueError, match=r"x_train: row 0 ends in 0 0 0 where"):
        npvae.train(model, np.zeros((4, D), np.float32), progress=False)
    rows = npvae.models.with_labels(x[:, : D - 3], np.arange(N) % 3, 3)
    assert np.isfinite(model.encode(rows)).all()


def test_a_map_is_checked_batch_by_batch_wherever_it_is_read(vae, tmp_path):
    rows = np.full((3000, D), 0.5, np.float32)
    rows[2345, 6] = 7
    np.save(tmp_path / "x.npy", rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for door in ("encode", "training.evaluate", "x_test", "rate_distortion"):
        with pytest.raises(ValueError, match=r"found \[0.5, 7\]"):
            DOORS[door](vae, mapped)


def broken(x):
    """Finite parameters that no number survives: what a learning rate beyond reason leaves behind."""
    model = npvae.VAE(D, (8,), 2, backend="numpy")
    model.params["decoder.0.W"][...] = 1e30
    model.params["decoder.1.W"][...] = 1e30
    return model


@pytest.mark.parametrize("door", ["training.evaluate", "measures"])
def test_a_number_that_is_not_finite_is_an_error_and_never_a_result(x, door):
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match=r"(on x, the loss is |-ELBO: )(inf|nan)"):
        DOORS[door](broken(x), x)


def test_all_samples_come_as_one_batch_of_the_models_dtype(vae, x):
    assert np.shares_memory(admit(vae, x), x)
    assert admit(vae, npvae.data.Images(x)).dtype == vae.dtype
