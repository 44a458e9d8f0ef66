"""The command line as a user meets it: what it writes, what it says, how it ends."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

import npvae
from npvae.cli import main

QUICK = ["train", "--epochs", "2", "--hidden", "16"]


def test_train_writes_a_run_with_its_pictures(trained):
    names = {path.name for path in trained.iterdir()}
    assert names == {"best.npz", "checkpoint.npz", "config.json", "figures", "metrics.jsonl", "model.npz"}
    names = {path.name for path in (trained / "figures").iterdir()}
    assert {"learning_curves.png", "latent_regions.png", "reconstructions.png", "many_reconstructions.png",
            "prior_samples.png", "manifold.png"} <= names  # fmt: skip
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    config = json.loads((trained / "config.json").read_text())
    assert config["training"]["dataset"] == "digits"
    assert config["training"]["image_shape"] == [8, 8]


def test_train_without_out_takes_the_first_free_folder_and_says_where(here, capsys):
    for number in (1, 2):
        assert main([*QUICK, "--no-figures"]) == 0
        assert (here / "runs" / f"digits-{number}" / "model.npz").exists()
    out, err = capsys.readouterr()
    assert "VAE 64-16-2-16-64, relu, bernoulli" in out
    assert "npvae.load('runs/digits-2')" in out
    assert "epoch 2/2   train" in err


@pytest.mark.parametrize("model", ["vae", "autoencoder"])
def test_more_than_two_latents_and_every_option(here, model):
    options = "--latent 3 --hidden 12,8 --activation tanh --likelihood gaussian_scalar --logvar -2"
    options += " --beta 0.5" if model == "vae" else ""
    options += " --optimizer sgd --lr 1e-4 --batch-size 50 --seed 7 --epochs 1 --quiet --out r --model " + model
    assert main(["train", *options.split()]) == 0
    loaded = npvae.load("r")
    assert loaded.config["hidden"] == [12, 8]
    assert loaded.config["likelihood"] == "gaussian_scalar"
    assert loaded.config["seed"] == 7
    names = {path.stem for path in (here / "r" / "figures").iterdir()}
    assert {"learning_curves", "latent_regions", "reconstructions"} <= names
    assert "manifold" not in names


def test_sample_reconstruct_and_encode_work_from_a_run(trained, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["sample", str(trained), "-n", "9", "--seed", "4", "--out", str(out / "s.npy")]) == 0
    samples = np.load(out / "s.npy")
    vae = npvae.load(trained)
    np.testing.assert_array_equal(samples, vae.sample(9, np.random.default_rng(4)))
    assert main(["reconstruct", str(trained), "-n", "6", "--out", str(out / "r.npy")]) == 0
    test = npvae.load_dataset("digits")[1]
    np.testing.assert_array_equal(np.load(out / "r.npy"), vae.reconstruct(test[:6]))
    assert main(["encode", str(trained), "--out", str(out / "codes.npz")]) == 0
    with np.load(out / "codes.npz") as codes:
        mu, logvar = vae.encode(test.numpy())
        np.testing.assert_allclose(codes["mu"], mu, atol=1e-6)
        np.testing.assert_allclose(codes["logvar"], logvar, atol=1e-6)
        np.testing.assert_array_equal(codes["labels"], test.labels)
        np.testing.assert_array_equal(codes["rows"], test.rows)
    for command in ("sample", "reconstruct"):
        assert main([command, str(trained), "--out", str(out / f"{command}.png")]) == 0
        assert (out / f"{command}.png").read_bytes().startswith(b"\x89PNG")
    assert "codes.npz mu (" in capsys.readouterr().out


def test_a_run_of_an_autoencoder_encodes_to_z(here):
    assert main([*QUICK, "--model", "autoencoder", "--out", "r", "--quiet", "--no-figures"]) == 0
    assert main(["encode", "r"]) == 0
    with np.load("r/codes.npz") as codes:
        assert sorted(codes) == ["labels", "rows", "z"]


@pytest.mark.parametrize(
    ("part", "said"), [(None, "x.npy"), ("all", "x.npy"), ("test", "x.npy, test set"), ("train", "x.npy, training set")]
)
def test_a_file_of_ones_own_is_encoded_whole_unless_a_part_is_asked_for(trained, here, capsys, part, said):
    x = npvae.load_dataset("digits")[1][:20]
    np.save("x.npy", x)
    options = [] if part is None else ["--part", part]
    assert main(["encode", str(trained), "--dataset", "x.npy", "--out", "codes.npz", *options]) == 0
    assert capsys.readouterr().out.endswith(f" of {said}\n")
    train, test = npvae.data.hold_out(npvae.data.Images(x, np.arange(20)))
    rows = {"train": train.labels, "test": test.labels}.get(part, np.arange(20))
    with np.load("codes.npz") as codes:
        np.testing.assert_array_equal(codes["rows"], rows)
        np.testing.assert_allclose(codes["mu"], npvae.load(trained).encode(x)[0][rows], atol=1e-6)


def test_one_image_is_enough_for_a_model_that_is_trained(trained, here):
    x = npvae.load_dataset("digits")[1][:1]
    np.save("one.npy", x)
    assert main(["encode", str(trained), "--dataset", "one.npy", "--out", "codes.npz"]) == 0
    assert np.load("codes.npz")["rows"].tolist() == [0]
    assert main(["reconstruct", str(trained), "--dataset", "one.npy", "--out", "r.npy"]) == 0
    np.testing.assert_array_equal(np.load("r.npy"), npvae.load(trained).reconstruct(x))


def test_a_test_set_of_its_own_follows_the_training_set(trained, here):
    train, test = npvae.load_dataset("digits")
    np.savez("x.npz", x=train[:6], x_test=test[:4])
    for options, wanted in [([], test[:4]), (["--part", "all"], np.concatenate([train[:6], test[:4]]))]:
        run = ["encode", str(trained), "--dataset", "x.npz", "--out", "codes.npz", "--force"]
        assert main([*run, *options]) == 0
        with np.load("codes.npz") as codes:
            assert codes["rows"].tolist() == list(range(len(wanted)))
            np.testing.assert_allclose(codes["mu"], npvae.load(trained).encode(wanted)[0], atol=1e-6)


def test_the_rows_of_a_runs_own_file_are_those_it_was_not_trained_on(here):
    np.save("x.npy", npvae.load_dataset("digits")[1][:50])
    assert main([*QUICK, "--dataset", "x.npy", "--out", "r", "--quiet", "--no-figures"]) == 0
    assert main(["encode", "r"]) == 0
    assert np.load("r/codes.npz")["rows"].tolist() == npvae.load_dataset("x.npy")[1].rows.tolist()


def damaged_idx(folder):
    folder.mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x03 not what it says"))
    return folder


def array_file(path, array):
    np.save(path, array)
    return path


WRONG = {
    "unknown dataset": (lambda tmp: ["--dataset", "minst"], "mnist"),
    "missing folder": (lambda tmp: ["--dataset", "mnist", "--data-dir", str(tmp / "nowhere")], "nowhere"),
    "missing file": (lambda tmp: ["--dataset", str(tmp / "x.npy")], "x.npy"),
    "damaged idx": (lambda tmp: ["--dataset", "mnist", "--data-dir", str(damaged_idx(tmp / "m"))], "idx"),
    "NaN in the data": (lambda tmp: ["--dataset", str(array_file(tmp / "n.npy", np.full((30, 4), np.nan)))], "nan"),
    "pixels to 255": (
        lambda tmp: ["--dataset", str(array_file(tmp / "p.npy", np.linspace(0, 255, 120).reshape(30, 4)))],
        "bernoulli needs data in [0, 1], found [",
    ),
    "wrong dtype": (lambda tmp: ["--dataset", str(array_file(tmp / "c.npy", np.ones((30, 4), complex)))], "complex"),
    "wrong shape": (lambda tmp: ["--dataset", str(array_file(tmp / "f.npy", np.ones(30)))], "(30,)"),
    "unknown model": (lambda tmp: ["--model", "gan"], "--model 'gan' is unknown, choose one of vae, autoencoder"),
    "unknown activation": (lambda tmp: ["--activation", "swish"], "activation 'swish' is unknown"),
    "unknown likelihood": (lambda tmp: ["--likelihood", "student"], "likelihood 'student' is unknown"),
    "no epochs": (lambda tmp: ["--epochs", "0"], "epochs is 0"),
    "widths": (lambda tmp: ["--hidden", "many"], "not a list of widths"),
    "no latents": (lambda tmp: ["--latent", "0"], "latent_dim is 0"),
    "a file above the run": (
        lambda tmp: ["--out", str(array_file(tmp / "o.npy", np.ones(3)) / "x")],
        "o.npy is a file and not a folder, choose another",
    ),
    "a file to go on with": (
        lambda tmp: ["--resume", str(array_file(tmp / "o.npy", np.ones(3)))],
        "o.npy is a file, expected the folder of a run, which npvae train writes",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_user_can_mend_is_one_message_and_exit_code_2(here, capsys, case):
    options, message = WRONG[case]
    arguments = ["train", "--out", str(here / "run"), *options(here)]
    try:
        code = main(arguments)
    except SystemExit as exit_of_argparse:
        code = exit_of_argparse.code
    err = capsys.readouterr().err
    assert code == 2
    assert "error: " in err
    assert message in err
    assert "Traceback" not in err
    assert not (here / "run").exists()


def test_nothing_is_written_over(trained, capsys):
    before = (trained / "model.npz").read_bytes()
    assert main([*QUICK, "--out", str(trained)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (trained / "model.npz").read_bytes() == before
    assert main(["sample", str(trained)]) == 0
    assert main(["sample", str(trained)]) == 2
    assert "add --force to write over it" in capsys.readouterr().err
    assert main(["sample", str(trained), "--force"]) == 0
    assert main(["sample", str(trained), "--out", str(trained / "s.jpg")]) == 2
    assert "expected .png or .npy" in capsys.readouterr().err


def test_commands_on_a_folder_that_holds_no_run(here, capsys):
    for command in ("sample", "reconstruct", "encode"):
        assert main([command, str(here)]) == 2
        assert "holds no run" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sample", "reconstruct", "encode", "evaluate", "export"])
def test_a_file_in_the_place_of_a_run(here, capsys, command):
    array_file(here / "x.npy", np.ones(3))
    with pytest.raises(SystemExit, match="2"):
        main([command, "x.npy"])
    assert "argument RUN: x.npy is a file, expected the folder of a run, which npvae train" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sample", "evaluate", "gradcheck", "explain"])
def test_a_seed_is_a_whole_number_of_at_least_0(here, capsys, command):
    with pytest.raises(SystemExit, match="2"):
        main([command, "r", "--seed", "-1"])
    assert "argument --seed: '-1' is no seed, give a whole number of at least 0" in capsys.readouterr().err


def test_an_error_can_show_where_it_comes_from(here):
    with pytest.raises(ValueError, match="unknown"):
        main(["--traceback", *QUICK, "--activation", "swish"])


def test_help_is_quick_to_import_and_mentions_every_command():
    heavy = "('numpy', 'numba', 'matplotlib')"
    code = f"import sys, npvae.cli as c; c.build_parser(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    done = subprocess.run([sys.executable, "-m", "npvae", "--help"], capture_output=True, text=True, check=True)
    for command in ("train", "sample", "reconstruct", "encode"):
        assert command in done.stdout


def test_ctrl_c_outside_training_is_no_traceback(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("npvae.cli.train.run", interrupt)
    assert main([*QUICK]) == 130
    assert capsys.readouterr().err == "npvae: interrupted\n"
