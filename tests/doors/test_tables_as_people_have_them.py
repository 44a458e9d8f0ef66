"""Tables with labels of text and with gaps, through the command line: what holds labels is said once and kept."""

import json
import re

import numpy as np
import pytest

import npvae
from npvae.cli import main

TRAIN = ["train", "--epochs", "1", "--hidden", "8", "--no-figures", "--quiet", "--likelihood", "gaussian_scalar"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 3))
    kinds = ["cat", "dog"] * 20
    lines = [",".join(f"{value:.3f}" for value in row) for row in rows]
    for name, header in (("label.csv", "a,b,c,label"), ("kind.csv", "a,b,c,kind")):
        text = "\n".join([header, *(f"{line},{kind}" for line, kind in zip(lines, kinds, strict=True))])
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    holes = [line if i % 5 else f"{line.split(',')[0]},,{'NA' if i % 2 else 'nan'}" for i, line in enumerate(lines)]
    (tmp_path / "gaps.csv").write_text("\n".join(["a,b,c", *holes]) + "\n", encoding="utf-8")
    turned = "\n".join(["c,b,a,label", *(f"{line},cat" for line in lines)])
    (tmp_path / "turned.csv").write_text(turned + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("model", ["vae", "conditional_vae"])
@pytest.mark.parametrize("data", [["label.csv"], ["kind.csv", "--labels", "kind"]], ids=["by name", "by --labels"])
def test_labels_of_text_are_classes(here, capsys, model, data):
    assert main([*TRAIN, "--model", model, "--dataset", *data, "--out", "r"]) == 0
    kept = json.loads((here / "r" / "config.json").read_text(encoding="utf-8"))["training"]
    assert kept["class_names"] == ["cat", "dog"]
    assert kept["column_names"] == ["a", "b", "c"]
    assert main(["encode", "r", "--dataset", data[0], "--out", "codes.npz"]) == 0
    np.testing.assert_array_equal(np.load("codes.npz")["labels"], np.tile([0, 1], 20))
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet", "--no-figures"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["kind.csv"], "column kind is 'cat', expected a number"),
        (["kind.csv"], "if that column holds labels, --labels kind"),
        (["label.csv", "--labels", "sort"], "holds no column 'sort' of labels"),
        (["gaps.csv"], "column b is '', expected a number: take such lines out, fill it in, or train with --missing"),
    ],
)
def test_a_column_of_text_says_what_can_be_done(here, capsys, options, message):
    assert main([*TRAIN, "--dataset", *options, "--out", "r"]) == 2
    assert message in capsys.readouterr().err
    assert not (here / "r").exists()


def test_four_columns_with_names_are_no_picture_of_two_by_two(here, capsys):
    rows = np.random.default_rng(0).standard_normal((50, 4)) * [1.0, 20.0, 300.0, 1.0]
    lines = "\n".join(",".join(f"{value:.3f}" for value in row) for row in rows)
    for name, header in (("flowers.csv", "sepal length (cm),sepal width 2,height,age"), ("pixels.csv", "p1,p2,p3,p4")):
        (here / name).write_text(f"{header}\n{lines}\n", encoding="utf-8")
    assert npvae.load_dataset("pixels.csv")[0].image_shape == (2, 2)
    assert npvae.load_dataset("flowers.csv")[0].image_shape == (1, 4)
    said = [word for word in TRAIN if word != "--quiet"]
    assert main([*said, "--dataset", "flowers.csv", "--out", "r"]) == 0
    assert "45 samples to train on, 5 to test; losses in nats per sample" in capsys.readouterr().out
    assert main(["evaluate", "r", "--samples", "2"]) == 0
    out = capsys.readouterr().out
    assert "flowers.csv, test set; nats per sample, of each column less its mean, over its standard deviation" in out
    assert "per unit of each latent, in standard deviations of a column" in out


@pytest.mark.parametrize("missing", ["ignore", "mask"])
def test_gaps_of_a_table_are_missing_values(here, capsys, missing):
    assert main([*TRAIN, "--missing", missing, "--dataset", "gaps.csv", "--out", "r"]) == 0
    assert main(["encode", "r", "--dataset", "gaps.csv", "--out", "codes.npz"]) == 0
    assert np.isfinite(np.load("codes.npz")["mu"]).all()
    assert main(["evaluate", "r", "--samples", "2", "--part", "all"]) == 0
    out = capsys.readouterr().out
    assert re.search("imputation error .* data units, rms", out)


