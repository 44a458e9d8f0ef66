"""Tables with labels of text and with gaps, through the command line: what holds labels is said once and kept."""

import json

import numpy as np
import pytest

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


@pytest.mark.parametrize("missing", ["ignore", "mask"])
def test_gaps_of_a_table_are_missing_values(here, capsys, missing):
    assert main([*TRAIN, "--missing", missing, "--dataset", "gaps.csv", "--out", "r"]) == 0
    assert main(["encode", "r", "--dataset", "gaps.csv", "--out", "codes.npz"]) == 0
    assert np.isfinite(np.load("codes.npz")["mu"]).all()
    assert main(["evaluate", "r", "--samples", "2", "--part", "all"]) == 0
    assert "imputation error" in capsys.readouterr().out


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
