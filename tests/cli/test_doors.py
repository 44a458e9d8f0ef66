"""The commands' doors: bad data is one message and exit code 2, nothing is written over, nothing is lost."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import npvae
from npvae.cli import main

QUICK = ["--epochs", "1", "--hidden", "8", "--no-figures", "--quiet"]
COMMANDS = ("encode", "reconstruct", "evaluate")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *QUICK, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def x():
    return npvae.load_dataset("digits")[1][:30]


def with_nan(x):
    x = x.copy()
    x[2, 3] = np.nan
    return x


BAD = {
    "0 to 255": (lambda x: 255 * x, "bernoulli needs data in [0, 1], found [0, 255]: divide by 255"),
    "0 to 16": (lambda x: 16 * x, "found [0, 16]: divide by 16, its largest value, or choose a gaussian likelihood"),
    "-1 to 1": (lambda x: 2 * x - 1, "found [-1, 1]: rescale it with (x + 1) / 2"),
    "NaN": (with_nan, "row 2, pixel 3 is nan, expected finite numbers: take such rows out"),
    "infinity": (lambda x: np.where(with_nan(x) == with_nan(x), x, np.inf), "row 2, pixel 3 is inf"),
    "width": (lambda x: x[:, :49], "images are 7 x 7"),
    "empty": (lambda x: x[:0], "x.npy"),
    "complex": (lambda x: x + 0j, "holds dtype complex"),
    "objects": (lambda x: x.astype(object), "holds Python objects"),
    "one axis": (lambda x: x[0], "(64,)"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", ["train", "train --init", *COMMANDS])
def test_a_command_refuses_bad_data(run, here, x, capsys, command, bad):
    make, message = BAD[bad]
    np.save("x.npy", make(x))
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    if command == "train":
        arguments = ["train", *QUICK, "--dataset", "x.npy", "--out", "new"]
    elif command == "train --init":
        arguments = ["train", "--init", str(run), "--epochs", "1", "--quiet", "--dataset", "x.npy", "--out", "new"]
    else:
        arguments = [command, str(run), "--dataset", "x.npy", *(["--out", "new.npz"] if command == "encode" else [])]
    if (command, bad) == ("train", "width"):
        pytest.skip("a new model takes any width")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.startswith("npvae: error: ")
    assert "Traceback" not in err
    assert "nan" not in out
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    assert not [path for path in here.iterdir() if path.name != "x.npy"]


@pytest.mark.parametrize("command", [*COMMANDS, "sample"])
def test_a_run_whose_numbers_overflow_is_an_error_of_one_line_and_nothing_is_written(run, here, capsys, command):
    model = npvae.load(run)
    for name in ("decoder.0.W", "decoder.1.W", "encoder.0.W", "encoder.1.W"):
        model.params[name][...] = 3e38
    model.params["decoder.1.W"][::2] *= -1  # infinity less infinity
    npvae.train(npvae.VAE(64, (8,), 2), npvae.load_dataset("digits")[0], epochs=1, out="broken", progress=False)
    (here / "broken" / "config.json").write_text((run / "config.json").read_text())
    np.savez("broken/model.npz", **model.params)
    before = sorted((here / "broken").iterdir())
    assert main([command, "broken", *(["--samples", "2"] if command == "evaluate" else [])]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("npvae: error: ")
    assert err.count("\n") == 1
    assert "The model has come too far from its data: train it again with a smaller lr." in err
    assert "nan" not in out
    assert sorted((here / "broken").iterdir()) == before


def test_a_held_out_loss_that_is_not_finite_stops_training(here, capsys):
    """Finite losses on what is trained on, and NaN on what is not."""
    train, _ = npvae.load_dataset("digits")
    np.savez("x.npz", x=train[:50], x_test=np.full((5, 64), 3e38))
    assert main(["train", *QUICK, "--likelihood", "squared_error", "--dataset", "x.npz", "--out", "r"]) == 2
    err = capsys.readouterr().err
    assert "on the test data after epoch 1, the loss is " in err
    assert "rows 0, 1, 2, 3, 4 of the test data after epoch 1" in err
    assert "The last checkpoint is of epoch 1" in err
    assert (here / "r" / "metrics.jsonl").read_text() == ""


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_json_is_strict(run, here, x, capsys):
    assert main(["evaluate", str(run), "--samples", "2", "--images", "1", "--json", "m.json"]) == 0
    found = strict((here / "m.json").read_text())
    assert {measure["error"] for measure in found["measures"]} == {None}
    out = capsys.readouterr().out
    assert "±" not in out.replace("sampling alone ±", "")
    assert "active units                not defined   of 2: one sample says nothing of how codes vary" in out
    for line in (run / "metrics.jsonl").read_text().splitlines():
        strict(line)
    strict((run / "config.json").read_text())
    with pytest.raises(SystemExit, match="2"):
        main(["audit-loss", "-D", "4", "-L", "2", "-N", "1", "--json", "--loss", "NaN", "--samples"])
    assert main(["audit-loss", "-D", "4", "-L", "2", "-N", "1", "--json", "--loss", "nan"]) == 2


def test_thousands_of_latents_are_a_line_that_can_be_read():
    text = str(npvae.evaluation.Measure("KL of each latent", [float(l % 7) for l in range(5000)], "nats"))
    assert len(text) < 250
    assert "6.000 6.000" in text
    assert "the 20 largest of 5,000" in text


def test_a_decoder_that_does_not_move_has_no_continuity():
    model = npvae.VAE(4, (3,), 2, backend="numpy")
    model.params["decoder.0.W"][...] = 0
    lines = [str(each) for each in npvae.evaluation.measures(model, np.zeros((5, 4), np.float32), samples=2)]
    (line,) = [line for line in lines if line.startswith("continuity")]
    assert line.endswith("not defined   the decoder gives the same for every code")


def test_a_run_knows_where_its_data_is_from_any_folder(here, x, capsys, monkeypatch):
    (here / "data").mkdir()
    np.save("data/x.npy", x)
    assert main(["train", *QUICK, "--dataset", "data/x.npy", "--out", "r"]) == 0
    config = json.loads((here / "r" / "config.json").read_text())
    assert config["training"]["dataset"] == str(here / "data" / "x.npy")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert main(["evaluate", "../r", "--samples", "2"]) == 0
    assert main(["train", "--resume", "../r", "--epochs", "2", "--quiet", "--no-figures"]) == 0

    (here / "data" / "x.npy").rename(here / "moved.npy")
    capsys.readouterr()
    for arguments in (["evaluate", "../r"], ["encode", "../r"], ["train", "--resume", "../r", "--epochs", "3"]):
        assert main(arguments) == 2
        said = f"../r was trained on {here / 'data' / 'x.npy'}, which is not there: say where it is with --dataset PATH"
        assert said in capsys.readouterr().err
    options = ["--epochs", "3", "--quiet", "--no-figures"]
    np.save("other.npy", 1 - x)
    assert main(["train", "--resume", "../r", "--dataset", "other.npy", *options]) == 2
    assert "rows of 64, checksum" in capsys.readouterr().err
    assert main(["train", "--resume", "../r", "--dataset", "../moved.npy", *options]) == 0
    assert len(npvae.load("../r").history) == 3
    config = json.loads((here / "r" / "config.json").read_text())
    assert config["training"]["dataset"] == str(here / "moved.npy")
    assert main(["train", "--resume", "../r", "--epochs", "4", "--quiet", "--no-figures"]) == 0


def test_what_is_not_the_runs_data_names_what_it_was_trained_on(here, x, capsys):
    np.save("x.npy", x)
    assert main(["train", *QUICK, "--dataset", "x.npy", "--out", "r"]) == 0
    np.save("x.npy", 1 - x)
    assert main(["train", "--resume", "r", "--epochs", "2"]) == 2
    assert f"of {here / 'x.npy'}: give the same data" in capsys.readouterr().err


TAKE_TWENTY = """
from npvae.cli.new_folder import new_folder
input()
print(*(new_folder("digits") for _ in range(20)))
"""


def test_trainings_that_start_at_once_get_a_folder_each(here, hang):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE_TWENTY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=here
        )
        for _ in range(3)
    ]
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [name for process in started for name in process.communicate(timeout=hang)[0].split()]
    assert len(found) == len(set(found)) == 60


def test_a_folder_that_was_made_for_nothing_is_taken_away(here, x, capsys):
    np.save("x.npy", 255 * x)
    assert main(["train", *QUICK, "--dataset", "x.npy"]) == 2
    assert main(["train", *QUICK[:-1], "--batch-size", "0"]) == 2
    assert main(["train", *QUICK, "--lr", "nan"]) == 2
    assert not list((here / "runs").iterdir())
    (here / "runs").rmdir()
    (here / "runs").write_text("a file")
    assert main(["train", *QUICK]) == 2
    assert "runs is a file and not a folder" in capsys.readouterr().err


def test_not_enough_memory_says_how_many_parameters_there_are(here, capsys):
    with pytest.raises(MemoryError, match=r"^VAE of 1,099,511,627,776 numbers .* for 1,126,.* parameters of"):
        npvae.VAE(2**40, (512,), 2)
    np.save("x.npy", np.zeros((4, 64), np.float32))
    assert main(["train", *QUICK[:2], "--hidden", str(2**45), "--dataset", "x.npy", "--out", "r"]) == 2
    err = capsys.readouterr().err
    assert "narrower layers (hidden, --hidden)" in err
    assert err.count("\n") == 1


def test_memory_that_runs_out_while_it_trains_says_the_same(here, x, capsys, monkeypatch):
    def too_much(*_):
        raise MemoryError

    np.save("x.npy", x)
    for place in ("npvae.training.loop.descend", "npvae.steps.Step.__init__"):
        with monkeypatch.context() as patched:
            patched.setattr(place, too_much)
            assert main(["train", *QUICK[:-1], "--dataset", "x.npy", "--out", place]) == 2
        assert "there is not enough memory for 1,156 parameters of float32" in capsys.readouterr().err


def test_a_ctrl_c_while_pictures_are_drawn_says_that_the_model_is_saved(here, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("npvae.figures.write_figures", interrupt)
    assert main(["train", "--epochs", "1", "--hidden", "8", "--quiet", "--out", "r"]) == 130
    expected = "stopped while the pictures were drawn. The model is saved in r; draw them with: npvae train --resume r"
    assert capsys.readouterr().err == expected + "\n"
    monkeypatch.undo()
    os.chdir(here)
    assert main(["train", "--resume", "r", "--quiet"]) == 0
    assert (here / "r" / "figures" / "learning_curves.png").exists()