@pytest.mark.parametrize("missing", ["ignore", "mask"])
@pytest.mark.parametrize("likelihood", ["gaussian_scalar", "gaussian_pixel"])
def test_a_table_with_gaps_from_training_to_its_gaps_filled(here, capsys, missing, likelihood):
    rng = np.random.default_rng(1)
    truth = (rng.standard_normal((300, 1)) + 0.3 * rng.standard_normal((300, 4))) * [3.0, -2.0, 2.0, 4.0] + 7
    holes = rng.random(truth.shape) < 0.1
    rows = [",".join("" if hole else f"{value:.5f}" for value, hole in zip(*row, strict=True))
            for row in zip(truth, holes, strict=True)]  # fmt: skip
    (here / "t.csv").write_text("\n".join(['a,"b, c",d,e', *rows, ""]), encoding="utf-8")
    options = [
        "--epochs",
        "60",
        "--batch-size",
        "16",
        "--lr",
        "0.01",
        "--latent",
        "1",
        "--hidden",
        "16",
        "--likelihood",
        likelihood,
    ]
    data = ["--dataset", "t.csv", "--missing", missing, "--likelihood", likelihood, "--out", "r"]
    assert main(["train", *data, *options, "--quiet", "--no-figures"]) == 0
    assert main(["evaluate", "r", "--samples", "10", "--part", "all"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("imputation error"))
    of_model, of_means = (float(word) for word in (line.split()[2], line.split("column means ")[1].split()[0]))
    assert of_model < 0.7 * of_means
    assert "standard deviations of a column, rms" in line
    assert main(["reconstruct", "r", "--impute"]) == 0
    assert f"imputed.csv: 300 rows of {here / 't.csv'}, {holes.sum()} gaps filled" in capsys.readouterr().out
    header, *lines = (here / "r" / "imputed.csv").read_text(encoding="utf-8").splitlines()
    assert header == 'a,"b, c",d,e'
    filled = np.array([line.split(",") for line in lines], float)
    assert filled.shape == truth.shape
    assert np.isfinite(filled).all()
    assert main(["reconstruct", "r", "--impute", "--dataset", "t.csv", "--out", "filled.npy"]) == 0
    filled = np.load(here / "filled.npy")
    np.testing.assert_allclose(filled[~holes], truth[~holes], rtol=1e-5, atol=1e-4)
    spread = truth.std(axis=0)
    errors = ((filled - truth) / spread)[holes]
    assert np.sqrt(np.mean(errors**2)) < 0.6
    assert main(["reconstruct", "r", "--impute"]) == 2, "it does not write over"


def test_a_model_without_gaps_imputes_nothing(here, capsys):
    assert main([*TRAIN, "--dataset", "label.csv", "--out", "r"]) == 0
    assert main(["reconstruct", "r", "--impute"]) == 2
    assert "--impute: the model of r takes no gaps: train one with --missing ignore or mask" in capsys.readouterr().err


def test_classes_of_a_run_keep_their_numbers_in_other_data(here, capsys):
    assert main([*TRAIN, "--model", "conditional_vae", "--dataset", "label.csv", "--out", "r"]) == 0
    rows = (here / "label.csv").read_text(encoding="utf-8").splitlines()
    (here / "dogs.csv").write_text("\n".join(row for row in rows if "cat" not in row) + "\n", encoding="utf-8")
    assert main(["encode", "r", "--dataset", "dogs.csv", "--out", "dogs.npz"]) == 0
    assert main(["encode", "r", "--dataset", "label.csv", "--out", "all.npz"]) == 0
    dogs, everything = np.load("dogs.npz"), np.load("all.npz")
    assert set(dogs["labels"]) == {1}
    np.testing.assert_allclose(dogs["mu"], everything["mu"][1::2], rtol=1e-5, atol=1e-6)
    (here / "dogs.csv").write_text("a,b,c,label\n1,2,3,fox\n", encoding="utf-8")
    assert main(["encode", "r", "--dataset", "dogs.csv"]) == 2
    assert "fox" in capsys.readouterr().err


def test_columns_in_another_order_are_refused(here, capsys):
    assert main([*TRAIN, "--dataset", "label.csv", "--out", "r"]) == 0
    assert main(["encode", "r", "--dataset", "turned.csv"]) == 2
    assert "the columns are c, b, a, those of the run r a, b, c" in capsys.readouterr().err


def test_measures_are_written_over_nothing(here, capsys):
    assert main([*TRAIN, "--dataset", "label.csv", "--out", "r"]) == 0
    before = (here / "r" / "config.json").read_bytes()
    assert main(["evaluate", "r", "--samples", "2", "--json", "r/config.json"]) == 2
    assert "r/config.json exists already: choose another --json, or add --force" in capsys.readouterr().err
    assert (here / "r" / "config.json").read_bytes() == before
