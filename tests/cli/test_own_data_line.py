"""The README's line for data of one's own, as typed, on data of different kinds: latents in use, something learned."""

import json

import numpy as np

import npvae
from npvae.cli import main
from npvae.data import Images
from npvae.data.columns import Columns
from npvae.evaluation import active_units, rate_distortion

RNG = np.random.default_rng(0)


def a_table(n=1200):
    """Ten columns that two factors move, in units from 1e-3 to 1e4, around means of their own."""
    factors = RNG.standard_normal((n, 2))
    values = factors @ RNG.standard_normal((2, 10)) + 0.2 * RNG.standard_normal((n, 10))
    return (values + RNG.uniform(-3, 3, 10)) * np.logspace(-3, 4, 10)


def learned(run, name, capsys):
    """Latents in use, and -ELBO less that of a Gaussian of the data's mean and variance, in nats per sample."""
    assert main(["train", "--dataset", name, "--likelihood", "gaussian_scalar", "--no-figures"]) == 0
    out, err = capsys.readouterr()
    assert "no latent is in use" not in err
    model, config = npvae.load(run), npvae.training.read_config(run)
    train, test = npvae.load_dataset(name)
    columns = Columns.of_run(config["training"])
    train, test = (part if columns is None else columns.apply(part) for part in (train, test))
    variance = train[:].var(axis=0, dtype=float).mean()
    alone = 0.5 * (
        test.shape[1] * np.log(2 * np.pi * variance) + ((test[:] - train[:].mean(axis=0)) ** 2).sum(axis=1) / variance
    )
    terms = rate_distortion(model, test, np.random.default_rng(0))
    return int(active_units(model.encode(test)[0]).sum()), terms.elbo + float(alone.mean()), out


def test_digits_as_floats(here, capsys):
    np.save("digits.npy", np.concatenate([part[:] for part in npvae.load_dataset("digits")]))
    active, better, out = learned("runs/digits-1", "digits.npy", capsys)
    assert active == 2
    assert better > 10
    assert "the model sees" not in out


def test_a_table_of_unlike_units(here, capsys):
    x = a_table()
    np.save("table.npy", x)
    active, better, out = learned("runs/table-1", "table.npy", capsys)
    assert active == 2
    assert better > 4
    assert "table.npy: numbers far from 1 or of unlike units: the model sees each column less its mean, over its" in out
    assert main(["reconstruct", "runs/table-1", "--part", "all", "-n", "1200", "--out", "r.npy"]) == 0
    assert ((np.load("r.npy") - x).std(axis=0) < 0.8 * x.std(axis=0)).all()  # in the data's own units
    assert main(["sample", "runs/table-1", "-n", "500", "--out", "s.npy"]) == 0
    np.testing.assert_allclose(
        np.log10(np.abs(np.load("s.npy")).max(axis=0)), np.log10(np.abs(x).max(axis=0)), atol=0.7
    )
    assert main(["evaluate", "runs/table-1", "--samples", "10"]) == 0
    assert "of each column less its mean, over its standard deviation" in capsys.readouterr().out
    assert main(["encode", "runs/table-1", "--dataset", "table.npy", "--out", "c.npz"]) == 0
    assert np.abs(np.load("c.npz")["mu"]).max() < 10
    assert main(["train", "--resume", "runs/table-1", "--epochs", "120", "--no-figures", "--quiet"]) == 0
    assert main(["train", "--init", "runs/table-1", "--dataset", "table.npy", "--epochs", "1", "--out", "r",
                 "--no-figures", "--quiet"]) == 0  # fmt: skip
    kept = [
        json.loads((here / run / "config.json").read_text())["training"]["columns"] for run in ("r", "runs/table-1")
    ]
    assert kept[0] == kept[1]


def test_pictures(here, capsys):
    from PIL import Image

    (here / "photos").mkdir()
    for i, x in enumerate(npvae.load_dataset("digits")[0][:1000]):
        Image.fromarray((255 * x.reshape(8, 8)).astype(np.uint8)).save(here / "photos" / f"{i}.png")
    active, better, out = learned("runs/photos-1", "photos", capsys)
    assert active == 2
    assert better > 10
    assert "the model sees" not in out


def test_columns_are_left_alone_unless_they_need_it():
    x = RNG.standard_normal((50, 10)).astype(np.float32)
    assert Columns.needed(Images(x, image_shape=(1, 10))) is None
    assert Columns.needed(Images(RNG.random((50, 64), np.float32))) is None
    assert Columns.needed(Images((255 * RNG.random((50, 64))).astype(np.uint8))) is None
    assert Columns.needed(Images(np.full((50, 10), 500.0))) is None  # nothing varies


def test_what_is_applied_is_undone():
    x = a_table(80)
    columns = Columns.needed(Images(x, dtype="float64"))
    seen = columns.apply(Images(x, dtype="float64"))
    np.testing.assert_allclose(seen[:].std(axis=0), 1)
    np.testing.assert_allclose(seen[:].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(columns.undo(seen[:]), x)
    again = Columns.of_run(
        {"columns": json.loads(json.dumps({"mean": list(columns.mean), "scale": list(columns.scale)}))}
    )
    np.testing.assert_array_equal(again.apply(Images(x)).pixels, columns.apply(Images(x)).pixels)


def test_pictures_as_large_floats_keep_one_scale():
    x = 255 * RNG.random((50, 64))
    columns = Columns.needed(Images(x))
    assert len(set(columns.scale)) == 1
    assert str(columns).startswith("each column less its mean, over 7")
