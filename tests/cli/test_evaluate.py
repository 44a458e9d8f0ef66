"""`npvae evaluate`: the table, the JSON, and what it refuses."""

import json

import numpy as np
import pytest

import npvae
from npvae.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--epochs", "1", "--hidden", "8", "--out", str(folder), "--quiet", "--no-figures"]) == 0
    return folder


def test_the_table_and_the_same_as_json(run, tmp_path, capsys):
    assert main(["evaluate", str(run), "--samples", "20", "--json", str(tmp_path / "m.json")]) == 0
    out = capsys.readouterr().out
    assert "296 images of digits, test set" in out
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["samples"] == 20
    assert found["images"] == 296
    assert found["part"] == "test"
    for measure in found["measures"]:
        assert f"\n{measure['name']} " in out
    by_name = {measure["name"]: measure for measure in found["measures"]}
    loss = npvae.load(run).history[-1]["test_loss"]
    assert by_name["-ELBO"]["value"] == pytest.approx(loss, abs=8 * by_name["-ELBO"]["error"])
    assert by_name["-log p(x)"]["value"] <= by_name["-ELBO"]["value"]


def test_other_data_and_fewer_images(run, tmp_path, capsys):
    train, test = npvae.load_dataset("digits")
    np.savez(tmp_path / "d.npz", x=train[:50], x_test=test[:20])
    assert main(["evaluate", str(run), "--dataset", str(tmp_path / "d.npz"), "--images", "7", "--samples", "5"]) == 0
    assert f"7 images of {tmp_path / 'd.npz'}" in capsys.readouterr().out


def test_a_file_without_a_test_set_is_measured_whole(run, tmp_path, capsys):
    np.save(tmp_path / "x.npy", npvae.load_dataset("digits")[1][:50])
    assert main(["evaluate", str(run), "--dataset", str(tmp_path / "x.npy"), "--samples", "5"]) == 0
    out = capsys.readouterr().out
    assert f"50 images of {tmp_path / 'x.npy'};" in out
    assert "completeness" not in out  # which asks for training images that are not measured themselves
    options = ["--dataset", str(tmp_path / "x.npy"), "--part", "test", "--samples", "5"]
    assert main(["evaluate", str(run), *options]) == 0
    out = capsys.readouterr().out
    assert f"5 images of {tmp_path / 'x.npy'}, test set;" in out
    assert "completeness" in out


def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for place, message in [
        ("file/m.json", f"{tmp_path / 'file'} is a file and not a folder"),
        ("", "is a folder: choose the name of a file"),
    ]:
        assert main(["evaluate", str(run), "--json", str(tmp_path / place)]) == 2
        out, err = capsys.readouterr()
        assert message in err
        assert out == ""
    assert main(["evaluate", str(run), "--samples", "2", "--json", str(tmp_path / "new" / "m.json")]) == 0
    assert json.loads((tmp_path / "new" / "m.json").read_text())


def test_shapes_are_measured_with_their_factors(tmp_path, capsys):
    folder = str(tmp_path / "run")
    options = ["--dataset", "shapes", "--hidden", "8", "--epochs", "1", "--batch-size", "500"]
    assert main(["train", *options, "--out", folder, "--quiet", "--no-figures"]) == 0
    assert main(["evaluate", folder, "--samples", "2"]) == 0
    out = capsys.readouterr().out
    assert "6,144 images of shapes;" in out
    for name in ("mutual information gap", "SAP", "beta-VAE score"):
        assert f"\n{name}" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--samples", "0"], "--samples is 0"), (["--images", "0"], "--images is 0"), (["--dataset", "minst"], "mnist")],
)
def test_what_cannot_be_measured_is_one_message(run, capsys, options, message):
    assert main(["evaluate", str(run), *options]) == 2
    assert message in capsys.readouterr().err
